"""Time and memory of comparisons of event histories, beside counts and beside a plain PyMC model of every agent.

Run with `python benchmarks/individual.py [--quick]`; it takes some minutes. The data are from two rates on a random
8-regular network. Every comparison runs in a process of its own that has compiled its models before (the caches are
warm), reads the files and fits both models with leave-one-out, without structures. `--quick` leaves out the large
network and the peer.

The peer writes the same likelihood as a user would by hand: one row for each agent and replicate, pm.sample with
nutpie. EpiILM (R) is not on the package index of Python.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tworate.inference.calibration.data_generating_processes import Who
from tworate.inference.data.individual import agent_exposure, observe_histories
from tworate.models import TwoRateSI
from tworate.simulate import random_regular, read_trajectories

TRUTH = Who(rate=0.6, ratio=4, weight=0.5)
DEGREE, REPLICATES, ROUNDS = 8, 10, 40

ONE = """
import resource, sys, time
begun = time.perf_counter()
from tworate import compare, read_trajectories
result = compare(read_trajectories(sys.argv[1]), level=sys.argv[2], structures="none", seed=1).conditions[0]
rates = result.models["two-rate"].parameters.loc["beta_fast"]
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(f"{time.perf_counter() - begun:.1f} {memory:.2f} {rates['mean']:.4f} {rates['sd']:.4f} {result.elpd_diff:.1f}")
"""

PEER = """
import sys, time
begun = time.perf_counter()
import numpy as np, pymc as pm, pytensor.tensor as pt, arviz as az
rows = np.load(sys.argv[1])
before, end, shared = rows["before"], rows["end"], rows["shared"]
def log_g(exposure, fast, slow, weight):
    return pt.logaddexp(pt.log(weight) - fast * exposure, pt.log1p(-weight) - slow * exposure)
for two in (False, True):
    with pm.Model():
        mean = pm.LogNormal("mean", np.log(0.25), 1.5)
        if two:
            fraction, weight = pm.Uniform("fraction", 0, 1), pm.Beta("weight", 2, 2)
            fast = pm.Deterministic("fast", mean / (weight + (1 - weight) * fraction))
            first, last = (log_g(e, fast, fraction * fast, weight) for e in (before, end))
        else:
            first, last = -mean * before, -mean * end
        step = last[shared] - first[shared]
        value = pt.concatenate([last[~shared], first[shared] + pt.log(-pt.expm1(step))])
        pm.Potential("each", value.sum())
        trace = pm.sample(1000, tune=500, chains=4, nuts_sampler="nutpie", random_seed=1, progressbar=False)
fast = np.asarray(trace.posterior["fast"])
print(f"{time.perf_counter() - begun:.1f} {fast.mean():.4f} {fast.std():.4f}")
"""


def simulate(agents: int, clock: str, path: Path) -> None:
    """Simulate event histories and save them."""
    network = random_regular(agents, DEGREE, seed=1)
    data = TRUTH.spread(network, rounds=ROUNDS, replicates=REPLICATES, clock=clock, seed=2, histories=True)
    data.save(path)


def in_a_process(code: str, *arguments: str) -> str:
    """Run code in a new process and return what it prints."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def exposures(path: Path) -> None:
    """Print edges a second of the exposures of all agents."""
    histories = read_trajectories(path).histories
    assert histories is not None
    agent_exposure(histories, histories.clock)
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        agent_exposure(histories, histories.clock)
        times.append(time.perf_counter() - begun)
    edges = histories.n_trajectories * histories.network.n_edges
    print(f"exposures: {edges / np.median(times) / 1e6:.0f} million edges a second ({edges / 1e6:.1f} million edges)")


def binning(path: Path, clock: str) -> None:
    """Print how far bins of exposure move a posterior, in its standard deviations, from the gradient of their error."""
    from tworate.inference.data import grouping

    histories = read_trajectories(path).histories
    binned = observe_histories(histories, clock)
    most, grouping.MAX_EXACT = grouping.MAX_EXACT, 10**12
    exact = observe_histories(histories, clock)
    grouping.MAX_EXACT = most
    centre, names = np.array(list(TRUTH.parameters().values())), list(TRUTH.parameters())

    def log_likelihood(data, point) -> float:  # type: ignore[no-untyped-def]
        values = dict(zip(names, point, strict=True))
        spans = (data.exposure_start, data.exposure_end), (data.time_start, data.time_end)
        log_escape = TwoRateSI.log_escape(*spans, values)
        with np.errstate(divide="ignore"):
            shares = np.where(data.incidence > 0, np.log(-np.expm1(log_escape)), 0.0)
        return float((data.incidence * shares + (data.n_susceptible - data.incidence) * log_escape).sum())

    step, n = 1e-3 * centre, centre.size
    curvature = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            curvature[i, j] = sum(
                a * b * log_likelihood(exact, centre + a * step * (np.arange(n) == i) + b * step * (np.arange(n) == j))
                for a in (1, -1)
                for b in (1, -1)
            ) / (4 * step[i] * step[j])
    directions = np.linalg.cholesky(np.linalg.inv(-curvature)).T
    moved = []
    for direction in directions:
        ends = (centre + direction / 2, centre - direction / 2)
        moved.append(abs(np.subtract(*(log_likelihood(binned, end) - log_likelihood(exact, end) for end in ends))))
    print(f"bins ({clock}): {exact.size:,} rows became {binned.size:,}; two rates move by {max(moved):.1g} sd at most")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without the large network and the peer")
    chosen = parser.parse_args()
    sizes = [1000] if chosen.quick else [1000, 100_000]
    with tempfile.TemporaryDirectory() as folder:
        print(
            "| agents | clock | level | seconds | GB | fast rate | gain of two rates |\n|---|---|---|---|---|---|---|"
        )
        for agents in sizes:
            for clock in ("rounds", "continuous"):
                path = Path(folder) / f"{agents}-{clock}.parquet"
                simulate(agents, clock, path)
                for level in ("count", "individual"):
                    if agents == sizes[0]:
                        in_a_process(ONE, str(path), level)  # fills the caches
                    seconds, memory, mean, sd, gain = in_a_process(ONE, str(path), level).split()
                    shown = (
                        f"{REPLICATES} × {agents:,} | {clock} | {level} | {seconds} | {memory} | {mean} ± {sd} | {gain}"
                    )
                    print(f"| {shown} |", flush=True)
        print(f"\ntrue fast rate {TRUTH.parameters()['beta_fast']:.4f}\n")
        for agents in sizes:
            exposures(Path(folder) / f"{agents}-rounds.parquet")
            for clock in ("rounds", "continuous"):
                binning(Path(folder) / f"{agents}-{clock}.parquet", clock)
        if not chosen.quick:
            histories = read_trajectories(Path(folder) / "1000-rounds.parquet").histories
            exposure, _ = agent_exposure(histories, "rounds")
            rows = Path(folder) / "rows.npz"
            np.savez(rows, before=exposure.before, end=exposure.end, shared=exposure.shared)
            seconds, mean, sd = in_a_process(PEER, str(rows)).split()
            print(
                f"plain PyMC, one row an agent, nutpie, both models, without leave-one-out: {seconds} s, {mean} ± {sd}"
            )
    print(f"memory of this script {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
