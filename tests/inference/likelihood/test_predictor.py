"""Predictions of each specification: by hand, against exact solutions, and equal for sampling and for draws."""

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from tworate.inference.data.observations import logistic_mean, observe
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.predictor import CurvePredictor, FlowPredictor, RoundsPredictor, predictor
from tworate.inference.likelihood.specification import Specification
from tworate.models import (
    DegreeDistribution,
    GammaRateSI,
    MeanField,
    OneRateSI,
    OnlineOfflineSI,
    RandomRegular,
    TwoRateSI,
    all_models,
)
from tworate.simulate import Trajectories

MODELS = [pytest.param(model, id=name) for name, model in all_models().items()]
KINDS = [
    ("beta-binomial", "rounds"),
    ("beta-binomial", "continuous"),
    ("negative-binomial", "rounds"),
    ("normal", "continuous"),
]
NETWORKS = [
    pytest.param({}, MeanField(), id="mean-field"),
    pytest.param({"degree": 8}, RandomRegular(8), id="regular"),
    pytest.param({"degrees": "3:500 20:500"}, DegreeDistribution((3, 20), (0.5, 0.5)), id="uneven"),
    # Hubs share while s has hardly changed, and exposure rises from 0.01 to 0.2.
    pytest.param({"degrees": "2:985 300:15"}, DegreeDistribution((2, 300), (0.985, 0.015)), id="hubs"),
]
# The graph that is sampled, with all rewrites but without machine code.
MODE = pytensor.compile.mode.Mode(linker="py", optimizer="fast_run")


def observed(likelihood="beta-binomial", clock="rounds", closure="mean-field", **columns):
    """Return two trajectories of different lengths, starts and (uneven) times."""
    a = {"trajectory": "a", "time": [3, 4, 5, 7, 8], "infected": [5, 20, 80, 300, 450], "population": 1000}
    b = {"trajectory": "b", "time": [0, 2, 3, 6], "infected": [10, 35, 90, 800], "population": 1000}
    table = pd.concat([pd.DataFrame({**a, **columns}), pd.DataFrame({**b, **columns})])
    return observe(Trajectories(table), closure, clock, whole_curve=LIKELIHOODS[likelihood].kind == "trajectory")


def medians(model):
    """Return the parameters at the medians of the priors, per window."""
    return model.from_coordinates(
        {name: float(spec.prior.distribution.median()) for name, spec in model.coordinates().items()}
    )


def predicted(model, data, values, likelihood="beta-binomial", clock="rounds", factors=None):
    formula = predictor(Specification(model, LIKELIHOODS[likelihood], clock, factors is not None))
    return formula.predict(formula.arrays(data), values, factors)


def test_each_specification_has_its_predictor():
    kinds = {
        ("binomial", "rounds"): RoundsPredictor,
        ("beta-binomial", "continuous"): FlowPredictor,
        ("normal", "rounds"): CurvePredictor,
        ("negative-binomial", "continuous"): CurvePredictor,
    }
    for (likelihood, clock), kind in kinds.items():
        assert type(predictor(Specification(OneRateSI, LIKELIHOODS[likelihood], clock))) is kind


def test_rounds_by_hand():
    # Mean-field, in units of the window of 6: x = 0.005, 0.02, 0.08 (twice as long), 0.3; then 0.01 (twice), 0.035,
    # 0.09 (three times).
    data = observed()
    assert data.window == 6
    exposure = np.array([0.005, 0.02, 0.16, 0.3, 0.02, 0.035, 0.27]) / 6
    np.testing.assert_allclose(predicted(OneRateSI, data, {"beta": 9.0}), -9.0 * exposure, rtol=1e-13)
    steps = np.array([1, 1, 2, 1, 2, 1, 3]) / 6
    prediction = predicted(OnlineOfflineSI, data, {"beta": 9.0, "alpha": 0.6})
    np.testing.assert_allclose(prediction, -9.0 * exposure - 0.6 * steps, rtol=1e-13)
    end = np.concatenate([np.cumsum(exposure[:4]), np.cumsum(exposure[4:])])
    survival = 0.3 * np.exp(-20 * end) + 0.7 * np.exp(-5 * end)
    before = np.where(np.arange(7) % 4 == 0, 1.0, np.roll(survival, 1))
    prediction = predicted(TwoRateSI, data, {"beta_fast": 20.0, "beta_slow": 5.0, "weight_fast": 0.3})
    np.testing.assert_allclose(prediction, np.log(survival / before), rtol=1e-13)


@pytest.mark.parametrize(("columns", "closure"), NETWORKS[:2])
def test_flow_of_one_rate_is_the_exact_solution_at_any_times(columns, closure):
    # The population is so large that rounding to whole agents is 1e-12. β = 0.8, and intervals are 0.05 to 2 long.
    times = np.cumsum([0.0, 0.3, 1.1, 2.0, 0.05, 0.5, 1.7, 1.0, 2.0, 0.2, 1.5])
    prevalence = OneRateSI(0.8).solve(times, 0.01, closure)
    table = {"trajectory": 0, "time": times, "infected": np.round(1e12 * prevalence), "population": 10**12, **columns}
    name = "edge-based" if columns else "mean-field"
    data = observe(Trajectories(pd.DataFrame(table)), name, "continuous")
    prediction = predicted(OneRateSI, data, {"beta": 0.8 * data.window}, clock="continuous")
    exact = np.log(data.n_susceptible - data.incidence) - np.log(data.n_susceptible)
    # Four Runge-Kutta steps of length z = βΔ/4 in units of the rate: the error of each is z^5/120 at most. The error of
    # the curve is 1e-8 (tested with the models), relative to s = 0.004 at the end.
    limit = 4 * (0.8 * np.diff(times) / 4) ** 5 / 120 + 1e-8 / (1 - prevalence[1:])
    assert np.all(np.abs(prediction - exact) < limit)
    # Treated as rounds, with exposure from the start of the interval, the same data give large errors.
    rounds = observe(Trajectories(pd.DataFrame(table)), name)
    assert np.max(np.abs(predicted(OneRateSI, rounds, {"beta": 0.8 * data.window}) - exact) / limit) > 1000


@given(start=st.floats(-20, 10), rise=st.floats(1e-12, 5))
def test_logistic_mean_is_exact_along_logistic_curves(start, rise):
    a, b = expit(start), expit(start + rise)
    mean = float(logistic_mean(np.array([a]), np.array([b]))[0])
    if rise > 1e-4:
        # The integral of the logistic function is log(1 + exp(y)). The loss of digits is that of 1 - b.
        exact = (np.logaddexp(0, start + rise) - np.logaddexp(0, start)) / rise
        assert mean == pytest.approx(exact, abs=4 * np.finfo(float).eps / (1 - b) / min(rise, 1.0))
    else:
        # A nearly straight piece: errors of the order of rise².
        assert mean == pytest.approx(expit(start + rise / 2), rel=1e-8)


def test_logistic_mean_of_curves_that_reach_an_end_or_do_not_move_is_the_mean_of_the_ends():
    start, end = np.array([0.0, 0.4, 0.3, 1.0, 0.2]), np.array([0.2, 1.0, 0.3, 1.0, 0.2 + 1e-13])
    np.testing.assert_allclose(logistic_mean(start, end), [0.1, 0.7, 0.3, 1.0, 0.2], rtol=1e-12)


def curve_errors(model, columns, closure, clock, n_times):
    """Return predicted prevalence minus that of `solve`, from two starts, at n_times even times within 7 time units."""
    times = np.linspace(3, 10, n_times + 1)
    starts = (10, 25)
    parts = [
        pd.DataFrame(
            {"trajectory": i, "time": times, "infected": i + np.arange(n_times + 1), "population": 1000, **columns}
        )
        for i in starts
    ]
    data = observe(Trajectories(pd.concat(parts)), "edge-based" if columns else "mean-field", clock, whole_curve=True)
    values = medians(model)
    prevalence = predicted(model, data, values, "normal", clock)
    # Expected incidence is the increase of the prevalence.
    gained = np.diff(np.concatenate([[[0.01], [0.025]], prevalence.reshape(2, -1)], axis=1))
    np.testing.assert_allclose(
        predicted(model, data, values, "negative-binomial", clock).reshape(2, -1), 1000 * gained, rtol=1e-9, atol=1e-9
    )
    one = model(**{k: v / (7 if model.parameters()[k].is_rate else 1) for k, v in values.items()})
    return prevalence - np.concatenate([one.solve(times, i / 1000, closure, clock)[1:] for i in starts])


@pytest.mark.parametrize(("columns", "closure"), NETWORKS)
@pytest.mark.parametrize("model", MODELS)
def test_curve_in_rounds_is_that_of_solve(model, columns, closure):
    # An error of exposure acts like an error of the initial prevalence, which grows by 1 / (4 i0 (1 - i0)) = 25 at
    # most. The error of the table is 1e-9.
    errors = curve_errors(model, columns, closure, "rounds", 40)
    assert np.abs(errors).max() < 25e-9


@pytest.mark.parametrize(("columns", "closure"), NETWORKS[:3])
@pytest.mark.parametrize("model", MODELS)
def test_curve_in_continuous_time_is_that_of_solve_to_fourth_order(model, columns, closure):
    errors = [np.abs(curve_errors(model, columns, closure, "continuous", n)).max() for n in (20, 160, 320)]
    # 80 steps per window at growth rate r (10, and 16 where degrees differ): the error of the log prevalence is
    # (r/80)^5 / 120 per step, over log(100) / (r/80) steps: 6e-5 at most. That of the prevalence is a quarter.
    assert errors[0] < 1.5e-5
    assert 13 < errors[1] / errors[2] < 19


def test_trajectories_with_the_same_start_share_a_solution_unless_replicates_have_effects():
    a = pd.DataFrame({"trajectory": 0, "time": range(4), "infected": [5, 10, 20, 30], "population": 100})
    table = pd.concat([a, a.assign(trajectory=1), a.assign(trajectory=2, infected=[8, 9, 20, 20])])
    data = observe(Trajectories(table), "mean-field", whole_curve=True)
    shared = predictor(Specification(OneRateSI, LIKELIHOODS["normal"])).arrays(data)
    assert shared["node_susceptible0"] == pytest.approx([0.95, 0.92] * 4)
    np.testing.assert_array_equal(shared["node_end"], [2, 4, 6, 2, 4, 6, 3, 5, 7])
    separate = predictor(Specification(OneRateSI, LIKELIHOODS["normal"], replicate_effects=True)).arrays(data)
    np.testing.assert_array_equal(separate["node_start"], [0, 3, 6, 1, 4, 7, 2, 5, 8])
    np.testing.assert_array_equal(separate["solution_path"], [0, 1, 2])


@pytest.mark.parametrize(("likelihood", "clock"), KINDS)
@pytest.mark.parametrize(
    ("model", "values"),
    [
        (OneRateSI, {"beta": 9.0}),
        (GammaRateSI, {"beta": 9.0, "variation": 0.7}),
        (TwoRateSI, {"beta_fast": 20.0, "beta_slow": 5.0, "weight_fast": 0.3}),
    ],
)
def test_factors_of_replicates_multiply_rates(likelihood, clock, model, values):
    # Λ is always multiplied by a rate in these models, so a factor on exposure is a factor on rates.
    data, factors = observed(likelihood, clock), np.array([0.7, 1.6])
    prediction = predicted(model, data, values, likelihood, clock, factors)
    for path, factor in enumerate(factors):
        faster = {k: v * factor if model.parameters()[k].is_rate else v for k, v in values.items()}
        expected = predicted(model, data, faster, likelihood, clock)
        np.testing.assert_allclose(prediction[data.path == path], expected[data.path == path], rtol=1e-11)


@pytest.mark.parametrize(("likelihood", "clock"), KINDS)
def test_factors_of_replicates_do_not_change_the_background(likelihood, clock):
    data, values = observed(likelihood, clock), {"beta": 9.0, "alpha": 0.6}
    prediction = predicted(OnlineOfflineSI, data, values, likelihood, clock, np.array([0.7, 1.6]))
    for path, factor in enumerate((0.7, 1.6)):
        expected = predicted(OnlineOfflineSI, data, {"beta": 9.0 * factor, "alpha": 0.6}, likelihood, clock)
        np.testing.assert_allclose(prediction[data.path == path], expected[data.path == path], rtol=1e-11)


@pytest.mark.parametrize("effects", [False, True])
@pytest.mark.parametrize(("likelihood", "clock"), KINDS)
def test_predictions_of_many_draws_equal_those_of_single_draws(likelihood, clock, effects):
    data = observed(likelihood, clock)
    draws = {"beta_fast": [20.0, 9.0, 3.0], "beta_slow": [5.0, 8.0, 0.0], "weight_fast": [0.3, 0.6, 1.0]}
    factors = np.array([[0.7, 1.6], [1.0, 1.0], [2.0, 0.1]]) if effects else None
    columns = {name: np.array(values)[:, None] for name, values in draws.items()}
    prediction = predicted(TwoRateSI, data, columns, likelihood, clock, factors)
    assert prediction.shape == (3, data.size)
    for number, one in enumerate(prediction):
        values = {name: drawn[number] for name, drawn in draws.items()}
        alone = predicted(TwoRateSI, data, values, likelihood, clock, factors[number] if effects else None)
        np.testing.assert_allclose(one, alone, rtol=1e-13)


# The loop over a curve is the same for all models. One of these two depends on time, the other does not.
SAMPLED = [
    pytest.param(model, likelihood, clock, id=f"{name}-{likelihood}-{clock}")
    for likelihood, clock in KINDS
    for name, model in all_models().items()
    if LIKELIHOODS[likelihood].kind == "transition" or model in (TwoRateSI, OnlineOfflineSI)
]


@pytest.mark.parametrize(("model", "likelihood", "clock"), SAMPLED)
def test_sampled_predictions_equal_predictions_of_draws(model, likelihood, clock):
    data = observed(likelihood, clock, "edge-based", degrees="3:500 20:500")
    values, factors = medians(model), np.array([0.8, 1.3])
    formula = predictor(Specification(model, LIKELIHOODS[likelihood], clock, replicate_effects=True))
    arrays = formula.arrays(data)
    symbols = {name: pt.dvector(name) for name in arrays}, {name: pt.dscalar(name) for name in values}, pt.dvector()
    function = pytensor.function(
        [*symbols[0].values(), *symbols[1].values(), symbols[2]],
        formula.predict(*symbols, pt),
        mode=MODE,
        on_unused_input="ignore",
    )
    # The sums have another order. They have tens of steps, each rounded to 1e-16.
    expected = formula.predict(arrays, values, factors)
    np.testing.assert_allclose(function(*arrays.values(), *values.values(), factors), expected, rtol=1e-12, atol=1e-13)


def test_in_rounds_each_trajectory_moves_by_its_own_steps():
    tables = [
        pd.DataFrame({"trajectory": name, "time": np.arange(0, 13, step), "infected": 5, "population": 1000})
        for name, step in (("slow", 2), ("fast", 1))
    ]
    for table in tables:
        table["infected"] += np.arange(len(table))
    specification = Specification(OneRateSI, LIKELIHOODS["normal"])
    formula = predictor(specification)

    def predicted(*which):
        data = observe(Trajectories(pd.concat(which)), "mean-field", whole_curve=True)
        return formula.predict(formula.arrays(data), {"beta": np.array([[0.8 * data.window]])})[0]

    alone = predicted(tables[0])
    np.testing.assert_allclose(predicted(*tables)[: alone.size], alone, rtol=1e-12)
    expected = OneRateSI(0.8).solve(np.arange(0, 13, 2), 0.005, MeanField(), clock="rounds")
    np.testing.assert_allclose(alone, expected[1:], atol=1e-8)


def test_beyond_the_end_of_the_table_exposure_stays_as_it_is_there():
    from tworate.inference.likelihood.curve_table import exposure_rates, tabulated
    from tworate.models import RandomRegular

    closure, s0 = RandomRegular(8), 0.99
    rates, rises = tabulated([(s0, closure)])
    at = np.array([[-39.9], [-45.0], [-700.0]])
    found = exposure_rates(at, rates, rises).ravel()
    expected = closure.exposure_rate(s0 * np.exp(-39.9), s0)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
