"""The file of a study: what it refuses, and the plan that follows from it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tworate.agents import EVENT_TYPES, Event, LanguageModel, all_personas, decide
from tworate.analysis.study import make_study, read_study
from tworate.analysis.study.condition_job import check_comparison
from tworate.analysis.study.cost_estimate import estimate_cost
from tworate.analysis.study.hierarchical_effects import effects_wanted
from tworate.analysis.study.plan import make_plan
from tworate.analysis.study.toml_source import line_of
from tworate.errors import InputError
from tworate.simulate import random_regular

GOOD = """seed = [1, 2]
language_models = [
  "embedded",
  {model = "./mine", name = "mine"},
]

[events]
ids = ["VAR1", "ELM6"]

[personas]
profiles = ["OCEAN", "ocean"]
mixtures.both = "OCEAN,ocean"

[personas.mixtures.village]
weights = {OCEAN = 3, o-e-- = 1}
placement = "random"

[spread]
networks = ["random-regular", {kind = "complete", agents = 60}]
agents = 100
visibility = [0.1, 0.25]
"""

BAD = [
    ("[spread]\nnetwroks = 1\n", "study.toml, line 2: unknown key 'netwroks' in [spread]; did you mean networks?"),
    ("sed = 1\n", "line 1: unknown key 'sed' at the top; did you mean seed? (there are: seed, language_models"),
    ("\n[evnts]\nfile = 'x'\n", "line 2: unknown key 'evnts' at the top; did you mean events?"),
    (
        "[spread]\nagents = 10\nnetworks = [\n  'complete',\n  {knd = 'complete'},\n]\n",
        "line 3: unknown key 'knd' in [spread.networks]; did you mean kind? (there are: kind, agents, degree) (1 more",
    ),
    ("[spread]\nagents = '10'\n", "line 2: [spread] agents = '10': must be a whole number"),
    ("[spread]\nvisibility = [0.1, 'high']\n", "line 2: [spread] visibility, entry 2 = 'high': must be a number"),
    ("[spread]\nvisibility = [0.1, 0.1]\n", "line 2: [spread] visibility: 0.1 is given twice; give it once"),
    ("seed = -1\n", "line 1: seed, entry 1 = -1: must be greater than or equal to 0"),
    ("seed = 1\nseed = 2\n", "line 2: is not valid TOML (Cannot overwrite a value)"),
    ("[comparison]\nreplicate_effects = 1\n", "line 2: [comparison] replicate_effects = 1: must be true or false"),
    ("[comparison]\nposteriors = 'all'\n", "[comparison] posteriors = 'all': must be 'lean', 'whole' or 'none'"),
    ("[comparison]\nsi_models = ['onerate']\n", "si_models: there is no model 'onerate'; did you mean 'one-rate'?"),
    ("[comparison]\nstructures = 'agein'\n", "structures: there is no structure 'agein'; did you mean 'ageing'?"),
    (
        "[comparison]\nclosures = 'record'\n",
        "closure 'record' is unknown; choose one of recorded, edge-based",
    ),
    ("[comparison]\nclosures = []\n", "[comparison] closures: give at least one"),
    ("[personas.mixtures]\na = {person = 'all'}\n", "line 2: unknown key 'person' in [personas.mixtures.a]; did you"),
    ("language_models = ['embedded', 'embedded']\n", "language_models: two language models have the same name"),
    ("language_models = {model = 'm', base_url = 'u'}\n", "base_url goes with a model behind a server (openai:NAME)"),
    (
        "language_models = {model = 'openai:m', dtype = 'u'}\n",
        "dtype goes with a model that runs on this machine",
    ),
    ("language_models = {model = 'm', trust_remote_code = true}\n", "unknown key 'trust_remote_code'"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_invalid_files_are_refused_with_line_and_name(tmp_path, text, message):
    file = tmp_path / "study.toml"
    file.write_text(text)
    with pytest.raises(InputError) as refused:
        read_study(file)
    assert message in str(refused.value)
    assert str(refused.value).startswith(str(file))


IMPOSSIBLE = [
    ({"events": {"ids": "VAR77"}}, "there is no event 'VAR77'"),
    ({"events": {"types": "Battle"}}, "event type 'Battle' is not ACLED's"),
    ({"personas": {"profiles": ["OCEAM"]}}, "persona 'OCEAM'"),
    ({"personas": {"profiles": ["OCEAN", "OCEAN"]}}, "a profile is named twice"),
    ({"personas": {"profiles": []}}, "the study has no personas"),
    ({"personas": {"mixtures": {"OCEAN": "all"}, "profiles": "all"}}, "mixture 'OCEAN' has the name of a profile"),
    ({"personas": {"mixtures": {"a": {}}}}, "mixture 'a': give either personas"),
    ({"personas": {"mixtures": {"a": "no.csv"}}}, "mixture 'a': no.csv: cannot be read"),
    ({"personas": {"mixtures": {"a": {"personas": "OCEAN", "homophily": 0.2}}}}, "homophily needs agents of two"),
    (
        {"personas": {"mixtures": {"a": {"personas": "all", "homophily": 0.1}}}, "spread": {"networks": "complete"}},
        "homophily needs another network; in a complete network all agents are neighbours",
    ),
    ({"personas": {"mixtures": {"a": {"personas": "all", "placement": "block"}}}}, "composition 'a': placement = 'bl"),
    ({"personas": {"qualifier": "rather"}}, "qualifier 'rather'"),
    ({"elicitation": {"method": "ask"}}, "elicitation 'ask'"),
    ({"spread": {"networks": "random-regulr"}}, "did you mean random-regular?"),
    (
        {"spread": {"networks": ["watts-strogatz", "watts-strogatz:rewired=0.10"]}},
        "is given twice with the same",
    ),
    ({"spread": {"visibility": [0.5, 1.5]}}, "visibility = 1.5: must lie in (0, 1]"),
    ({"spread": {"seeds": "persona:OCEAN"}}, "composition 'OCEAn': seeds = persona:OCEAN: there is no persona"),
    ({"spread": {"clock": "hours"}}, "clock 'hours' is unknown"),
    ({"spread": {"rhythm": "daily"}}, "rhythm = 'daily': must be of the form 24 or 24:0.8"),
    ({"spread": {"shelf_life": 2.5}}, "shelf_life = 2.5: must be a whole number of rounds"),
]


@pytest.mark.parametrize(("content", "message"), IMPOSSIBLE)
def test_impossible_studies_are_refused_before_a_model_is_asked(content, message):
    with pytest.raises(InputError) as refused:
        make_plan(make_study(content))
    assert message in str(refused.value)


def test_line_numbers_of_keys():
    lines = GOOD.splitlines()
    for keys, begins in (
        (["seed"], "seed"),
        (["language_models"], "language_models"),
        (["language_models", "name"], "language_models"),
        (["events", "ids"], "ids"),
        (["personas", "mixtures", "both"], "mixtures.both"),
        (["personas", "mixtures", "village", "placement"], "placement"),
        (["spread", "networks", "agents"], "networks"),
        (["spread", "agents"], "agents"),
        (["spread", "rounds"], "[spread]"),
    ):
        assert lines[line_of(GOOD, keys) - 1].startswith(begins), keys
    assert line_of(GOOD, ["nothing"]) is None
    # Text in a list is neither a key nor a header, even if it looks like one.
    assert line_of('a = [\n["b = 1"],\n"[c]",\n]\nb = 2\n[c]\n', ["b"]) == 5
    assert line_of('a = [\n["b = 1"],\n"[c]",\n]\nb = 2\n[c]\n', ["c"]) == 6


@pytest.fixture
def good(tmp_path):
    (tmp_path / "study.toml").write_text(GOOD)
    return read_study(tmp_path / "study.toml")


def test_a_study_has_every_combination_in_order(good):
    plan = make_plan(good)
    assert len(plan.conditions) == 2 * 2 * 4 * 2 * 2 * 2
    assert [condition.number for condition in plan.conditions] == list(range(128))
    rows = [plan.row(condition) for condition in plan.conditions]
    assert [row["model"] for row in rows] == ["embedded"] * 64 + ["mine"] * 64
    assert [row["seed"] for row in rows[:4]] == [1, 2, 1, 2]
    assert [row["visibility"] for row in rows[:4]] == [0.1, 0.1, 0.25, 0.25]
    assert [(row["network"], row["agents"], row["degree"]) for row in rows[:8:4]] == [
        ("random-regular", 100, 8.0), ("complete", 60, 59.0),
    ]  # fmt: skip
    assert [row["composition"] for row in rows[:32:8]] == ["OCEAN", "ocean", "both", "village"]
    assert [row["event"] for row in rows[:64:32]] == ["VAR1", "ELM6"]
    # A persona of several compositions is asked once.
    assert [persona.code for persona in plan.personas] == ["OCEAN", "ocean", "o-e--"]


def test_a_study_can_have_a_pace():
    study = {"events": {"ids": "VAR1"}, "personas": {"profiles": "OCEAN"}}
    keys = {"ageing": "power:20", "rhythm": 24, "shelf_life": 6, "fading": 3.5}
    plain, paced = (make_plan(make_study({**study, "spread": spread})) for spread in ({}, keys))
    pace = paced.conditions[0].settings.pace
    assert (
        str(pace) == paced.row(paced.conditions[0])["pace"] == "ageing power:20, rhythm 24:1, shelf life 6, fading 3.5"
    )
    assert "pace" not in plain.row(plain.conditions[0])


def test_trait_values_are_means_over_the_agents(good):
    compositions = {condition.composition.label: condition.composition for condition in make_plan(good).conditions}
    assert compositions["OCEAN"].trait_means(100) == dict.fromkeys("OCEAN", 1.0)
    assert compositions["ocean"].trait_means(7) == dict.fromkeys("OCEAN", -1.0)
    assert compositions["both"].trait_means(100) == dict.fromkeys("OCEAN", 0.0)
    # 75 agents compositions OCEAN and 25 compositions o-e--, which does not name C, A and N.
    assert compositions["village"].trait_means(100) == {"O": 0.5, "C": 0.75, "E": 0.5, "A": 0.75, "N": 0.75}
    # Weights 3 to 1 give 2.25 compositions 3 agents, rounded to two and one.
    assert compositions["village"].trait_means(3)["C"] == pytest.approx(2 / 3)


def test_the_seed_of_a_condition_does_not_depend_on_the_rest_of_the_study():
    everything = make_plan(make_study({"events": {"per_type": 1}}))
    seeds = {(c.event.event_id_cnty, c.composition.label): c.settings.seed for c in everything.conditions}
    assert len(seeds) == 192
    assert len(set(seeds.values())) == 192
    part = make_plan(make_study({"events": {"ids": ["ELM6", "VAR1"]}, "personas": {"profiles": ["ocean", "OcEaN"]}}))
    for condition in part.conditions:
        assert condition.settings.seed == seeds[condition.event.event_id_cnty, condition.composition.label]
    other = make_plan(make_study({"seed": 1, "events": {"per_type": 1}}))
    assert not {c.settings.seed for c in other.conditions} & set(seeds.values())


def test_events_are_those_that_pass_the_filters(tmp_path):
    assert [event.event_type for event in make_plan(make_study({"events": {"per_type": 1}})).events] == [*EVENT_TYPES]
    assert len(make_plan(make_study({})).conditions) == 18 * 32
    battles = make_plan(make_study({"events": {"types": "battles", "min_fatalities": 1}})).events
    assert {event.event_type for event in battles} == {"Battles"}
    # File names are relative to the study's folder.
    (tmp_path / "own.csv").write_text("event_id_cnty,event_type,fatalities,notes\nA1,Riots,2,Shops burnt.\n")
    (tmp_path / "study.toml").write_text("events.file = 'own.csv'\n[personas]\nprofiles = 'OCEAN'\n")
    plan = make_plan(read_study(tmp_path / "study.toml"))
    assert plan.events == (Event("A1", "Riots", "Shops burnt.", 2),)


def test_a_network_from_a_file_is_identified_by_its_content(tmp_path):
    network = random_regular(40, 4, seed=1)
    agents = np.repeat(np.arange(40), 4)
    edges = "\n".join(f"{a} {b}" for a, b in zip(agents, network.indices, strict=True) if a < b)
    identities = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "friends.txt").write_text(edges)
        (folder / "study.toml").write_text("[spread]\nnetworks = 'friends.txt'\n[personas]\nprofiles = 'OCEAN'\n")
        plan = make_plan(read_study(folder / "study.toml"))
        row = plan.row(plan.conditions[0])
        assert (row["agents"], row["degree"]) == (40, 4.0)
        identities.append((plan.conditions[0].settings.seed, *plan.network_hashes.values()))
    assert identities[0] == identities[1]


class Counting(LanguageModel):
    """A language model that counts its prompts and answers."""

    name, fingerprint = "counting", "counting"

    def __init__(self):
        self.asked = 0

    def score_answers(self, conversations, options, progress=None):
        self.asked += len(conversations)
        return [np.log([0.2, 0.7])] * len(conversations)

    def draw_answers(self, conversations, sampling, progress=None):
        self.asked += len(conversations) * sampling.samples
        return [["share"] * sampling.samples] * len(conversations)


@pytest.mark.parametrize(
    "elicitation",
    [
        {},
        {"sightings": 1},
        {"wordings": ["share/ignore", "pass/keep"], "sightings": 2},
        {"method": "sample", "samples": 7},
    ],
)
def test_the_estimated_calls_are_made(elicitation):
    content = {"events": {"types": "Riots"}, "personas": {"profiles": ["OCEAN", "o----"]}, "elicitation": elicitation}
    plan = make_plan(make_study(content))
    model = Counting()
    (asking,) = plan.specification.askings
    decide(
        model, plan.events, plan.personas, sightings=plan.specification.elicitation.sightings,
        templates=asking.templates, elicitation=asking.elicitation,
    )  # fmt: skip
    assert model.asked == plan.model_calls == estimate_cost(plan).model_calls > 0


def test_the_cost_estimate_counts_conditions_and_estimates_time():
    content = {"events": {"per_type": 1}, "comparison": {"closures": ["recorded", "mean-field"]}}
    estimate = estimate_cost(make_plan(make_study(content)))
    assert (estimate.conditions, estimate.fits, estimate.prompts) == (192, 768, 6 * 32 * 5 * 2)
    assert "192 conditions: 1 language model × 6 events × 32 compositions × 1 network × 1" in estimate.describe()
    # More data take longer.
    longer = estimate_cost(make_plan(make_study({**content, "spread": {"rounds": 400}})))
    assert longer.seconds > 2 * estimate.seconds > 0


def test_there_are_no_profiles_if_only_mixtures_are_named():
    labels = [c.composition.label for c in make_plan(make_study({"personas": {"mixtures": {"a": "all"}}})).conditions]
    assert set(labels) == {"a"}
    (composition,) = {c.composition for c in make_plan(make_study({"personas": {"mixtures": {"a": "all"}}})).conditions}
    assert list(composition.mixture.personas) == all_personas()
    assert dataclasses.asdict(composition)["homophily"] == 0.0


def test_effects_are_fitted_if_conditions_can_identify_them():
    def wanted(**tables):
        plan = make_plan(make_study(tables))
        rows = pd.DataFrame([plan.row(condition) for condition in plan.conditions])
        return effects_wanted(plan.specification.effects, rows)

    one = {"ids": "VAR1"}
    assert wanted(events=one)
    assert not wanted(events=one, effects={"fit": False})
    # Five traits and an intercept are six coefficients: ten profiles are too few, and equal profiles add nothing.
    few = ["OCEAN", "ocean", "Ocean", "oCean", "ocEan", "oceAn", "oceaN", "OCean", "OcEan", "OceAn"]
    assert not wanted(events=one, personas={"profiles": few})
    assert wanted(events=one, personas={"profiles": [*few, "OceaN", "oCEan"]})
    assert not wanted(events=one, personas={"profiles": "OCEAN"}, spread={"visibility": [0.1, 0.2, 0.3, 0.4]})
    assert wanted(events=one, personas={"profiles": "OCEAN"}, effects={"fit": True})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"level": "individual", "closures": ["recorded"]}, "level individual has no closures"),
        ({"level": "count", "unit": "agent"}, "unit 'agent' does not go with level count"),
        ({"closures": ["recorded"], "unit": "agent"}, "unit 'agent' does not go with level count"),
    ],
)
def test_settings_of_levels_that_do_not_go_together_are_refused(table, message):
    with pytest.raises(InputError, match=message):
        check_comparison(make_study({"comparison": table}).comparison, "rounds")


def test_settings_of_counts_choose_their_level():
    assert not make_study({}).comparison.asks_for_counts
    for table in ({"closures": "mean-field"}, {"likelihood": "beta-binomial"}, {"unit": "increment"}):
        assert make_study({"comparison": table}).comparison.asks_for_counts, table
    assert not make_study({"comparison": {"likelihood": "binomial", "unit": "trajectory"}}).comparison.asks_for_counts


def test_a_network_file_of_a_study_has_its_own_number_of_agents_and_names(tmp_path):
    (tmp_path / "pairs.csv").write_text("fan,idol\n" + "".join(f"{n},{n + 1}\n" for n in range(10, 30)))

    def plan_of(network, seeds="17,30", note=None):
        (tmp_path / "study.toml").write_text(
            f"[personas]\nprofiles = ['OCEAN']\n[events]\nids = ['VAR1']\n[spread]\nseeds = '{seeds}'\n"
            f"networks = [{network}]\n"
        )
        return make_plan(read_study(tmp_path / "study.toml"), note)

    said = []
    (condition,) = plan_of("'pairs.csv'", note=said.append).conditions
    assert condition.settings.agents == 21
    assert "source = idol, target = fan" in said[0]
    assert len(plan_of("{kind = 'pairs.csv:source=fan,target=idol', agents = 21}").conditions) == 1
    with pytest.raises(InputError, match=r"agents = 20: the network pairs.csv has 21 agents"):
        plan_of("{kind = 'pairs.csv', agents = 20}")
    with pytest.raises(InputError, match=r"network pairs.csv has no agent called 0"):
        plan_of("'pairs.csv'", seeds="0")
