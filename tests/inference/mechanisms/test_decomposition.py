"""Decomposition of the fall, against closed forms and a plain loop over orders; the verdict on who and when."""

import itertools

import numpy as np
import pytest

from tworate.inference.mechanisms.decomposition import (
    Exposure,
    counterfactual,
    decompose,
    decompose_with_cue,
    hazard_curves,
    over_cues,
)
from tworate.inference.mechanisms.mechanism_verdict import judge_mechanisms
from tworate.models import decision_curve

SHARES = np.array([0.6, 0.4])
TABLES = np.array([[[0.5, 0.2, 0.1], [0.2, 0.1, 0.02]], [[0.1, 0.3, 0.6], [0.05, 0.1, 0.4]]])
EXPOSURES = [Exposure(6.0, 0.0), Exposure(6.0, 0.25)]


def fall(table, shares, exposure):
    hazard = decision_curve(table, shares, [0.0, exposure.sightings], exposure.visibility).hazard
    return np.log(hazard[0] / hazard[1])


@pytest.mark.parametrize("exposure", EXPOSURES)
def test_parts_are_what_each_mechanism_adds_over_the_orders_of_switching_on(exposure):
    decline = decompose(TABLES, SHARES, exposure)
    for number, table in enumerate(TABLES):
        added = {"who": [], "when": []}
        for order in itertools.permutations(added):
            active = {"who": False, "when": False}
            before = 0.0
            for mechanism in order:
                active[mechanism] = True
                altered, weights = counterfactual(table[None], SHARES, exposure, **active)
                now = fall(altered[0], weights, exposure)
                added[mechanism].append(now - before)
                before = now
        assert decline.who[number] == pytest.approx(np.mean(added["who"]))
        assert decline.when[number] == pytest.approx(np.mean(added["when"]))
        assert decline.fall[number] == pytest.approx(fall(table, SHARES, exposure))
        assert decline.who[number] + decline.when[number] == pytest.approx(decline.fall[number])


CUED = np.random.default_rng(3).uniform(0.05, 0.6, (2, 2, 3, 4))
CUE_WEIGHTS = np.array([[0.9, 0.1, 0.0, 0.0], [0.3, 0.4, 0.2, 0.1], [0.0, 0.1, 0.3, 0.6]])


@pytest.mark.parametrize("exposure", EXPOSURES)
def test_parts_with_a_cue_are_what_each_adds_over_the_six_orders(exposure):
    decline = decompose_with_cue(CUED, SHARES, exposure, CUE_WEIGHTS)
    added = {"who": [], "when": [], "cue": []}
    for order in itertools.permutations(added):
        active, before = dict.fromkeys(added, False), np.zeros(2)
        for mechanism in order:
            active[mechanism] = True
            flat = over_cues(CUED, CUE_WEIGHTS, exposure, when=active["when"], cue=active["cue"])
            altered, weights = counterfactual(flat, SHARES, exposure, who=active["who"], when=True)
            now = np.array([fall(table, weights, exposure) for table in altered])
            added[mechanism].append(now - before)
            before = now
    for name, values in added.items():
        np.testing.assert_allclose(decline.by_name()[name], np.mean(values, axis=0), atol=1e-12)
    np.testing.assert_allclose(decline.who + decline.when + decline.cue, decline.fall, atol=1e-12)


def test_with_a_cue_that_is_always_the_same_the_parts_are_those_without_it():
    flat = decompose(TABLES, SHARES, EXPOSURES[0])
    cued = decompose_with_cue(TABLES[..., None], SHARES, EXPOSURES[0], np.ones((3, 1)))
    assert np.abs(cued.cue).max() < 1e-12
    np.testing.assert_allclose([cued.who, cued.when], [flat.who, flat.when], atol=1e-12)


def test_over_cues_is_the_mean_over_what_is_seen_at_each_sighting():
    exposure = EXPOSURES[0]
    seen = over_cues(CUED, CUE_WEIGHTS, exposure, when=True, cue=True)
    for place in itertools.product(range(2), range(2), range(3)):
        assert seen[place] == pytest.approx(sum(CUED[place][k] * CUE_WEIGHTS[place[2], k] for k in range(4)))
    alike = over_cues(CUED, CUE_WEIGHTS, exposure, when=False, cue=False)
    np.testing.assert_allclose(alike, np.broadcast_to(alike[:, :, :1], alike.shape))


@pytest.mark.parametrize("exposure", EXPOSURES)
def test_with_everything_alike_nothing_falls(exposure):
    changed, weights = counterfactual(TABLES, SHARES, exposure, who=False, when=False)
    hazard = decision_curve(changed, weights, [0.0, 6.0], exposure.visibility).hazard
    np.testing.assert_allclose(hazard[:, 0], hazard[:, 1], rtol=1e-12)


def test_each_mechanism_alone_has_the_whole_of_its_closed_form():
    end = 5.0
    rates = np.array([0.5, 0.1])
    alike = decompose(np.repeat(rates[None, :, None], 3, axis=2), SHARES, Exposure(end, 0.0))
    left = SHARES * np.exp(-rates * end)
    assert alike.when[0] == pytest.approx(0.0, abs=1e-12)
    assert alike.who[0] == pytest.approx(np.log(SHARES @ rates) - np.log(left @ rates / left.sum()))
    first, later = 0.4, 0.1
    same = decompose(np.broadcast_to([first, later], (1, 2, 2)), SHARES, Exposure(end, 0.0))
    # The hazard of the two-rate form with sightings at rate 1.
    weight = (first - later) / (1 - later)
    last = (weight * np.exp(-end) + (1 - weight) * later * np.exp(-later * end)) / (
        weight * np.exp(-end) + (1 - weight) * np.exp(-later * end)
    )
    assert same.who[0] == pytest.approx(0.0, abs=1e-12)
    assert same.when[0] == pytest.approx(np.log(first / last))


def test_repetition_that_persuades_has_a_negative_part_and_a_mixture_never():
    decline = decompose(TABLES, SHARES, EXPOSURES[0])
    assert decline.when[1] < 0 < decline.when[0]
    assert np.all(decline.who > 0)


def test_curves_begin_and_end_where_the_split_does():
    exposure = Exposure(6.1, 0.25)
    curves = hazard_curves(TABLES[:1], SHARES, exposure, 0.95)
    as_it_is = curves[curves["table"] == "both"]
    assert np.log(as_it_is["median"].iloc[0] / as_it_is["median"].iloc[-1]) == pytest.approx(
        decompose(TABLES[:1], SHARES, exposure).fall[0]
    )
    # Exposures are whole numbers of showings.
    np.testing.assert_allclose(as_it_is["sightings"] / 0.25, np.arange(25))
    assert list(curves["table"].unique()) == ["both", "who", "when"]


def pointwise(**means):
    noise = np.random.default_rng(1).normal(size=400)
    return {name: noise + mean / 400 + 0.01 * np.cos(np.arange(400) * len(name)) for name, mean in means.items()}


@pytest.mark.parametrize(
    ("means", "account"),
    [
        ({"neither": 0, "who": 2, "when": -1, "both": 3}, "neither"),
        ({"neither": 0, "who": 50, "when": 1, "both": 49}, "who"),
        ({"neither": 0, "who": 1, "when": 50, "both": 53}, "when"),
        ({"neither": 0, "who": 50, "when": 40, "both": 90}, "both"),
        ({"neither": 0, "when": 50}, "when"),
        # Who and when explain the data equally well.
        ({"neither": 0, "who": 50, "when": 51, "both": 52}, "undecided"),
        ({"neither": 0, "who": 30, "when": 51, "both": 52}, "when"),
    ],
)
def test_account_is_the_simplest_to_which_none_adds_enough(means, account):
    verdict, reasons = judge_mechanisms(pointwise(**means))
    assert verdict == account
    assert reasons


def test_a_gain_within_two_standard_errors_decides_nothing():
    elpd = pointwise(neither=0, who=50, when=0, both=50)
    elpd["who"] = elpd["who"] + np.random.default_rng(2).normal(scale=2.0, size=400)
    elpd["both"] = elpd["who"]
    account, reasons = judge_mechanisms(elpd)
    assert account == "undecided"
    assert "within 2 standard errors" in reasons[0]


def test_doubts_decide_nothing():
    assert judge_mechanisms(pointwise(neither=0, who=50), ["R̂ is bad"]) == ("undecided", ["R̂ is bad"])
