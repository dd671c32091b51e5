"""The main job: agents decide, a post spreads, and one rate is compared with two."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..agents import Elicitation, Event, GroupMixture, LanguageModel, Probe, PromptTemplates, probe_model, read_message
from ..agents.trust import judge_models
from ..errors import InputError, JobError
from ..files import check_writable, write_text
from ..inference import Comparison, compare
from ..inference.comparison.compare import checked_structures
from ..inference.comparison.results import condition_label
from ..inference.comparison.storage import TRAJECTORIES, discard_comparison
from ..inference.data.observations import check_closure
from ..inference.mechanisms.mechanisms import explain
from ..inference.posterior.fitting import DEFAULT_LIKELIHOOD, check_level, check_names, versions
from .deciding import Models, PopulationDecisions, decide_population
from .destination import claimed
from .experiment import (
    Population,
    Progress,
    SpreadSettings,
    make_population,
    simulate_events,
    write_decisions,
)
from .explaining import save_explanations
from .group_answer import SEVERAL_RATES, answer_groups, save_answers
from .kept import kept_if_not_saved, kept_or_computed
from .message_effect import message_effect

RUN = "run.json"

PROBE_SAMPLES = 20
"""Largest number of sampled answers to each prompt of the short probe."""


def run(
    model: Models,
    events: Sequence[Event],
    folder: Path,
    *,
    settings: SpreadSettings | None = None,
    population: Population | None = None,
    templates: PromptTemplates | None = None,
    elicitation: Elicitation | None = None,
    cue: str = "none",
    closure: str | None = None,
    likelihood: str | None = None,
    level: str | None = None,
    structures: str | Sequence[str] = "default",
    period: float | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
    show: Callable[[Comparison], None] | None = None,
    with_probe: bool = True,
) -> Comparison:
    """Run the main job and save everything: decisions, trajectories, comparison, report.

    Parameters
    ----------
    model : LanguageModel or mapping of str to LanguageModel
        Language model of the agents. In a population of groups: language models by the names that groups give them, or
        None if all probabilities are given.
    events : sequence of Event
        Events of the posts; each is compared separately.
    folder : Path
        Folder of the results.
    settings : SpreadSettings, optional
        Network and process.
    population : Population, optional
        Agents and network, see :func:`tworate.analysis.experiment.make_population`; by default all 32 profiles in
        equal numbers.
    templates : PromptTemplates, optional
        Wording of the prompts; by default the built-in one.
    elicitation : Elicitation, optional
        How the model is asked.
    cue : {"none", "sharers"}
        What agents see of others, see :func:`tworate.agents.decide`.
    closure, likelihood, level, structures, period
        As in :func:`tworate.inference.compare`.
    progress : callable, optional
        Called with the current stage, steps done, and steps in total.
    say : callable, optional
        Called with notes for the user.
    show : callable, optional
        Called with the comparison before it is saved.
    with_probe : bool
        Whether the model is probed for personas, see :func:`tworate.agents.probe_model`, in the short form.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        When a setting or name is invalid, or another process writes to the folder.
    WriteError
        When results cannot be saved.
    """
    from .report.comparison_report import write_report  # matplotlib

    settings = settings or SpreadSettings()
    check_job(settings, folder, closure, likelihood, level, structures, period)
    population = population or make_population(settings)

    def deciding(done: int, total: int) -> None:
        if progress:
            progress("asking the language model", done, total)

    elicitation = elicitation or Elicitation()
    how: dict[str, Any] = {"templates": templates, "elicitation": elicitation, "cue": cue, "progress": deciding}
    message = read_message(settings.message.file) if settings.message else ""
    decided = decide_population(population.mixture, model, events, **how)
    tables, judged, with_message, effect = decided.tables, decided.by_model, None, None
    if message:
        read = decide_population(population.mixture, model, events, **how, message=message)
        with_message, effect = read.tables, message_effect(tables, read.tables)
        judged = {name: [*each, *read.by_model[name]] for name, each in judged.items()}
    probes = {
        name: short_probe(each, templates, elicitation, progress, say)
        for name, each in (decided.models.items() if with_probe else ())
    }
    trust = judge_models(judged, probes)
    if say:
        for note in decided.notes():
            say(f"note: {note}")
        if effect:
            say(f"note: {effect.sentence}")
        if not trust.trustworthy:
            say(f"warning: {trust.sentence}")
    with claimed(folder):
        trajectories = simulate_events(tables, settings, progress, population, with_message)
        # Results of an earlier job belong to other data. Remove them now, in case this job is interrupted.
        discard_comparison(folder)
        (folder / RUN).unlink(missing_ok=True)
        # Save before the fits, so that a later failure does not lose the expensive model calls.
        write_decisions([*tables, *(with_message or [])], folder / "decisions.csv")
        trajectories.save(folder / TRAJECTORIES)
        record = run_record(decided, population, settings) | {"decisions": trust.to_json()}
        if effect:
            record["message"] = effect.to_json()
        write_text(folder / RUN, json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        asked: dict[str, Any] = {
            "by": ["event"] if len(events) > 1 else [],
            "likelihood": likelihood,
            "closure": closure,
            "clock": settings.clock,
            "level": level,
            "structures": structures,
            "period": period,
            "seed": settings.seed,
        }
        comparison = kept_or_computed(
            trajectories, asked, lambda: compare(trajectories, **asked, progress=progress), say or (lambda _: None)
        )
        comparison = replace(comparison, decisions=trust.to_json())
        if show:
            show(comparison)
        with kept_if_not_saved(comparison, trajectories, asked):
            comparison.save(folder)
            if len(record.get("groups", [])) > 1:
                _ask_about_groups(comparison, folder, progress, say)
            write_report(comparison, folder, record, progress)
    return comparison


def _ask_about_groups(
    comparison: Comparison, folder: Path, progress: Progress | None, say: Callable[[str], None] | None
) -> None:
    """Explain the verdicts with several rates by who or when, ask whether groups make them, and save both."""
    several = [result.condition for result in comparison.conditions if result.verdict in SEVERAL_RATES]
    explanations = []
    if several:
        explanations = explain(
            comparison.trajectories,
            comparison.by,
            seed=comparison.seed,
            only=lambda condition: condition in several,
            progress=progress,
        )
        save_explanations(explanations, folder, str(folder), comparison.seed)
    answers = answer_groups(comparison, explanations, progress)
    save_answers(answers, folder)
    for answer in answers:
        label = f"{condition_label(answer.condition)}: " if answer.condition else ""
        if say:
            say(f"groups: {label}{answer.sentence}")


def short_probe(
    model: LanguageModel,
    templates: PromptTemplates | None,
    elicitation: Elicitation,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Probe | None:
    """Probe a model for personas in the short form; return None, and say why, if its answers cannot be read."""

    def probing(done: int, total: int) -> None:
        if progress:
            progress("probing the language model for personas", done, total)

    # Answers are sampled only where the model gives no log-probabilities: scores are exact, and cost far less.
    asked = Elicitation(
        "logits",
        samples=min(elicitation.samples, PROBE_SAMPLES),
        temperature=elicitation.temperature,
        max_tokens=elicitation.max_tokens,
        seed=elicitation.seed,
        max_unparsable=1.0,
    )
    try:
        return probe_model(model, templates=templates, elicitation=asked, short=True, progress=probing)
    except JobError as error:
        if say:
            say(f"note: the probe of personas was left out: {error}")
        return None


def check_job(
    settings: SpreadSettings,
    folder: Path,
    closure: str | None,
    likelihood: str | None,
    level: str | None = None,
    structures: str | Sequence[str] = "default",
    period: float | None = None,
) -> None:
    """Check settings, names and folder before a language model is loaded and asked.

    Raises
    ------
    InputError
        When a setting or name is invalid, or the folder cannot be written to.
    """
    settings.check()
    if settings.message:
        read_message(settings.message.file)
    checked_structures(structures, period)
    check_level(level)
    if level == "individual":
        if closure is not None or likelihood not in (None, "binomial"):
            raise InputError("closure and likelihood go with level count; leave them out or choose level count")
        settings.check_individual()
    check_names(likelihood or DEFAULT_LIKELIHOOD["count"], settings.seed)
    if closure is not None:
        check_closure(closure)
    check_writable(folder / RUN)


def run_record(decided: PopulationDecisions, population: Population, settings: SpreadSettings) -> dict[str, Any]:
    """Return the settings and models of a run, for `run.json` and the report."""
    network, degrees = population.network, population.network.degrees
    tables = decided.tables
    events = [table.event for table in tables]
    groups = group_records(population, decided)
    shown = ", ".join(f"{event.event_id_cnty} ({event.event_type})" for event in events[:12])
    return {
        "versions": versions(("torch", "transformers", "networkx")),
        **decided.record(),
        "events": shown + (f" and {len(events) - 12} more" if len(events) > 12 else ""),
        "personas": population.mixture.describe(),
        "mixture": population.mixture.to_records(network.n_agents),
        **({"groups": groups} if groups else {}),
        "qualifier": tables[0].qualifier,
        "cue": tables[0].cue,
        **asdict(settings),
        "pace": None if settings.pace is None else str(settings.pace),
        "assortativity": None if np.isnan(population.assortativity) else population.assortativity,
        # These override the settings: a network from a file has its own size and degree.
        "agents": network.n_agents,
        "degree": int(degrees[0]) if degrees.min() == degrees.max() else network.mean_degree,
    }


def group_records(population: Population, decided: PopulationDecisions) -> list[dict[str, Any]]:
    """Return one record for each group of agents; empty where there are none."""
    mixture, n_agents = population.mixture, population.network.n_agents
    if not isinstance(mixture, GroupMixture):
        return []
    model_of = {source.group: source.model for source in decided.tables[0].sources}
    return [
        {
            "group": group.name,
            "agents": number,
            "model": model_of[group.name] or None,
            "fingerprint": decided.models[model_of[group.name]].fingerprint if model_of[group.name] else None,
            "personas": None if group.personas is None else group.personas.describe(),
            "p_share": list(group.p_share) or None,
            "decides": group.describe(model_of[group.name]),
        }
        for group, number in zip(mixture.groups, mixture.agents_of_groups(n_agents), strict=True)
    ]


def read_run_record(folder: Path) -> dict[str, Any]:
    """Read `run.json` of a folder; return an empty dict if there is none."""
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
