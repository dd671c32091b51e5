"""Run a study: ask, simulate, compare, write the tables. Finished conditions are not run again."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ... import __version__
from ...agents import CachedLanguageModel, DecisionTable, LanguageModel, Probe, decide, load_language_model
from ...agents.answer_store import AnswerStore
from ...agents.trust import judge_decisions
from ...errors import InputError
from ..experiment import Progress, elicitation_notes, elicitation_record
from ..message_effect import message_effect
from .plan import Plan, Say, make_plan
from .store import StudyFolder
from .study_file import LanguageModelEntry, StudySpecification

Tables = dict[tuple[str, str, str], list[DecisionTable]]
"""Decision tables of all events, by language model and way to ask."""
Load = Callable[[LanguageModelEntry], LanguageModel]


def run_study(
    specification: StudySpecification,
    folder: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    load: Load | None = None,
    progress: Progress | None = None,
    say: Say | None = None,
) -> Path:
    """Run a study, or continue one. The tables are the same after interruptions and on any machine.

    Parameters
    ----------
    specification : StudySpecification
        The study, see :func:`tworate.analysis.study.read_study`.
    folder : path
        Folder of the results. Conditions that it already holds, with the same inputs, are not run again.
    workers : int, optional
        Number of processes on this machine that share the conditions, by Dask; by default this process runs them.
    scheduler : str, optional
        Address of a Dask scheduler whose workers run the conditions. Language models are always asked by this process.
    load : callable, optional
        Loads a language model; by default its answers are cached, see :func:`load_model`.
    progress : callable, optional
        Called with the current stage, steps done, and steps in total.
    say : callable, optional
        Called with sentences for the user.

    Returns
    -------
    Path
        The folder, for :func:`tworate.analysis.study.load_study`.

    Raises
    ------
    InputError
        When the study or the folder cannot be used.
    JobError
        When a language model or a cluster fails.
    """
    from ..report.study_report import write_study_report  # matplotlib
    from .condition_job import check_comparison, make_jobs
    from .hierarchical_effects import write_effects
    from .study_tables import write_decisions, write_tables

    check_places(workers, scheduler)

    def report(stage: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(stage, done, total) if progress else None

    plan = make_plan(specification, say)
    check_comparison(specification.comparison, specification.spread.clock)
    store = StudyFolder(Path(folder))
    with store.claimed():
        tables, model_records = ask(plan, load or load_model, progress, say)
        jobs = make_jobs(plan, tables)
        record = study_record(plan, model_records, [job.key for job in jobs])
        store.begin(record, specification.text)
        marked = {"version": __version__, "study": record["digest"]}
        write_decisions(plan, tables, store, marked)
        missing = [job for job in jobs if not store.has(job.key)]
        done = len(jobs) - len(missing)
        if say and done:
            say(f"{done} of {len(jobs)} conditions are already done")
        tell = report("working on conditions")
        tell(done, len(jobs))
        for key, write in _run_missing(missing, plan, workers, scheduler):
            store.keep(key, write)
            done += 1
            tell(done, len(jobs))
        trust = {
            (each["name"], ", ".join(map(str, each["asking"].values()))): each["decisions"]["decisions"]
            for each in model_records
        }
        write_tables(plan, jobs, store, marked, trust, report("writing tables"))
        write_effects(specification, store, marked, progress, say)
        write_study_report(store.path, progress)
    return store.path


def ask(
    plan: Plan, load: Load, progress: Progress | None = None, say: Say | None = None
) -> tuple[Tables, list[dict[str, Any]]]:
    """Ask each language model, one after the other, all questions of the study.

    Returns
    -------
    tables : dict of (str, str, str) to list of DecisionTable
        By language model, way to ask, and text of the counter-message (empty: none): one table per event.
    records : list of dict
        Each model and how it was asked, for `study.json`.
    """
    from ..pipeline import short_probe  # PyMC

    specification = plan.specification
    tables: Tables = {}
    records = []
    for entry in specification.language_models:
        folder = specification.path(entry.model)
        model = load(entry.model_copy(update={"model": str(folder)}) if folder.is_dir() else entry)

        def report(done: int, total: int, label: str = entry.label) -> None:
            if progress:
                progress(f"asking {label}", done, total)

        probes: dict[str, Probe | None] = {}
        for asking in specification.askings:
            by_text = {
                text: decide(
                    model,
                    plan.events,
                    plan.personas,
                    sightings=specification.elicitation.sightings,
                    templates=asking.templates,
                    elicitation=asking.elicitation,
                    cue=specification.elicitation.cue,
                    message=text,
                    progress=report,
                )
                for text in ("", *plan.texts)
            }
            asked = by_text[""]
            qualifier = asking.templates.qualifier
            if qualifier not in probes:
                probes[qualifier] = short_probe(model, asking.templates, asking.elicitation, progress, say)
            trust = judge_decisions([table for each in by_text.values() for table in each], probes[qualifier])
            effects = [message_effect(asked, by_text[text]) for text in plan.texts]
            notes = [*elicitation_notes(asked, asking.elicitation), *(effect.sentence for effect in effects)]
            if not trust.trustworthy:
                notes.append(trust.sentence)
            name = f"{entry.label}, {asking.label}" if asking.label else entry.label
            for note in notes if say else ():
                say(f"note: {name}: {note}")  # type: ignore[misc]
            tables |= {(entry.label, asking.label, text): each for text, each in by_text.items()}
            records.append(
                {
                    "name": entry.label,
                    "model": entry.model,
                    "fingerprint": model.fingerprint,
                    "warning": model.warning,
                    "asking": dict(asking.levels),
                    "notes": notes,
                    "elicitation": elicitation_record(asked, asking.elicitation),
                    "decisions": trust.to_json(),
                    **({"messages": [effect.to_json() for effect in effects]} if effects else {}),
                }
            )
    return tables, records


def load_model(entry: LanguageModelEntry) -> LanguageModel:
    """Load a language model with cached answers, see :class:`tworate.agents.CachedLanguageModel`."""
    options = entry.model_dump(exclude={"model", "name"}, exclude_defaults=True)
    return CachedLanguageModel(load_language_model(entry.model, **options), AnswerStore())


def study_record(plan: Plan, asked: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> dict[str, Any]:
    """Return all inputs of a study's results, for `study.json`; `digest` is their hash."""
    specification = plan.specification.model_dump(mode="json")
    # Conditions are numbered by their order, so the digest must depend on the order.
    digest = hashlib.sha256(json.dumps([specification, keys], sort_keys=True).encode()).hexdigest()[:24]
    return {
        "version": __version__,
        "digest": digest,
        "seed": plan.specification.seed,
        "language_models": list(asked),
        "qualifier": plan.specification.personas.qualifier,
        "cue": plan.specification.elicitation.cue,
        "specification": specification,
        "keys": list(keys),
    }


def check_places(workers: int | None, scheduler: str | None) -> None:
    """Check where conditions are to run.

    Raises
    ------
    InputError
        When workers and a scheduler are both given, workers is below 1, or Dask is not installed.
    """
    if workers is not None and scheduler is not None:
        raise InputError("workers and a scheduler: give only one of them; a scheduler has its own workers")
    if workers is not None and workers < 1:
        raise InputError(f"workers = {workers}: must be at least 1")
    if workers is not None or scheduler is not None:
        from .cluster import check_dask

        check_dask()


def _run_missing(
    missing: Sequence[Any], plan: Plan, workers: int | None, scheduler: str | None
) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Yield each condition's key when it is done, and a function that writes its files."""
    if workers is None and scheduler is None:
        from .condition_job import run_conditions

        for outcome in run_conditions(missing, plan.networks):
            yield outcome.job.key, outcome.write
        return
    from .cluster import run_on_cluster, write_files

    for job, files in run_on_cluster(missing, plan.networks, workers=workers, scheduler=scheduler):
        yield job.key, lambda folder, files=files: write_files(files, folder)  # type: ignore[misc]
