"""Time and memory of a comparison over many conditions, in one process.

Run with `python benchmarks/conditions.py [--conditions 200]`; it takes some minutes. Every condition has 10 replicates
of 40 rounds drawn from two rates under the edge-based closure, with its own seed; both models and LOO are run, without
challenge. As in the command, the process has few memory arenas. The script prints the time of the first condition,
quantiles of the times of the others, and the memory of the process along the way.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

from tworate import Trajectories, compare
from tworate.common.memory import bound_arenas
from tworate.models import RandomRegular, TwoRateSI

TRUTH = TwoRateSI(beta_fast=1.2, beta_slow=0.2, weight_fast=0.5)
DEGREE, POPULATION, STARTERS, REPLICATES, ROUNDS = 8, 1000, 5, 10, 40


def conditions(number: int) -> Trajectories:
    """Simulate trajectories of `number` conditions, named in the column `condition`."""
    parts = []
    for condition in range(number):
        counts = TRUTH.simulate(
            range(ROUNDS + 1),
            population=POPULATION,
            infected0=STARTERS,
            closure=RandomRegular(DEGREE),
            rng=np.random.default_rng(condition),
            replicates=REPLICATES,
        )
        parts.append(
            pd.DataFrame(
                {
                    "condition": f"c{condition:03d}",
                    "trajectory": np.repeat([f"c{condition:03d}-{r}" for r in range(REPLICATES)], ROUNDS + 1),
                    "time": np.tile(np.arange(ROUNDS + 1), REPLICATES),
                    "infected": counts.ravel(),
                    "population": POPULATION,
                    "degree": DEGREE,
                }
            )
        )
    return Trajectories(pd.concat(parts, ignore_index=True))


def resident_memory() -> float:
    """Return the resident memory of the process in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conditions", type=int, default=200, help="number of conditions, at least 2 (default 200)")
    bound_arenas()
    data = conditions(max(2, parser.parse_args().conditions))
    starts: list[tuple[float, float, float]] = []

    def progress(what: str, done: int, _: int) -> None:
        # Each condition has two fits, so a condition begins after an even number of fits.
        if what.startswith("fitting one-rate") and done % 2 == 0:
            starts.append((time.perf_counter(), time.process_time(), resident_memory()))

    comparison = compare(data, by="condition", structures="none", seed=1, progress=progress)
    starts.append((time.perf_counter(), time.process_time(), resident_memory()))
    wall, processor, memory = np.array(starts).T
    seconds, used = np.diff(wall), np.diff(processor)
    verdicts = pd.Series([result.verdict for result in comparison.conditions]).value_counts()
    print(f"{os.cpu_count()} cores; {seconds.size} conditions; verdicts: {verdicts.to_dict()}\n")
    print("| | wall time (s) | processor time (s) | memory at its end (MB) |")
    print("|---|---|---|---|")
    print(f"| first condition | {seconds[0]:.2f} | {used[0]:.2f} | {memory[1]:.0f} |")
    for label, share in (("10%", 0.1), ("median", 0.5), ("90%", 0.9), ("slowest", 1.0)):
        wall_time, used_time = (np.quantile(values[1:], share) for values in (seconds, used))
        print(f"| further ones, {label} | {wall_time:.2f} | {used_time:.2f} | |")
    print(f"| further ones under 1 s | {np.mean(seconds[1:] < 1):.1%} | | |")
    for at in np.unique(np.linspace(1, seconds.size, 6).astype(int)):
        print(f"| after {at} | | | {memory[at]:.0f} |")


if __name__ == "__main__":
    main()
