"""Does the second rate come from a group of agents? The comparison again, with a rate of its own for every group.

Groups that differ look like two rates where they are taken together. If one rate is enough once every group has its
own, the second rate was the difference between groups. If a second rate remains, groups alone do not explain it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import InputError, JobError
from ..files import without_nan, write_text
from ..inference import Comparison, ConditionResult, compare
from ..inference.comparison.agents import covariate_effects
from ..inference.comparison.storage import GROUPS
from ..inference.comparison.verdict import Doubt, rule
from ..inference.mechanisms.mechanisms import Explanation
from ..inference.posterior.diagnostics import INTERVAL
from ..inference.posterior.sampling import SamplerSettings
from ..simulate import Trajectories
from ..simulate.counts import GROUP
from .experiment import Progress

SEVERAL_RATES = ("two-rate", "heterogeneous")
"""Verdicts whose cause is asked for."""
_ENDS = {"factor": "", "low": "_low", "high": "_high"}


@dataclass(frozen=True)
class GroupAnswer:
    """Whether the second rate of a condition comes from differences between groups of agents.

    Parameters
    ----------
    condition : dict
        Values of the condition columns.
    answer : {"between", "within", "undecided", "nothing", "not asked"}
        `between`: the second rate is gone once every group has a rate of its own. `within`: it is not. `nothing`: one
        rate is enough for all. `not asked`: the verdict is undecided, or the data are counts without event histories.
    verdict : str
        The verdict without groups.
    verdict_with_groups : str
        The verdict where every group has a rate of its own; empty if it was not asked for.
    reason : str
        Why it was not asked for, or is undecided; else empty.
    gain, dse : float or None
        What a second rate gains in elpd without groups, and its standard error; None if it was not asked for.
    gain_with_groups, dse_with_groups : float or None
        The same where every group has a rate of its own.
    structure : list of str
        What else changes the pace beside the rates of groups.
    rates : list of dict
        For each group `group`, `factor` (its rate over that of an average agent), and its central 95% interval `low`,
        `high`, under one rate; empty if it was not asked for.
    between : dict
        From the counts by persona and sighting: `fall`, the factor by which the probability that the next sighting
        persuades falls in all, and `factor`, `low`, `high`, the part of it that lies between groups. Empty where there
        is no explanation by who or when.
    """

    condition: dict[str, Any]
    answer: str
    verdict: str
    verdict_with_groups: str = ""
    reason: str = ""
    gain: float | None = None
    dse: float | None = None
    gain_with_groups: float | None = None
    dse_with_groups: float | None = None
    structure: list[str] = field(default_factory=list)
    rates: list[dict[str, Any]] = field(default_factory=list)
    between: dict[str, float] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The answer in words, with the part of the fall that lies between groups."""
        if not self.between:
            return self._answer_in_words()
        fall, factor, low, high = (self.between[name] for name in ("fall", "factor", "low", "high"))
        return (
            f"{self._answer_in_words()} The probability that the next sighting persuades falls by a factor of "
            f"{fall:.3g} in all; a factor of {factor:.3g} ({INTERVAL:.0%} HDI {low:.3g} to {high:.3g}) of it lies "
            "between groups."
        )

    def _answer_in_words(self) -> str:
        if self.answer == "nothing":
            return "One rate is enough for all groups together: there is no second rate that could come from a group."
        if self.answer == "not asked":
            return f"Whether the second rate comes from a group was not asked: {self.reason}."
        gains = ""
        if self.gain_with_groups is not None:
            gains = (
                f" In expected log predictive density a second rate gains {self.gain:.1f} (dse = {self.dse:.1f}) "
                f"without rates for groups, and {self.gain_with_groups:.1f} (dse = {self.dse_with_groups:.1f}) with "
                "them."
            )
        beside = f", beside {' or '.join(self.structure)}" if self.structure else ""
        if self.answer == "between":
            return (
                "The second rate comes from the differences between groups: once every group has a rate of its own"
                f"{beside}, nothing is left of it.{gains}"
            )
        if self.answer == "within":
            remains = "a second rate remains" if self.verdict_with_groups == "two-rate" else "rates still differ"
            return (
                "The second rate does not come from the differences between groups alone: once every group has a rate "
                f"of its own{beside}, {remains}.{gains}"
            )
        return (
            "It is undecided whether the second rate comes from the differences between groups; once every group has a "
            f"rate of its own: {self.reason}.{gains}"
        )


def answer_groups(
    comparison: Comparison,
    explanations: Sequence[Explanation] = (),
    progress: Progress | None = None,
    sampler: SamplerSettings | None = None,
) -> list[GroupAnswer]:
    """Ask of every condition whether its second rate comes from differences between groups of agents.

    Parameters
    ----------
    comparison : Comparison
        A comparison of trajectories with event histories, whose agents have the attribute `group`.
    explanations : sequence of Explanation
        Explanations of its conditions by who or when, for the part of the fall between groups.
    progress : callable, optional
        Called when each fit begins, see :func:`tworate.inference.compare`.
    sampler : SamplerSettings, optional
        How to sample.

    Returns
    -------
    list of GroupAnswer
        One per condition.

    Notes
    -----
    The models of the second comparison have effects of the group on all rates (the covariate `group`). It takes into
    account the structures of the first verdict, and that of the best model of one rate beside it. The second rate is
    gone if its gain no longer counts, see :func:`tworate.inference.comparison.verdict.rule`. That the data could not
    show a second rate within groups is no doubt here: the question is about the one that they did show.
    """
    answers = []
    for number, result in enumerate(comparison.conditions):
        _, part = comparison.part(number)
        answer = _answer(result, part, comparison.seed, sampler, _with_groups(progress))
        own = next((each for each in explanations if each.condition == result.condition), None)
        answers.append(replace(answer, between=_between(own)))
    return answers


def _between(explanation: Explanation | None) -> dict[str, float]:
    """Return the part of the fall that lies between groups; empty where the hazard does not fall."""
    if explanation is None or explanation.groups is None or explanation.direction != "falls":
        return {}
    split: Any = explanation.decomposition
    part = {name: float(split.loc["between", f"factor{end}"]) for name, end in _ENDS.items()}
    return {"fall": float(split.loc["fall", "factor"]), **part}


def _with_groups(progress: Progress | None) -> Progress | None:
    """Return a callable that says what the fits are for."""
    if progress is None:
        return None
    return lambda stage, done, total: progress(f"with a rate for every group: {stage}", done, total)


def _answer(
    result: ConditionResult,
    part: Trajectories,
    seed: int,
    sampler: SamplerSettings | None,
    progress: Progress | None,
) -> GroupAnswer:
    known: dict[str, Any] = {"condition": result.condition, "verdict": result.verdict}
    if result.verdict == "one-rate":
        return GroupAnswer(**known, answer="nothing")
    if result.verdict not in SEVERAL_RATES:
        return GroupAnswer(**known, answer="not asked", reason=f"the verdict is {result.verdict}")
    if result.level != "individual" or part.histories is None or GROUP not in part.histories.attributes:
        why = "it needs event histories with the group of every agent, and this comparison is of counts"
        return GroupAnswer(**known, answer="not asked", reason=why)
    try:
        (again,) = compare(
            part,
            level="individual",
            likelihood=result.likelihood,
            clock=result.clock,
            covariates=[GROUP],
            structures=_structures(result),
            seed=seed,
            sampler=sampler,
            progress=progress,
        ).conditions
    except (InputError, JobError) as error:
        return GroupAnswer(**known, answer="undecided", reason=f"the comparison failed: {error}")
    is_gone = rule(again.elpd_diff, again.dse) == "one-rate" and set(again.doubts) <= {Doubt.TOO_EARLY.name}
    answer = "within" if again.verdict in SEVERAL_RATES else "between" if is_gone else "undecided"
    return GroupAnswer(
        **known,
        answer=answer,
        verdict_with_groups=again.verdict,
        reason=again.reasons[0] if answer == "undecided" else "",
        gain=float(result.elpd_diff),
        dse=float(result.dse),
        gain_with_groups=float(again.elpd_diff),
        dse_with_groups=float(again.dse),
        structure=again.structure,
        rates=_rates(again),
    )


def _structures(result: ConditionResult) -> list[str]:
    """Return the structures of the verdict and of the best models of one rate and two."""
    beside = [name for model in result.compared for name in model.split("+")[1:]]
    return list(dict.fromkeys([*result.structure, *beside])) or ["none"]


def _rates(result: ConditionResult) -> list[dict[str, Any]]:
    effects = covariate_effects(result)
    own = effects[effects["model"] == "one-rate"]
    return [
        {"group": row["effect"].removeprefix(f"{GROUP}: "), **{key: row[key] for key in ("factor", "low", "high")}}
        for row in own.to_dict("records")
    ]


def save_answers(answers: Sequence[GroupAnswer], folder: Path) -> None:
    """Write `groups.json` to a folder."""
    content = [{**without_nan(asdict(answer)), "sentence": answer.sentence} for answer in answers]
    write_text(folder / GROUPS, json.dumps({"conditions": content}, indent=2, ensure_ascii=False) + "\n")


def saved_answers(folder: Path) -> list[GroupAnswer]:
    """Read `groups.json` of a folder; an empty list if there is none.

    Raises
    ------
    InputError
        When the file cannot be read.
    """
    path = folder / GROUPS
    if not path.is_file():
        return []
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["conditions"]
        return [GroupAnswer(**{key: entry[key] for key in GroupAnswer.__dataclass_fields__}) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is damaged ({error}); run the job again") from error
