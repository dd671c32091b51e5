"""Time to read many events, and to reach homophily among many agents: `python benchmarks/population.py`."""

import csv
import random
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import tworate
from tworate.agents import EVENT_TYPES, EventFilter, Mixture, Persona, as_mixture, read_events
from tworate.errors import InputError
from tworate.simulate import assortativity, make_alike, make_network

ROWS = 100_000
AGENTS = 100_000


def write_export(path: Path, rows: int) -> None:
    """Write invented events with the columns of an ACLED export; notes have commas, quotes and line breaks."""
    shipped = Path(tworate.__file__).parent / "examples" / "events.csv"
    with shipped.open(encoding="utf-8", newline="") as handle:
        columns = csv.DictReader(handle).fieldnames or []
    rng = random.Random(1)
    words = 'soldiers fighters market village "claimed" responsibility, north; état clashed\nfled'.split(" ")
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        for number in range(rows):
            day = date(2018, 1, 1) + timedelta(days=rng.randrange(2900))
            row = dict.fromkeys(columns, "Military Forces of Varosia")
            row |= {
                "event_id_cnty": f"ABC{number}",
                "event_date": f"{day:%d} {day:%B} {day.year}",
                "event_type": rng.choice(EVENT_TYPES),
                "country": rng.choice(["Varosia", "Elmarra"]),
                "notes": " ".join(rng.choices(words, k=60)),
                "fatalities": str(rng.choice([0, 0, 0, 1, 12])),
            }
            writer.writerow(row.values())


def timed(label: str, work: Callable[[], Any]) -> Any:
    """Do the work, print its time, and return its result."""
    started = time.perf_counter()
    result = work()
    print(f"| {label} | {time.perf_counter() - started:.2f} |")
    return result


def events() -> None:
    """Read all events of an export, without and with a filter."""
    where = EventFilter.from_text(["Battles"], ["Varosia"], 1, None, "2023-05-01", "2024-04-30")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.csv"
        write_export(path, ROWS)
        size = path.stat().st_size / 1e6
        timed(f"read {ROWS} events, {size:.0f} MB", lambda: read_events(path))
        timed("the same through a filter on everything", lambda: read_events(path, where))
    print(f"\nPeak memory so far: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB\n")


def homophily() -> None:
    """Measure homophily: move the personas of many agents until neighbours are alike."""
    mixtures = {
        "2 personas": as_mixture([Persona("OCEAN"), Persona("ocean")]),
        "2 personas, 9 : 1": Mixture((Persona("OCEAN"), Persona("ocean")), (9, 1)),
        "32 personas": as_mixture(None),
    }
    # A small network first, to compile.
    small = make_network("random-regular", 100, 4, 1)
    make_alike(small, mixtures["2 personas"].assign(100, 1), 0.1, seed=1)
    print("| network | personas | homophily asked for | reached | seconds |\n|---|---|---|---|---|")
    for kind in ("random-regular", "erdos-renyi", "barabasi-albert", "watts-strogatz"):
        network = make_network(kind, AGENTS, 8, 1)
        for name, mixture in mixtures.items():
            members = mixture.assign(AGENTS, 1)
            for target in (0.1, 0.3, 1.0):
                started = time.perf_counter()
                try:
                    reached = f"{assortativity(network, make_alike(network, members, target, seed=1)):.3f}"
                except InputError as error:
                    reached = f"no: {str(error).split('ended at ')[1].split(';')[0]}"
                print(f"| {kind} | {name} | {target} | {reached} | {time.perf_counter() - started:.1f} |", flush=True)


if __name__ == "__main__":
    print("| events | seconds |\n|---|---|")
    events()
    homophily()
