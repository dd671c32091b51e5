"""Time and memory of the main job and of a comparison, with the installed command.

Run with `python benchmarks/main_job.py`; it takes a few minutes. Cold means empty compilation, font and answer caches,
as on a machine that never ran tworate; warm means the same caches after a run. The script prints one Markdown table
with targets and measured values.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TWORATE = str(Path(sys.executable).with_name("tworate"))


def measure(arguments: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command; return its wall time in seconds and its peak memory in GB."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [TWORATE, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    messages = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"tworate {' '.join(arguments)} failed:\n{messages}")
    return time.perf_counter() - started, usage.ru_maxrss / 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        caches = {
            "NUMBA_CACHE_DIR": str(folder / "numba"),
            "PYTENSOR_FLAGS": f"base_compiledir={folder / 'pytensor'}",
            "MPLCONFIGDIR": str(folder / "matplotlib"),
            "TWORATE_CACHE": str(folder / "answers"),
        }
        environment = {**os.environ, **caches}
        demo, data = folder / "demo", folder / "demo" / "trajectories.parquet"
        run = ["run", "--out", str(demo)]
        rows = [("`tworate run`, cold caches", 90.0, measure(run, environment))]
        rows.append(("`tworate run`, warm caches", 40.0, measure(run, environment)))
        rows.append(("`tworate compare`, 10 × 40 points, warm", 25.0, measure(["compare", str(data)], environment)))
        rows.append(
            (
                "`tworate compare --out`, report included, warm",
                25.0,
                measure(["compare", str(data), "--out", str(folder / "comparison")], environment),
            )
        )
        rows.append(("`tworate --help`", 0.5, min(measure(["--help"], environment) for _ in range(5))))
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
    print("| command | to reach (s) | wall time (s) | peak memory (GB; to reach: 2) |")
    print("|---|---|---|---|")
    for label, target, (seconds, memory) in rows:
        print(f"| {label} | {target:g} | {seconds:.2f} | {memory:.2f} |")


if __name__ == "__main__":
    main()
