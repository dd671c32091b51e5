"""The contract with nutpie: which density it samples, and what its traces hold.

`make test-nutpie` runs these tests on every version of nutpie.
"""

import time
from dataclasses import dataclass

import numpy as np
import pytest
from numba import carray, cfunc
from numba.types import CPointer, float64, int64, uint64
from scipy import stats

from tworate.errors import JobError
from tworate.inference.posterior import nutpie_adapter
from tworate.inference.posterior.nutpie_adapter import STATISTICS, NutpieRun, SamplerModel

POINTER = CPointer(float64)
MEAN, SD = np.array([1.0, -2.0, 0.5]), np.array([0.5, 3.0, 1.0])


@cfunc(int64(uint64, POINTER, POINTER, POINTER, CPointer(POINTER)))
def normal_density(dim, point, gradient, value, data):
    """Independent normal densities. The data are means, then standard deviations."""
    at, slope, moments = carray(point, (dim,)), carray(gradient, (dim,)), carray(data[0], (2 * dim,))
    total = 0.0
    for i in range(dim):
        z = (at[i] - moments[i]) / moments[dim + i]
        total -= 0.5 * z * z
        slope[i] = -z / moments[dim + i]
    value[0] = total
    return 0


@cfunc(int64(uint64, POINTER, POINTER, POINTER, CPointer(POINTER)))
def nowhere(dim, point, gradient, value, data):
    """A density that is not finite at any point."""
    return 1


def model(density=normal_density, **changes):
    settings = {
        "name": "three normals",
        "density": density,
        "buffer": np.concatenate([MEAN, SD]),
        "shapes": {"a": (), "b": (2,)},
        "initial_point": lambda seed: np.random.default_rng(seed).normal(size=3),
    }
    return SamplerModel(**{**settings, **changes})


def run(sampler_model=None, **changes):
    settings = {"chains": 4, "tune": 300, "draws": 1000, "target_accept": 0.8, "max_tree_depth": 6, "low_rank": True}
    return NutpieRun(model() if sampler_model is None else sampler_model, seed=3, **{**settings, **changes})


@pytest.mark.parametrize("low_rank", [False, True])
def test_draws_follow_the_density_with_its_data(low_rank):
    trace = run(low_rank=low_rank).wait()
    assert {name: values.shape for name, values in trace.draws.items()} == {"a": (4, 1000, 1), "b": (4, 1000, 2)}
    draws = np.concatenate([trace.draws["a"], trace.draws["b"]], axis=2).reshape(-1, 3)
    for column, mean, sd in zip(draws.T, MEAN, SD, strict=True):
        # Every fourth draw is nearly independent of the previous one.
        assert stats.kstest(column[::4], stats.norm(mean, sd).cdf).pvalue > 1e-3
    # The same compiled density with other data gives other draws.
    moved = run(model(buffer=np.concatenate([MEAN + 100.0, SD]))).wait()
    assert moved.draws["a"].mean() > 99.0


def test_statistics_are_those_of_the_returned_draws():
    trace = run(max_tree_depth=3).wait()
    assert set(trace.statistics) == set(STATISTICS)
    assert all(values.shape == (4, 1000) for values in trace.statistics.values())
    assert trace.statistics["diverging"].dtype == bool
    # Maximum tree depth 3: at most 2^3 - 1 leapfrog steps per draw.
    assert 1 <= trace.statistics["n_steps"].min() <= trace.statistics["n_steps"].max() == 7
    values = np.concatenate([trace.draws["a"], trace.draws["b"]], axis=2)
    np.testing.assert_allclose(trace.statistics["logp"], -0.5 * (((values - MEAN) / SD) ** 2).sum(axis=2), rtol=1e-9)


def test_seeds_determine_the_draws():
    first, repeated, other = (NutpieRun(model(), seed=seed, chains=2, tune=50, draws=20, target_accept=0.8,
                                     max_tree_depth=6, low_rank=False).wait() for seed in (3, 3, 4))  # fmt: skip
    np.testing.assert_array_equal(first.draws["b"], repeated.draws["b"])
    assert not np.array_equal(first.draws["b"], other.draws["b"])


def test_a_run_can_be_aborted_even_after_it_has_ended():
    endless = run(draws=10_000_000)
    endless.abort()
    endless.abort()
    ended = run(draws=20)
    ended.wait()
    ended.abort()


def test_the_error_of_a_sampler_that_gives_up_names_the_model():
    with pytest.raises(JobError, match="the sampler gave up on the three normals model"):
        run(model(density=nowhere)).wait()


def test_no_chain_goes_on_after_a_sampler_has_given_up():
    drawn = []

    def start(seed):
        drawn.append(seed)
        return np.zeros(3)

    with pytest.raises(JobError):
        run(model(density=nowhere, initial_point=start)).wait()
    # A chain that drew start points while this process ended would crash it.
    n_drawn = len(drawn)
    time.sleep(0.3)
    assert len(drawn) == n_drawn


@dataclass
class LaterModel:
    """The constructor of a future nutpie."""

    compiled_logp_func: object
    novelty: int


def test_the_error_for_a_nutpie_that_needs_more_arguments_names_its_version(monkeypatch):
    monkeypatch.setattr(nutpie_adapter, "CompiledPyMCModel", LaterModel)
    with pytest.raises(JobError, match=r"nutpie .* asks for novelty, which this version of tworate does not know"):
        run()
