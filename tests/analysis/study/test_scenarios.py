"""Interventions as a factor of studies: conditions, texts that models read, and the ratios of their effects."""

import numpy as np
import pandas as pd
import pytest

from tworate.analysis.study import load_study, make_study, read_study, run_study
from tworate.analysis.study.cost_estimate import estimate_cost
from tworate.analysis.study.plan import make_plan
from tworate.analysis.study.scenario_effects import scenario_table
from tworate.errors import InputError
from tworate.tests.integration.test_study import Formula

ONE = {"events": {"ids": ["VAR1"]}, "personas": {"profiles": ["OCEAN"]}}
SCENARIOS = {"nothing": [], "hidden": ["visibility:0.3,3"], "countered": ["counter:0.4"]}


class Believing(Formula):
    """It shares less where a note is attached."""

    def score_answers(self, conversations, options, progress=None):
        scores = super().score_answers(conversations, options)
        for score, names, conversation in zip(scores, options, conversations, strict=True):
            if "share" in names and "A note is attached" in conversation[1]["content"]:
                score -= 2 * (np.array(names) == "share")
                score -= np.log(np.exp(score).sum())
        return scores


def spreads(**more):
    return {"spread": {"agents": 100, "degree": 4, "replicates": 3, "rounds": 12, "visibility": 0.4, **more}}


def test_scenarios_share_network_and_random_numbers():
    plan = make_plan(make_study({**ONE, **spreads(scenarios=SCENARIOS, interventions=["block:0.1"])}))
    assert [condition.scenario for condition in plan.conditions] == list(SCENARIOS)
    assert len({condition.settings.seed for condition in plan.conditions}) == 1
    assert [condition.settings.interventions for condition in plan.conditions] == [
        ("block:0.1",), ("block:0.1", "visibility:0.3,3"), ("block:0.1", "counter:0.4"),
    ]  # fmt: skip
    assert plan.row(plan.conditions[1])["scenario"] == "hidden"
    assert plan.conditions[1].columns["scenario"] == "hidden"
    assert ", hidden)" in plan.conditions[1].label
    # No more prompts than without scenarios.
    assert plan.prompts == make_plan(make_study(ONE)).prompts
    assert "3 conditions: 1 language model × 1 event × 1 composition × 1 network × 3 scenarios" in (
        estimate_cost(plan).describe()
    )


def test_a_study_without_scenarios_has_no_column():
    (condition,) = make_plan(make_study(ONE)).conditions
    assert "scenario" not in condition.columns


@pytest.mark.parametrize(
    ("scenarios", "message"),
    [
        ({"a": ["counter:0.5"], "b": ["counter:0.5"]}, "two scenarios have the same interventions"),
        ({"a": ["ban:1"]}, "is none of block"),
        ({"a": ["message:none.txt"]}, r"none\.txt: the counter-message cannot be read"),
        ({"a": ["message:x.txt", "message:y.txt"]}, "one counter-message as a text"),
    ],
)
def test_scenarios_that_cannot_be_used_are_refused(scenarios, message):
    with pytest.raises(InputError, match=message):
        make_plan(make_study({**ONE, **spreads(scenarios=scenarios)}))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of three scenarios, one of which has a text; paths are relative to the file of the study."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "note.txt").write_text("Nobody has confirmed this.")
    (folder / "study.toml").write_text(
        'events.ids = "VAR1"\npersonas.profiles = ["OCEAN", "ocean"]\n[elicitation]\nsightings = 2\n'
        '[comparison]\nstructures = "none"\ntune = 300\n[spread]\nagents = 100\ndegree = 4\nreplicates = 3\n'
        "rounds = 12\nvisibility = 0.4\n[spread.scenarios]\nnothing = []\nhidden = ['visibility:0.2,3']\n"
        "noted = ['message:note.txt,3']\n"
    )
    run_study(read_study(folder / "study.toml"), folder / "out", load=lambda entry: Believing())
    return load_study(folder / "out")


@pytest.mark.integration
def test_conditions_with_a_text_use_the_table_of_the_prompts_that_state_it(study):
    decisions, data = study.decisions, study.trajectories.table
    assert set(decisions["message"]) == {"", "Nobody has confirmed this."}
    assert (decisions["message"] == "").sum() == len(decisions) / 2
    conditions = study.conditions.set_index("condition")
    for composition in ("OCEAN", "ocean"):
        numbers = conditions.index[conditions["composition"] == composition]
        by_scenario = {
            conditions.loc[number, "scenario"]: data[data["condition"] == number].pivot_table(
                index="trajectory", columns="time", values="infected"
            ).to_numpy()
            for number in numbers
        }  # fmt: skip
        # All scenarios are the same until the interventions begin.
        for other in ("hidden", "noted"):
            np.testing.assert_array_equal(by_scenario[other][:, :4], by_scenario["nothing"][:, :4])
            assert not np.array_equal(by_scenario[other], by_scenario["nothing"])
    assert "multiplies the odds by" in study.record["language_models"][0]["messages"][0]["sentence"]


@pytest.mark.integration
def test_ratios_are_those_of_the_posteriors_and_of_the_final_reach(study):
    table = pd.read_csv(study.folder / "figures" / "scenarios.csv")
    assert set(table["scenario"]) == {"hidden", "noted"}
    assert set(table["against"]) == {"nothing"}
    assert set(table["quantity"]) == {"beta", "beta_fast", "beta_slow", "final reach"}
    conditions = study.conditions.set_index(["composition", "scenario"])["condition"]
    for row in table.itertuples():
        one, other = (conditions[row.composition, scenario] for scenario in (row.scenario, "nothing"))
        if row.quantity == "final reach":
            last = study.trajectories.table.query("time == 12").groupby("condition")["infected"].mean()
            assert row.ratio == pytest.approx(last[one] / last[other])
        else:
            model = "one-rate" if row.quantity == "beta" else "two-rate"
            draws = [
                study.posterior(number, model).posterior[row.quantity].to_numpy().ravel() for number in (one, other)
            ]
            assert row.ratio == pytest.approx(np.median(draws[0] / draws[1]))
        assert row.ratio_low <= row.ratio <= row.ratio_high
    report = (study.folder / "report.html").read_text(encoding="utf-8")
    assert "<h2>Interventions</h2>" in report
    assert "“Nobody has confirmed this.” The counter-message changes" in report


def test_a_study_without_scenarios_has_no_ratios(study):
    one = pd.DataFrame({"condition": [0], "scenario": ["nothing"]})
    assert scenario_table(study, one, []) is None
