"""Time and memory of a study, and of fitting its conditions one by one in fresh processes.

Run with `python benchmarks/study.py [--profiles 32] [--fresh 3]`; it takes some minutes. The study has all 32 profiles
on one event of each of the 6 types, 1000 agents, 10 replicates of 40 rounds, two models, LOO, verdict.
It runs with the installed command, including decisions and report, with its own caches, which a study of two conditions
has filled. Then it runs again on one worker process per core. Then some of its conditions are compared one by one, each
by `tworate compare` in its own process; their mean time is multiplied by the number of conditions. Finally the
hierarchical models with one rate and with two rates are compiled and fitted to the study. The script prints one
Markdown table with targets and measured values, and whether both ways gave the same tables.
"""

import argparse
import os
import platform
import tempfile
from pathlib import Path

import pandas as pd
from main_job import measure

from tworate.agents import all_personas

TO_REACH = 240.0
"""Seconds for 192 conditions."""

STUDY = """
seed = 1
[events]
{events}
[personas]
profiles = {profiles}
[comparison]
structures = "none"
[effects]
fit = {effects}
"""
TABLES = ("conditions", "decisions", "trajectories", "trajectories.counts", "comparison")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", type=int, default=32, help="profiles of each of 6 events, 1 to 32 (default 32)")
    parser.add_argument("--fresh", type=int, default=3, help="conditions compared in fresh processes (default 3)")
    arguments = parser.parse_args()
    codes = [persona.code for persona in all_personas()]
    # If not all profiles are used, spread them over the traits.
    profiles = codes[:: max(1, len(codes) // arguments.profiles)][: arguments.profiles]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {
            **os.environ,
            "NUMBA_CACHE_DIR": str(folder / "numba"),
            "PYTENSOR_FLAGS": f"base_compiledir={folder / 'pytensor'}",
            "TWORATE_CACHE": str(folder / "answers"),
        }
        for file, events, chosen in (
            ("warm", 'ids = ["VAR1"]', ["OCEAN", "ocean"]),
            ("study", "per_type = 1", profiles),
        ):
            (folder / f"{file}.toml").write_text(
                STUDY.format(events=events, profiles=chosen, effects="false"), encoding="utf-8"
            )
        measure(["study", str(folder / "warm.toml"), "--out", str(folder / "warm")], environment)
        run = ["study", str(folder / "study.toml"), "--out"]
        serial = measure([*run, str(folder / "serial")], environment)
        again = measure([*run, str(folder / "serial")], environment)
        cores = os.cpu_count() or 1
        spread = measure([*run, str(folder / "spread"), "--workers", str(cores)], environment)
        same = all(
            pd.read_parquet(folder / "serial" / f"{table}.parquet").equals(
                pd.read_parquet(folder / "spread" / f"{table}.parquet")
            )
            for table in TABLES
        )
        conditions = pd.read_parquet(folder / "serial" / "conditions.parquet")
        n = len(conditions)
        alone = []
        for key in conditions["key"].iloc[:: max(1, n // arguments.fresh)].iloc[: arguments.fresh]:
            data = folder / "serial" / "parts" / key / "trajectories.parquet"
            compare = ["compare", str(data), "--structures", "none", "--json"]
            alone.append(measure(compare, environment))
        (folder / "study.toml").write_text(
            STUDY.format(events="per_type = 1", profiles=profiles, effects="true"), encoding="utf-8"
        )
        effects = measure([*run, str(folder / "serial")], environment)
    seconds_alone = sum(seconds for seconds, _ in alone) / len(alone)
    print(f"{cores} cores, {platform.machine()}, Python {platform.python_version()}; {n} conditions\n")
    print("| | to reach (s) | wall time (s) | a condition (s) | peak memory of the command (GB; to reach: 2) |")
    print("|---|---|---|---|---|")
    for label, target, (seconds, memory) in (
        ("`tworate study`, one process", f"{TO_REACH * n / 192:.0f}", serial),
        ("the same again, nothing left to do", "", again),
        (f"`--workers {cores}`, decisions kept (workers' memory apart)", "", spread),
        (f"one by one in fresh processes ({len(alone)} measured)", "", (seconds_alone * n, max(m for _, m in alone))),
        ("effects on top: both hierarchical models, compiled first, and a report with them", "", effects),
    ):
        print(f"| {label} | {target} | {seconds:.1f} | {seconds / n:.2f} | {memory:.2f} |")
    print(f"\nTables of one process and of workers are {'the same' if same else 'NOT the same'}.")


if __name__ == "__main__":
    main()
