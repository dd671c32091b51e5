"""Time to build networks, against networkx and igraph: `python benchmarks/networks.py`, about 15 minutes.

Every network is built in its own process, with 8 neighbours on average, after compilation. Times are CPU seconds;
memory is the peak of the process, with libraries. A peer is skipped if it would take more than a minute, estimated as
ten times its time for a tenth of the agents. `--quick` stops at 100,000 agents.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

DEGREE = 8
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
MAX_SECONDS = 60.0
KINDS = (
    "random-regular",
    "erdos-renyi",
    "watts-strogatz",
    "barabasi-albert",
    "powerlaw-cluster",
    "stochastic-block",
    "complete",
)
PEERS = ("networkx", "igraph")
BLOCKS, BETWEEN = 4, 0.05


def block_probabilities(n: int) -> tuple[list[list[float]], list[int]]:
    """Return edge probabilities that give the mean degree, and the sizes of the blocks."""
    size = n // BLOCKS
    inside, across = DEGREE * (1 - BETWEEN) / (size - 1), DEGREE * BETWEEN / (n - size)
    return [[inside if a == b else across for a in range(BLOCKS)] for b in range(BLOCKS)], [size] * BLOCKS


def by_us(kind: str) -> Callable[[int], Any]:
    from tworate.simulate import make_network

    make_network(kind, 100, DEGREE, 1)
    return lambda n: make_network(kind, n, DEGREE, 1)


def by_networkx(kind: str) -> Callable[[int], Any] | None:
    import networkx as nx

    return {
        "random-regular": lambda n: nx.random_regular_graph(DEGREE, n, seed=1),
        "erdos-renyi": lambda n: nx.gnm_random_graph(n, n * DEGREE // 2, seed=1),
        "watts-strogatz": lambda n: nx.watts_strogatz_graph(n, DEGREE, 0.1, seed=1),
        "barabasi-albert": lambda n: nx.barabasi_albert_graph(n, DEGREE // 2, seed=1),
        "powerlaw-cluster": lambda n: nx.powerlaw_cluster_graph(n, DEGREE // 2, 0.5, seed=1),
        "stochastic-block": lambda n: nx.stochastic_block_model(*block_probabilities(n)[::-1], seed=1),
    }.get(kind)


def by_igraph(kind: str) -> Callable[[int], Any] | None:
    from igraph import Graph

    return {
        "random-regular": lambda n: Graph.K_Regular(n, DEGREE),
        "erdos-renyi": lambda n: Graph.Erdos_Renyi(n=n, m=n * DEGREE // 2),
        "watts-strogatz": lambda n: Graph.Watts_Strogatz(dim=1, size=n, nei=DEGREE // 2, p=0.1),
        "barabasi-albert": lambda n: Graph.Barabasi(n, DEGREE // 2),
        "stochastic-block": lambda n: Graph.SBM(*block_probabilities(n)),
    }.get(kind)


def one(kind: str, who: str, n: int) -> None:
    """Build one network, and print seconds and megabytes."""
    build = {"tworate": by_us, "networkx": by_networkx, "igraph": by_igraph}[who](kind)
    if build is None:
        print(json.dumps(None))
        return
    started = time.process_time()
    network = build(n)
    seconds = time.process_time() - started
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000]))
    del network


def measured(kind: str, who: str, n: int) -> list[float] | None:
    done = subprocess.run(
        [sys.executable, __file__, "--one", kind, who, str(n)], capture_output=True, text=True, check=True
    )
    result: list[float] | None = json.loads(done.stdout)
    return result


def table(sizes: tuple[int, ...]) -> None:
    """Print a row for each kind and size."""
    peers = [peer for peer in PEERS if find_spec(peer)]
    for peer in set(PEERS) - set(peers):
        print(f"{peer} is not installed, so its columns are left out.\n")
    columns = "".join(f" {peer} (s) | ratio |" for peer in peers)
    print(f"| network | agents | tworate (s) | tworate (MB) |{columns}")
    print("|---|---|---|---|" + "---|---|" * len(peers))
    for kind in KINDS:
        last: dict[str, float] = dict.fromkeys(peers, 0.0)
        for n in sizes:
            ours = measured(kind, "tworate", n)
            if ours is None:
                raise RuntimeError(kind)
            cells = ""
            for peer in peers:
                if 10 * last[peer] > MAX_SECONDS:
                    cells += " not run | |"
                    continue
                theirs = measured(kind, peer, n)
                if theirs is None:
                    cells += " has none | |"
                    continue
                last[peer] = theirs[0]
                ratio = theirs[0] / ours[0]
                cells += f" {theirs[0]:.2f} | {ratio:.{0 if ratio >= 10 else 1}f} |"
            print(f"| {kind} | {n:,} | {ours[0]:.3f} | {ours[1]:.0f} |{cells}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", nargs=3, metavar=("KIND", "WHO", "AGENTS"))
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments.one[0], arguments.one[1], int(arguments.one[2]))
    else:
        table(SIZES[:2] if arguments.quick else SIZES)
