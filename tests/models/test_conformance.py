"""Tests that run on every model of the registry."""

from functools import cache

import mpmath
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import solve_ivp

from tworate.models import (
    CLOSURES,
    GammaRateSI,
    MeanField,
    OneRateSI,
    OnlineOfflineSI,
    RandomRegular,
    ReinforcedSI,
    TwoRateSI,
    all_models,
    get_model,
)

WINDOW = 25.0
MODELS = [pytest.param(model, id=name) for name, model in all_models().items()]
CLOSED = [pytest.param(MeanField(), id="mean-field"), *(pytest.param(RandomRegular(k), id=f"k{k}") for k in (3, 8))]
EXPOSURE = np.concatenate([[0.0], np.geomspace(1e-8, 1e4, 60)])
# The graph has all rewrites, as in sampling, but is not compiled to machine code.
MODE = pytensor.compile.mode.Mode(linker="py", optimizer="fast_run")
EPS = np.finfo(float).eps


def example(model):
    """Return a model at the medians of its priors, for a window of 25 units of time."""
    medians = {
        name: float(spec.prior.distribution.median()) / (WINDOW if spec.is_rate else 1.0)
        for name, spec in model.coordinates().items()
    }
    return model(**model.from_coordinates(medians))


@cache
def symbolic(model):
    """Compile log G of vectors (exposure, time and the coordinates) and its derivatives by each, under PyTensor."""
    inputs = [pt.dvector(name) for name in ("exposure", "time", *model.coordinates())]
    parameters = model.from_coordinates(dict(zip(model.coordinates(), inputs[2:], strict=True)))
    value = model.log_survival(inputs[0], inputs[1], parameters, xp=pt)
    slopes = pytensor.grad(value.sum(), inputs, disconnected_inputs="ignore")
    return pytensor.function(inputs, [value, *slopes], mode=MODE, on_unused_input="ignore")


@cache
def symbolic_of_parameters(model):
    """Compile log G of scalars (exposure, time and the parameters) and its derivatives by each."""
    inputs = {name: pt.dscalar(name) for name in ("exposure", "time", *model.parameters())}
    value = model.log_survival(inputs["exposure"], inputs["time"], inputs, xp=pt)
    slopes = pytensor.grad(value, list(inputs.values()), disconnected_inputs="ignore")
    return pytensor.function(list(inputs.values()), [value, *slopes], mode=MODE, on_unused_input="ignore")


def within(spec):
    """Return a strategy for a coordinate over its support: 12 orders of magnitude for rates, and closed ends."""
    low, high = spec.support
    wide = st.floats(-8, 4).map(lambda power: 10.0**power)
    if spec.is_rate:
        return wide
    if np.isfinite(high):
        near = st.floats(-12, -0.31).map(lambda power: 10.0**power)
        return st.sampled_from([low, high]) | (near | near.map(lambda gap: 1.0 - gap)).map(
            lambda f: low + f * (high - low)
        )
    return st.just(low) | wide


def rounding(log_survival):
    """Return the largest rise of log G that rounding explains: terms of size 1, or of its own size, are rounded."""
    return 4 * EPS * np.maximum(1.0, np.abs(log_survival))


def falls(log_survival):
    return np.all(np.diff(log_survival) <= rounding(log_survival[1:]))


@pytest.mark.parametrize("model", MODELS)
def test_every_model_describes_itself(model):
    assert get_model(model.name) is model
    assert model.summary
    assert model.reference
    assert model.closures
    assert set(model.closures) <= set(CLOSURES)
    assert all(spec.meaning and spec.stated_prior for spec in model.coordinates().values())
    assert all(spec.meaning and spec.unit in ("", "1/time") for spec in model.parameters().values())
    assert set(example(model).values) == set(model.parameters())


@pytest.mark.parametrize("model", MODELS)
def test_survival_starts_at_one_falls_and_stays_positive(model):
    one = example(model)
    log_survival = one.log_survival(EXPOSURE, 0.0, one.values)
    # Weights sum to 1 only up to rounding.
    assert abs(log_survival[0]) <= EPS
    assert np.all(np.isfinite(log_survival))
    assert falls(log_survival)
    assert np.all(np.diff(one.survival(np.linspace(0, WINDOW, 100))) < 0)


@pytest.mark.parametrize("model", MODELS)
@settings(deadline=None)
@given(data=st.data())
def test_survival_is_safe_and_the_same_under_pytensor_over_all_supports(model, data):
    coordinates = {name: data.draw(within(spec), label=name) for name, spec in model.coordinates().items()}
    at = st.lists(st.just(0.0) | st.floats(-8, 4).map(lambda power: 10.0**power), min_size=4, max_size=4)
    exposure, time = (np.sort(data.draw(at, label=name)) for name in ("exposure", "time"))
    try:
        parameters = model.from_coordinates(coordinates)
    except ZeroDivisionError:
        # In the corner of the support where nobody ever shares, the rate at the start is not positive.
        reject()
    if not all(np.isfinite(value) for value in parameters.values()):
        reject()
    model(**parameters)

    log_survival = model.log_survival(exposure, time, parameters)
    assert not np.any(np.isnan(log_survival))
    assert np.all(log_survival <= EPS)
    assert falls(model.log_survival(exposure, 0.0, parameters))
    value, *slopes = symbolic(model)(exposure, time, *(np.full(4, c) for c in coordinates.values()))
    # A sum of terms of size 1 that cancel has the rounding error of these terms.
    np.testing.assert_allclose(value, log_survival, rtol=1e-12, atol=1e-15)
    assert all(np.all(np.isfinite(slope)) for slope in slopes if slope is not None)
    assert np.all(slopes[0] * exposure <= rounding(value))


@pytest.mark.parametrize("model", MODELS)
@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_hazard_agrees_with_automatic_differentiation_over_the_prior(model, seed):
    rng = np.random.default_rng(seed)
    drawn = {name: float(spec.prior.distribution.rvs(random_state=rng)) for name, spec in model.coordinates().items()}
    one, at = model(**model.from_coordinates(drawn)), np.array([0.0, 1e-3, 0.02, 0.3, 0.8])
    # The free hazard has bends at exposures of 1, 1/2, 1/4, …, where a finite difference is less exact.
    exact = -symbolic(model)(at, at, *(np.full(at.size, value) for value in drawn.values()))[1]
    # Ten times the stated error: log G can be of size 10 while it changes by a hundredth within a step.
    np.testing.assert_allclose(one.hazard(at, at), exact, rtol=1e-8, atol=1e-12 * exact.max())


@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1e6])
def test_hazard_is_accurate_in_any_unit_of_time(unit):
    scaled, plain = TwoRateSI(1.2 * unit, 0.2 * unit, 0.5), TwoRateSI(1.2, 0.2, 0.5)
    at = np.array([0.0, 0.1, 3.0, 20.0])
    np.testing.assert_allclose(scaled.hazard(at / unit) / unit, plain.hazard(at), rtol=1e-8)


@pytest.mark.parametrize("variation", [0.0, 1e-9, 1.0, 30.0, 1000.0])
def test_hazard_of_a_heavy_tail_at_its_steep_start(variation):
    at = np.array([0.0, 1e-4, 0.01, 1.0, 20.0])
    hazard = GammaRateSI(0.4, variation).hazard(at)
    np.testing.assert_allclose(hazard, 0.4 / (1 + variation * 0.4 * at), rtol=1e-9)


@pytest.mark.parametrize("closure", CLOSED)
@pytest.mark.parametrize("model", MODELS)
def test_solve_agrees_with_an_independent_solver_of_the_susceptible_equation(model, closure):
    # The reference integrates s and Λ with the derivatives of log G; solve() integrates only Λ and computes s from G.
    one, s0 = example(model), 0.995
    times, slopes = np.linspace(0, 30, 16), symbolic_of_parameters(model)

    def right_side(time, state):
        s, exposure = state
        _, by_exposure, by_time, *_ = slopes(exposure, time, *one.values.values())
        x = closure.exposure_rate(s, s0)
        return [(float(by_exposure) * x + (0.0 if by_time is None else float(by_time))) * s, x]

    reference = solve_ivp(right_side, (0, 30), [s0, 0.0], t_eval=times, method="DOP853", rtol=1e-10, atol=1e-13)
    # Both solvers keep the error of a step below 1e-10; over some tens of steps this adds up to 1e-8 at most.
    np.testing.assert_allclose(one.solve(times, 1 - s0, closure), 1 - reference.y[0], atol=1e-8)


@pytest.mark.parametrize("closure", CLOSED)
@pytest.mark.parametrize("model", MODELS)
def test_rounds_multiply_escapes_and_short_ones_tend_to_continuous_time_at_first_order(model, closure):
    one, s0 = example(model), 0.98
    times = np.array([3.0, 4.0, 4.5, 7.0, 8.0])
    s, exposure = [s0], 0.0
    for time, step in zip(times, np.diff(times), strict=False):
        reached = exposure + step * closure.exposure_rate(s[-1], s0)
        s.append(s[-1] * one.survival(reached, time + step - 3) / one.survival(exposure, time - 3))
        exposure = reached
    np.testing.assert_allclose(one.solve(times, 1 - s0, closure, clock="rounds"), 1 - np.array(s), rtol=1e-12)
    exact = one.solve([0, 10], 1 - s0, closure)[-1]
    gaps = [abs(one.solve(np.linspace(0, 10, n), 1 - s0, closure, clock="rounds")[-1] - exact) for n in (1001, 2001)]
    # The next order changes the ratio of 2 by about the step, 1/100, times the growth rate.
    assert gaps[0] / gaps[1] == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("model", MODELS)
def test_simulation_has_the_mean_of_the_map_in_a_large_population(model, rng):
    # With a million agents and 2% seeds, the map and the mean of 200 runs differ only by Monte-Carlo error.
    one, times = example(model), np.arange(25)
    paths = one.simulate(
        times, population=1_000_000, infected0=20_000, closure=RandomRegular(8), rng=rng, replicates=200
    )
    prevalence = paths / 1_000_000
    expected = one.solve(times, 0.02, RandomRegular(8), clock="rounds")
    error = prevalence.std(axis=0, ddof=1)[1:] / np.sqrt(200)
    z = (prevalence.mean(axis=0)[1:] - expected[1:]) / error
    # By chance, one of the 24 dependent z-scores exceeds 4.5 in at most one of 6,000 runs (Bonferroni).
    assert np.abs(z).max() < 4.5


def reached_exactly(one, exposure, times, rate, elasticity, factor):
    """Solve for the exposure at `times` with an independent solver; the state is that at the first of them."""
    log_survival_start = one.log_survival(exposure, times[0], one.values)

    def right_side(time, state):
        log_escape = one.log_survival(state, time, one.values) - log_survival_start
        return factor * np.maximum(1 - (1 - rate) * np.exp(elasticity * log_escape), 0.0)

    return solve_ivp(right_side, times[[0, -1]], [exposure], t_eval=times, method="DOP853", rtol=1e-13, atol=1e-15).y[0]


@pytest.mark.parametrize(("elasticity", "factor"), [(1.0, 1.0), (0.75, 1.4)])
@pytest.mark.parametrize("model", MODELS)
def test_reach_solves_the_equation_over_an_interval_at_fourth_order(model, elasticity, factor):
    # An interval has four steps. Halving the interval halves the steps, so the error falls with the fifth power of the
    # length. The lengths are such that neither higher orders nor rounding dominate.
    one, start, rate = example(model), 4.0, 0.2
    lengths = np.array([0.0, *np.geomspace(0.2, 0.8, 6)])
    exact = reached_exactly(one, 1.5, start + lengths, rate, elasticity, factor)[1:]
    reached = one.reach(1.5, (start, start + lengths[1:]), rate, elasticity, one.values, factor=factor)
    errors = np.abs(reached - exact)
    assert np.all((errors > 1e-12) & (errors < 1e-3))
    order = np.polyfit(np.log(lengths[1:]), np.log(errors), 1)[0]
    assert order == pytest.approx(5.0, abs=0.2)


@pytest.mark.parametrize("model", MODELS)
def test_reach_does_not_move_without_length_or_exposure(model):
    one = example(model)
    assert one.reach(1.5, (4.0, 4.0), 0.2, 1.0, one.values) == 1.5
    # Without exposure, a negative elasticity would make the exposure rate negative; it stays at 0.
    assert one.reach(1.5, (4.0, 9.0), 0.0, -1.0, one.values) == 1.5


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


@given(beta=st.floats(1e-8, 1e4), exposure=st.floats(0, 1e4), time=st.floats(0, 1e4), p=st.floats(1e-8, 1))
def test_other_models_are_exactly_one_rate_at_their_limits(beta, exposure, time, p):
    one = OneRateSI.log_survival(exposure, time, {"beta": beta})
    assert GammaRateSI.log_survival(exposure, time, {"beta": beta, "variation": 0.0}) == one
    assert OnlineOfflineSI.log_survival(exposure, time, {"beta": beta, "alpha": 0.0}) == one
    alike = {"sighting_rate": beta, "p_first": p, "p_later": p}
    assert ReinforcedSI.log_survival(exposure, time, alike) == pytest.approx(p * one, rel=4 * EPS)


def test_two_rate_gradient_is_finite_where_both_terms_underflow():
    _, _, _, *gradient = symbolic_of_parameters(TwoRateSI)(1e4, 0.0, 2.0, 1.0, 0.5)
    # exp(-10,000) is 0 in double precision, but d log G / d β_slow is -Λ.
    np.testing.assert_allclose(gradient, [0.0, -1e4, -2.0])


@pytest.mark.parametrize("variation", [1e-300, 1e-12, 1e-6, 1e-3, 0.3, 4.0])
@pytest.mark.parametrize("exposure", [1e-9, 0.1, 2.0, 400.0])
def test_gamma_rate_is_accurate_as_the_variation_vanishes(variation, exposure):
    value, _, _, by_beta, by_variation = symbolic_of_parameters(GammaRateSI)(exposure, 0.0, 0.5, variation)
    with mpmath.workdps(340):
        v, x = mpmath.mpf(variation), mpmath.mpf(exposure) / 2
        expected = -mpmath.log1p(v * x) / v
        slope = (mpmath.log1p(v * x) / v - x / (1 + v * x)) / v
    assert float(value) == pytest.approx(float(expected), rel=4 * EPS)
    # Outside the series, the closed form of the slope is a difference. It enlarges rounding by 2/vx, at most 2000.
    assert float(by_variation) == pytest.approx(float(slope), rel=4000 * EPS)
    assert float(by_beta) == pytest.approx(-exposure / (1 + variation * exposure / 2), rel=4000 * EPS)


@pytest.mark.parametrize("variation", [0.1, 0.5, 0.9, 3.0])
def test_gamma_rate_is_a_mixture_over_gamma_distributed_rates(variation):
    model, at = GammaRateSI(beta=0.4, variation=variation), np.array([0.3, 2.0, 10.0])
    rates = stats.gamma(1 / variation, scale=0.4 * variation)
    assert (rates.mean(), rates.var()) == pytest.approx((0.4, variation * 0.16))
    # Integration over quantiles of the rate avoids infinite densities; the error of quad is below 1e-8.
    mixture = [rates.expect(lambda r, x=x: np.exp(-r * x)) for x in at]
    np.testing.assert_allclose(model.survival(at), mixture, atol=2e-8)


def after_sightings(sighting_rate, p_first, p_later, exposure):
    """Compute the fraction not persuaded, averaged over Poisson numbers of sightings."""
    n = np.arange(400)
    with np.errstate(invalid="ignore"):
        unpersuaded = np.where(n == 0, 1.0, (1 - p_first) * (1.0 - p_later) ** np.maximum(n - 1, 0))
    return stats.poisson(sighting_rate * np.asarray(exposure)[:, None]).pmf(n) @ unpersuaded


@pytest.mark.parametrize(
    "p", [(0.0, 0.5), (0.1, 0.6), (0.3, 0.3), (0.2, 1.0), (1.0, 1.0), (0.2, 0.2 + 1e-9), (0.0, 1e-9)]
)
def test_reinforced_is_an_average_over_sightings(p):
    at = np.array([0.0, 1e-3, 0.5, 3.0, 20.0])
    # The rounding error of the sum over 400 terms is about 1e-15.
    np.testing.assert_allclose(ReinforcedSI(2.0, *p).survival(at), after_sightings(2.0, *p, at), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("p", [(0.6, 0.2), (0.3, 0.3), (1.0, 0.0), (0.4, 0.0), (0.9, 0.89), (0.0, 0.0)])
def test_two_rate_is_an_average_over_sightings_and_returns_them(p):
    at, model = np.array([0.0, 1e-3, 0.5, 3.0, 20.0]), TwoRateSI.from_sightings(2.0, *p)
    np.testing.assert_allclose(model.survival(at), after_sightings(2.0, *p, at), rtol=1e-12, atol=1e-15)
    assert model.sightings == pytest.approx({"sighting_rate": 2.0, "p_first": p[0], "p_later": p[1]}, abs=1e-15)


def test_a_two_rate_model_that_never_shares_has_sightings_too():
    assert TwoRateSI(0.0, 0.0, 0.5).sightings == {"sighting_rate": 0.0, "p_first": 0.5, "p_later": 0.0}


@pytest.mark.parametrize("p_later", [0.3, 0.999, 1 - 4.9e-4, 1 - 1e-7, 1 - 1e-15, 1.0])
@pytest.mark.parametrize("gap", [0.0, 1e-12, 1e-6, 0.2])
def test_reinforced_gradient_is_accurate_where_later_sightings_always_persuade_or_equal_the_first(p_later, gap):
    p_first, rate, exposure = p_later - gap, 1.3, 1.6
    value, _, _, *gradient = symbolic_of_parameters(ReinforcedSI)(exposure, 0.0, rate, p_first, p_later)

    def log_g(rate, p_first, p_later):
        n_sightings = [mpmath.exp(-rate * exposure) * (rate * exposure) ** n / mpmath.factorial(n) for n in range(60)]
        later = mpmath.fsum(p * (1 - p_later) ** (n - 1) for n, p in enumerate(n_sightings) if n > 0)
        return mpmath.log(n_sightings[0] + (1 - p_first) * later)

    with mpmath.workdps(50):
        at = [mpmath.mpf(v) for v in (rate, p_first, p_later)]
        expected = [mpmath.diff(log_g, at, order) for order in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
        assert float(value) == pytest.approx(float(log_g(*at)), rel=1e-14)
    # The slope of the closed form enlarges rounding by 1/z, where z = γΛ (1 - p2) is at least 0.001.
    np.testing.assert_allclose(np.array(gradient, float), np.array(expected, float), rtol=4000 * EPS, atol=4000 * EPS)


def test_coordinates_of_two_rate_keep_the_mean_rate():
    values = TwoRateSI.from_coordinates({"mean_rate": 0.7, "slow_over_fast": 0.25, "weight_fast": 0.4})
    model = TwoRateSI(**values)
    assert model.beta_slow == pytest.approx(0.25 * model.beta_fast)
    assert 0.4 * model.beta_fast + 0.6 * model.beta_slow == pytest.approx(0.7)
    assert float(model.hazard(0.0)) == pytest.approx(0.7, rel=1e-9)


def test_coordinates_of_reinforced_keep_the_rate_at_the_start():
    values = ReinforcedSI.from_coordinates({"first_rate": 0.7, "first_over_later": 0.25, "p_later": 0.4})
    model = ReinforcedSI(**values)
    assert model.p_first == pytest.approx(0.1)
    assert float(model.hazard(0.0)) == pytest.approx(0.7, rel=1e-9)
    # All sightings after the first persuade with p_later.
    assert float(model.hazard(50.0)) == pytest.approx(7.0 * 0.4, rel=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OneRateSI(beta=-1.0), "beta = -1.0 must lie in"),
        (lambda: OneRateSI(beta=float("nan")), "beta = nan must lie in"),
        (lambda: TwoRateSI(0.1, 0.2, 0.5), "swap the rates"),
        (lambda: TwoRateSI(0.2, 0.1, 1.5), "weight_fast = 1.5"),
        (lambda: TwoRateSI.from_sightings(1.0, 0.2, 0.6), "use ReinforcedSI"),
        (lambda: TwoRateSI.from_sightings(1.0, 1.0, 1.0), "p_later < 1"),
        (lambda: ReinforcedSI(1.0, 0.6, 0.2), "see TwoRateSI.from_sightings"),
        (lambda: GammaRateSI(0.1, -0.1), "variation = -0.1"),
        (lambda: OnlineOfflineSI(0.1, "much"), "alpha = 'much'"),
        (lambda: RandomRegular(1), "at least 2"),
        (lambda: OneRateSI(0.1).solve([0, 1], 0.0, MeanField()), "prevalence0 = 0.0"),
        (lambda: OneRateSI(0.1).solve([1, 0], 0.1, MeanField()), "increasing"),
        (lambda: get_model("tow-rate"), "did you mean 'two-rate'"),
    ],
)
def test_bad_values_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_closures_are_listed_from_most_to_least_accurate():
    assert CLOSURES == ("recorded", "edge-based", "mean-field")


def test_exposure_is_reached_without_a_factor_as_with_the_factor_one():
    model = OneRateSI(0.7)
    arguments = (np.array([0.2]), (np.array([0.0]), np.array([1.0])), 0.3, 1.0, model.values)
    assert model.reach(*arguments) == model.reach(*arguments, factor=1.0) > 0.2
