"""Decision counts as data."""

import numpy as np
import pandas as pd
import pytest

from tworate.errors import InputError
from tworate.inference.mechanisms.decision_counts import REACH, decision_counts
from tworate.simulate import ReduceVisibility, Trajectories, random_regular, read_trajectories, spread

TABLE = np.array([[0.4, 0.1, 0.05], [0.1, 0.2, 0.3]])


@pytest.fixture(scope="module")
def data():
    members = np.arange(300) % 3 // 2  # two thirds, one third
    return spread(
        random_regular(300, 6, seed=1), TABLE, members, rounds=25, replicates=4, seed=2, persona_labels=["a", "b"]
    )


def test_cells_hold_every_decision_and_shares_are_of_the_susceptible(data):
    counts = decision_counts(data)
    rows = data.counts[data.counts["sighting"] > 0]
    for number in range(counts.persona.size):
        same = rows[
            (rows["persona"] == counts.personas[counts.persona[number]])
            & (rows["sighting"] == counts.sighting[number] + 1)
            & (rows["trajectory"].astype(str) == counts.trajectories[counts.trajectory[number]])
        ]
        assert counts.decisions[number] == same["decisions"].sum()
        assert counts.new_sharers[number] == same["new_sharers"].sum()
    assert counts.decisions.sum() == rows["decisions"].sum()
    decisions, new_sharers = counts.totals()
    assert (decisions.sum(), new_sharers.sum()) == (rows["decisions"].sum(), rows["new_sharers"].sum())
    start = data.counts[data.counts["sighting"] == 0]
    left = {p: (part["agents"] - part["new_sharers"]).sum() for p, part in start.groupby("persona")}
    np.testing.assert_allclose(counts.shares, [left["a"] / sum(left.values()), left["b"] / sum(left.values())])
    chosen = counts.trajectory == 1
    assert counts.totals(chosen)[0].sum() == counts.decisions[chosen].sum()


def test_reach_is_the_exposure_by_which_most_decisions_were_made(data):
    behind, made = [], []
    for label, path in data.table.groupby("trajectory"):
        rows = data.counts[(data.counts["trajectory"] == label) & (data.counts["sighting"] > 0)]
        susceptible, total = (path["population"] - path["infected"]).to_numpy(), 0.0
        for i, time in enumerate(path["time"].to_numpy()):
            decided = int(rows[rows["time"] == time]["decisions"].sum())
            if decided:
                total += decided / (0.5 * (susceptible[i - 1] + susceptible[i]))
                behind.append(total)
                made.append(decided)
    order = np.argsort(behind)
    share = np.cumsum(np.array(made)[order]) / np.sum(made)
    reach = decision_counts(data).reach
    assert share[np.array(behind)[order] <= reach + 1e-12].max() >= REACH
    assert share[np.array(behind)[order] < reach - 1e-12].max() < REACH


def test_trajectories_of_two_conditions_are_not_one_for_their_label(data):
    parts = [data.table.assign(event=event) for event in "xy"]
    counts = [data.counts.assign(event=event) for event in "xy"]
    both = decision_counts(Trajectories(pd.concat(parts), counts=pd.concat(counts)))
    one = decision_counts(data)
    assert len(both.trajectories) == 2 * len(one.trajectories)
    assert both.decisions.sum() == 2 * one.decisions.sum()
    assert both.reach == pytest.approx(one.reach)


def test_visibility_is_taken_where_it_is_known_and_holds_throughout(data, tmp_path):
    assert decision_counts(data).visibility == 0.25
    data.save(tmp_path / "x.parquet")
    assert decision_counts(read_trajectories(tmp_path / "x.parquet")).visibility == 0.25
    data.save(tmp_path / "x.csv")
    assert decision_counts(read_trajectories(tmp_path / "x.csv")).visibility == 0.0
    column = Trajectories(data.table.assign(visibility=0.5), counts=data.counts.assign(visibility=0.5))
    assert decision_counts(column).visibility == 0.5
    network = random_regular(100, 4, seed=1)
    changing = spread(network, [[0.3]], rounds=9, replicates=1, seed=1, interventions=[ReduceVisibility(0.5, 3)])
    assert decision_counts(changing).visibility == 0.0
    continuous = spread(network, [[0.3]], rounds=9, replicates=1, seed=1, clock="continuous")
    assert decision_counts(continuous).visibility == 0.0


def test_without_counts_it_says_which_command_writes_them(data, tmp_path):
    with pytest.raises(InputError, match=r"no counts by persona and sighting; `tworate run`"):
        decision_counts(Trajectories(data.table))
    data.table.to_csv(tmp_path / "bare.csv", index=False)
    with pytest.raises(InputError, match=r"bare\.counts\.csv is not beside it\).*`tworate simulate --out FILE`"):
        decision_counts(read_trajectories(tmp_path / "bare.csv"))
    quiet = data.table.assign(infected=5)
    silent = data.counts[data.counts["sighting"] == 0]
    with pytest.raises(InputError, match="nobody decides"):
        decision_counts(Trajectories(quiet, counts=silent))


def test_a_cue_is_an_axis_of_the_table():
    table = np.repeat(TABLE[:, :, None], 4, axis=2)
    settings = {"rounds": 25, "replicates": 4, "seed": 2, "persona_labels": ["a", "b"]}
    network, members = random_regular(300, 6, seed=1), np.arange(300) % 3 // 2
    cued, plain = (decision_counts(spread(network, p, members, **settings)) for p in (table, TABLE))
    assert cued.shape == (2, 3, 4)
    for with_cue, without in zip(cued.totals(), plain.totals(), strict=True):
        np.testing.assert_array_equal(with_cue.sum(axis=2), without)
    seen = cued.totals()[0].sum(axis=0)
    np.testing.assert_allclose(cued.cue_weights, seen / seen.sum(axis=1, keepdims=True))
    assert (cued.reach, cued.visibility) == (plain.reach, plain.visibility)
    wrong = spread(network, table, members, **settings)
    wrong.counts.loc[wrong.counts["cue"] == "2", "cue"] = "many"
    with pytest.raises(InputError, match="cue 'many' is none of 1, 2, 3-4, 5\\+"):
        decision_counts(wrong)
