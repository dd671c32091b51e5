"""Trajectories of other simulators, brought as people bring them: a table."""

import warnings

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from tworate import compare

with warnings.catch_warnings():
    # They use names that SciPy and others will take away.
    warnings.simplefilter("ignore")
    import EoN
    import ndlib.models.epidemics as ndlib_models
    from ndlib.models.ModelConfig import Configuration

pytestmark = pytest.mark.integration

N, DEGREE, STARTERS = 1000, 8, 10


def table(times, curves):
    return pd.DataFrame(
        {
            "trajectory": np.repeat(np.arange(len(curves)), len(times)),
            "time": np.tile(times, len(curves)),
            "infected": np.concatenate(curves),
            "population": N,
            "degree": DEGREE,
        }
    )


def by_ndlib(probability, rounds, replicates):
    """Synchronous rounds: every sharing neighbour persuades with a probability."""
    curves = []
    for seed in range(replicates):
        # It draws from the global generators.
        np.random.seed(seed)  # noqa: NPY002
        model = ndlib_models.SIModel(nx.random_regular_graph(DEGREE, N, seed=seed), seed=seed)
        configuration = Configuration()
        configuration.add_model_parameter("beta", probability)
        starters = np.random.default_rng(seed).choice(N, STARTERS, replace=False)
        configuration.add_model_initial_configuration("Infected", starters.tolist())
        model.set_initial_status(configuration)
        curves.append([each["node_count"][1] for each in model.iteration_bunch(rounds + 1)])
    return table(np.arange(rounds + 1), curves)


def by_eon(rates, times, replicates):
    """Continuous time, sampled: every edge to a sharer persuades its agent at a rate, drawn for the agent from some."""
    curves = []
    for seed in range(replicates):
        network = nx.random_regular_graph(DEGREE, N, seed=seed)
        rng = np.random.default_rng(seed)
        of_agent = rng.permutation(np.resize(rates, N))
        at, _, infected, *_ = EoN.fast_nonMarkov_SIR(
            network,
            trans_time_fxn=lambda _, target: rng.exponential(1 / of_agent[target]),  # noqa: B023
            rec_time_fxn=lambda _: np.inf,
            initial_infecteds=rng.choice(N, STARTERS, replace=False).tolist(),
            tmax=times[-1],
        )
        curves.append(infected[np.searchsorted(at, times, side="right") - 1])
    return table(times, curves)


def test_rounds_of_ndlib_have_one_rate():
    data = by_ndlib(0.05, rounds=25, replicates=5)
    (result,) = compare(data, structures="unreachable", seed=1).conditions
    assert (result.verdict, result.closure) == ("one-rate", "edge-based")
    assert result.elpd_diff <= 4


@pytest.mark.parametrize(("rates", "verdict"), [((0.05,), "one-rate"), ((0.12, 0.02), "two-rate")])
def test_continuous_time_of_eon_has_the_rates_that_its_agents_have(rates, verdict):
    data = by_eon(rates, np.linspace(0.0, 30.0, 16), replicates=4)
    (result,) = compare(data, clock="continuous", structures="none", seed=1).conditions
    assert (result.verdict, result.closure) == (verdict, "edge-based"), result.reasons
    if verdict == "one-rate":
        # The rate is per eight contacts.
        row = result.models["one-rate"].parameters.loc["beta"]
        assert abs(row["mean"] - 8 * 0.05) < 4 * row["sd"]
