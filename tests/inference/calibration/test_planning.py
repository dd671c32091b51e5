"""What more data would tell."""

import json

import numpy as np
import pandas as pd
import pytest

from tworate import Trajectories, compare, plan
from tworate.errors import InputError
from tworate.inference.calibration.data_generating_processes import OneRate
from tworate.inference.calibration.planning import Plan, Scenario, _one_draw, _Source
from tworate.inference.posterior.arviz_adapter import group
from tworate.models import OneRateSI
from tworate.simulate import CompleteNetwork, EventHistories, random_regular

AGENTS, ROUNDS = 300, 12
KINDS = {
    "formula": (CompleteNetwork(AGENTS), {}, "by the formula of the closure"),
    "regular": (random_regular(AGENTS, 6, seed=1), {}, "on random 6-regular networks"),
    "own network": (random_regular(AGENTS, 6, seed=1), {"histories": True}, "on the network of the data"),
    "own network, continuous": (
        random_regular(AGENTS, 6, seed=1), {"histories": True, "clock": "continuous"}, "on the network of the data",
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def source(request):
    network, settings, words = KINDS[request.param]
    data = OneRate(rate=0.6).spread(network, rounds=ROUNDS, replicates=4, seed=2, **settings)
    result = compare(data, structures="none", seed=1).conditions[0]
    return data, result, _Source(data, result), words


def final(data):
    """Return the final number of sharers of each trajectory."""
    if isinstance(data, EventHistories):
        return np.diff(data.begins)
    return data.table.groupby("trajectory")["infected"].last().to_numpy()


def test_simulated_data_sets_are_like_the_data(source):
    data, result, made, words = source
    assert words in made.notes[0]
    assert (made.n_trajectories, made.length) == (4, ROUNDS)
    now = Scenario("as it is", made.length, 4, result.level)
    rng = np.random.default_rng(1)
    ends = []
    for _ in range(25):
        simulated = made.simulated(result.posteriors["one-rate"], OneRateSI, now, rng)
        assert isinstance(simulated, EventHistories if result.level == "individual" else Trajectories)
        ends.append(final(simulated))
    observed = final(data)
    # Standard deviations within data sets, and of the posterior, are those of the simulated ends.
    spread = np.std(ends)
    assert abs(np.mean(ends) - observed.mean()) < 4 * spread * np.sqrt(1 / 4 + 1 / 100)
    assert min(map(np.min, ends)) >= 5


def test_scenarios_have_their_length_number_and_level(source):
    _, result, made, _ = source
    longer = Scenario("longer", 2 * made.length, 6, result.level)
    simulated = made.simulated(result.posteriors["one-rate"], OneRateSI, longer, np.random.default_rng(1))
    if isinstance(simulated, EventHistories):
        assert (simulated.n_trajectories, simulated.ends.tolist()) == (6, [2.0 * ROUNDS] * 6)
    else:
        assert simulated.table["trajectory"].nunique() == 6
        assert simulated.table["time"].max() == 2 * ROUNDS
        assert ("si_edges" in simulated.table) == made.can_record
    if result.level == "count" and made.can_record:
        recorded = Scenario("recorded", made.length, 2, "individual")
        simulated = made.simulated(result.posteriors["one-rate"], OneRateSI, recorded, np.random.default_rng(1))
        assert simulated.histories.n_trajectories == 2


def test_all_trajectories_of_a_data_set_have_the_parameters_of_one_draw(source):
    _, result, _, _ = source
    one = group(_one_draw(result.posteriors["two-rate"], np.random.default_rng(3)), "posterior")
    of_all = group(result.posteriors["two-rate"], "posterior")
    assert dict(one.sizes) | {"chain": 1, "draw": 1} == dict(one.sizes)
    # A draw is repeated where a step was rejected.
    same = of_all["beta_fast"].to_numpy() == one["beta_fast"].item()
    assert same.any()
    for name in ("beta_slow", "weight_fast"):
        assert np.all(of_all[name].to_numpy()[same] == one[name].item())


@pytest.mark.calibration
def test_more_time_and_more_trajectories_tell_more():
    data = OneRate(rate=0.7).spread(random_regular(AGENTS, 8, seed=1), rounds=5, replicates=2, seed=2)
    made = plan(data, length=30, replicates=8, data_sets=2, seed=1)
    assert made.verdict == "undecided"
    assert list(made.table["scenario"].unique()) == [
        "as it is", "a length of 30", "8 trajectories", "a length of 30, 8 trajectories", "who shared when, recorded",
    ]  # fmt: skip
    assert list(made.table["truth"].unique()) == ["one-rate fit", "two rates, 4 apart", "two-rate fit"]
    right = made.table.set_index(["scenario", "truth"])["right"]
    assert right["as it is"].max() == 0
    assert right["a length of 30, 8 trajectories"][["one-rate fit", "two rates, 4 apart"]].min() > 0.5
    counts = made.table[["one-rate", "two-rate", "heterogeneous", "undecided"]].sum(axis=1)
    assert (counts == made.table["data_sets"]).all()
    assert json.loads(json.dumps(made.to_dict(), allow_nan=False))["sentence"] == made.sentence


def table_of(**right):
    rows = [
        {"scenario": name, "truth": truth, "right": share}
        for name, shares in right.items()
        for truth, share in zip(("one-rate fit", "two rates, 4 apart", "two-rate fit"), shares, strict=True)
    ]
    return pd.DataFrame(rows)


def test_the_advice_names_the_first_scenario_that_is_enough():
    made = Plan("undecided", table_of(now=(0.1, 0.2, 0.0), more=(0.9, 0.8, 0.0), most=(1.0, 1.0, 0.0)))
    assert made.enough == "more"
    assert made.sentence == "more tells one rate from two that are 4 apart in 80% of the data sets"
    made = Plan("undecided", table_of(now=(0.1, 0.2, 0.9), more=(0.9, 0.7, 0.9)))
    assert made.enough == ""
    assert made.sentence.startswith("none of these is enough: more tells one rate from two")
    assert "70% of the data sets, and 80% are wanted" in made.sentence
    assert "none tells" in Plan("undecided", table_of(now=(0.0, 0.0, 0.0))).sentence


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_sets": 0}, "data_sets = 0: must be at least 1"),
        ({"length": -1.0}, "length = -1.0: must be a number above 0"),
        ({"replicates": 0}, "replicates = 0: must be at least 1"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(changes, message):
    data = OneRate(rate=0.6).spread(CompleteNetwork(AGENTS), rounds=ROUNDS, replicates=2, seed=2)
    with pytest.raises(InputError, match=message):
        plan(data, **changes)
