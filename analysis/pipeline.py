"""The main job: agents decide, the network spreads, Bayes decides between one rate and two."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .. import __version__
from ..agents import DecisionTable, Event, LanguageModel, Persona, all_personas, assign_personas, decide
from ..errors import InputError
from ..files import atomic_path, check_writable, write_text
from ..inference import Comparison, compare
from ..inference.fitting import CLOCKS, check_names
from ..inference.observations import check_closure
from ..simulate import Trajectories, random_regular, spread
from ..simulate.network import check_regular
from ..simulate.spreading import check_process

RUN = "run.json"

Progress = Callable[[str, int, int], None]
"""Called with what begins now, and numbers of steps done and in all."""


@dataclass(frozen=True)
class SpreadSettings:
    """How a post spreads.

    Parameters
    ----------
    agents, degree : int
        Agents, and neighbours of each on a random regular network.
    replicates, rounds : int
        Independent repetitions, and rounds of each.
    initial_sharers : int
        Agents that have shared at the start.
    visibility : float
        Probability that an edge shows the post in a round.
    seed : int
        Seed of network, assignment of personas, and spreading.
    """

    agents: int = 1000
    degree: int = 8
    replicates: int = 10
    rounds: int = 40
    initial_sharers: int = 5
    visibility: float = 0.25
    seed: int = 0

    def check(self) -> None:
        """Refuse settings that `spread` would, before a language model is loaded and asked.

        Raises
        ------
        InputError
            When a setting cannot be used.
        """
        check_regular(self.agents, self.degree)
        check_process(self.agents, self.rounds, self.replicates, self.initial_sharers, self.visibility)
        if self.seed < 0:
            raise InputError(f"seed = {self.seed}: must be 0 or more")


def simulate_events(
    tables: Sequence[DecisionTable], settings: SpreadSettings, progress: Progress | None = None
) -> Trajectories:
    """Spread each event's post on one network among one population of persona agents.

    Parameters
    ----------
    tables : sequence of DecisionTable
        One an event, over the same personas.
    settings : SpreadSettings
        Network and process.
    progress : callable, optional
        Called as replicates finish.

    Returns
    -------
    Trajectories
        With condition columns `event` and `event_type`.
    """
    network = random_regular(settings.agents, settings.degree, settings.seed)
    members = assign_personas(settings.agents, tables[0].personas, settings.seed)
    parts = []
    for number, table in enumerate(tables):

        def report(done: int, total: int, number: int = number) -> None:
            if progress:
                progress("simulating", number * total + done, len(tables) * total)

        trajectories = spread(
            network,
            table.probabilities,
            members,
            rounds=settings.rounds,
            replicates=settings.replicates,
            initial_sharers=settings.initial_sharers,
            visibility=settings.visibility,
            # Another event is another experiment: its luck must not repeat that of the first.
            seed=settings.seed + number,
            conditions={"event": table.event.event_id_cnty, "event_type": table.event.event_type},
            progress=report,
        )
        parts.append(trajectories.table)
    return Trajectories(pd.concat(parts, ignore_index=True), source="the simulation")


def run(
    model: LanguageModel,
    events: Sequence[Event],
    folder: Path,
    *,
    settings: SpreadSettings | None = None,
    personas: Sequence[Persona] | None = None,
    closure: str | None = None,
    likelihood: str = "beta-binomial",
    progress: Progress | None = None,
) -> Comparison:
    """Run the main job and save everything: decisions, trajectories, comparison, report.

    Parameters
    ----------
    model : LanguageModel
        Who decides.
    events : sequence of Event
        What is spread; several are compared one by one.
    folder : Path
        Where the results go.
    settings : SpreadSettings, optional
        Network and process.
    personas : sequence of Persona, optional
        Profiles among the agents, in equal numbers; all 32 by default.
    closure, likelihood
        As in :func:`tworate.inference.compare`.
    progress : callable, optional
        Called with what is being done.

    Returns
    -------
    Comparison
    """
    from .report import write_report  # matplotlib

    settings = settings or SpreadSettings()
    check_job(settings, folder, closure, likelihood)
    personas = list(personas or all_personas())

    def deciding(done: int, total: int) -> None:
        if progress:
            progress("asking the language model", done, total)

    tables = decide(model, events, personas, progress=deciding)
    trajectories = simulate_events(tables, settings, progress)
    by = ["event"] if len(events) > 1 else []
    comparison = compare(
        trajectories, by=by, likelihood=likelihood, closure=closure, seed=settings.seed, progress=progress
    )
    write_decisions(tables, folder / "decisions.csv")
    record = run_record(model, events, personas, settings)
    write_text(folder / RUN, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    comparison.save(folder)
    write_report(comparison, folder, record, progress)
    return comparison


def check_job(settings: SpreadSettings, folder: Path, closure: str | None, likelihood: str) -> None:
    """Refuse what can be refused before a language model is loaded and asked.

    Raises
    ------
    InputError
        When a setting or name cannot be used, or the folder cannot be written to.
    """
    settings.check()
    check_names(likelihood, CLOCKS[0])
    if closure is not None:
        check_closure(closure)
    check_writable(folder / RUN)


def run_record(
    model: LanguageModel, events: Sequence[Event], personas: Sequence[Persona], settings: SpreadSettings
) -> dict[str, Any]:
    """What was run, for `run.json` and the report."""
    shown = ", ".join(f"{event.event_id_cnty} ({event.event_type})" for event in events[:12])
    return {
        "tworate_version": __version__,
        "model": model.name,
        "fingerprint": model.fingerprint,
        "warning": model.warning,
        "events": shown + (f" and {len(events) - 12} more" if len(events) > 12 else ""),
        "personas": "all 32 Big Five profiles"
        if len(personas) == 32
        else ", ".join(persona.code for persona in personas),
        "network": "random-regular",
        **asdict(settings),
    }


def read_run_record(folder: Path) -> dict[str, Any]:
    """Read `run.json` of a folder; empty when the folder holds a bare comparison."""
    path = folder / RUN
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: is damaged ({error}); run the job again") from error
    if not isinstance(record, dict):
        raise InputError(f"{path}: is damaged (not an object); run the job again")
    return record


def write_decisions(tables: Sequence[DecisionTable], path: Path) -> None:
    """Write decision tables as one CSV."""
    with atomic_path(path) as temporary:
        pd.concat([table.to_frame() for table in tables]).to_csv(temporary, index=False)
