"""Leave-one-out by what does not depend on the machine: stacking weights."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from tworate.inference.loo.loo import Elpd, stacking_weights

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


def elpds(seed):
    rng = np.random.default_rng(seed)
    base = rng.normal(-2.0, 1.0, 36)
    return {name: Elpd(base + rng.normal(0.0, 0.5, 36), np.zeros(36), good_k=0.7, p_loo=1.0) for name in ("one", "two")}


def test_stacking_weights_do_not_depend_on_the_threads_of_the_machine():
    for seed in range(25):
        found = []
        for threads in (1, 2):
            with threadpool_limits(limits=threads, user_api="blas"):
                found.append(stacking_weights(elpds(seed)))
        assert found[0] == found[1], seed


def test_stacking_weights_maximise_the_score():
    for seed in range(5):
        of = elpds(seed)
        weights = stacking_weights(of)
        # The log score of the mixture, on a grid that is fine enough for the weight found.
        grid = np.linspace(0.0, 1.0, 2001)
        density = np.exp([of["one"].pointwise, of["two"].pointwise])
        score = np.log(np.outer(grid, density[0]) + np.outer(1 - grid, density[1])).sum(axis=1)
        mine = np.log(weights["one"] * density[0] + weights["two"] * density[1]).sum()
        assert mine == pytest.approx(score.max(), abs=1e-4)
