"""Time to both posteriors and their LOO, by tworate and by common alternatives, on the same data.

Run with `python benchmarks/inference.py`; it takes at most half an hour, half of it for the slowest peer. The data are
10 replicates of 40 rounds drawn from two rates under the edge-based closure, with a fixed seed. Each route runs in a
new process with its own caches, filled by an earlier run; tworate also runs with empty caches (cold). Wall time is from
the start of the process until the posteriors are saved and compared by LOO. Peers have their own target acceptance.

The peers, in `peers.py`, fit the curve, as is usual in the literature (trajectory likelihood); tworate fits increments
given the past (transition likelihood). So rates and elpd differ between tworate and the peers, but should agree among
peers.

The route `numpyro` needs packages that tworate does not need: `--peer-python` names a Python with numpyro and arviz.
"""

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from json import loads
from pathlib import Path
from typing import Any, NamedTuple

import arviz as az
import numpy as np
import pandas as pd

import tworate
from tworate.models import RandomRegular, TwoRateSI

PEERS = Path(__file__).with_name("peers.py")
TRUTH = TwoRateSI(beta_fast=1.2, beta_slow=0.2, weight_fast=0.5)
DEGREE, POPULATION, STARTERS, REPLICATES, ROUNDS, SEED = 8, 1000, 5, 10, 40, 1
MODELS = ("one-rate", "two-rate")
COLUMNS = (
    "route",
    "wall time (s)",
    "compile (s)",
    "sample (s)",
    "smallest bulk ESS, two-rate",
    "ESS per s of wall time",
    "× tworate, warm",
    "β of one rate (1/round)",
    "elpd two − one",
    "notes",
)


class Route(NamedTuple):
    """A row of the table: letter on the command line, name of the route in `peers.py`, label."""

    letter: str
    program: str
    label: str


ROUTES = (
    Route("a", "tworate", "`tworate.compare`, saved"),
    Route("b", "pymc-ode", "PyMC, `pm.ode.DifferentialEquation`, `pm.sample`"),
    Route("c", "nutpie-scan", "PyMC, RK4 in `pytensor.scan`, nutpie"),
    Route("c", "pymc-scan", "PyMC, RK4 in `pytensor.scan`, `pm.sample`"),
    Route("d", "numpyro", "numpyro, RK4 in `jax.lax.scan`"),
    Route("e", "curve-fit", "scipy `curve_fit` + AIC (no posterior)"),
)


class Run(NamedTuple):
    """The outcome of a process: seconds (None if it was stopped at the limit), its result, and why it failed."""

    seconds: float | None
    result: Mapping[str, Any]
    failure: str


class Row(NamedTuple):
    """One run of a route: label, outcome, folder of its results, and the short first run of a peer."""

    route: Route
    label: str
    outcome: Run
    folder: Path
    first: Run | None = None


def write_data(path: Path) -> None:
    times = np.arange(ROUNDS + 1)
    infected = TRUTH.simulate(
        times, population=POPULATION, infected0=STARTERS, closure=RandomRegular(DEGREE),
        rng=np.random.default_rng(SEED), replicates=REPLICATES,
    )  # fmt: skip
    columns = {
        "trajectory": np.repeat(np.arange(REPLICATES), times.size),
        "time": np.tile(times, REPLICATES),
        "infected": infected.ravel(),
    }
    pd.DataFrame(columns).assign(population=POPULATION, degree=DEGREE).to_csv(path, index=False)


def run(command: list[str], folder: Path, caches: Path, limit: float) -> Run:
    """Run a route in a new process with the given caches; stop it and its workers at the time limit."""
    folder.mkdir(parents=True, exist_ok=True)
    caches.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "HOME": str(caches),
        "XDG_CACHE_HOME": str(caches / "xdg"),
        "MPLCONFIGDIR": str(caches / "matplotlib"),
        "NUMBA_CACHE_DIR": str(caches / "numba"),
        "PYTENSOR_FLAGS": f"base_compiledir={caches / 'pytensor'}",
    }
    log = folder / "messages.txt"
    began = time.perf_counter()
    with log.open("w") as messages:
        process = subprocess.Popen(command, env=environment, stdout=messages, stderr=messages, start_new_session=True)
        try:
            status: int | None = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            if process.poll() is None:
                # The new session holds only this process and the workers of its chains.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    seconds = time.perf_counter() - began
    written = folder / "result.json"
    result = loads(written.read_text()) if written.exists() else {}
    failure = "" if not status else (log.read_text().strip().splitlines() or [f"status {status}"])[-1]
    return Run(None if status is None else seconds, result, failure)


def posteriors(route: Route, folder: Path) -> dict[str, Any]:
    """Read posterior and sampler statistics of each model that a route has finished."""
    if route.program == "tworate":
        saved = folder / "comparison"
        return dict(tworate.load_comparison(saved).conditions[0].posteriors) if saved.exists() else {}
    return {name: az.from_netcdf(folder / f"{name}.nc") for name in MODELS if (folder / f"{name}.nc").exists()}


def draws(model: str, idata: Any) -> Any:
    """Return draws of all estimated quantities: coordinates, rates, and noise."""
    sampled = idata.posterior
    if model == "two-rate":
        sampled = sampled.assign(TwoRateSI.from_coordinates(sampled))
    names = ("beta", "mean_rate", "slow_over_fast", "weight_fast", "beta_fast", "beta_slow", "sigma", "dispersion")
    return sampled[[name for name in names if name in sampled]]


def smallest_ess(dataset: Any) -> float:
    return min(float(value) for value in az.ess(dataset, method="bulk").data_vars.values())


def problems(results: Mapping[str, Any]) -> list[str]:
    """Return problems that the samplers' diagnostics show, by model."""
    texts = []
    for model, idata in results.items():
        r_hat = max(float(value) for value in az.rhat(draws(model, idata)).data_vars.values())
        diverging = int(np.asarray(idata.sample_stats["diverging"]).sum())
        if r_hat > 1.01:
            texts.append(f"{model}: R̂ {r_hat:.3f}")
        if diverging:
            texts.append(f"{model}: {diverging} divergences")
    return texts


def number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def cells(row: Row, models: list[str], limit: float, warm: float | None) -> list[str]:
    """Return one row of the table; `warm` is the wall time of tworate with warm caches, if measured."""
    seconds, result, failure = row.outcome
    empty = ["–"] * (len(COLUMNS) - 3)
    if result.get("missing"):
        return [row.label, f"not installed: pip install {' '.join(result['missing'])}", *empty, ""]
    if failure:
        return [row.label, "failed", *empty, failure]
    fits, notes = result.get("fits", {}), []
    if seconds is None:
        done = [f"{name} in {fits[name]['finished_s']:.0f} s" for name in models if name in fits]
        notes.append(f"within the limit: {', '.join(done) or 'no model'}")
    elif len(models) < len(MODELS):
        notes.append(f"{' '.join(models)} only")
    parts = []
    for part in ("compile_s", "sample_s"):
        times = [fit[part] for fit in fits.values() if fit.get(part) is not None]
        parts.append(number(sum(times) if times else result.get(part)))
    fitted = posteriors(row.route, row.folder)
    ess = smallest_ess(draws("two-rate", fitted["two-rate"])) if "two-rate" in fitted else None
    beta = result.get("beta")
    if "one-rate" in fitted:
        values = fitted["one-rate"].posterior["beta"]
        beta = float(values.mean()), float(values.std())
    if "aic_diff" in result:
        notes.append(f"AIC(two-rate) − AIC(one-rate) = {result['aic_diff']:.0f}")
    if row.first and fitted:
        notes.append(f"with empty caches and only 10 + 10 draws {row.first.seconds:.1f} s")
    over = "> " if seconds is None else ""
    return [
        row.label,
        over + number(seconds or limit),
        *parts,
        number(ess, 0),
        number(ess / seconds if ess and seconds else None),
        f"{over}{(seconds or limit) / warm:.2g}" if warm else "–",
        "{:.4f} ± {:.4f}".format(*beta) if beta else "–",
        f"{result['elpd_diff']:.0f} ± {result['dse']:.0f}"
        if len(fitted) == len(MODELS) and "elpd_diff" in result
        else "–",
        "; ".join(notes + problems(fitted)),
    ]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    letters = sorted({route.letter for route in ROUTES})
    listed = "; ".join(f"{route.letter} {route.program}" for route in ROUTES)
    parser.add_argument("--routes", default=",".join(letters), help=f"routes by letter, with commas: {listed}")
    parser.add_argument("--models", default=",".join(MODELS), help="models to fit, with commas, by every route")
    parser.add_argument("--limit", type=float, default=1200.0, metavar="SECONDS", help="time limit of each run")
    parser.add_argument("--peer-python", default=sys.executable, metavar="PATH", help="Python of the numpyro route")
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--tune", type=int, default=500)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument(
        "--target-accept", type=float, default=0.8, help="target acceptance of the peers; 0.8 is the default of each"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="keep data, posteriors and messages there")
    chosen = parser.parse_args()
    unknown = [letter for letter in chosen.routes.split(",") if letter not in letters]
    if unknown:
        parser.error(f"routes: {', '.join(unknown)} is none of {', '.join(letters)}")
    if not set(chosen.models.split(",")) <= set(MODELS):
        parser.error(f"models: choose from {', '.join(MODELS)}")
    if shutil.which(chosen.peer_python) is None:
        parser.error(f"peer-python: {chosen.peer_python} is not a program")
    if chosen.out and chosen.out.exists() and any(chosen.out.iterdir()):
        parser.error(f"out: {chosen.out} is not empty; name a new folder")
    return chosen


def run_route(route: Route, chosen: argparse.Namespace, data: Path, folder: Path, caches: Path) -> list[Row]:
    """Run a route with empty caches, then with the filled caches; the first run of a peer is short and not a row."""

    def go(name: str, tune: int, draws: int) -> tuple[Run, Path]:
        print(f"{route.program}: {name}", file=sys.stderr, flush=True)
        place = folder / f"{route.program}-{name}"
        python = chosen.peer_python if route.program == "numpyro" else sys.executable
        sampler = {"chains": chosen.chains, "tune": tune, "draws": draws, "target-accept": chosen.target_accept}
        options = [f"--{option}={value}" for option, value in {**sampler, "models": chosen.models}.items()]
        command = [python, str(PEERS), route.program, str(data), str(place), *options]
        return run(command, place, caches / route.program, chosen.limit), place

    is_ours = route.program == "tworate"
    first, place = go("cold", chosen.tune, chosen.draws) if is_ours else go("first", 10, 10)
    rows = [Row(route, f"{route.label}, cold caches" if is_ours else route.label, first, place)]
    if first.seconds is None or first.failure or first.result.get("missing"):
        return rows
    warm, place = go("warm", chosen.tune, chosen.draws)
    if is_ours:
        return [*rows, Row(route, f"{route.label}, warm caches", warm, place)]
    return [Row(route, route.label, warm, place, first)]


def measure(chosen: argparse.Namespace, folder: Path, caches: Path) -> None:
    data = folder / "trajectories.csv"
    write_data(data)
    rows: list[Row] = []
    for route in ROUTES:
        if route.letter in chosen.routes.split(","):
            rows += run_route(route, chosen, data, folder, caches)
    warm = next((row.outcome.seconds for row in rows if row.label.endswith("warm caches")), None)
    versions = {"Python": platform.python_version()}
    for row in rows:
        versions |= row.outcome.result.get("versions", {})
    print(f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}; load when done {os.getloadavg()[0]:.1f}")
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    print(f"{chosen.chains} chains × {chosen.draws} draws after {chosen.tune}; {REPLICATES} × {ROUNDS} points\n")
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    for row in rows:
        print("| " + " | ".join(cells(row, chosen.models.split(","), chosen.limit, warm)) + " |")


def main() -> None:
    chosen = parsed()
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.out or Path(name) / "results"
        folder.mkdir(parents=True, exist_ok=True)
        measure(chosen, folder, Path(name) / "caches")


if __name__ == "__main__":
    main()
