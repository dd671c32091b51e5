"""Closures against independent edge-based compartmental equations, arithmetic of many digits, and the simulator."""

from collections import Counter

import mpmath
import networkx as nx
import numpy as np
import pytensor.tensor as pt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.stats import t as student

from tworate.models import DegreeDistribution, MeanField, OneRateSI, RandomRegular
from tworate.models.closures import recorded_exposure_rate
from tworate.simulate import from_graph, spread

SCALE_FREE = DegreeDistribution.from_counts(
    {int(k): float(k) ** -2.5 for k in np.unique(np.geomspace(3, 1e5, 350) // 1)}
)
UNEVEN = DegreeDistribution.from_counts({3: 1, 20: 1})
WITH_ISOLATED = DegreeDistribution.from_counts({0: 1, 1: 2, 2: 3, 8: 4})
CLOSED = [
    pytest.param(closure, id=name)
    for name, closure in {
        "mean-field": MeanField(),
        "regular": RandomRegular(4),
        "scale-free": SCALE_FREE,
        "uneven": UNEVEN,
        "with-isolated": WITH_ISOLATED,
    }.items()
]


@pytest.mark.parametrize("degree", [3, 4, 8, 32])
def test_edge_based_closure_is_the_edge_based_system_of_one_rate(degree):
    # θ' = -b (θ - s0 θ^(k-1)), s = s0 θ^k with b = β/k: Miller, Slim & Volz (2012), without recovery.
    beta, s0, times = 0.8, 0.99, np.linspace(0, 25, 26)
    reference = solve_ivp(
        lambda _, theta: -(beta / degree) * (theta - s0 * theta ** (degree - 1)),
        (0, 25),
        [1.0],
        t_eval=times,
        rtol=1e-11,
        atol=1e-13,
    )
    prevalence = 1 - s0 * reference.y[0] ** degree
    np.testing.assert_allclose(OneRateSI(beta).solve(times, 1 - s0, RandomRegular(degree)), prevalence, atol=1e-8)


@pytest.mark.parametrize("closure", [UNEVEN, WITH_ISOLATED, SCALE_FREE], ids=["uneven", "with-isolated", "scale-free"])
def test_degree_distribution_is_the_edge_based_system_of_one_rate(closure):
    # θ' = -b (θ - s0 Ψ'(θ)/Ψ'(1)), s = s0 Ψ(θ) with b = β/<k>, as polynomials.
    beta, s0, times = 0.8, 0.99, np.linspace(0, 60, 31)
    k, p = np.array(closure.degrees), np.array(closure.probabilities)
    mean = p @ k

    def right_side(_, theta):
        # 0^(-1) occurs only with the factor k = 0.
        return -(beta / mean) * (theta - s0 * (p * k) @ theta ** np.maximum(k - 1, 0) / mean)

    reference = solve_ivp(right_side, (0, 60), [1.0], t_eval=times, method="LSODA", rtol=1e-11, atol=1e-13)
    prevalence = 1 - s0 * (p @ reference.y[0] ** k[:, None])
    np.testing.assert_allclose(OneRateSI(beta).solve(times, 1 - s0, closure), prevalence, atol=2e-8)


@pytest.mark.parametrize("one_less_theta", ["1e-9", "1e-5", "1e-3", "0.1", "0.5", "0.99", "0.9999"])
def test_degree_distribution_agrees_with_many_digits(one_less_theta):
    # About 340 degrees from 3 to 100,000. The definitions give s and x from θ, so that no equation has to be solved.
    with mpmath.workdps(50):
        theta, s0 = 1 - mpmath.mpf(one_less_theta), mpmath.mpf(0.999)
        total = mpmath.fsum(SCALE_FREE.probabilities)
        psi = mpmath.fdot(SCALE_FREE.probabilities, [theta**k for k in SCALE_FREE.degrees]) / total
        terms = [(p, k * theta ** (k - 1)) for k, p in zip(SCALE_FREE.degrees, SCALE_FREE.probabilities, strict=True)]
        slope = mpmath.fdot(terms) / total
        mean = mpmath.fdot(SCALE_FREE.degrees, SCALE_FREE.probabilities) / total
        s, x = float(s0 * psi), float(slope / (mean * psi) * (theta - s0 * slope / mean))
    assert s > 1e-13
    # Near the start, s is rounded to 16 digits of 1, and x = 0.001.
    assert float(SCALE_FREE.exposure_rate(s, 0.999)) == pytest.approx(x, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("degree", [2, 3, 8, 100_000])
def test_one_degree_is_random_regular(degree):
    s, s0 = np.geomspace(1e-12, 0.99, 40), 0.99
    one, regular = DegreeDistribution((degree,), (1.0,)), RandomRegular(degree)
    np.testing.assert_allclose(one.exposure_rate(s, s0), regular.exposure_rate(s, s0), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(one.elasticity(s, s0), regular.elasticity(s, s0), rtol=1e-12, atol=1e-14)


def test_edge_based_tends_to_mean_field_as_one_over_k():
    s, s0 = np.linspace(0.01, 0.99, 50), 0.99
    gaps = [np.abs(RandomRegular(k).exposure_rate(s, s0) - MeanField().exposure_rate(s, s0)).max() for k in (1e3, 1e6)]
    assert gaps[0] / gaps[1] == pytest.approx(1e3, rel=0.01)


def test_narrow_distribution_of_large_degrees_tends_to_mean_field():
    s, s0 = np.linspace(0.01, 0.99, 50), 0.99
    narrow = DegreeDistribution((999_999, 1_000_000, 1_000_001), (0.25, 0.5, 0.25))
    np.testing.assert_allclose(narrow.exposure_rate(s, s0), MeanField().exposure_rate(s, s0), atol=1e-5)


@pytest.mark.parametrize("closure", [RandomRegular(8), UNEVEN, SCALE_FREE], ids=["regular", "uneven", "scale-free"])
def test_edge_based_exposure_starts_at_the_share_of_sharing_neighbours(closure):
    assert closure.exposure_rate(0.9, 0.9) == pytest.approx(0.1)


def test_exposure_is_zero_where_the_spread_cannot_reach():
    # Half of the agents have no neighbour, so s stays above s0 / 2. Pairs of agents with 1 neighbour are not reached.
    half_isolated = DegreeDistribution((0, 4), (0.5, 0.5))
    s = np.array([0.0, 1e-300, 1e-12, 0.3, 0.495])
    for closure in (half_isolated, WITH_ISOLATED):
        unreachable = s[: 4 if closure is half_isolated else 3]
        np.testing.assert_array_equal(closure.exposure_rate(unreachable, 0.99), 0.0)
        np.testing.assert_array_equal(closure.slope(unreachable, 0.99), 0.0)
    assert half_isolated.exposure_rate(0.4951, 0.99) > 0
    last = OneRateSI(1.0).solve([0, 200], 0.01, WITH_ISOLATED)[-1]
    assert WITH_ISOLATED.exposure_rate(1 - last + 0.01, 0.99) > 0.01
    assert WITH_ISOLATED.exposure_rate(1 - last, 0.99) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("closure", CLOSED)
def test_slope_and_elasticity_agree_with_finite_differences(closure):
    s, s0, step = np.geomspace(0.2, 0.95, 12), 0.99, 1e-4
    x = [np.asarray(closure.exposure_rate(s * np.exp(j * step), s0)) for j in (-2, -1, 1, 2)]
    slope = (x[0] - 8 * x[1] + 8 * x[2] - x[3]) / (12 * step)
    # The difference is of fourth order. Its error is the rounding of x, about 1e-16, divided by the step.
    np.testing.assert_allclose(closure.slope(s, s0), slope, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(
        closure.elasticity(s, s0), -slope / (1 - closure.exposure_rate(s, s0)), rtol=1e-7, atol=1e-9
    )


@pytest.mark.parametrize("closure", [MeanField(), RandomRegular(5)], ids=["mean-field", "regular"])
def test_a_constant_elasticity_updates_an_exposure_exactly(closure):
    start, end, s0 = 0.8, 0.3, 0.95
    moved = 1 - (1 - closure.exposure_rate(start, s0)) * (end / start) ** closure.elasticity(start, s0)
    assert moved == pytest.approx(closure.exposure_rate(end, s0), rel=1e-14)


@given(
    counts=st.dictionaries(st.integers(0, 100_000), st.floats(1e-9, 1e9), min_size=1, max_size=30).filter(
        lambda counts: set(counts) != {0}
    ),
    log_s=st.lists(st.floats(np.log(1e-12), 0.0), min_size=1, max_size=10),
    s0=st.floats(1e-6, 1.0, exclude_max=True),
)
def test_exposure_of_any_degrees_lies_in_the_unit_interval_and_has_finite_slopes(counts, log_s, s0):
    closure = DegreeDistribution.from_counts(counts)
    s = s0 * np.exp(log_s)
    x, slope, elasticity = closure.exposure_rate(s, s0), closure.slope(s, s0), closure.elasticity(s, s0)
    assert np.all((x >= 0) & (x <= 1))
    assert np.all(np.isfinite(slope) & np.isfinite(elasticity))
    # Solving for θ one value at a time gives the same exposure.
    one_by_one = [float(closure.exposure_rate(v, s0)) for v in s]
    np.testing.assert_allclose(x, one_by_one, rtol=1e-9, atol=1e-12)


def networks(kind, n_networks, n_agents):
    for seed in range(n_networks):
        if kind == "erdos-renyi":
            graph = nx.gnm_random_graph(n_agents, 4 * n_agents, seed=seed)
        else:
            stubs = np.random.default_rng(seed).permutation(np.repeat(np.arange(n_agents), [3, 20] * (n_agents // 2)))
            graph = nx.empty_graph(n_agents)
            graph.add_edges_from(stubs.reshape(-1, 2).tolist())
            graph.remove_edges_from(list(nx.selfloop_edges(graph)))
        yield from_graph(graph, name=kind)


@pytest.mark.parametrize(("kind", "q", "wrong_z"), [("erdos-renyi", 0.1, 20), ("uneven", 0.05, 50)])
def test_exposure_of_a_degree_distribution_is_what_the_simulator_counts(kind, q, wrong_z):
    # One run on each of 16 networks of 6000 agents with 2% seeds. The difference of the recorded exposure and the
    # closure's exposure at the observed s is in standard errors over networks. The wrong closure, which uses only the
    # mean degree, must fail the same test.
    n, rounds = 6000, 16
    differences = {"right": [], "wrong": []}
    for seed, network in enumerate(networks(kind, 16, n)):
        run = spread(network, [[q]], visibility=1.0, rounds=rounds, replicates=1, initial_sharers=n // 50, seed=seed)
        s = 1 - run.table["infected"].to_numpy() / n
        s, si_edges = s[s > 0.02], run.table["si_edges"].to_numpy()[s > 0.02]
        recorded = si_edges / (network.mean_degree * n * s)
        closure = DegreeDistribution.from_counts(Counter(network.degrees.tolist()))
        for name, candidate in (("right", closure), ("wrong", RandomRegular(network.mean_degree))):
            differences[name].append((recorded - candidate.exposure_rate(s, s[0]))[:rounds])
    shortest = min(map(len, differences["right"]))
    assert shortest >= 8
    z = {}
    for name, by_network in differences.items():
        table = np.array([difference[:shortest] for difference in by_network])
        z[name] = np.abs(table.mean(axis=0) / (table.std(axis=0, ddof=1) / np.sqrt(len(table))))
    # Student's t with 15 degrees of freedom, Bonferroni over the rounds: exceeded by chance once in 1000 runs.
    assert z["right"].max() < student.ppf(1 - 0.0005 / shortest, 15), z["right"]
    assert z["wrong"].max() > wrong_z


def test_degree_distribution_from_counts_of_a_network():
    closure = DegreeDistribution.from_counts({8: 3, 2: 1, 5: 0})
    assert closure.degrees == (2, 5, 8)
    assert closure.probabilities == (0.25, 0.0, 0.75)
    assert closure.mean_degree == pytest.approx(6.5, rel=1e-15)
    assert closure == DegreeDistribution.from_counts({2: 10, 5: 0, 8: 30})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DegreeDistribution((1, 2), (1.0,)), "give one each"),
        (lambda: DegreeDistribution((), ()), "give one each"),
        (lambda: DegreeDistribution((-1, 2), (0.5, 0.5)), "at least 0"),
        (lambda: DegreeDistribution((1, float("nan")), (0.5, 0.5)), "finite"),
        (lambda: DegreeDistribution((1, 2), (0.5, 0.6)), "sum to 1"),
        (lambda: DegreeDistribution((1, 2), (-0.5, 1.5)), "sum to 1"),
        (lambda: DegreeDistribution((1, 2), (float("nan"), 1.0)), "sum to 1"),
        (lambda: DegreeDistribution((0,), (1.0,)), "nobody has a neighbour"),
        (lambda: DegreeDistribution.from_counts({}), "there must be agents"),
        (lambda: DegreeDistribution.from_counts({4: -2, 5: 3}), "at least 0"),
    ],
)
def test_invalid_degree_distributions_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_degree_distribution_says_that_it_needs_numpy():
    with pytest.raises(TypeError, match=r"not pytensor\.tensor"):
        UNEVEN.exposure_rate(pt.dscalar(), 0.99, xp=pt)


def test_recorded_exposure_counts_edges_and_is_zero_without_susceptibles():
    rate = recorded_exposure_rate(np.array([24.0, 0.0]), np.array([8.0, 8.0]), np.array([10.0, 0.0]))
    np.testing.assert_array_equal(rate, [0.3, 0.0])
