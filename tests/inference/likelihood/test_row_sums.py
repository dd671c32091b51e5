"""Weighted sums of the rows of a matrix, which is data: values and gradients equal numpy's; and what they predict."""

import itertools

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest

from tworate.inference.data.observations import observe
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.predictor import predictor
from tworate.inference.likelihood.specification import Specification
from tworate.inference.likelihood.vector_math import RowSums, VectorMath
from tworate.models import get_model
from tworate.simulate import Trajectories

MODES = ("NUMBA", "FAST_COMPILE")
SHAPES = [(1, 1), (30, 1), (1, 7), (30, 7)]
# The graph that is sampled, but not compiled to machine code. In Python a fused sum has no more than 32 terms.
MODE = pytensor.compile.mode.Mode(linker="py", optimizer="fast_run").excluding("fusion")


def compiled(mode):
    """Compile the sums, and the gradient of a weighted sum of their squares by the weights of the columns."""
    matrix, weights, upstream = (pt.dvector(name) for name in ("matrix", "weights", "upstream"))
    sums = VectorMath().row_sums(matrix, weights)
    slope = pytensor.gradient.grad((upstream * sums**2).sum(), weights)
    return pytensor.function([matrix, weights, upstream], [sums, slope], mode=mode)


@pytest.fixture(scope="module", params=MODES)
def row_sums(request):
    return compiled(request.param)


@pytest.mark.parametrize("shape", SHAPES)
def test_sums_are_those_of_numpy(row_sums, shape):
    rng = np.random.default_rng(1)
    matrix, weights, upstream = rng.normal(size=shape), rng.normal(size=shape[1]), rng.normal(size=shape[0])
    sums, slope = row_sums(matrix.ravel(), weights, upstream)
    # Seven terms of size 1 are added, in another order.
    np.testing.assert_allclose(sums, matrix @ weights, rtol=0, atol=1e-14)
    # By hand: the derivative of Σ u s² is Σ 2 u s times the row. Up to 30 terms of size 10 are added.
    np.testing.assert_allclose(slope, (2 * upstream * (matrix @ weights)) @ matrix, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_that_of_finite_differences(row_sums, shape):
    rng = np.random.default_rng(2)
    matrix, weights, upstream = rng.normal(size=shape), rng.normal(size=shape[1]), rng.normal(size=shape[0])
    slope = row_sums(matrix.ravel(), weights, upstream)[1]

    def total(at):
        return float((upstream * row_sums(matrix.ravel(), at, upstream)[0] ** 2).sum())

    step = 1e-4
    found = [(total(weights + step * unit) - total(weights - step * unit)) / (2 * step) for unit in np.eye(shape[1])]
    # The function is quadratic, so only rounding is left: 1e-14 over the step.
    np.testing.assert_allclose(slope, found, rtol=0, atol=1e-9)


def test_the_matrix_has_no_gradient_and_a_zero_weight_takes_its_column_out(row_sums):
    matrix, weights = pt.dvector(), pt.dvector()
    with pytest.raises(pytensor.gradient.DisconnectedInputError):
        pytensor.gradient.grad(RowSums()(matrix, weights).sum(), matrix)
    values = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    sums, slope = row_sums(values.ravel(), np.array([1.0, 0.0, 1.0]), np.ones(2))
    np.testing.assert_array_equal(sums, [5.0, 40.0])
    # A column whose weight is 0 still has a gradient: 2 (5 · 2 + 40 · 16).
    np.testing.assert_array_equal(slope, [650.0, 1300.0, 2600.0])


@pytest.mark.parametrize(
    ("name", "clock"),
    [
        *itertools.product(["one-rate+ageing", "two-rate+fading"], ["rounds", "continuous"]),
        ("gamma-rate+rhythm", "rounds"),
        ("one-rate+time-varying", "rounds"),
    ],
)
def test_sampled_predictions_with_a_structure_equal_those_of_draws(name, clock):
    a = {"trajectory": "a", "time": [3, 4, 5, 7, 8], "infected": [5, 20, 80, 300, 450], "population": 1000}
    b = {"trajectory": "b", "time": [0, 2, 3, 6], "infected": [10, 35, 90, 800], "population": 1000}
    model, table = get_model(name), pd.concat([pd.DataFrame(a), pd.DataFrame(b)])
    specification = Specification(model, LIKELIHOODS["binomial"], clock)
    trajectories = Trajectories(table)
    data = observe(trajectories, "mean-field", clock, axis=specification.axis, period=3.0)
    formula = predictor(specification)
    arrays = formula.arrays(data)
    rng = np.random.default_rng(1)
    draws = {n: spec.distribution.rvs(size=(3, 1), random_state=rng) for n, spec in model.coordinates().items()}
    values = model.from_coordinates(draws)
    expected = formula.predict(arrays, values)
    assert expected.shape == (3, data.size)
    # The weights that were drawn matter.
    plain = predictor(Specification(model.plain(), LIKELIHOODS["binomial"], clock))
    unweighted = plain.arrays(observe(trajectories, "mean-field", clock))
    of_plain = plain.predict(unweighted, {n: values[n] for n in model.plain().parameters()})
    assert np.abs(expected - of_plain).max() > 1e-3
    scalars = {n: pt.dscalar(n) for n in values}
    for namespace in (pt, VectorMath()):
        symbols = {n: pt.dvector(n) for n in arrays}
        function = pytensor.function(
            [*symbols.values(), *scalars.values()],
            formula.predict(symbols, scalars, None, namespace),
            mode=MODE,
            on_unused_input="ignore",
        )
        for number in range(3):
            found = function(*arrays.values(), *(float(v[number, 0]) for v in values.values()))
            # The sums have another order. They have tens of terms, each rounded to 1e-16.
            np.testing.assert_allclose(found, expected[number], rtol=1e-11, atol=1e-13)
