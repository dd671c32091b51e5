"""The survival function of a decision table, against closed forms, derivatives and plain simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.differentiate import derivative
from scipy.integrate import solve_ivp

from tworate.models import ReinforcedSI, TwoRateSI, decision_curve, sighting_weights

EXPOSURE = np.linspace(0.0, 12.0, 25)
TABLE = np.array([[0.35, 0.2, 0.05], [0.1, 0.15, 0.3], [0.02, 0.02, 0.01]])
SHARES = np.array([0.5, 0.3, 0.2])


@pytest.mark.parametrize(("p_first", "p_later"), [(0.4, 0.1), (0.3, 0.0), (0.2, 0.2), (1.0, 0.5)])
def test_one_persona_and_two_sightings_are_two_rates(p_first, p_later):
    curve = decision_curve([[p_first, p_later]], [1.0], EXPOSURE)
    model = TwoRateSI.from_sightings(1.0, p_first, p_later)
    np.testing.assert_allclose(curve.survival, model.survival(EXPOSURE), rtol=1e-12)
    np.testing.assert_allclose(curve.hazard, model.hazard(EXPOSURE), rtol=1e-7)


def test_later_sightings_that_persuade_more_are_the_reinforced_model():
    curve = decision_curve([[0.05, 0.4]], [1.0], EXPOSURE)
    np.testing.assert_allclose(curve.survival, ReinforcedSI(1.0, 0.05, 0.4).survival(EXPOSURE), rtol=1e-12)
    assert np.all(np.diff(curve.hazard) > 0)


def test_equal_sightings_are_a_mixture_of_exponentials():
    rates = TABLE[:, 0]
    curve = decision_curve(np.repeat(rates[:, None], 4, axis=1), SHARES, EXPOSURE)
    parts = SHARES[:, None] * np.exp(-np.outer(rates, EXPOSURE))
    np.testing.assert_allclose(curve.survival, parts.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(curve.hazard, (rates[:, None] * parts).sum(axis=0) / parts.sum(axis=0), rtol=1e-12)


def test_hazard_is_the_derivative_of_the_survival():
    at = np.linspace(0.5, 9.0, 12)
    slope = derivative(lambda x: np.log(decision_curve(TABLE, SHARES, x.ravel()).survival).reshape(x.shape), at)
    np.testing.assert_allclose(decision_curve(TABLE, SHARES, at).hazard, -slope.df, rtol=1e-7)


def test_survival_solves_the_equations_of_the_states():
    # p[z, j]: fraction that has not shared after j sightings (the last j: or more); d p / d(exposure) is linear.
    def slope(_, flat):
        p = flat.reshape(TABLE.shape)
        change = -p.copy()
        change[:, 1:] += p[:, :-1] * (1 - TABLE[:, :-1])
        change[:, -1] += p[:, -1] * (1 - TABLE[:, -1])
        return change.ravel()

    start = np.zeros_like(TABLE)
    start[:, 0] = SHARES
    solved = solve_ivp(slope, (0, 12), start.ravel(), t_eval=EXPOSURE, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(decision_curve(TABLE, SHARES, EXPOSURE).survival, solved.y.sum(axis=0), rtol=1e-7)


def test_in_rounds_the_number_of_sightings_is_binomial():
    visibility, showings = 0.3, np.arange(40)
    curve = decision_curve(TABLE, SHARES, visibility * showings, visibility)
    p_share = 1 - curve.survival[1:] / curve.survival[:-1]
    np.testing.assert_allclose(visibility * curve.hazard[:-1], p_share, rtol=1e-10)
    # Plain simulation of agents, in units of its standard error.
    rng, n_agents = np.random.default_rng(1), 200_000
    persona = rng.choice(3, size=n_agents, p=SHARES)
    seen, shared = np.zeros(n_agents, dtype=int), np.zeros(n_agents, dtype=bool)
    for _ in range(12):
        sees = ~shared & (rng.random(n_agents) < visibility)
        shared |= sees & (rng.random(n_agents) < TABLE[persona, np.minimum(seen, 2)])
        seen += sees
    expected = curve.survival[12]
    assert abs((~shared).mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / n_agents)


def test_many_showings_that_are_rarely_seen_are_the_poisson_limit():
    at, limit = np.array([1.0, 4.0]), decision_curve(TABLE, SHARES, [1.0, 4.0])
    errors = [np.abs(decision_curve(TABLE, SHARES, at, c).survival - limit.survival).max() for c in (0.02, 0.01)]
    # The error of the limit is proportional to the visibility.
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.05)


@given(st.lists(st.floats(0.0, 1.0), min_size=6, max_size=6), st.floats(0.01, 40.0))
def test_survival_falls_from_one_and_many_tables_are_computed_at_once(cells, exposure):
    tables = np.array(cells).reshape(2, 1, 3).repeat(2, axis=1)
    curves = decision_curve(tables, [0.5, 0.5], [0.0, exposure / 2, exposure])
    assert curves.survival.shape == (2, 3)
    np.testing.assert_allclose(curves.survival[:, 0], 1.0)
    assert np.all(np.diff(curves.survival) <= 1e-12)
    np.testing.assert_allclose(curves.hazard[:, 0], tables[:, 0, 0], atol=1e-12)
    second = decision_curve(tables[1], [0.5, 0.5], [0.0, exposure / 2, exposure])
    np.testing.assert_allclose(curves.survival[1], second.survival, rtol=1e-12)


def test_weights_of_sightings_are_their_expected_numbers():
    rng, exposure = np.random.default_rng(2), 2.5
    counts = rng.poisson(exposure, size=400_000)
    expected = [(counts >= 1).mean(), (counts >= 2).mean(), np.maximum(counts - 2, 0).mean()] / counts.mean()
    weights = sighting_weights(exposure, 3)
    assert weights.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(weights, expected, atol=4 / np.sqrt(400_000))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5], [1.0], [1.0]), "tables"),
        (([[1.5]], [1.0], [1.0]), r"in \[0, 1\]"),
        (([[0.5]], [0.5], [1.0]), "with sum 1"),
        (([[0.5]], [1.0], [-1.0]), "at least 0"),
        (([[0.5]], [1.0], [1.0], 2.0), "visibility = 2"),
        (([[0.5]], [1.0], [0.3], 0.25), "multiples of visibility"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        decision_curve(*arguments)
