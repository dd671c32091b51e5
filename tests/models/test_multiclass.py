"""The multi-class system against its special cases, other solvers, and the simulator."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.stats import t as student

from tworate.models import MultiClass, OneRateSI, RandomRegular, TwoRateSI
from tworate.simulate import random_regular, spread

TWO = MultiClass(rates=(1.6, 0.4), fractions=(0.3, 0.7), degree=4)


@pytest.mark.parametrize("degree", [2, 3, 8])
def test_equal_rates_are_one_rate(degree):
    times = np.linspace(0, 40, 41)
    same = MultiClass((0.7, 0.7, 0.7), (0.2, 0.3, 0.5), degree)
    np.testing.assert_allclose(
        same.solve(times, 0.01), OneRateSI(0.7).solve(times, 0.01, RandomRegular(degree)), atol=1e-8
    )


def test_many_neighbours_are_two_rate_under_mean_field():
    times = np.linspace(0, 20, 21)
    exact = MultiClass((1.6, 0.4), (0.3, 0.7), 1e6).solve(times, 0.01)
    np.testing.assert_allclose(exact, TwoRateSI(1.6, 0.4, 0.3).solve(times, 0.01, RandomRegular(1e6)), atol=1e-5)


def test_solution_and_orbit_agree_with_another_solver_of_theta():
    times, s0 = np.linspace(0, 30, 31), 0.99
    b, f, k = np.array(TWO.rates) / 4, np.array(TWO.fractions), 4
    theta = solve_ivp(
        lambda _, theta: -b * (theta - s0 * f @ theta ** (k - 1)),
        (0, 30), [1.0, 1.0], t_eval=times, method="DOP853", rtol=1e-11, atol=1e-13,
    ).y  # fmt: skip
    s = s0 * f @ theta**k
    np.testing.assert_allclose(TWO.solve(times, 0.01), 1 - s, atol=1e-8)
    # A susceptible agent of class a has k (θ_a - φ) / θ_a sharing neighbours, φ = s0 Σ f_c θ_c^(k-1).
    sharing = s0 * f[:, None] * theta ** (k - 1) * (theta - s0 * f @ theta ** (k - 1))
    orbit = TWO.orbit(s, 0.01)
    np.testing.assert_allclose(orbit.exposure_rate, sharing.sum(axis=0) / s, rtol=1e-6)
    np.testing.assert_allclose(orbit.force_of_infection, np.array(TWO.rates) @ sharing / s, rtol=1e-6)


def test_small_rounds_tend_to_continuous_time_at_first_order():
    coarse = [TWO.solve(np.linspace(0, 8, n + 1), 0.01, clock="rounds")[-1] for n in (1000, 2000, 4000)]
    exact = TWO.solve([0, 8], 0.01)[-1]
    errors = np.abs(np.array(coarse) - exact)
    order = np.polyfit(np.log([1000, 2000, 4000]), np.log(errors), 1)[0]
    assert order == pytest.approx(-1.0, abs=0.02)


def test_one_class_in_rounds_escapes_each_neighbour_independently():
    # A susceptible agent has k neighbours that share independently with probability x, and escapes each with 1 - q x.
    q, k = 0.12, 8
    susceptible = 1 - MultiClass((-k * np.log1p(-q),), (1.0,), k).solve(np.arange(15), 0.01, clock="rounds")
    x = RandomRegular(k).exposure_rate(susceptible[:-1], 0.99)
    np.testing.assert_allclose(susceptible[1:], susceptible[:-1] * (1 - q * x) ** k, rtol=1e-12)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e6])
def test_orbit_agrees_with_the_solution_in_any_unit_of_time(unit):
    model = MultiClass((1.6 / unit, 0.4 / unit), (0.3, 0.7), 4)
    times = unit * np.linspace(0, 30, 31)
    susceptible = 1 - model.solve(times, 0.01)
    orbit = model.orbit(susceptible[::-1], 0.01)
    np.testing.assert_allclose(orbit.time[::-1], times, rtol=1e-7, atol=1e-8 * unit)
    # The force of infection is the slope of -log s in time, and Λ integrates x.
    around = [np.log(1 - model.solve([0, t - 1e-4 * unit, t + 1e-4 * unit], 0.01)[1:]) for t in times[5:25:5]]
    np.testing.assert_allclose(
        orbit.force_of_infection[::-1][5:25:5], [(a - b) / (2e-4 * unit) for a, b in around], rtol=2e-5
    )
    fine = np.linspace(0, times[-1], 20_001)
    x = RandomRegular(4).exposure_rate(1 - model.solve(fine, 0.01), 0.99)
    assert orbit.exposure[0] == pytest.approx(np.trapezoid(x, fine), rel=1e-6)


def test_hazard_at_a_susceptible_fraction_starts_at_the_mean_rate_and_ends_near_the_slow_one():
    hazard = TWO.hazard_at([0.99, 0.5, 1e-6], 0.01)
    assert hazard[0] == pytest.approx(0.3 * 1.6 + 0.7 * 0.4, rel=1e-12)
    assert hazard[0] > hazard[1] > hazard[2] == pytest.approx(0.4, rel=0.01)
    one = MultiClass((0.7, 0.7), (0.5, 0.5), 4)
    np.testing.assert_allclose(one.hazard_at([0.9, 0.5, 1e-9], 0.01), 0.7, rtol=1e-9)


def test_orbit_ends_when_only_agents_that_never_share_are_left():
    plateau = MultiClass((1.0, 0.0), (0.5, 0.5), 4)
    last = 1 - plateau.solve([0, 1000], 0.01)[-1]
    assert plateau.orbit(last + 1e-6, 0.01).time[0] < 1000
    with pytest.raises(ValueError, match=f"must lie in .{last:g}"):
        plateau.orbit(last - 1e-6, 0.01)


@given(
    rates=st.lists(st.floats(0.01, 10), min_size=1, max_size=4),
    degree=st.integers(2, 50),
    prevalence0=st.floats(1e-4, 0.5),
    clock=st.sampled_from(["continuous", "rounds"]),
)
def test_prevalence_rises_and_lies_between_the_slowest_and_the_fastest_class(rates, degree, prevalence0, clock):
    times = np.linspace(0, 5, 11)

    def solve(values):
        n = len(values)
        return MultiClass(tuple(values), (1 / n,) * n, degree).solve(times, prevalence0, clock)

    prevalence = solve(rates)
    assert prevalence[0] == pytest.approx(prevalence0)
    assert np.all(np.diff(prevalence) > -1e-9)
    assert np.all(prevalence <= 1)
    assert np.all((prevalence > solve([min(rates)]) - 1e-7) & (prevalence < solve([max(rates)]) + 1e-7))


def test_rounds_are_those_of_the_simulator():
    # One run on each of 16 networks of 8000 agents with k = 4 and 5% seeds. Half of the agents share with probability
    # 0.3 at a sighting, the other half with 0.06. The approximation with one exposure for both must fail the same test.
    n, k, rounds, q = 8000, 4, 20, np.array([0.3, 0.06])
    members = np.arange(n) % 2
    runs = [
        spread(
            random_regular(n, k, seed=seed),
            q[:, None],
            np.random.default_rng(seed).permutation(members),
            visibility=1.0,
            rounds=rounds,
            replicates=1,
            initial_sharers=n // 20,
            seed=seed,
        ).table["infected"]
        for seed in range(16)
    ]
    prevalence = np.array(runs) / n
    rates = tuple(-k * np.log1p(-q))
    times = np.arange(rounds + 1)
    error = prevalence.std(axis=0, ddof=1)[1:] / np.sqrt(16)

    def z(expected):
        return np.abs((prevalence.mean(axis=0) - expected)[1:] / error)

    # Student's t with 15 degrees of freedom, Bonferroni over the rounds: exceeded by chance once in 1000 runs.
    exact = MultiClass(rates, (0.5, 0.5), k).solve(times, 0.05, clock="rounds")
    assert z(exact).max() < student.ppf(1 - 0.0005 / rounds, 15), z(exact)
    assert z(TwoRateSI(*rates, 0.5).solve(times, 0.05, RandomRegular(k), clock="rounds")).max() > 30


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MultiClass((1.0,), (0.5, 0.5), 4), "give one each"),
        (lambda: MultiClass((1.0, -1.0), (0.5, 0.5), 4), "at least 0"),
        (lambda: MultiClass((1.0, float("nan")), (0.5, 0.5), 4), "finite"),
        (lambda: MultiClass((1.0, 2.0), (0.5, 0.6), 4), "sum to 1"),
        (lambda: MultiClass((1.0, 2.0), (0.5, 0.5), 1), "at least 2"),
        (lambda: TWO.solve([1, 0], 0.1), "increasing"),
        (lambda: TWO.solve([0, 1], 1.0), "prevalence0 = 1.0"),
        (lambda: TWO.orbit(0.995, 0.01), "that the spread passes"),
        (lambda: TWO.hazard_at(0.0, 0.01), "that the spread passes"),
    ],
)
def test_invalid_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
