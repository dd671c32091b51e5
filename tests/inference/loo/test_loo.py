"""Results computed from leave-one-out: refits, standard errors, and stacking weights."""

from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tworate.inference.data.observations import AgentUnits
from tworate.inference.loo import loo
from tworate.inference.loo.loo import Elpd, elpd_difference, refit_bad, stacking_weights

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


def elpds(seed):
    rng = np.random.default_rng(seed)
    base = rng.normal(-2.0, 1.0, 36)
    return {name: Elpd(base + rng.normal(0.0, 0.5, 36), np.zeros(36), good_k=0.7, p_loo=1.0) for name in ("one", "two")}


def test_stacking_weights_do_not_depend_on_the_threads_of_the_machine():
    for seed in range(25):
        weights = []
        for threads in (1, 2):
            with threadpool_limits(limits=threads, user_api="blas"):
                weights.append(stacking_weights(elpds(seed)))
        assert weights[0] == weights[1], seed


def test_stacking_weights_maximise_the_score():
    for seed in range(5):
        by_model = elpds(seed)
        weights = stacking_weights(by_model)
        # The log score of the mixture on a fine grid of weights.
        grid = np.linspace(0.0, 1.0, 2001)
        density = np.exp([by_model["one"].pointwise, by_model["two"].pointwise])
        score = np.log(np.outer(grid, density[0]) + np.outer(1 - grid, density[1])).sum(axis=1)
        achieved = np.log(weights["one"] * density[0] + weights["two"] * density[1]).sum()
        assert achieved == pytest.approx(score.max(), abs=1e-4)


def test_a_refit_moves_elpd_and_p_loo_by_the_same_amount():
    elpd = Elpd(np.array([-1.0, -2.0, -3.0]), np.array([0.1, 0.9, 0.8]), good_k=0.7, p_loo=1.5)
    assert list(elpd.high_k_units) == [1, 2]
    exact = {1: -2.5, 2: None}
    mended = elpd.refitted(elpd.high_k_units, exact.get)
    # p_loo is lpd - elpd, and the lpd of the fitted data does not change: p_loo rises by as much as elpd falls.
    assert (mended.elpd_loo, mended.p_loo) == (-6.5, 2.0)
    np.testing.assert_array_equal(mended.pareto_k, [0.1, np.nan, 0.8])
    assert (mended.n_refitted, list(mended.high_k_units)) == (1, [2])
    # The original object does not change.
    assert (elpd.elpd_loo, elpd.p_loo, elpd.n_refitted) == (-6.0, 1.5, 0)


def test_standard_errors_are_those_of_sums():
    values = np.random.default_rng(1).normal(size=50)
    elpd = Elpd(values, np.zeros(50), good_k=0.7, p_loo=1.0)
    expected = np.sqrt(((values - values.mean()) ** 2).sum())
    assert elpd.se == pytest.approx(expected)
    assert elpd_difference(values, np.zeros(50)) == (pytest.approx(values.sum()), pytest.approx(expected))


def test_units_whose_density_underflows_are_weighted_all_the_same():
    of = elpds(1)
    far = {name: Elpd(elpd.pointwise - 5000.0, elpd.pareto_k, 0.7, 1.0) for name, elpd in of.items()}
    assert stacking_weights(far) == pytest.approx(stacking_weights(of), abs=1e-4)


@pytest.mark.parametrize(("number", "expected"), [(0, [1.0, 0.75, 0.75]), (1, [0.8, 1.0, 1.0])])
def test_leaving_one_agent_out_takes_one_of_its_type(number, expected, monkeypatch):
    # Type 0: four agents that shared, with a row for each part. Type 1: five agents that did not share.
    units = AgentUnits(np.array([1, 0]), np.array([2, -1]), np.array([0] * 4 + [1] * 5), None, None)
    data = SimpleNamespace(units=units, weight=np.ones(3), n_susceptible=np.array([5, 4, 4]), size=3)
    elpd = Elpd(np.array([-1.0, -2.0]), np.where(np.arange(2) == number, 0.9, 0.1), good_k=0.7, p_loo=1.0)
    # The data are copied with other weights; only those matter here.
    monkeypatch.setattr(loo.dataclasses, "replace", lambda _, weight: weight)
    seen = []

    def refitted(without):
        seen.append(without)
        return np.full((10, 2), -3.0)

    mended = refit_bad(elpd, data, "agent", refitted, most=1)
    np.testing.assert_allclose(seen[0], expected)
    counts = (4, 5)
    assert mended.pointwise[number] == -3.0
    assert mended.p_loo == pytest.approx(1.0 + counts[number] * (elpd.pointwise[number] + 3.0))
