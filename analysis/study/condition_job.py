"""Run one condition: simulate, compare, and write the result."""

import hashlib
import json
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...agents import DecisionTable
from ...common.sources import source_digest
from ...errors import InputError
from ...files import write_text
from ...inference.comparison.compare import checked_structures, compare_sequentially, default_unit
from ...inference.comparison.condition import ConditionComparison
from ...inference.comparison.fits import Options
from ...inference.comparison.results import ComparisonMethod, ConditionResult
from ...inference.comparison.storage import TRAJECTORIES
from ...inference.data.individual import EVENT_HISTORIES
from ...inference.data.observations import Transitions
from ...inference.likelihood.likelihoods import LIKELIHOODS
from ...inference.likelihood.specification import Level, Specification
from ...inference.loo.loo import UNITS
from ...inference.posterior.arviz_adapter import drop_group
from ...inference.posterior.fitting import DEFAULT_LIKELIHOOD, check_closure_of, check_names, choose_level, observed
from ...inference.posterior.sampling import SamplerSettings
from ...models import get_model
from ...simulate import AnyNetwork, Trajectories
from ...simulate.spreading import simulate
from ..experiment import make_population, spread_of
from .plan import Plan, StudyCondition
from .store import RESULT
from .study_file import ComparisonTable

PARAMETER_NUMBERS = ("mean", "sd", "hdi_low", "hdi_high", "ess_bulk", "r_hat")
"""Numbers that `comparison.parquet` holds for each parameter."""


SOURCES = (
    "models",
    "simulate",
    *(f"inference/{room}" for room in ("data", "likelihood", "posterior", "loo", "comparison")),
)
"""Folders whose sources the result of a condition follows from."""


@dataclass(frozen=True, eq=False)
class Job:
    """A condition with all inputs of its result.

    Parameters
    ----------
    condition : StudyCondition
        What is simulated.
    probabilities : array, shape (n_personas, n_sightings) or (n_personas, n_sightings, n_cues)
        Decision table of its personas.
    comparison : ComparisonTable
        How it is compared.
    network_hash : str, optional
        Hash of the network, if it comes from a file.
    with_message : array of the shape of `probabilities`, optional
        Decision table once the personas read the counter-message of the condition.
    """

    condition: StudyCondition
    probabilities: NDArray[np.float64] = field(repr=False)
    comparison: ComparisonTable
    network_hash: str | None = None
    with_message: NDArray[np.float64] | None = field(repr=False, default=None)

    @cached_property
    def key(self) -> str:
        """Hash of all inputs of the result, without the condition's number."""
        settings = asdict(self.condition.settings)
        if self.network_hash:
            settings["network"] = self.network_hash
        mixture = self.condition.composition.mixture
        read = {} if self.with_message is None else {"with_message": _content(self.with_message)}
        content = {
            "sources": source_digest(*SOURCES),
            "columns": self.condition.columns,
            "personas": [asdict(persona) for persona in mixture.personas],
            "weights": mixture.weights,
            "probabilities": _content(self.probabilities),
            **read,
            "settings": settings,
            "comparison": self.comparison.model_dump(),
            "counts": self.comparison.asks_for_counts,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


def _content(probabilities: NDArray[np.float64]) -> list[Any]:
    """Return shape and hash of a decision table."""
    table = np.ascontiguousarray(probabilities, dtype=np.float64)
    return [table.shape, hashlib.sha256(table.tobytes()).hexdigest()]


def make_jobs(plan: Plan, tables: Mapping[tuple[str, str, str], Sequence[DecisionTable]]) -> list[Job]:
    """Make one job per condition, each with the decision table of its own personas.

    Parameters
    ----------
    plan : Plan
        The study.
    tables : mapping of (str, str, str) to sequence of DecisionTable
        By language model, way to ask, and text of the counter-message (empty: none): one table per event, over all
        personas of the plan.
    """
    row = {persona: number for number, persona in enumerate(plan.personas)}
    table_of = {(*asked, table.event): table for asked, event_tables in tables.items() for table in event_tables}
    jobs = []
    for condition in plan.conditions:
        rows = [row[persona] for persona in condition.composition.mixture.personas]
        asked, text = (condition.model, condition.asking_label), plan.message(condition)
        probabilities = table_of[*asked, "", condition.event].probabilities[rows]
        with_message = table_of[*asked, text, condition.event].probabilities[rows] if text else None
        network = plan.network_hashes.get(condition.settings.network)
        jobs.append(Job(condition, probabilities, plan.specification.comparison, network, with_message))
    return jobs


def check_comparison(table: ComparisonTable, clock: str) -> None:
    """Check the settings of the comparison before a language model is asked.

    Raises
    ------
    InputError
        When the likelihood or unit is unknown, or a model cannot be compared under a closure.
    """
    if table.level == "individual" and table.asks_for_counts:
        raise InputError("level individual has no closures and no likelihood or unit of counts; leave them out")
    level: Level = "count" if table.level == "count" or table.asks_for_counts else "individual"
    check_names(table.likelihood or DEFAULT_LIKELIHOOD[level], 0)
    if table.unit is not None and table.unit not in UNITS:
        raise InputError(f"unit {table.unit!r} is unknown; choose one of {', '.join(UNITS)}")
    if level == "count" and table.unit == "agent":
        raise InputError("unit 'agent' does not go with level count; choose another, or leave closures out")
    if level == "count":
        for specification in _specifications(table, clock, level):
            for closure in table.closures:
                check_closure_of(specification, closure)


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a condition.

    Parameters
    ----------
    job : Job
        The condition.
    trajectories : Trajectories
        Its data.
    results : list of ConditionResult
        One per closure; one at the individual level.
    seconds : float
        Time since the previous condition was finished.
    """

    job: Job
    trajectories: Trajectories = field(repr=False)
    results: list[ConditionResult] = field(repr=False)
    seconds: float

    def write(self, folder: Path) -> None:
        """Write trajectories and posteriors to a folder, then `result.json`."""
        self.trajectories.save(folder / TRAJECTORIES)
        groups = self.job.comparison.posteriors
        for result in self.results if groups != "none" else ():
            for name, posterior in result.posteriors.items():
                if groups == "lean":
                    drop_group(posterior, "log_likelihood")
                result.posteriors.write(name, folder / result.closure.replace(" ", "-") / f"{name}.nc")
        content = {
            "condition": self.job.condition.label,
            "seconds": self.seconds,
            "rows": [row for result in self.results for row in rows_of(result, self.job.comparison.si_models)],
        }
        # JSON keeps every digit of a float, and writes NaN as NaN.
        write_text(folder / RESULT, json.dumps(content, ensure_ascii=False))


def rows_of(result: ConditionResult, si_models: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of `comparison.parquet` for one closure: one per SI model, even if nothing could be compared."""
    reasons = "; ".join(result.reasons)
    rows = []
    for row in result.rows():
        name = row.pop("model")
        numbers = {
            f"{parameter}_{number}": float(value)
            for parameter, values in result.models[name].parameters[[*PARAMETER_NUMBERS]].iterrows()
            for number, value in values.items()
        }
        rows.append({"si_model": name, **row, "reasons": reasons, **numbers})
    nan = float("nan")
    return rows or [
        {
            "si_model": name, "verdict": result.verdict, "rival": False,
            **dict.fromkeys(("elpd_loo", "se", "p_loo", "weight"), nan), "pareto_k_bad": 0, "elpd_diff": nan,
            "dse": nan, "structure": "", "challenged_by": "", "closure": result.closure,
            "likelihood": result.likelihood, "clock": result.clock, "unit": result.unit, "level": result.level,
            "n_observations": 0, "reasons": reasons,
        }
        for name in si_models
    ]  # fmt: skip


def run_conditions(jobs: Sequence[Job], networks: Mapping[str, AnyNetwork]) -> Iterator[Outcome]:
    """Run conditions one after the other; sampling of the next starts while the current one is evaluated.

    Parameters
    ----------
    jobs : sequence of Job
        Conditions to run, all with the same comparison settings.
    networks : mapping of str to Network
        Networks read from files, by the path in the settings.

    Raises
    ------
    InputError
        When a condition cannot be simulated. A condition that cannot be compared is undecided.
    """
    simulations: deque[_Simulation] = deque()

    def conditions() -> Iterator[ConditionComparison]:
        for job in jobs:
            simulation = _Simulation(job, networks.get(job.condition.settings.network))
            simulations.append(simulation)
            for closure in simulation.exposures:
                yield simulation.under(closure)

    results = compare_sequentially(conditions())
    previous = time.perf_counter()
    for job in jobs:
        first = next(results)
        simulation = simulations.popleft()
        of_job = [first, *(next(results) for _ in simulation.exposures[1:])]
        now = time.perf_counter()
        yield Outcome(job, simulation.trajectories, of_job, now - previous)
        del of_job
        previous = now


class _Simulation:
    """The data of a condition; they are simulated at first use."""

    def __init__(self, job: Job, network: AnyNetwork | None) -> None:
        self.job, self._network = job, network

    @cached_property
    def trajectories(self) -> Trajectories:
        condition = self.job.condition
        try:
            population = make_population(condition.settings, condition.composition.mixture, self._network)
            spread = spread_of(
                population, self.job.probabilities, condition.settings, condition.settings.seed, condition.columns,
                self.job.with_message,
            )  # fmt: skip
            return simulate([spread])
        except InputError as error:
            raise InputError(f"{condition.label}: {error}") from error

    @cached_property
    def level(self) -> tuple[Level, str]:
        """Level of the comparison, and why."""
        table = self.job.comparison
        if table.level is None and table.asks_for_counts:
            return "count", "settings of counts are given"
        if self.trajectories.histories is None and table.level == "individual":
            # The plan has checked that histories can be recorded, so nobody shares: the comparison says so.
            return "count", "nobody shares"
        return choose_level(self.trajectories, table.level)

    @property
    def exposures(self) -> list[str]:
        """Where exposure comes from: event histories, or closures."""
        return [EVENT_HISTORIES] if self.level[0] == "individual" else self.job.comparison.closures

    def under(self, closure: str) -> ConditionComparison:
        """Return the comparison under a closure, or at the individual level."""
        table, clock = self.job.comparison, self.job.condition.settings.clock
        level, level_reason = self.level
        specifications = _specifications(table, clock, level)
        unit = table.unit or default_unit(level)
        if unit == "agent" and level == "count":
            raise InputError(
                f"{self.job.condition.label}: unit 'agent' needs event histories, which are not recorded here"
            )
        reason = f"exposure of every agent by {table.contact}" if level == "individual" else "asked for"

        def observe(specification: Specification) -> Transitions:
            return observed(self.trajectories, closure, specification, by_trajectory=unit == "trajectory")

        return ConditionComparison(
            {},
            observe,
            specifications,
            Options(
                ComparisonMethod(
                    closure,
                    reason,
                    specifications[0].likelihood.name,
                    clock,
                    "that of the simulation",
                    unit,  # type: ignore[arg-type]
                    level=level,
                    level_reason=level_reason,
                ),
                self.job.condition.settings.seed,
                SamplerSettings(table.chains, table.tune, table.draws),
                checked_structures(table.structures, table.period),
                table.max_refits,
                predict_from=None,
                evidence=False,
                clock_known=True,
                period=table.period,
            ),
            lambda what, done, total: None,
        )


def _specifications(table: ComparisonTable, clock: str, level: Level) -> list[Specification]:
    likelihood = LIKELIHOODS[table.likelihood or DEFAULT_LIKELIHOOD[level]]
    return [
        Specification(
            get_model(name),
            likelihood,
            clock,  # type: ignore[arg-type]
            table.replicate_effects,
            level=level,
            contact=table.contact,
        )
        for name in table.si_models
    ]
