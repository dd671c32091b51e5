"""What is simulated and compared in a study of recovery: the quick grid of minutes, the full one of hours."""

from dataclasses import replace

from .recovery import Cell, Grid, Method

NETWORKS = ("random-regular", "erdos-renyi", "barabasi-albert", "watts-strogatz", "complete")
ANY = {"agents": (500, 2000), "degree": (4, 32), "replicates": (5, 10)}
"""Settings within the ranges of the targets."""
RATE = (0.4, 1.0)
NAIVE = (
    Method(),
    Method("binomial"),
    Method(closure="edge-based"),
    Method(closure="mean-field"),
    Method("negative-binomial"),
    Method("normal"),
)
"""The default beside other likelihoods, closures, and curve fitting."""


def quick(scale: float = 1.0) -> Grid:
    """Return the grid that decides the targets, in minutes.

    Parameters
    ----------
    scale : float
        Factor of the numbers of data sets.
    """
    cells = [
        Cell("found: who", "who", {"rate": RATE, "ratio": (4, 16), "weight": (0.3, 0.7)}, NETWORKS, **ANY, data_sets=72),  # type: ignore[arg-type]
        Cell(
            "found: when", "when", {"rate": (0.8, 1.6), "ratio": (4, 16), "p_first": (0.5, 0.8)}, NETWORKS, **ANY,  # type: ignore[arg-type]
            data_sets=48,
        ),
        *(
            Cell(f"one rate: {name}", "one-rate", {"rate": RATE}, (name,), **ANY, data_sets=40)  # type: ignore[arg-type]
            for name in NETWORKS
        ),
        Cell(
            "one rate: continuous time", "one-rate", {"rate": RATE}, NETWORKS[:1], **ANY, clock="continuous",  # type: ignore[arg-type]
            data_sets=20,
        ),
        Cell("imitated: background", "background", {"rate": RATE, "outside": (0.002, 0.01)}, NETWORKS, **ANY, data_sets=60),  # type: ignore[arg-type]
        Cell("imitated: varying", "varying", {"rate": RATE, "sd": (0.2, 0.4)}, NETWORKS, **ANY, data_sets=60),  # type: ignore[arg-type]
        Cell(
            "shift: ratios near 1", "who", {"rate": RATE, "ratio": (1.25, 2), "weight": (0.3, 0.7)}, NETWORKS, **ANY,  # type: ignore[arg-type]
            data_sets=60,
        ),
    ]  # fmt: skip
    return Grid("quick", tuple(replace(cell, data_sets=max(1, round(scale * cell.data_sets))) for cell in cells))


def full() -> Grid:
    """Return the grid of hours: targets with four times the data sets, and single factors over their whole range."""
    cells = list(quick(4.0).cells)
    who = {"rate": RATE, "weight": 0.5}
    cells += [
        Cell(f"ratio: {ratio:g}", "who", {**who, "ratio": ratio}, replicates=10, data_sets=60)
        for ratio in (1.25, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0)
    ]
    cells += [
        Cell(
            f"when ratio: {ratio:g}", "when", {"rate": 1.2, "p_first": 0.6, "ratio": ratio}, replicates=10, data_sets=60
        )
        for ratio in (1.25, 1.5, 2.0, 4.0, 8.0, 16.0)
    ]
    cells += [
        Cell(f"weight: {weight:g}", "who", {"rate": RATE, "ratio": 4, "weight": weight}, data_sets=60)
        for weight in (0.1, 0.3, 0.5, 0.7, 0.9)
    ]
    two, one = {**who, "ratio": 4}, {"rate": RATE}
    for name, values in (
        ("degree", (4, 8, 16, 64)),
        ("agents", (200, 500, 2000, 10_000)),
        ("replicates", (1, 3, 10, 30)),
    ):
        for value in values:
            for truth, parameters in (("who", two), ("one-rate", one)):
                setting = {name: value}
                cells.append(Cell(f"{name}: {value}", truth, parameters, **setting, data_sets=60))  # type: ignore[arg-type]
    cells += [Cell(f"rounds: {value}", "who", two, rounds=value, data_sets=60) for value in (10, 20, 80)]
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
    return Grid("full", (*cells, *methods().cells))


def methods(data_sets: int = 20) -> Grid:
    """Return the grid that tells methods apart: other likelihoods, closures and naive routes on the same data."""
    cells = []
    for network in ("random-regular", "barabasi-albert", "watts-strogatz"):
        closures = tuple(m for m in NAIVE if network == "random-regular" or m.closure != "edge-based")
        for truth, parameters in (("one-rate", {"rate": 0.6}), ("who", {"rate": 0.6, "ratio": 2.5, "weight": 0.5})):
            cells.append(
                Cell(
                    f"methods: {network}",
                    truth,
                    parameters,
                    (network,),
                    degree=8,
                    methods=closures,
                    data_sets=data_sets,
                )
            )
    return Grid("methods", tuple(cells))


GRIDS = {"quick": quick, "full": full, "methods": methods}
"""Grids by name."""
