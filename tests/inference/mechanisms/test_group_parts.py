"""The parts of who between and within groups of agents, against plain loops over agents' fates."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, poisson

from tworate.errors import InputError
from tworate.inference.mechanisms.decision_counts import decision_counts
from tworate.inference.mechanisms.decomposition import (
    Exposure,
    between_groups,
    decompose,
    decompose_with_cue,
    split_who,
)
from tworate.inference.mechanisms.group_parts import group_table
from tworate.simulate import Trajectories, random_regular, read_trajectories, spread

SHARES = np.array([0.3, 0.2, 0.1, 0.4])
GROUPS = ("people", "people", "bots", "people")
TABLES = np.array(
    [
        [[0.5, 0.2, 0.1], [0.2, 0.1, 0.02], [0.05, 0.05, 0.05], [0.3, 0.3, 0.1]],
        [[0.1, 0.3, 0.6], [0.05, 0.1, 0.4], [0.9, 0.9, 0.9], [0.02, 0.02, 0.03]],
    ]
)
EXPOSURES = [Exposure(6.0, 0.0), Exposure(6.0, 0.25)]


def chances(exposure, end):
    """Return the distribution of the number of sightings, as a list."""
    if end == 0:
        return [1.0]
    if exposure.visibility:
        showings = round(end / exposure.visibility)
        return [binom.pmf(n, showings, exposure.visibility) for n in range(showings + 1)]
    return [poisson.pmf(n, end) for n in range(200)]


def left_and_persuaded(row, exposure, end):
    """Return the probabilities of not having shared by the end, and of that and sharing at the next sighting."""
    left = persuaded = 0.0
    for n, chance in enumerate(chances(exposure, end)):
        escaped = math.prod(1 - row[min(m, len(row) - 1)] for m in range(n))
        left += chance * escaped
        persuaded += chance * escaped * row[min(n, len(row) - 1)]
    return left, persuaded


def fall(rows, weights, exposure):
    hazard = []
    for end in (0.0, exposure.sightings):
        pairs = [left_and_persuaded(row, exposure, end) for row in rows]
        hazard.append(
            sum(w * persuaded for w, (_, persuaded) in zip(weights, pairs, strict=True))
            / sum(w * left for w, (left, _) in zip(weights, pairs, strict=True))
        )
    return math.log(hazard[0] / hazard[1])


def sightings_alike(rows, exposure):
    """Return rows of one number each: the mean over the sightings of an agent that does not share."""
    number = range(200)
    shown = [poisson.pmf(n, exposure.sightings) for n in number]
    made = []
    for row in rows:
        seen = sum(p * sum(row[min(m, len(row) - 1)] for m in range(n)) for n, p in zip(number, shown, strict=True))
        made.append([seen / exposure.sightings])
    return made


def mean_row(rows, weights):
    return [sum(w * row[m] for w, row in zip(weights, rows, strict=True)) / sum(weights) for m in range(len(rows[0]))]


@pytest.mark.parametrize("exposure", EXPOSURES)
def test_between_and_within_are_what_they_add_when_switched_on_one_after_the_other(exposure):
    decline = split_who(decompose(TABLES, SHARES, exposure), TABLES, SHARES, exposure, GROUPS)
    for number, table in enumerate(TABLES):
        people, bots = [0, 1, 3], [2]
        between = within = 0.0
        for when in (False, True):
            rows = table.tolist() if when else sightings_alike(table.tolist(), exposure)
            all_alike = fall([mean_row(rows, SHARES)], [1.0], exposure)
            by_group = [mean_row([rows[i] for i in group], SHARES[group]) for group in (people, bots)]
            groups_differ = fall(by_group, [SHARES[people].sum(), SHARES[bots].sum()], exposure)
            all_differ = fall(rows, SHARES, exposure)
            between += 0.5 * (groups_differ - all_alike)
            within += 0.5 * (all_differ - groups_differ)
        assert decline.between[number] == pytest.approx(between, abs=1e-9)
        assert decline.within[number] == pytest.approx(within, abs=1e-9)
    np.testing.assert_allclose(decline.between + decline.within, decline.who, atol=1e-12)
    np.testing.assert_allclose(decline.who + decline.when, decline.fall, atol=1e-12)


def test_a_group_of_one_persona_has_nothing_within_and_equal_groups_nothing_between():
    exposure = EXPOSURES[0]
    whole = decompose(TABLES, SHARES, exposure)
    apart = split_who(whole, TABLES, SHARES, exposure, ("a", "b", "c", "d"))
    np.testing.assert_allclose(apart.within, 0.0, atol=1e-12)
    twice, shares = np.concatenate([TABLES, TABLES], axis=1), np.concatenate([SHARES, SHARES]) / 2
    same = split_who(decompose(twice, shares, exposure), twice, shares, exposure, ("a",) * 4 + ("b",) * 4)
    np.testing.assert_allclose(same.between, 0.0, atol=1e-12)
    np.testing.assert_allclose(same.within, whole.who, atol=1e-12)


def test_the_part_within_is_negative_where_it_keeps_a_receptive_group_among_those_who_are_left():
    table, shares, exposure = [[0.6], [0.3], [0.02]], np.array([0.4, 0.4, 0.2]), Exposure(20.0, 0.0)
    tables = np.array([table])
    decline = split_who(decompose(tables, shares, exposure), tables, shares, exposure, "aab")
    assert decline.within[0] == pytest.approx(
        fall(table, shares, exposure) - fall([[0.45], [0.02]], [0.8, 0.2], exposure)
    )
    assert decline.within[0] < -0.05


def test_with_a_cue_that_is_always_the_same_the_parts_are_those_without_it():
    exposure = EXPOSURES[0]
    flat = split_who(decompose(TABLES, SHARES, exposure), TABLES, SHARES, exposure, GROUPS)
    cued, weights = TABLES[..., None], np.ones((3, 1))
    split = split_who(decompose_with_cue(cued, SHARES, exposure, weights), cued, SHARES, exposure, GROUPS, weights)
    np.testing.assert_allclose([split.between, split.within], [flat.between, flat.within], atol=1e-12)
    for column, values in group_table(cued, SHARES, exposure, GROUPS, weights).items():
        np.testing.assert_allclose(values, group_table(TABLES, SHARES, exposure, GROUPS)[column], atol=1e-12)


@pytest.mark.parametrize("exposure", EXPOSURES)
def test_the_table_of_groups_is_that_of_a_plain_loop(exposure):
    table = group_table(TABLES[:1], SHARES, exposure, GROUPS)
    survival = [left_and_persuaded(row, exposure, exposure.sightings)[0] for row in TABLES[0].tolist()]
    left = {name: sum(SHARES[i] * survival[i] for i in range(4) if GROUPS[i] == name) for name in ("people", "bots")}
    for name in ("people", "bots"):
        own = [i for i in range(4) if GROUPS[i] == name]
        assert table.loc[name, "share"] == pytest.approx(SHARES[own].sum())
        assert table.loc[name, "share_left"] == pytest.approx(left[name] / sum(left.values()))
        weights = (SHARES[own] / SHARES[own].sum()).tolist()
        alone = fall([TABLES[0].tolist()[i] for i in own], weights, exposure)
        assert np.log(table.loc[name, "alone"]) == pytest.approx(alone, abs=1e-9)
        assert table.loc[name, "chance"] == pytest.approx(np.average(TABLES[0, own, 0], weights=SHARES[own]))
    # With two groups, each against the other is the part between groups.
    between = split_who(decompose(TABLES, SHARES, exposure), TABLES, SHARES, exposure, GROUPS).between[0]
    np.testing.assert_allclose(np.log(table["factor"]), between)


def test_groups_are_in_order_of_appearance_with_the_means_of_their_personas():
    tables, shares, names = between_groups(TABLES, SHARES, GROUPS)
    assert names == ["people", "bots"]
    np.testing.assert_allclose(shares, [0.9, 0.1])
    np.testing.assert_array_equal(tables[:, 1], TABLES[:, 2])
    np.testing.assert_allclose(np.einsum("g,dgm->dm", shares, tables), np.einsum("z,dzm->dm", SHARES, TABLES))


def simulated(**settings):
    network = random_regular(60, 4, seed=1)
    members = np.arange(60) % 3
    return spread(
        network, [[0.4], [0.3], [0.1]], members, rounds=6, replicates=2, seed=2, persona_labels=["a", "b", "c"],
        persona_groups=["people", "people", "bots"], **settings,
    )  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_groups_are_in_the_counts_and_survive_a_file(suffix, tmp_path):
    simulated().save(tmp_path / f"x{suffix}")
    counts = decision_counts(read_trajectories(tmp_path / f"x{suffix}"))
    assert dict(zip(counts.personas, counts.groups, strict=True)) == {"a": "people", "b": "people", "c": "bots"}


def test_one_group_is_no_group_and_a_persona_of_two_groups_is_refused():
    data = simulated()
    alone = Trajectories(data.table, counts=data.counts.assign(group="all"))
    assert decision_counts(alone).groups is None
    torn = Trajectories(data.table, counts=data.counts.assign(group=np.arange(len(data.counts)).astype(str)))
    with pytest.raises(InputError, match=r"persona . belongs to several groups"):
        decision_counts(torn)
    # As a condition, the column means what the user says.
    named = Trajectories(data.table.assign(group="x"), counts=data.counts.assign(group="x"))
    assert decision_counts(named).groups is None
    assert isinstance(data.counts["group"], pd.Series)
