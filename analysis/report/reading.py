"""How to read a verdict: two plain sentences, what it does not say, and the next step to take."""

from dataclasses import dataclass

from ...inference import ConditionResult
from ...inference.comparison.verdict import STANDARD_ERRORS, Doubt
from ...models.structures import all_structures
from .numbers import rounded


@dataclass(frozen=True)
class Reading:
    """A verdict for a reader who is no statistician.

    Parameters
    ----------
    sentences : tuple of str
        What was found, and how sure that is, in two sentences.
    not_said : str
        What must not be claimed.
    next_step : str
        What to do next.
    command : str
        The command of the next step; empty where there is none.
    """

    sentences: tuple[str, str]
    not_said: str
    next_step: str
    command: str = ""


def how_to_read(result: ConditionResult, *, has_counts: bool = False, is_explained: bool = False) -> Reading:
    """Return how to read the verdict of a condition.

    Parameters
    ----------
    result : ConditionResult
        The comparison.
    has_counts : bool
        Whether the data have counts by persona and sighting, which `tworate explain` needs.
    is_explained : bool
        Whether they have been explained already.
    """
    if result.verdict == "two-rate":
        return _two_rates(result, has_counts, is_explained)
    if result.verdict == "one-rate":
        return _one_rate(result)
    if result.verdict == "heterogeneous":
        return _heterogeneous(result)
    if result.verdict == "undecided":
        return _undecided(result)
    return Reading(
        (
            f"Among the models that were compared, {result.verdict} is the simplest that no other one predicts better "
            "than.",
            "The comparison counts how well each model predicts data that it has not seen, so a model is not rewarded "
            "for being more flexible.",
        ),
        "That this model is true: it is the best of those that were compared.",
        "See below whether it describes the data, and compare it with one rate and two rates.",
    )


def _gain(result: ConditionResult) -> str:
    """Return how large the gain of two rates is against its uncertainty, in words."""
    ratio = result.elpd_diff / result.dse if result.dse > 0 else float("inf")
    return (
        f"the gain is {rounded(ratio, 2)} times as large as its standard error, and {STANDARD_ERRORS:g} times are asked"
    )


def _beside(result: ConditionResult) -> str:
    """Return what else was found to change the pace, in words."""
    known = all_structures()
    words = [known[name].summary if name in known else f"{name} change the pace" for name in result.structure]
    return f", also when it is taken into account that {', or that '.join(words)}" if words else ""


def _two_rates(result: ConditionResult, has_counts: bool, is_explained: bool) -> Reading:
    found = (
        "When the post reached an agent, it was passed on at two different paces, a fast one and a slow one, and one "
        f"pace for all does not describe these data{_beside(result)}."
    )
    sure = f"Two rates predict data that were left out better than one: {_gain(result)}."
    not_said = (
        "That there are two kinds of agents: it may as well be that the first sighting persuades more than later ones. "
        "Nor what causes the difference, nor that the rates hold for other agents, posts or networks."
    )
    if is_explained:
        return Reading((found, sure), not_said, "Read the section “Who or when” of this report.")
    if has_counts:
        step = "Ask whether agents differ or sightings do: the data have the counts that can tell."
        return Reading((found, sure), not_said, step, "tworate explain DIR --out DIR")
    step = "Record decisions by persona and sighting if you want to know whether agents differ or sightings do."
    if result.level == "count":
        step += " If you can, record who shared when and who sees whom: that confirms the verdict without a closure."
        return Reading((found, sure), not_said, step, "tworate compare SHARES --network EDGES")
    return Reading((found, sure), not_said, step)


def _one_rate(result: ConditionResult) -> Reading:
    return Reading(
        (
            f"All agents passed the post on at about the same pace: these data need no second rate{_beside(result)}.",
            "The data could have shown a second rate, and a useful gain from one is ruled out.",
        ),
        "That all agents are alike: rates that differ a little, or in ways that this network hides, would look the "
        "same. Nor that one rate will do elsewhere.",
        "Report the rate with its interval. More data are needed only if you look for smaller differences; this says "
        "how much.",
        "tworate plan FILE",
    )


def _heterogeneous(result: ConditionResult) -> Reading:
    step = "Compare more data, or longer trajectories; this says how much is needed."
    command = "tworate plan FILE"
    if result.level == "count":
        step = "Record who shared when and who sees whom: single agents tell two rates from many better than counts do."
        command = "tworate compare SHARES --network EDGES"
    return Reading(
        (
            "Agents differed in how readily they passed the post on, but the data do not show that there are exactly "
            f"two paces{_beside(result)}.",
            "One rate is ruled out; two rates and a continuum of rates predict about equally well.",
        ),
        "That there are two rates, or two kinds of agents.",
        step,
        command,
    )


def _undecided(result: ConditionResult) -> Reading:
    found = "These data do not tell whether one pace or two paces are needed."
    doubts = {Doubt[name] for name in result.doubts}
    not_said = "That there is no difference between one rate and two: an open question is not an answer."
    early = {Doubt.TOO_EARLY, Doubt.FEW_INCREMENTS, Doubt.FEW_LATER_INCREMENTS, Doubt.FEW_SHARERS}
    if doubts & {Doubt.SAMPLER, Doubt.NOT_FINITE, Doubt.NOT_COMPARED}:
        sure = "The computation is not reliable enough for a verdict; the reasons below say why."
        step = "Look at “Can the numbers be trusted?” below, and repeat the comparison with another seed."
        return Reading((found, sure), not_said, step, "tworate compare FILE --seed 1")
    if doubts & early:
        sure = "The spread was observed too briefly, or too few agents shared, for a second pace to show."
        step = "Wait for more data, and compare again; this says how much more is needed."
        return Reading((found, sure), not_said, step, "tworate plan FILE")
    if Doubt.FEW_TRAJECTORIES in doubts:
        sure = "There are too few trajectories to say how much they differ by chance."
        return Reading((found, sure), not_said, "Add trajectories; this says how many are needed.", "tworate plan FILE")
    if Doubt.HIGH_PARETO_K in doubts:
        sure = "Some observations weigh so much that leaving them out cannot be computed reliably."
        step = "Look at the observations with a high Pareto k below; they may be errors in the data."
        return Reading((found, sure), not_said, step)
    sure = "The reasons below say what speaks for each, and what would decide."
    if result.level == "count":
        step = "Record who shared when and who sees whom: every agent’s own exposure tells more than counts do."
        return Reading((found, sure), not_said, step, "tworate compare SHARES --network EDGES")
    return Reading((found, sure), not_said, "Add data; this says how much would decide.", "tworate plan FILE")
