"""Print the tables of docs/closures.md: apparent rates of one-rate and two-rate spread under several closures.

Run with `python docs/closure_table.py`; it takes about 20 seconds.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_simpson
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from tworate.models import (
    Closure,
    DegreeDistribution,
    MeanField,
    MultiClass,
    OneRateSI,
    RandomRegular,
    TwoRateSI,
)

DEGREES = (3, 4, 6, 8, 16, 32)
RATIOS = (2, 4, 8, 16)
PREVALENCE0 = 0.005
LAST_PREVALENCE = 0.99
SUSCEPTIBLE = np.linspace(1.0 - PREVALENCE0, 1.0 - LAST_PREVALENCE, 1001)
FloatArray = NDArray[np.float64]


def largest_error(truth: TwoRateSI, degree: int) -> float:
    """Return the largest difference over time in prevalence, two-rate model minus multi-class system."""
    exact = multi_class(truth, degree)
    times = np.linspace(0.0, exact.orbit(SUSCEPTIBLE[-1], PREVALENCE0).time[0], 2001)
    gap = truth.solve(times, PREVALENCE0, RandomRegular(degree)) - exact.solve(times, PREVALENCE0)
    return float(gap[np.argmax(np.abs(gap))])


def multi_class(model: TwoRateSI, degree: int) -> MultiClass:
    """Return the multi-class system with the model's rates."""
    weight = model.weight_fast
    return MultiClass((model.beta_fast, model.beta_slow), (weight, 1.0 - weight), degree)


def assumed_exposure(actual: Closure, assumed: Closure) -> FloatArray:
    """Return cumulative exposure under an assumed closure, if sharing has one rate, 1, under the actual closure."""
    s0, decline = SUSCEPTIBLE[0], -np.log(SUSCEPTIBLE)
    rates = [closure.exposure_rate(SUSCEPTIBLE, s0) for closure in (assumed, actual)]
    return np.asarray(cumulative_simpson(rates[0] / rates[1], x=decline, initial=0.0))


def loss_of(exposure: FloatArray) -> Callable[[TwoRateSI | OneRateSI], float]:
    """Return minus the expected log-likelihood of transitions per agent, `Σ ΔI log p + (S - ΔI) log(1 - p)`.

    This is the limit of infinitely many agents, over 1000 equal increments up to the last prevalence.
    """

    def loss(model: TwoRateSI | OneRateSI) -> float:
        log_escape = model.log_escape((exposure[:-1], exposure[1:]), (0.0, 0.0), model.values)
        return -float(np.sum(-np.diff(SUSCEPTIBLE) * np.log(-np.expm1(log_escape)) + SUSCEPTIBLE[1:] * log_escape))

    return loss


def best_two_rate(exposure: FloatArray) -> tuple[TwoRateSI, float]:
    """Return the best two-rate model, and its gain over the best one-rate model, in nats per agent."""
    loss = loss_of(exposure)

    def two_rate(at: FloatArray) -> TwoRateSI:
        slow_over_fast, weight = expit(at[1:])
        return TwoRateSI(float(np.exp(at[0])), float(np.exp(at[0]) * slow_over_fast), float(weight))

    options = {"xatol": 1e-7, "fatol": 1e-14, "maxiter": 4000}
    # The last start has a few agents that share at once, the best fit if a closure is wrong at the start.
    starts = [(0.5, fraction, weight) for fraction in (-3.0, -1.0, 1.0) for weight in (-1.0, 1.0)] + [(3.0, -4.0, -4.0)]
    fits = [minimize(lambda at: loss(two_rate(at)), start, method="Nelder-Mead", options=options) for start in starts]
    best = min(fits, key=lambda fit: fit.fun)
    one = minimize_scalar(lambda at: loss(OneRateSI(float(np.exp(at)))), bounds=(-3, 3), options={"xatol": 1e-9})
    return two_rate(best.x), one.fun - best.fun


def one_rate() -> None:
    """Print the table of one rate under another closure."""
    degree = np.arange(0, 10_001)
    poisson = np.exp(-8.0 + degree[:60] * np.log(8.0) - np.cumsum(np.log(np.maximum(degree[:60], 1))))
    hubs = {k: 1.0 / (k * (k + 1) * (k + 2)) for k in degree[4:].tolist()}
    networks: dict[str, Closure] = {
        "random regular, k = 4": RandomRegular(4),
        "random regular, k = 8": RandomRegular(8),
        "Poisson degrees, mean 8 (Erdős–Rényi)": DegreeDistribution.from_counts(dict(enumerate(poisson.tolist()))),
        "degrees ∝ 1/(k(k+1)(k+2)) from 4, mean 8 (as Barabási–Albert)": DegreeDistribution.from_counts(hubs),
    }
    print("| network | assumed closure | apparent fast : slow | apparent weight | gain (nats per 1000 agents) |")
    print("|---|---|---|---|---|")
    for name, actual in networks.items():
        for label, assumed in (("mean-field", MeanField()), ("edge-based, k = 8", RandomRegular(8))):
            if isinstance(actual, RandomRegular) and isinstance(assumed, RandomRegular):
                continue
            seen, gain = best_two_rate(assumed_exposure(actual, assumed))
            cells = f"{seen.beta_fast / seen.beta_slow:.1f} | {seen.weight_fast:.2f} | {1000 * gain:.1f}"
            print(f"| {name} | {label} | {cells if 1000 * gain > 0.05 else 'one rate | | 0.0'} |")


def two_classes() -> None:
    """Print the table of two classes of agents on random regular networks."""
    print("| k | fast : slow | error of prevalence (points) | fast, slow, weight: edge-based | the same: recorded |")
    print("|---|---|---|---|---|")
    for degree in DEGREES:
        for ratio in RATIOS:
            # The mean rate is 1; another mean rate only rescales time.
            slow = 2.0 / (1.0 + ratio)
            truth = TwoRateSI(beta_fast=ratio * slow, beta_slow=slow, weight_fast=0.5)
            orbit = multi_class(truth, degree).orbit(SUSCEPTIBLE, PREVALENCE0)
            recorded = cumulative_simpson(
                orbit.exposure_rate / orbit.force_of_infection, x=-np.log(SUSCEPTIBLE), initial=0.0
            )
            error = signed(f"{100 * largest_error(truth, degree):+.1f}")
            cells = [apparent(best_two_rate(exposure)[0], truth) for exposure in (orbit.exposure, recorded)]
            print(f"| {degree} | {ratio} | {error} | {' | '.join(cells)} |")


def apparent(seen: TwoRateSI, truth: TwoRateSI) -> str:
    """Return rates relative to the truth, and weight."""
    ratios = (seen.beta_fast / truth.beta_fast, seen.beta_slow / truth.beta_slow)
    return ", ".join([*(signed(f"{ratio - 1:+.0%}") for ratio in ratios), f"{seen.weight_fast:.2f}"])


def signed(number: str) -> str:
    """Typeset the sign; zero has none."""
    return "0%" if number in ("-0%", "+0%") else number.replace("-", "−")


if __name__ == "__main__":
    one_rate()
    print()
    two_classes()
