"""What a study will take, before it is begun: conditions, calls, fits, and an estimate of time."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .plan import Plan
from .store import StudyFolder

SECONDS_A_FIT, SECONDS_AN_INCREMENT = 0.25, 0.0006
"""Measured on 2 cores (10 × 40 increments take a half second), rounds, after the first condition."""
SECONDS_OF_SIGHTING = 2e-7
"""Of simulating, for each agent, neighbour and replicate: ten million agents with 8 neighbours take 20 s."""
_OF_CONTINUOUS = 10.0
"""How many times longer fits take where time is continuous, about."""

_ONE = {
    "language models": "language model",
    "events": "event",
    "compositions": "composition",
    "networks": "network",
    "visibilities": "visibility",
    "seeds": "seed",
}
"""What is varied, by what several of it are called."""


@dataclass(frozen=True)
class CostEstimate:
    """What a study will take.

    Parameters
    ----------
    conditions, fits, prompts, model_calls : int
        Conditions; fits of SI models, those of challenges apart; prompts of one language model; calls of all.
    sizes : dict of str to int
        How many values are varied, by what they are.
    done : int
        Conditions of this very study that the folder holds already.
    seconds : float
        Estimate for simulating and comparing the others in one process; language models come on top.
    measured : bool
        Whether the estimate comes from the conditions that are done, and not from a rule of thumb.
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
        """The outlook in a few lines."""
        sizes = " × ".join(f"{number} {name if number > 1 else _ONE[name]}" for name, number in self.sizes.items())
        basis = "by those that are done" if self.measured else "by a rule of thumb; challenges come on top"
        minutes = f"{self.seconds / 60:.0f} min" if self.seconds >= 90 else f"{self.seconds:.0f} s"
        done = f", of which {self.done} are done" if self.done else ""
        return (
            f"{self.conditions} conditions{done}: {sizes}\n"
            f"{self.model_calls} calls of language models ({self.prompts} prompts each; kept answers are not asked "
            "again)\n"
            f"{self.fits} fits of SI models\n"
            f"about {minutes} for simulating and comparing in one process ({basis}); language models come on top"
        )

    def to_json(self) -> dict[str, Any]:
        """All numbers by name."""
        return asdict(self)


def estimate_cost(plan: Plan, folder: str | Path | None = None) -> CostEstimate:
    """Say what a study will take; no language model is asked or loaded.

    Parameters
    ----------
    plan : Plan
        The study.
    folder : path, optional
        Where it runs or ran: what is done there is counted, and its times are taken for the estimate.

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
        sizes=dict(
            zip(
                _ONE,
                (
                    len(specification.language_models),
                    len(plan.events),
                    len({one.composition.label for one in plan.conditions}),
                    len(spread.networks),
                    len(spread.visibility),
                    len(specification.seed),
                ),
                strict=True,
            )
        ),
        done=len(times),
        seconds=seconds,
        measured=bool(times),
    )


def _times_of_done(plan: Plan, folder: str | Path | None) -> list[float]:
    """Seconds of each condition that a folder holds of this very study; none where it holds another."""
    store = StudyFolder(Path(folder)) if folder is not None else None
    record = store.record() if store else None
    # Which decisions a language model made is known once it was asked: the keys are those of then.
    if store is None or not record or record.get("specification") != plan.specification.model_dump(mode="json"):
        return []
    return [float(store.result(key)["seconds"]) for key in record["keys"] if store.has(key)]
