"""Fixtures shared by all tests."""

import numpy as np
import pandas as pd
import pytest

from tworate.models import Closure, SIModel


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory):
    """Tests, and the commands that they start, neither read nor fill the user's cache of answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWORATE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(20261120)


def model_trajectories(
    model: SIModel,
    closure: Closure,
    *,
    seed: int,
    degree: int | None,
    population: int = 1000,
    replicates: int = 10,
    rounds: int = 40,
    dispersion: float = 0.0,
) -> pd.DataFrame:
    """Trajectories drawn from a model itself."""
    times = np.arange(rounds + 1)
    infected = model.simulate(
        times,
        population=population,
        infected0=5,
        closure=closure,
        rng=np.random.default_rng(seed),
        replicates=replicates,
        dispersion=dispersion,
    )
    table = pd.DataFrame(
        {
            "trajectory": np.repeat(np.arange(replicates), rounds + 1),
            "time": np.tile(times, replicates),
            "infected": infected.ravel(),
            "population": population,
        }
    )
    return table if degree is None else table.assign(degree=degree)


@pytest.fixture(scope="session")
def make_trajectories():
    return model_trajectories
