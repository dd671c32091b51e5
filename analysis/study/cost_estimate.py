"""The cost of a study before it starts: conditions, calls, fits, and an estimate of time."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .plan import Plan
from .store import StudyFolder

SECONDS_A_FIT, SECONDS_AN_INCREMENT = 0.25, 0.0006
"""Measured on 2 cores with synchronous rounds, after the first condition (10 × 40 increments take half a second)."""
SECONDS_OF_SIGHTING = 2e-7
"""Simulation time per agent, neighbour and replicate: ten million agents with 8 neighbours take 20 s."""
_OF_CONTINUOUS = 10.0
"""Fits in continuous time take about this many times longer."""

_ONE = {
    "language models": "language model",
    "ways to ask": "way to ask",
    "events": "event",
    "compositions": "composition",
    "networks": "network",
    "scenarios": "scenario",
    "visibilities": "visibility",
    "seeds": "seed",
}
"""Singular of the name of each factor, by its plural."""


@dataclass(frozen=True)
class CostEstimate:
    """The cost of a study.

    Parameters
    ----------
    conditions, fits, prompts, model_calls : int
        Conditions; fits of SI models, without challenges; prompts per language model; calls of all language models.
    sizes : dict of str to int
        Number of values of each factor, by its name.
    done : int
        Conditions of this study that the folder already holds.
    seconds : float
        Estimated time to simulate and compare the other conditions in one process, without language models.
    measured : bool
        True if the estimate uses the times of finished conditions; False if it uses a rule of thumb.
    """

    conditions: int
    fits: int
    prompts: int
    model_calls: int
    sizes: dict[str, int]
    done: int
    seconds: float
    measured: bool

    def describe(self) -> str:
        """Return the estimate in a few lines of text."""
        sizes = " × ".join(f"{number} {name if number > 1 else _ONE[name]}" for name, number in self.sizes.items())
        basis = "from the times of finished conditions" if self.measured else "by a rule of thumb, without challenges"
        minutes = f"{self.seconds / 60:.0f} min" if self.seconds >= 90 else f"{self.seconds:.0f} s"
        done = f", of which {self.done} are done" if self.done else ""
        return (
            f"{self.conditions} conditions{done}: {sizes}\n"
            f"{self.model_calls} calls of language models ({self.prompts} prompts each; cached answers are not "
            "asked again)\n"
            f"{self.fits} fits of SI models\n"
            f"about {minutes} to simulate and compare in one process ({basis}); plus the time of the language models"
        )

    def to_json(self) -> dict[str, Any]:
        """Return all numbers by name."""
        return asdict(self)


def estimate_cost(plan: Plan, folder: str | Path | None = None) -> CostEstimate:
    """Estimate the cost of a study; no language model is loaded or asked.

    Parameters
    ----------
    plan : Plan
        The study.
    folder : path, optional
        Folder of the study: finished conditions there are counted, and their times are used for the estimate.

    Examples
    --------
    >>> from tworate.analysis.study.plan import make_plan
    >>> from tworate.analysis.study.study_file import make_study
    >>> study = make_study({"events": {"ids": "VAR1"}, "spread": {"visibility": [0.1, 0.25]}})
    >>> estimate = estimate_cost(make_plan(study))
    >>> estimate.conditions, estimate.fits, estimate.model_calls
    (64, 128, 320)
    """
    specification = plan.specification
    comparison, spread = specification.comparison, specification.spread
    n_fits = len(comparison.closures) * len(comparison.si_models)
    times = _times_of_done(plan, folder)
    if times:
        seconds = sum(times) / len(times) * (len(plan.conditions) - len(times))
    else:
        increments = spread.replicates * spread.rounds
        a_fit = SECONDS_A_FIT + SECONDS_AN_INCREMENT * increments
        if spread.clock == "continuous":
            a_fit *= _OF_CONTINUOUS
        sightings = sum(row["agents"] * row["degree"] for row in map(plan.row, plan.conditions)) * spread.replicates
        seconds = len(plan.conditions) * n_fits * a_fit + SECONDS_OF_SIGHTING * sightings
    return CostEstimate(
        conditions=len(plan.conditions),
        fits=len(plan.conditions) * n_fits,
        prompts=plan.prompts,
        model_calls=plan.model_calls,
        sizes=_sizes(plan),
        done=len(times),
        seconds=seconds,
        measured=bool(times),
    )


def _sizes(plan: Plan) -> dict[str, int]:
    """Return the number of levels of each factor; ways to ask and scenarios only if there are several."""
    specification, spread = plan.specification, plan.specification.spread
    sizes = {
        "language models": len(specification.language_models),
        "ways to ask": len(specification.askings),
        "events": len(plan.events),
        "compositions": len({one.composition.label for one in plan.conditions}),
        "networks": len(spread.networks),
        "scenarios": len(spread.scenarios),
        "visibilities": len(spread.visibility),
        "seeds": len(specification.seed),
    }
    return {name: size for name, size in sizes.items() if size > 1 or name not in ("ways to ask", "scenarios")}


def _times_of_done(plan: Plan, folder: str | Path | None) -> list[float]:
    """Return the seconds of each condition of this study in a folder; empty if the folder holds another study."""
    store = StudyFolder(Path(folder)) if folder is not None else None
    record = store.record() if store else None
    # Keys depend on the decisions of the language models, which were asked then: read the keys from the record.
    if store is None or not record or record.get("specification") != plan.specification.model_dump(mode="json"):
        return []
    return [float(store.result(key)["seconds"]) for key in record["keys"] if store.has(key)]
