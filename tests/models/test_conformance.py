"""Every model of the family, found by itself, keeps the same promises."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from tworate.models import CLOSURES, MeanField, OneRateSI, RandomRegular, TwoRateSI, all_models, get_model

# One example a model; a model without one fails below, so that a new file cannot go untested.
EXAMPLES = {
    "one-rate": OneRateSI(beta=0.4),
    "two-rate": TwoRateSI(beta_fast=1.2, beta_slow=0.2, weight_fast=0.5),
}
MODELS = [pytest.param(name, id=name) for name in all_models()]
EXPOSURE = np.concatenate([[0.0], np.geomspace(1e-8, 1e4, 60)])


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_an_example_and_describes_itself(name):
    model = all_models()[name]
    assert name in EXAMPLES, f"add an example of {name}"
    assert model.name == name
    assert model.summary
    assert model.reference
    assert set(model.parameters()) == set(EXAMPLES[name].values)
    assert all(spec.prior is not None for spec in model.coordinates().values())


@pytest.mark.parametrize("name", MODELS)
def test_survival_starts_at_one_falls_and_stays_positive(name):
    log_survival = EXAMPLES[name].log_survival(EXPOSURE, 0.0, EXAMPLES[name].values)
    assert log_survival[0] == 0.0
    assert np.all(np.isfinite(log_survival))
    assert np.all(np.diff(log_survival) < 0)


@pytest.mark.parametrize("name", MODELS)
def test_hazard_agrees_with_automatic_differentiation(name):
    model = EXAMPLES[name]
    exposure = pt.dvector("exposure")
    values = {key: pt.constant(value) for key, value in model.values.items()}
    log_survival = model.log_survival(exposure, 0.0, values, xp=pt)
    hazard = pytensor.function([exposure], -pytensor.grad(log_survival.sum(), exposure), mode="FAST_COMPILE")
    at = np.array([0.0, 0.1, 1.0, 5.0, 20.0])
    np.testing.assert_allclose(model.hazard(at), hazard(at), rtol=1e-7)


@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1e6])
def test_hazard_keeps_its_digits_in_any_unit_of_time(unit):
    scaled, plain = TwoRateSI(1.2 * unit, 0.2 * unit, 0.5), TwoRateSI(1.2, 0.2, 0.5)
    at = np.array([0.0, 0.1, 3.0, 20.0])
    np.testing.assert_allclose(scaled.hazard(at / unit) / unit, plain.hazard(at), rtol=1e-8)


@pytest.mark.parametrize("name", MODELS)
def test_numpy_and_pytensor_give_the_same_log_survival(name):
    model = EXAMPLES[name]
    symbols = {key: pt.dscalar(key) for key in model.values}
    exposure = pt.dvector("exposure")
    compiled = pytensor.function(
        [exposure, *symbols.values()], model.log_survival(exposure, 0.0, symbols, xp=pt), mode="FAST_COMPILE"
    )
    expected = model.log_survival(EXPOSURE, 0.0, model.values)
    np.testing.assert_allclose(compiled(EXPOSURE, *model.values.values()), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("closure", [MeanField(), RandomRegular(3), RandomRegular(8)], ids=["mean-field", "k3", "k8"])
@pytest.mark.parametrize("name", MODELS)
def test_solve_agrees_with_an_independent_solver_of_the_susceptible_equation(name, closure):
    # Solved in s and Λ with the hazard, ds/dt = -h(Λ) x s, where solve() integrates Λ alone and reads s off G.
    model, s0 = EXAMPLES[name], 0.995
    times = np.linspace(0, 30, 16)

    def right_side(_, state):
        s, exposure = state
        x = closure.exposure_rate(s, s0)
        return [-float(model.hazard(exposure)) * x * s, x]

    reference = solve_ivp(right_side, (0, 30), [s0, 0.0], t_eval=times, method="DOP853", rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.solve(times, 1 - s0, closure), 1 - reference.y[0], atol=2e-7)


@pytest.mark.parametrize("name", MODELS)
def test_simulation_has_the_mean_of_the_map_in_a_large_population(name, rng):
    # With a million agents and 2% seeds, luck is small; the map and the mean of 200 runs differ by Monte-Carlo error.
    model, times = EXAMPLES[name], np.arange(25)
    paths = model.simulate(
        times, population=1_000_000, infected0=20_000, closure=RandomRegular(8), rng=rng, replicates=200
    )
    prevalence = paths / 1_000_000
    expected = model.solve(times, 0.02, RandomRegular(8), clock="rounds")
    error = prevalence.std(axis=0, ddof=1)[1:] / np.sqrt(200)
    z = (prevalence.mean(axis=0)[1:] - expected[1:]) / error
    # 24 dependent z-scores; 4.5 is passed by chance once in 6,000 runs at most (Bonferroni).
    assert np.abs(z).max() < 4.5


def test_logistic_curve_in_closed_form():
    times, i0, beta = np.linspace(0, 40, 9), 0.01, 0.35
    logistic = i0 * np.exp(beta * times) / (1 - i0 + i0 * np.exp(beta * times))
    np.testing.assert_allclose(OneRateSI(beta).solve(times, i0, MeanField()), logistic, atol=1e-8)


@given(
    beta=st.floats(1e-8, 1e4),
    slower=st.floats(0, 1),
    weight=st.floats(0, 1),
    exposure=st.floats(0, 1e4),
)
def test_two_rate_lies_between_its_rates_and_is_exactly_one_rate_at_its_limits(beta, slower, weight, exposure):
    slow = slower * beta
    log_g = TwoRateSI.log_survival(exposure, 0.0, {"beta_fast": beta, "beta_slow": slow, "weight_fast": weight})
    assert -beta * exposure * (1 + 1e-12) - 1e-12 <= log_g <= -slow * exposure * (1 - 1e-12) + 1e-12
    for parameters, rate in (
        ({"beta_fast": beta, "beta_slow": slow, "weight_fast": 1.0}, beta),
        ({"beta_fast": beta, "beta_slow": slow, "weight_fast": 0.0}, slow),
    ):
        one = OneRateSI.log_survival(exposure, 0.0, {"beta": rate})
        assert TwoRateSI.log_survival(exposure, 0.0, parameters) == one
    same = TwoRateSI.log_survival(exposure, 0.0, {"beta_fast": beta, "beta_slow": beta, "weight_fast": weight})
    assert same == pytest.approx(-beta * exposure, rel=1e-12, abs=1e-12)


def test_two_rate_gradient_is_finite_where_both_terms_underflow():
    parameters = {name: pt.dscalar(name) for name in ("beta_fast", "beta_slow", "weight_fast")}
    value = TwoRateSI.log_survival(1e4, 0.0, parameters, xp=pt)
    gradient = pytensor.function(list(parameters.values()), pytensor.grad(value, list(parameters.values())))
    # exp(-10,000) is 0 in double precision; d log G / d β_slow is -Λ all the same.
    np.testing.assert_allclose(gradient(2.0, 1.0, 0.5), [0.0, -1e4, -2.0])


def test_coordinates_of_two_rate_keep_the_mean_rate():
    values = TwoRateSI.from_coordinates({"mean_rate": 0.7, "slow_over_fast": 0.25, "weight_fast": 0.4})
    model = TwoRateSI(**values)
    assert model.beta_slow == pytest.approx(0.25 * model.beta_fast)
    assert 0.4 * model.beta_fast + 0.6 * model.beta_slow == pytest.approx(0.7)
    assert float(model.hazard(0.0)) == pytest.approx(0.7, rel=1e-7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OneRateSI(beta=-1.0), "beta = -1.0 must lie in"),
        (lambda: OneRateSI(beta=float("nan")), "beta = nan must lie in"),
        (lambda: TwoRateSI(0.1, 0.2, 0.5), "swap the rates"),
        (lambda: TwoRateSI(0.2, 0.1, 1.5), "weight_fast = 1.5"),
        (lambda: RandomRegular(1), "at least 2"),
        (lambda: OneRateSI(0.1).solve([0, 1], 0.0, MeanField()), "prevalence0 = 0.0"),
        (lambda: OneRateSI(0.1).solve([1, 0], 0.1, MeanField()), "increasing"),
        (lambda: get_model("tow-rate"), "did you mean 'two-rate'"),
    ],
)
def test_bad_values_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_closures_are_named_the_most_exact_first():
    assert CLOSURES == ("recorded", "edge-based", "mean-field")
