"""Grids of a recovery study: the quick one takes minutes, the full one hours."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ...models.clock import CLOCKS, Clock
from ..likelihood.specification import LEVELS
from .recovery import Cell, Grid, Range, RecoveryMethod

NETWORKS = ("random-regular", "erdos-renyi", "barabasi-albert", "watts-strogatz", "complete")
RATE = (0.4, 1.0)
"""Mean rates per round: spreading ends within about ten to thirty rounds."""
NAIVE = (
    RecoveryMethod(),
    RecoveryMethod("binomial"),
    RecoveryMethod(closure="edge-based"),
    RecoveryMethod(closure="mean-field"),
    RecoveryMethod("negative-binomial"),
    RecoveryMethod("normal"),
    RecoveryMethod(prior_scale=0.5),
    RecoveryMethod(prior_scale=2.0),
)
"""The default method, other likelihoods and closures, curve fitting, and priors half and twice as wide."""


def quick(scale: float = 1.0) -> Grid:
    """Return the grid that decides the targets, in minutes.

    Parameters
    ----------
    scale : float
        Factor of the number of data sets of each cell.
    """
    near, far = (1.25, 2.0), (4.0, 16.0)
    middle = (0.3, 0.7)
    cells = [
        _any("found: who", "who", {"rate": RATE, "ratio": far, "weight": middle}, data_sets=72),
        _any("found: when", "when", {"rate": (0.8, 1.6), "ratio": far, "p_first": (0.5, 0.8)}, data_sets=48),
        *(_any(f"one rate: {name}", "one-rate", {"rate": RATE}, networks=(name,), data_sets=40) for name in NETWORKS),
        _any(
            "one rate: continuous time",
            "one-rate",
            {"rate": RATE},
            networks=NETWORKS[:1],
            clock="continuous",
            data_sets=40,
        ),
        _any("imitated: background", "background", {"rate": RATE, "outside": (0.002, 0.01)}, data_sets=60),
        _any(
            "imitated: clock",
            "one-rate",
            {"rate": RATE},
            networks=NETWORKS[:1],
            clock="continuous",
            taken_as="rounds",
            data_sets=60,
        ),
        _any("imitated: varying", "varying", {"rate": RATE, "sd": (0.2, 0.4)}, data_sets=60),
        _any("shift: ratios near 1", "who", {"rate": RATE, "ratio": near, "weight": middle}, data_sets=60),
    ]
    return Grid("quick", tuple(replace(cell, data_sets=max(1, round(scale * cell.data_sets))) for cell in cells))


def full() -> Grid:
    """Return the grid that takes hours: targets with four times the data sets, and single factors over their range."""
    cells = list(quick(4.0).cells)
    who: dict[str, Range] = {"rate": RATE, "weight": 0.5}
    when: dict[str, Range] = {"rate": 1.2, "p_first": 0.6}
    two: dict[str, Range] = {**who, "ratio": 4.0}
    one: dict[str, Range] = {"rate": RATE}
    for ratio in (1.25, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0):
        cells.append(Cell("ratio: who", "who", {**who, "ratio": ratio}, data_sets=60))
        cells.append(Cell("ratio: when", "when", {**when, "ratio": ratio}, data_sets=60))
    for weight in (0.1, 0.3, 0.7, 0.9):
        cells.append(Cell(f"weight: {weight:g}", "who", {**two, "weight": weight}, data_sets=60))
    # Single factors are varied from these defaults. Two rates with a ratio of 4 are already among the cells.
    cells.append(Cell("plain", "one-rate", one, data_sets=60))
    factors: dict[str, tuple[Any, ...]] = {
        "degree": (4, 16, 64), "agents": (200, 500, 2000, 10_000), "replicates": (1, 3, 10, 30),
        "rounds": (10, 20, 80),
    }  # fmt: skip
    for name, values in factors.items():
        for value in values:
            for truth, parameters in (("who", two), ("one-rate", one)):
                plain = Cell(f"{name}: {value}", truth, parameters, data_sets=60)
                change: dict[str, Any] = {name: value}
                cells.append(replace(plain, **change))
    cells += [
        Cell("gamma", "gamma", {"rate": RATE, "cv2": (0.2, 2.0)}, NETWORKS, data_sets=120),
        Cell(
            "reinforced",
            "reinforced",
            {"rate": 1.2, "p_first": (0.1, 0.3), "p_later": (0.5, 0.8)},
            NETWORKS,
            data_sets=60,
        ),
        Cell("two rates: continuous time", "who", two, clock="continuous", data_sets=60),
    ]
    # Data sets that the rival in continuous time should not challenge, and rounds fitted in continuous time.
    by_label = {cell.label: cell for cell in quick().cells}
    for kind in ("who", "when"):
        cells.append(replace(by_label[f"found: {kind}"], label=f"unknown clock: {kind}", taken_as="rounds"))
    rounds = by_label["one rate: random-regular"]
    cells.append(replace(rounds, label="unknown clock: rounds taken as continuous", taken_as="continuous"))
    return Grid("full", (*cells, *methods().cells))


def methods(data_sets: int = 20) -> Grid:
    """Return the grid that compares methods: other likelihoods, closures and naive methods on the same data."""
    one: dict[str, Range] = {"rate": 0.6}
    two: dict[str, Range] = {**one, "ratio": 2.5, "weight": 0.5}
    settings: list[tuple[str, str, dict[str, Range]]] = [
        *((network, "one-rate", one) for network in ("random-regular", "barabasi-albert", "watts-strogatz")),
        *((network, "who", two) for network in ("random-regular", "barabasi-albert", "watts-strogatz")),
        # These increments vary more than one rate allows. Likelihoods differ in this case.
        ("random-regular", "background", {**one, "outside": 0.005}),
        ("random-regular", "varying", {**one, "sd": 0.3}),
    ]
    cells = []
    for network, truth, parameters in settings:
        # The edge-based closure differs from the formula of the degrees only on a regular network.
        used = tuple(m for m in NAIVE if network == "random-regular" or m.closure != "edge-based")
        cells.append(Cell(f"methods: {network}", truth, parameters, (network,), methods=used, data_sets=data_sets))
    return Grid("methods", tuple(cells))


def individual(scale: float = 1.0) -> Grid:
    """Return the grid of event histories: coverage and false verdicts on every network and clock; power beside counts.

    Parameters
    ----------
    scale : float
        Factor of the number of data sets of each cell.
    """
    histories = RecoveryMethod(level="individual", structures="none")
    counts = RecoveryMethod(structures="none")
    two: dict[str, Range] = {"rate": RATE, "ratio": (3.0, 16.0), "weight": (0.3, 0.7)}
    cells = []
    for clock in CLOCKS:
        for network in (name for name in NETWORKS if name != "complete"):
            where: dict[str, Any] = {"networks": (network,), "degree": (4, 64), "clock": clock, "methods": (histories,)}
            for truth, parameters in (("who", two), ("one-rate", {"rate": RATE})):
                cells.append(Cell(f"{truth}: {network}, {clock}", truth, parameters, **where, data_sets=100))
        few: dict[str, Any] = {"degree": 3, "clock": clock, "methods": (histories,)}
        for truth, parameters in (("who", two), ("one-rate", {"rate": RATE})):
            cells.append(Cell(f"{truth}: three neighbours, {clock}", truth, parameters, **few, data_sets=100))
    when: dict[str, Range] = {"rate": (0.8, 1.6), "ratio": (3.0, 16.0), "p_first": (0.4, 0.8)}
    cells.append(
        Cell("when: random-regular, rounds", "when", when, methods=(histories,), degree=(4, 64), data_sets=100)
    )
    for ratio in (1.25, 1.5, 2.0, 3.0):
        near: dict[str, Range] = {"rate": RATE, "ratio": ratio, "weight": 0.5}
        cells.append(Cell("power", "who", near, methods=(histories, counts), data_sets=60))
    return Grid("individual", tuple(replace(cell, data_sets=max(1, round(scale * cell.data_sets))) for cell in cells))


def homophily(data_sets: int = 24) -> Grid:
    """Return the grid in which neighbours are alike, with and without the classes of the agents as a covariate."""
    used = tuple(
        RecoveryMethod(level="individual", structures="none", covariates=covariates)
        for covariates in ((), ("persona",))
    )
    two: dict[str, Range] = {"rate": 0.6, "ratio": 4.0, "weight": 0.5}
    cells = []
    for alike in (0.0, 0.1, 0.3, 0.6):
        # On a network without clusters neighbours cannot be this much alike.
        where: dict[str, Any] = {"networks": ("watts-strogatz",), "homophily": alike, "data_sets": data_sets}
        cells.append(Cell(f"who: {alike:g}", "who", two, methods=used, **where))
        # Agents that are all alike have no classes to be known by.
        of_one = used if alike else used[:1]
        cells.append(Cell(f"one-rate: {alike:g}", "one-rate", {"rate": 0.6}, methods=of_one, **where))
    return Grid("homophily", tuple(cells))


def structures(data_sets: int = 6) -> Grid:
    """Return the grid of what else changes the pace, with one rate and with two, at both levels."""
    one: dict[str, Range] = {"rate": RATE}
    two: dict[str, Range] = {**one, "ratio": (4.0, 10.0), "weight": (0.3, 0.7)}
    histories, counts = (RecoveryMethod(level=level) for level in LEVELS)
    settings: dict[str, dict[str, Range]] = {
        "ageing": {"time_constant": (8.0, 30.0)},
        "power-ageing": {"time_constant": (4.0, 20.0)},
        # A rate is that of the best time: with the amplitude 1, contact is worth 0.47 of it on average.
        "rhythm": {"rate": (0.8, 1.6), "period": (8, 24), "amplitude": (0.5, 1.2)},
        "shelf-life": {"shelf_life": (4, 10)},
        "fading": {"time_constant": (4.0, 12.0)},
        "sir": {"duration": (4.0, 12.0)},
        "ageing-loop": {"time_constant": (8.0, 30.0)},
    }
    common: dict[str, Any] = {"replicates": 8, "data_sets": data_sets}
    cells = [
        Cell(
            f"structures: {truth}",
            truth,
            {**rates, **parameters},
            clock="continuous" if name == "sir" else "rounds",
            methods=(histories, counts),
            **common,
        )
        for name, parameters in settings.items()
        for truth, rates in ((name, one), (f"who-{name}", two))
    ]
    for truth, rates in (("one-rate", one), ("who", two)):
        cells.append(Cell(f"structures: none, {truth}", truth, rates, methods=(histories, counts), **common))
    unreachable: dict[str, Range] = {**one, "unreachable": (0.1, 0.5)}
    cells.append(Cell("structures: unreachable", "unreachable", unreachable, methods=(histories, counts), **common))
    overstated: dict[str, Range] = {**one, "overstatement": (1.05, 2.0)}
    cells.append(Cell("structures: overstated", "overstated", overstated, ("complete",), methods=(counts,), **common))
    return Grid("structures", tuple(cells))


def _any(
    label: str,
    truth: str,
    parameters: dict[str, Range],
    *,
    networks: tuple[str, ...] = NETWORKS,
    clock: Clock = "rounds",
    taken_as: Clock | None = None,
    data_sets: int,
) -> Cell:
    """Return a cell whose settings are drawn from the ranges of the targets."""
    return Cell(
        label, truth, parameters, networks, agents=(500, 2000), degree=(4, 32), replicates=(5, 10), clock=clock,
        data_sets=data_sets, taken_as=taken_as,
    )  # fmt: skip


GRIDS: dict[str, Callable[[], Grid]] = {
    "quick": quick,
    "full": full,
    "methods": methods,
    "individual": individual,
    "homophily": homophily,
    "structures": structures,
}
"""Grids by name."""
