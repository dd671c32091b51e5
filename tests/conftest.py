"""Fixtures shared by all tests."""

import itertools
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from tworate.models import Closure, SIModel
from tworate.simulate import CompleteNetwork, Trajectories, spread

NEED_TORCH = [
    "agents",
    "analysis",
    "integration/test_commands.py",
    "integration/test_mixed_population.py",
    "integration/test_multiverse.py",
    "integration/test_study.py",
    "real_model",
    "test_readme.py",
]
collect_ignore = [] if find_spec("torch") else NEED_TORCH
"""`make test-latest` installs no torch: several GB on most platforms."""


LONGEST = ("integration/", "test_docstrings.py", "test_compiled_density.py", "test_planning.py", "test_readme.py")


def pytest_report_header() -> list[str]:
    return [f"torch is missing; left out: {', '.join(collect_ignore)}"] if collect_ignore else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first: a worker that is given one of them last works alone at the end."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in LONGEST))


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


def simulated_study(
    *,
    seed: int,
    n_traits: int = 3,
    event_types: tuple[str, ...] = ("Battles", "Protests"),
    centre: tuple[float, ...] = (np.log(1.2), np.log(0.25), 0.0),
    effect_sd: float = 0.2,
    between: tuple[float, ...] = (0.15, 0.15, 0.2),
    agents: int = 200,
    replicates: int = 2,
    rounds: int = 40,
) -> tuple[pd.DataFrame, Trajectories, pd.DataFrame]:
    """A study by the agents themselves, of known effects: conditions, trajectories, and the truth by quantity and term.

    In a complete network an agent escapes a round with I sharers with probability (1 - c p)^I, which is
    exp(-β I / (N - 1)) for one β: rates of conditions are exactly what they are meant to be. With two rates each
    agent has the fast one with the probability that the weight says, anew in every replicate: a share that is the same
    in all would be known better than the model takes it to be.
    """
    rng = np.random.default_rng(seed)
    names = ("beta",) if len(centre) == 1 else ("beta_fast", "beta_slow", "weight_fast")
    of_trait = rng.normal(0.0, effect_sd, (n_traits, len(names)))
    of_type = rng.normal(0.0, effect_sd, (len(event_types), len(names)))
    of_type -= of_type.mean(axis=0)
    rows, tables = [], []
    profiles = itertools.product(itertools.product((-1, 1), repeat=n_traits), enumerate(event_types))
    for number, (traits, (kind, event_type)) in enumerate(profiles):
        own = rng.normal(0.0, between)
        theta = np.array(centre) + np.array(traits) @ of_trait + of_type[kind] + own
        rates = np.exp(theta[:2])
        visibility = 20.0 / agents
        for replicate in range(replicates):
            members = np.zeros(agents, dtype=int)
            if len(names) == 3:
                members = (rng.random(agents) >= 1.0 / (1.0 + np.exp(-theta[2]))).astype(int)
            made = spread(
                CompleteNetwork(agents),
                -np.expm1(-rates / (agents - 1))[:, None] / visibility,
                members,
                rounds=rounds,
                replicates=1,
                visibility=visibility,
                seed=[seed, number, replicate],
                conditions={"condition": number},
            )
            tables.append(made.table.assign(trajectory=replicate))
        rows.append({"condition": number, **dict(zip("OCEAN", traits, strict=False)), "event_type": event_type})
    truth = [("intercept", "", centre)]
    truth += [(trait, "high", effect) for trait, effect in zip("OCEAN", of_trait, strict=False)]
    truth += [("event_type", level, effect) for level, effect in zip(event_types, of_type, strict=True)]
    truth += [("between conditions (sd)", "", np.log(between))]
    known = pd.DataFrame(
        [
            (name, term, level, value)
            for term, level, values in truth
            for name, value in zip(names, values, strict=True)
        ],
        columns=["quantity", "term", "level", "value"],
    )
    return pd.DataFrame(rows), Trajectories(pd.concat(tables, ignore_index=True)), known


@pytest.fixture(scope="session")
def make_study():
    return simulated_study
