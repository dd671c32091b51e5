"""Time of a spread, against other simulators: `python benchmarks/spread.py`, about 15 minutes.

All simulators do the same work: on a random 8-regular network, built before the timing, a thousandth of the agents
share at the start. An edge to a sharer persuades with probability q in a round (in continuous time: at rate q), until
everybody has shared. Times are CPU seconds per replicate in one thread, the median of several. The time of tworate is
all of `Spread.replicate`: seeds, kernel, counts. `--quick` stops at 10,000 agents. Install the
peers with `pip install -e '.[bench]'`.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import networkx as nx
import numpy as np

from tworate.simulate import Network, Spread, random_regular, spread

DEGREE = 8
CHANCES = (0.25, 0.05, 0.02)
"""The last is the default visibility times a probability of sharing of 0.08."""
ROUNDS = {0.25: 80, 0.05: 400, 0.02: 1000}
PEER_REPEATS = 3
EDGES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)


def make_spread(network: Network, chance: float, clock: str, **changed: Any) -> Spread:
    """Return the work as a `Spread` of tworate."""
    settings = {"rounds": ROUNDS[chance], "visibility": chance, "initial_sharers": network.n_agents // 1000, "seed": 1}
    return Spread(network, np.array([[1.0]]), clock=clock, **{**settings, **changed})


def seconds(work: Callable[[int], int], repeats: int, everybody: int) -> float:
    """Return the median CPU seconds of one repetition; every repetition must reach everybody."""
    times = []
    for number in range(repeats):
        started = time.process_time()
        reached = work(number)
        times.append(time.process_time() - started)
        if reached != everybody:
            raise RuntimeError(f"{reached} of {everybody} agents have shared")
    return statistics.median(times)


def eon(graph: "nx.Graph[int]", chance: float) -> Callable[[int], int]:
    with warnings.catch_warnings():
        # EoN imports a name from a module of SciPy that no longer has it.
        warnings.simplefilter("ignore", DeprecationWarning)
        import EoN

    def run(number: int) -> int:
        rng = np.random.default_rng(number)
        starters = rng.choice(len(graph), len(graph) // 1000, replace=False).tolist()
        _, _, infected, _ = EoN.fast_SIR(graph, chance, 0.0, initial_infecteds=starters, rng=rng)
        return int(infected[-1])

    return run


def ndlib(graph: "nx.Graph[int]", chance: float) -> Callable[[int], int]:
    from ndlib.models import ModelConfig
    from ndlib.models.epidemics import SIModel

    def run(number: int) -> int:
        model = SIModel(graph, seed=number)
        settings = ModelConfig.Configuration()
        settings.add_model_parameter("beta", chance)
        settings.add_model_parameter("fraction_infected", 0.001)
        model.set_initial_status(settings)
        infected = 0
        while infected < len(graph):
            infected = model.iteration(node_status=False)["node_count"][1]
        return infected

    return run


def mesa_model(graph: "nx.Graph[int]", chance: float, number: int, starters: list[int]) -> Any:
    """Return agents that first look at their neighbours and then act: with two stages, rounds are synchronous."""
    import mesa

    class Person(mesa.Agent):
        def __init__(self, model: Any) -> None:
            super().__init__(model)
            self.shared = self.persuaded = False
            self.neighbours: list[Person] = []

        def look(self) -> None:
            if not self.shared:
                draw = self.model.random.random
                self.persuaded = any(other.shared and draw() < chance for other in self.neighbours)

        def act(self) -> None:
            self.shared = self.shared or self.persuaded

        def look_and_act(self) -> None:
            self.look()
            self.act()

    model = mesa.Model(seed=number)
    people = [Person(model) for _ in range(len(graph))]
    for person, node in zip(people, range(len(graph)), strict=True):
        person.neighbours = [people[other] for other in graph[node]]
    for node in starters:
        people[node].shared = True
    return model, people


def mesa(graph: "nx.Graph[int]", chance: float) -> Callable[[int], int]:
    prepared = {}
    for number in range(PEER_REPEATS):
        starters = random.Random(number).sample(range(len(graph)), len(graph) // 1000)
        prepared[number] = mesa_model(graph, chance, number, starters)

    def run(number: int) -> int:
        model, people = prepared[number]
        infected = 0
        while infected < len(people):
            model.agents.do("look")
            model.agents.do("act")
            infected = sum(person.shared for person in people)
        return infected

    return run


def loop(graph: "nx.Graph[int]", chance: float) -> Callable[[int], int]:
    def run(number: int) -> int:
        draw = random.Random(number)
        shared = set(draw.sample(range(len(graph)), len(graph) // 1000))
        while len(shared) < len(graph):
            newly = {v for u in shared for v in graph[u] if v not in shared and draw.random() < chance}
            shared |= newly
        return len(shared)

    return run


PEERS = {
    "networkx loop": (loop, "networkx", "rounds"),
    "NDlib SIModel": (ndlib, "ndlib", "rounds"),
    "Mesa, two stages": (mesa, "mesa", "rounds"),
    "EoN fast_SIR": (eon, "EoN", "continuous"),
}


def peers(agents: int) -> None:
    """Print a row for each simulator, with the ratio to tworate with the same clock."""
    network = random_regular(agents, DEGREE, seed=1)
    source = np.repeat(np.arange(agents), network.degrees)
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(agents))
    graph.add_edges_from(zip(source.tolist(), network.indices.tolist(), strict=True))
    print(f"\n{agents:,} agents\n\n| simulator | clock | q | CPU seconds | times ours |\n|---|---|---|---|---|")
    for chance in CHANCES:
        ours = {}
        for clock in ("rounds", "continuous"):
            process = make_spread(network, chance, clock)
            process.replicate(99)
            ours[clock] = seconds(lambda r, process=process: int(process.replicate(r).infected[-1]), 7, agents)
            print(f"| tworate {version('tworate')} | {clock} | {chance} | {ours[clock]:.4f} | 1 |", flush=True)
        for name, (peer, package, clock) in PEERS.items():
            if not find_spec(package):
                print(f"| {name} | {clock} | {chance} | not installed | |")
                continue
            took = seconds(peer(graph, chance), PEER_REPEATS, agents)
            ratio = took / ours[clock]
            print(
                f"| {name} ({package} {version(package)}) | {clock} | {chance} | {took:.2f} | {ratio:.0f} |", flush=True
            )


def scaling(max_edges: int) -> None:
    """Print times for increasing numbers of edges, and the fitted exponent."""
    for clock in ("rounds", "continuous"):
        print("\n| edges | clock | CPU seconds a replicate | nanoseconds an edge |\n|---|---|---|---|")
        points = []
        for edges in (e for e in EDGES if e <= max_edges):
            network = random_regular(edges * 2 // DEGREE, DEGREE, seed=1)
            process = make_spread(network, 0.25, clock)
            process.replicate(99)
            took = seconds(lambda r, process=process: int(process.replicate(r).infected[-1]), 5, network.n_agents)
            points.append((edges, took))
            print(f"| {edges:,} | {clock} | {took:.4f} | {took / edges * 1e9:.0f} |", flush=True)
        exponent = np.polyfit(*np.log(np.array(points)).T, 1)[0]
        print(f"\n{clock}: CPU time grows as edges to the power {exponent:.2f}")


def million() -> None:
    """Print the time of a replicate of a million agents until saturation."""
    network = random_regular(1_000_000, DEGREE, seed=1)
    tables = {"persuaded at once": [[1.0]], "five sightings of 0.12 and more": [[0.12, 0.15, 0.2, 0.2, 0.2]]}
    print("\n| a million agents, 8 neighbours | clock | visibility | sightings | CPU seconds a replicate |")
    print("|---|---|---|---|---|")
    for name, table in tables.items():
        for clock in ("rounds", "continuous"):
            for chance in (1.0, 0.25):
                process = Spread(
                    network, np.array(table), rounds=200, clock=clock, visibility=chance, initial_sharers=1000, seed=1
                )
                process.replicate(99)
                took = seconds(lambda r, process=process: int(process.replicate(r).infected[-1]), 5, 1_000_000)
                shown = int(process.replicate(0).sightings.sum())
                print(f"| {name} | {clock} | {chance} | {shown:,} | {took:.2f} |", flush=True)


def ten_million() -> None:
    """Print wall time and memory of a run of ten million agents, from the start of Python to the file."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, __file__, "--one"], capture_output=True, text=True, check=True)
    wall = time.perf_counter() - started
    took = json.loads(done.stdout)
    print(
        f"\nTen million agents, 8 neighbours, 2 replicates of 60 rounds at visibility 0.25 and P = 0.5, from starting "
        f"Python to the Parquet file: {wall:.1f} s of wall time, {took['memory']:.2f} GB at most "
        f"({took['network']:.1f} s for the network, {took['spread']:.1f} s for spreading and writing; "
        f"{took['infected']:,} agents have shared on average)."
    )


def one() -> None:
    """Do the run that `ten_million` measures."""
    started = time.perf_counter()
    network = random_regular(10_000_000, DEGREE, seed=1)
    drawn = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        data = spread(network, [[0.5]], rounds=60, replicates=2, initial_sharers=1000, seed=1)
        data.save(f"{folder}/trajectories.parquet")
    print(
        json.dumps(
            {
                "network": drawn - started,
                "spread": time.perf_counter() - drawn,
                "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
                "infected": int(data.table.groupby("trajectory")["infected"].last().mean()),
            }
        )
    )


def traps() -> None:
    """Print cases where other simulators do not simulate the process that they name."""
    print("\n| trap | result |\n|---|---|")
    cycle = nx.cycle_graph(1000)
    if find_spec("mesa"):
        model, people = mesa_model(cycle, 1.0, 1, [0])
        model.agents.shuffle_do("look_and_act")
        print(
            "| Mesa, random activation: agents see what was shared in the same round | a cycle, q = 1, one seed, one "
            f"round: {sum(p.shared for p in people)} have shared; 3 is right |"
        )
    if find_spec("EoN"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import EoN
        graph = nx.random_regular_graph(DEGREE, 1000, seed=1)
        rng = np.random.default_rng(1)
        _, susceptible, _, _ = EoN.basic_discrete_SIR(graph, 0.1, initial_infecteds=list(range(10)), rng=rng)
        print(
            "| EoN, basic_discrete_SIR: who is infected recovers after one round | 1,000 agents, 8 neighbours, "
            f"q = 0.1: {susceptible[-1]} are never infected; SI leaves 0 |"
        )
        times = []
        for n in (2000, 4000, 8000):
            graph = nx.random_regular_graph(DEGREE, n, seed=1)
            started = time.process_time()
            EoN.Gillespie_SIR(graph, 1.0, 0.0, initial_infecteds=[0], tmax=1e9, rng=np.random.default_rng(1))
            times.append(time.process_time() - started)
        shown = ", ".join(f"{t:.1f}" for t in times)
        print(f"| EoN 2, Gillespie_SIR: copies all edges at every event | 2,000, 4,000, 8,000 agents: {shown} s |")
    if find_spec("ndlib"):
        from ndlib.models.epidemics import SIModel

        drawn = []
        for _ in range(2):
            SIModel(cycle, seed=7)
            # The global generator is the point of this test.
            drawn.append(np.random.random())  # noqa: NPY002
        same = "the same twice" if drawn[0] == drawn[1] else "different"
        print(f"| NDlib: a model's seed is given to numpy's global generator | np.random.random() after it: {same} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", action="store_true")
    arguments = parser.parse_args()
    if arguments.one:
        one()
    else:
        peers(10_000 if arguments.quick else 100_000)
        traps()
        scaling(100_000 if arguments.quick else 10_000_000)
        if not arguments.quick:
            million()
            ten_million()
