"""Solutions of the curve and their derivatives, against solutions by numpy and their finite differences."""

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from scipy.optimize import approx_fprime

from tworate.inference.data.observations import observe
from tworate.inference.likelihood.curve_solution import CurveSolution
from tworate.inference.likelihood.curve_table import SIZE, exposure_rates, looked_up, tabulated
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.predictor import predictor
from tworate.inference.likelihood.specification import Specification
from tworate.models import DegreeDistribution, MeanField, RandomRegular, all_models
from tworate.simulate import Trajectories

MODELS = [pytest.param(model, id=name) for name, model in all_models().items()]
NETWORKS = [
    pytest.param(MeanField(), id="mean-field"),
    pytest.param(RandomRegular(4), id="regular"),
    pytest.param(DegreeDistribution((3, 20), (0.5, 0.5)), id="uneven"),
]


def curves(clock):
    """Arrays of two curves with different starts. The second is shorter and has other uneven times."""
    a = {"trajectory": "a", "time": [0, 1, 2, 4, 5], "infected": [5, 20, 80, 300, 450]}
    b = {"trajectory": "b", "time": [0, 2, 3, 4], "infected": [20, 35, 90, 400]}
    table = pd.concat([pd.DataFrame(a), pd.DataFrame(b)]).assign(population=1000, degree=8)
    data = observe(Trajectories(table), "edge-based", clock, whole_curve=True)
    likelihood = LIKELIHOODS["normal"]
    return lambda model: predictor(Specification(model, likelihood, clock, True)).arrays(data)


@pytest.mark.parametrize("linker", ["py", "numba"])
@pytest.mark.parametrize("clock", ["rounds", "continuous"])
@pytest.mark.parametrize("model", MODELS)
def test_exposure_and_its_derivatives_equal_those_of_numpy(model, clock, linker):
    arrays = curves(clock)(model)
    steps, tables = arrays["step"], (arrays["table_rate"], arrays["table_rise"])
    values = np.array([float(spec.prior.distribution.median()) for spec in model.coordinates().values()])
    parameters = model.from_coordinates(dict(zip(model.coordinates(), values, strict=True)))
    at = np.array([parameters[name] for name in model.parameters()])
    factor = np.array([0.8, 1.3])

    by_factor, by_value = pt.dvector(), pt.dvector()
    exposure, _ = CurveSolution(model, clock)(steps, *tables, by_factor, by_value)
    weight = np.linspace(-1.0, 2.0, steps.size + factor.size)
    total = (weight * exposure).sum()
    outputs = [exposure, *pytensor.grad(total, [by_factor, by_value])]
    function = pytensor.function([by_factor, by_value], outputs, mode=Mode(linker=linker, optimizer="fast_run"))
    computed, slope_factor, slope_value = function(factor, at)

    def solved(point):
        formula = predictor(Specification(model, LIKELIHOODS["normal"], clock, True))
        return formula.solved(arrays, dict(zip(model.parameters(), point[2:], strict=True)), point[:2])

    point = np.concatenate([factor, at])
    np.testing.assert_allclose(computed, solved(point), rtol=1e-13)
    # Errors of central differences: h² and rounding / h.
    h = 1e-5 * point
    expected = [
        weight @ (solved(point + h * unit) - solved(point - h * unit)) / (2 * h[i])
        for i, unit in enumerate(np.eye(point.size))
    ]
    # A derivative that is 0 is so up to the rounding of the others.
    np.testing.assert_allclose(
        np.concatenate([slope_factor, slope_value]), expected, rtol=1e-7, atol=1e-11 * np.abs(expected).max()
    )


@pytest.mark.parametrize("closure", NETWORKS)
def test_a_table_is_the_closures_formula(closure):
    # Between the rows interpolation is worst. The second start is far above half of the population.
    susceptible0 = 0.95
    rates, rises = tabulated([(0.5, closure), (susceptible0, closure)])
    fallen = np.concatenate([[0.0], np.geomspace(1e-7, 39.0, 3001)])
    rates_by_table = exposure_rates(np.column_stack([-fallen, -fallen]), rates, rises)
    for column, start in enumerate((0.5, susceptible0)):
        expected = closure.exposure_rate(start * np.exp(-fallen), start)
        np.testing.assert_allclose(rates_by_table[:, column], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("closure", NETWORKS)
def test_slope_of_a_table_is_the_derivative_of_the_interpolated_rate(closure):
    rates, rises = tabulated([(0.95, closure)])
    for log_g in -np.geomspace(1e-4, 30.0, 200):
        slope = looked_up(log_g, rates, rises, 0)[1]
        difference = approx_fprime([log_g], lambda x: looked_up(x[0], rates, rises, 0)[0], 1e-7 * -log_g)
        assert slope == pytest.approx(difference[0], rel=1e-4, abs=1e-7)


def test_a_table_is_constant_beyond_its_ends_and_nan_stays_nan():
    rates, rises = tabulated([(0.9, MeanField())])
    # Rounding can make the survival function exceed 1.
    assert looked_up(1e-15, rates, rises, 0) == (rates[0], 0.0)
    last, slope = looked_up(-1e4, rates, rises, 0)
    assert (last, slope) == (pytest.approx(rates[SIZE - 1], abs=1e-12), 0.0)
    assert np.isnan(looked_up(np.nan, rates, rises, 0)[0])
