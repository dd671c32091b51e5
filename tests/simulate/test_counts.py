"""Counts by persona and sighting are saved with their trajectories and checked against them."""

import numpy as np
import pandas as pd
import pytest

from tworate.errors import InputError
from tworate.simulate import Trajectories, random_regular, read_trajectories, spread
from tworate.simulate.counts import counts_path


@pytest.fixture(scope="module")
def two_events():
    network, members = random_regular(200, 4, seed=1), np.arange(200) % 2
    parts = [
        spread(network, [[0.4, 0.1], [0.2, 0.3]], members, rounds=5, replicates=3, seed=s, conditions={"event": event})
        for s, event in enumerate(("01", "1"))
    ]
    return Trajectories(
        pd.concat([part.table for part in parts]), counts=pd.concat([part.counts for part in parts]), record={"a": [1]}
    )


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_counts_are_written_and_read_beside_the_trajectories(two_events, tmp_path, suffix):
    file = tmp_path / f"x.y{suffix}"
    two_events.save(file)
    assert counts_path(file).name == f"x.y.counts{suffix}"
    again = read_trajectories(file)
    pd.testing.assert_frame_equal(again.table, two_events.table)
    persona = two_events.counts["persona"].astype(again.counts["persona"].dtype)
    pd.testing.assert_frame_equal(again.counts, two_events.counts.assign(persona=persona))
    assert again.record == ({"a": [1]} if suffix == ".parquet" else None)
    # Saving without counts must remove the earlier counts.
    Trajectories(two_events.table).save(file)
    assert read_trajectories(file).counts is None


def test_each_condition_has_its_own_counts(two_events):
    for condition, part in two_events.split(["event"]):
        assert set(part.counts["event"]) == {condition["event"]}
        assert part.record == {"a": [1]}
        assert part.counts["new_sharers"].sum() == part.table.groupby("trajectory")["infected"].last().sum()


def test_a_missing_value_is_a_condition_too(two_events):
    table = two_events.table.replace({"event": {"1": None}})
    data = Trajectories(table, counts=two_events.counts.replace({"event": {"1": None}}))
    parts = {condition["event"]: part for condition, part in data.split(["event"])}
    assert len(parts[None].counts) == (two_events.counts["event"] == "1").sum()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.drop(columns="agents"), "counts: missing agents"),
        (lambda c: c.drop(columns="event"), "counts: missing event"),
        (lambda c: c.iloc[1:], "new sharers at a time at which infected rises by"),
        (lambda c: c.assign(new_sharers=c["new_sharers"] * 2), "is impossible|infected rises"),
        (lambda c: c.assign(decisions=0), "of decisions = 0 by agents"),
        (lambda c: c.assign(agents=1), "by agents = 1 of persona"),
        (lambda c: c.assign(sighting=-1), "is impossible"),
    ],
)
def test_inconsistent_counts_are_refused(two_events, change, message):
    with pytest.raises(InputError, match=message):
        Trajectories(two_events.table, counts=change(two_events.counts))
