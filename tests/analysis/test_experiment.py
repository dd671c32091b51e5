"""Populations of personas, their placement, and the simulated trajectories."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tworate.agents import (
    DecisionTable,
    Group,
    GroupMixture,
    Mixture,
    Persona,
    all_personas,
    as_mixture,
    decide_groups,
    load_language_model,
    shipped_events,
)
from tworate.agents.decision_table import DIAGNOSTICS
from tworate.analysis import pipeline
from tworate.analysis.deciding import decide_population
from tworate.analysis.experiment import SpreadSettings, make_population, simulate_events
from tworate.errors import InputError
from tworate.simulate import Pace, assortativity, read_trajectories

TWO = (Persona("OCEAN"), Persona("ocean"))
SMALL = SpreadSettings(agents=100, degree=4, replicates=2, rounds=4)


def table_of(personas, qualifier="very"):
    probabilities = np.full((len(personas), 2), 0.2)
    nothing = np.zeros_like(probabilities)
    diagnostics = dict.fromkeys(DIAGNOSTICS, nothing)
    return DecisionTable(shipped_events()[0], tuple(personas), probabilities, **diagnostics, qualifier=qualifier)


def test_a_population_has_the_mixture_and_the_homophily_asked_for():
    mixture = Mixture(TWO, (3, 1))
    population = make_population(SpreadSettings(agents=400, homophily=0.3), mixture)
    assert np.bincount(population.members).tolist() == [300, 100]
    assert population.assortativity == assortativity(population.network, population.members)
    assert population.assortativity == pytest.approx(0.3, abs=0.02)
    assert (
        population.describe() == f"population: 400 agents of 2 personas, assortativity {population.assortativity:.3f}"
    )


def blocks_of(population):
    return np.arange(population.members.size) * 4 // population.members.size


def test_personas_placed_by_block_fill_one_block_after_the_other():
    settings = SpreadSettings(network="stochastic-block:between=0.1", agents=400, placement="block")
    settings.check()
    personas = [Persona("OCEAN"), Persona("oCEAN"), Persona("OcEAN"), Persona("OCeAN")]
    population = make_population(settings, personas)
    np.testing.assert_array_equal(population.members, blocks_of(population))
    # Edges within a block join equal personas, edges between blocks do not: 0.9 = r + (1 - r) / 4.
    assert population.assortativity == pytest.approx((0.9 - 0.25) / 0.75, abs=0.005)


def test_homophily_below_that_of_the_blocks_mixes_them():
    settings = SpreadSettings(network="stochastic-block:between=0.1", agents=400, placement="block", homophily=0.4)
    personas = [Persona("OCEAN"), Persona("oCEAN"), Persona("OcEAN"), Persona("OCeAN")]
    population = make_population(settings, personas)
    assert population.assortativity == pytest.approx(0.4, abs=0.01)
    assert np.bincount(population.members).tolist() == [100] * 4
    # A fraction p of each block has its persona; two of its agents are alike with probability p² + (1 - p)² / 3.
    assert 0.55 < np.mean(population.members == blocks_of(population)) < 0.85


@pytest.mark.parametrize(
    ("placement", "network", "message"),
    [
        ("blocks", "stochastic-block", "placement = 'blocks': must be one of random, block"),
        ("block", "random-regular", "placement = 'block' goes with network stochastic-block, not with random-regular"),
    ],
)
def test_invalid_placements_are_refused(placement, network, message):
    with pytest.raises(InputError, match=message):
        SpreadSettings(network=network, placement=placement).check()


def test_the_description_says_that_a_network_is_not_connected():
    description = make_population(SpreadSettings(network="stochastic-block:between=0", agents=400)).describe()
    assert "note: network stochastic-block:blocks=4,between=0: 400 agents, 1600 edges" in description
    assert "not connected: 4 components, 25% of the agents in the largest" in description


def test_one_persona_has_no_assortativity():
    population = make_population(SMALL, [Persona("-----")])
    assert np.isnan(population.assortativity)
    assert population.describe() == "population: 100 agents of 1 persona"
    trajectories = simulate_events([table_of([Persona("-----")])], SMALL, population=population)
    assert trajectories.conditions == ["network", "event", "event_type", "qualifier"]


def test_the_description_names_personas_without_agents():
    description = make_population(SpreadSettings(agents=28)).describe()
    assert description.endswith("; no agent for oceAN, oceAn, oceaN, ocean")
    assert "no agent" not in make_population(SpreadSettings(agents=32)).describe()


def test_trajectories_have_qualifier_and_assortativity():
    population = make_population(SMALL, TWO)
    table = simulate_events([table_of(TWO, "a bit")], SMALL, population=population).table
    assert set(table["qualifier"]) == {"a bit"}
    assert set(table["homophily"]) == {0.0}
    assert set(table["assortativity"]) == {population.assortativity}


def test_a_population_is_drawn_from_the_tables_by_default():
    personas = all_personas()
    drawn = simulate_events([table_of(personas)], SMALL).table
    passed = simulate_events([table_of(personas)], SMALL, population=make_population(SMALL)).table
    assert list(drawn["infected"]) == list(passed["infected"])
    with pytest.raises(ValueError, match="different personas"):
        simulate_events([table_of(personas)], SMALL, population=make_population(SMALL, TWO))


def test_homophily_out_of_range_is_refused_before_anything_is_drawn():
    with pytest.raises(InputError, match="homophily = -1"):
        SpreadSettings(homophily=-1.0).check()


def test_a_spread_that_cannot_start_is_refused_with_the_population():
    for changed, message in (
        ({"seeds": "persona:Ocean"}, "there is no persona 'Ocean'; there are: OCEAN, ocean"),
        ({"interventions": ("block:0.97",)}, "5 agents are asked for, and there are 3"),
    ):
        with pytest.raises(InputError, match=message):
            make_population(replace(SMALL, **changed), TWO)


def test_settings_reach_the_spread():
    settings = replace(
        SMALL,
        clock="continuous",
        outside=0.5,
        seeds="3,4,5",
        interventions=("visibility:0,0", "counter:1e-9"),
        pace=Pace(ageing=20, rhythm=(24, 0.8)),
        rounds=9,
    )
    trajectories = simulate_events([table_of(TWO)], settings, population=make_population(settings, TWO))
    assert trajectories.table["infected"].tolist() == [3] * 20
    # Only the outside world shows the post, at rate 1/2: about 97 × 9 / 2 sightings per replicate.
    shown = trajectories.table.groupby("trajectory")["sightings"].sum()
    assert (abs(shown - 436.5) < 4.5 * 436.5**0.5).all()
    assert set(trajectories.table["intervention"]) == {"visibility:0,0 + counter:1e-09,0"}
    assert set(trajectories.table["pace"]) == {"ageing 20, rhythm 24:0.8"}
    assert set(trajectories.counts["persona"]) == {"OCEAN", "ocean"}
    assert {"event", "qualifier", "network"} <= set(trajectories.counts)


def test_a_job_is_fitted_with_the_clock_of_its_simulation(tmp_path, monkeypatch):
    class Compared(Exception):  # noqa: N818
        pass

    def compare(trajectories, **settings):
        raise Compared(settings["clock"], trajectories.table["infected"].max())

    monkeypatch.setattr(pipeline, "compare", compare)
    for clock in ("rounds", "continuous"):
        with pytest.raises(Compared) as caught:
            pipeline.run(
                load_language_model("embedded"),
                shipped_events()[:1],
                tmp_path / clock,
                settings=replace(SMALL, clock=clock, pace=Pace(fading=3)),
                population=make_population(SMALL, TWO),
            )
        assert caught.value.args[0] == clock
        record = json.loads((tmp_path / clock / "run.json").read_text(encoding="utf-8"))
        assert record["clock"] == clock and record["interventions"] == []
        assert record["pace"] == "fading 3"
        made = read_trajectories(tmp_path / clock / "trajectories.parquet")
        assert made.record["spreads"][0]["clock"] == clock
        assert made.counts is not None


GROUPS = GroupMixture(
    [Group("people", 3, personas=as_mixture(TWO)), Group("bots", 1, p_share=(0.1,)), Group("loud", 1, p_share=(0.5,))]
)


def groups_of(population):
    return GROUPS.group_numbers[population.members]


def test_groups_have_their_numbers_and_the_description_says_them():
    population = make_population(SpreadSettings(agents=200), GROUPS)
    assert np.bincount(population.members).tolist() == [60, 60, 40, 40]
    assert population.assortativity == assortativity(population.network, groups_of(population))
    description = population.describe()
    assert f"of 4 personas, assortativity of groups {population.assortativity:.3f}" in description
    assert description.endswith("; groups: people 120, bots 40, loud 40")


def test_groups_fill_blocks_in_the_order_of_the_file_with_their_personas_at_random():
    settings = SpreadSettings(network="stochastic-block:blocks=5,between=0.1", agents=200, placement="block")
    population = make_population(settings, GROUPS)
    np.testing.assert_array_equal(groups_of(population), np.repeat([0, 1, 2], [120, 40, 40]))
    # Among the first 60 of 120 agents, half are of each persona: standard deviation 2.7.
    assert abs(int(np.sum(population.members[:60] == 0)) - 30) < 5 * 2.7


def test_the_first_groups_get_the_agents_with_the_most_neighbours():
    settings = SpreadSettings(network="barabasi-albert", agents=200, placement="degree")
    settings.check()
    population = make_population(settings, GROUPS)
    degrees, groups = population.network.degrees, groups_of(population)
    assert degrees[groups == 0].min() >= degrees[groups == 1].max()
    assert degrees[groups == 1].min() >= degrees[groups == 2].max()
    for network in ("random-regular", "complete"):
        with pytest.raises(InputError, match="placement = 'degree': all agents of network"):
            replace(settings, network=network).check()


def test_homophily_is_that_of_groups_and_keeps_the_numbers_of_personas():
    population = make_population(SpreadSettings(agents=400, homophily=0.3), GROUPS)
    assert population.assortativity == pytest.approx(0.3, abs=0.02)
    np.testing.assert_array_equal(np.bincount(population.members), GROUPS.counts(400))
    # Personas of a group stay as they are: people are not sorted by persona.
    personas = population.members[population.members < 2]
    assert 0 < np.abs(np.diff(personas)).sum() > 0.3 * personas.size


def test_the_group_of_every_agent_reaches_counts_and_histories():
    table = decide_groups(GroupMixture(GROUPS.groups[1:]), {}, shipped_events()[:1]).tables[0]
    population = make_population(SMALL, GroupMixture(GROUPS.groups[1:]))
    data = simulate_events([table], SMALL, population=population)
    assert set(data.counts["group"]) == {"bots", "loud"}
    assert data.histories.agents["group"].value_counts().to_dict() == {"bots": 50, "loud": 50}


def test_decisions_of_a_population_are_recorded_by_language_model():
    model = load_language_model("embedded")
    decided = decide_population(GROUPS, model, shipped_events()[:1])
    record = decided.record()
    assert (record["model"], record["fingerprint"]) == ("embedded", model.fingerprint)
    assert record["elicitation"]["option_mass"] > 0.9
    assert decided.notes() == []
    nobody = decide_population(GroupMixture(GROUPS.groups[1:]), None, shipped_events()[:1])
    assert nobody.record() == dict.fromkeys(("model", "fingerprint", "warning", "elicitation"))
    with pytest.raises(TypeError, match="without groups has one language model"):
        decide_population(as_mixture(TWO), None, shipped_events()[:1])


def test_two_language_models_are_recorded_one_by_one():
    one, other = load_language_model("embedded"), load_language_model("embedded")
    other.name, other.fingerprint = "other", "another"
    groups = GroupMixture([Group("a", 1, personas=as_mixture(TWO)), Group("b", 1, "x", as_mixture(TWO))])
    record = decide_population(groups, {"": one, "x": other}, shipped_events()[:1]).record()
    assert (record["model"], record["fingerprint"]) == ("embedded; other", f"{one.fingerprint}; another")
    assert [each["model"] for each in record["models"]] == ["embedded", "other"]
    assert record["warning"] == one.warning
