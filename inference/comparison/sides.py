"""The verdict over structures: the best of the one-rate side against the best of the two-rate side.

A structure is what else changes the pace: ageing, fading, a rhythm, a part that is never reached, … Each side has its
plain model, and the model with each structure. The question is whether a second rate is needed once structures have had
their say; and, if so, whether the rates are two or a continuum.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from .verdict import GAIN, STANDARD_ERRORS, Verdict, rule

Difference = Callable[[str, str], tuple[float, float]]
"""Given the names of two models: the elpd of the first minus that of the second, and its standard error."""


@dataclass(frozen=True)
class Contender:
    """One fitted model of a side.

    Parameters
    ----------
    name : str
        Name of the fit.
    structure : str
        Name of its structure; empty for the plain model.
    words : str
        The structure in words, with its size.
    is_nested : bool
        Whether one rate with this structure is a special case of two rates, so that parsimony decides ties.
    doubts : tuple of str
        Why its numbers cannot be trusted; empty when they can.
    """

    name: str
    structure: str = ""
    words: str = ""
    is_nested: bool = False
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Weighed:
    """What the sides say.

    Parameters
    ----------
    verdict : {"one-rate", "two-rate", "heterogeneous", "undecided"}
        The verdict.
    structure : tuple of str
        Structures that the verdict is about; several where the data cannot tell which.
    selected : str
        The model of the verdict: the simplest that no richer one beats; empty where it is undecided.
    compared : tuple of str
        The best of the two-rate side, or the plain model if no structure helps it, and the best of the one-rate side.
    elpd_diff, dse : float
        Difference between these two in elpd, and its standard error.
    challenged_by : tuple of str
        Models that do as well as those of the verdict.
    reasons : tuple of str
        Sentences, the decisive one first.
    """

    verdict: Verdict
    structure: tuple[str, ...]
    selected: str
    compared: tuple[str, str]
    elpd_diff: float
    dse: float
    challenged_by: tuple[str, ...]
    reasons: tuple[str, ...]


def beats(difference: tuple[float, float]) -> bool:
    """Return whether a richer model beats a simpler one: the gain counts and exceeds its uncertainty."""
    return rule(*difference) == "two-rate"


def best(side: Sequence[Contender], difference: Difference) -> Contender:
    """Return the contender of the highest elpd among those whose numbers can be trusted; the first is the plain one."""
    trusted = [contender for contender in side if not contender.doubts] or [side[0]]
    return max(trusted, key=lambda contender: difference(contender.name, side[0].name)[0])


def weigh(one_side: Sequence[Contender], two_side: Sequence[Contender], difference: Difference) -> Weighed:
    """Compare the best of both sides.

    Parameters
    ----------
    one_side, two_side : sequence of Contender
        One rate and two rates, each with its structures; the plain model first.
    difference : callable
        See :data:`Difference`.
    """
    one, two = best(one_side, difference), best(two_side, difference)
    one_plain, two_plain = one_side[0], two_side[0]
    helpful = [c for c in two_side[1:] if not c.doubts and beats(difference(c.name, two_plain.name))]
    if not helpful:
        two = two_plain
    d, dse = difference(two.name, one.name)
    shown = f"elpd_diff = {d:.1f}, dse = {dse:.1f}"
    verdict = rule(d, dse)
    untrusted = [f"{c.name} could not be judged: {'; '.join(c.doubts)}" for c in (*one_side, *two_side) if c.doubts]

    def result(verdict: Verdict, selected: str, structure: Sequence[Contender], reason: str) -> Weighed:
        names = tuple(c.structure for c in structure)
        return Weighed(verdict, names, selected, (two.name, one.name), d, dse, (), (reason, *untrusted))

    if verdict == "two-rate":
        beside = ""
        structure = [c for c in helpful if not beats(difference(two.name, c.name))]
        if structure:
            which = "; the data cannot tell which" if len(structure) > 1 else ""
            beside = f", beside {' or '.join(c.words for c in structure)}{which}"
        against = f"the best of one rate is {one.name}" if one.structure else "structures explain nothing"
        return result(
            "two-rate",
            two.name,
            structure,
            f"a second rate gains {d:.1f} in expected log predictive density{beside}, more than {GAIN:g} and more than "
            f"{STANDARD_ERRORS:g} standard errors ({shown}); {against}",
        )
    needed = [c for c in one_side[1:] if not c.doubts and beats(difference(c.name, one_plain.name))]
    if verdict == "one-rate" and one not in needed:
        return result("one-rate", one_plain.name, [], f"a second rate does not pay ({shown})")
    as_good = [c for c in needed if not beats(difference(one.name, c.name))]
    words = " or ".join(c.words for c in as_good) or one.words
    if verdict == "one-rate":
        # A structure counts if it describes the data better than two plain rates, or if these are not needed anyway,
        # because the slow one cannot be told from 0.
        slow_is_zero = any(
            c.is_nested and not c.doubts and rule(*difference(two_plain.name, c.name)) == "one-rate" for c in one_side
        )
        if one.is_nested or slow_is_zero or beats(difference(one.name, two_plain.name)):
            doubt = "; the data cannot tell which" if len(as_good) > 1 else ""
            gain = f"gains {d:.1f}" if d > 0 else f"costs {-d:.1f}"
            return result(
                "one-rate",
                one.name,
                as_good,
                f"one rate, with {words}{doubt}; a second rate then {gain} in expected log predictive density "
                f"({shown})",
            )
    ahead, dse_ahead = difference(one.name, two_plain.name)
    undecided = result(
        "undecided",
        "",
        [],
        f"one rate, with {words or 'no structure'}, and two rates describe the data nearly equally well (elpd of "
        f"{one.name} {abs(ahead):.1f} {'above' if ahead > 0 else 'below'} that of {two_plain.name}, dse = "
        f"{dse_ahead:.1f}; best of both sides: {shown}). More trajectories, or who shared when, would tell them apart",
    )
    return replace(undecided, challenged_by=tuple(c.name for c in as_good) or (one.name,))


def among_heterogeneous(weighed: Weighed, two: str, continuum: Contender, difference: Difference) -> Weighed:
    """Return the verdict once a continuum of rates has had its say.

    Parameters
    ----------
    weighed : Weighed
        A two-rate verdict.
    two : str
        Name of the two-rate model.
    continuum : Contender
        The gamma-rate model with the same structure.
    difference : callable
        See :data:`Difference`.
    """
    d, dse = difference(two, continuum.name)
    numbers = f"elpd {abs(d):.1f} {'below' if d > 0 else 'above'} that of {two}, dse = {dse:.1f}"
    if continuum.doubts:
        reasons = (*weighed.reasons, f"{continuum.name} could not be judged: {'; '.join(continuum.doubts)}")
        return replace(weighed, reasons=reasons)
    if beats((d, dse)):
        return replace(weighed, reasons=(*weighed.reasons, f"two rates beat a continuum of rates ({numbers})"))
    better = "describes the data better" if beats((-d, dse)) else "does as well"
    first = f"rates differ, but that they are two is not shown: {continuum.name} {better} ({numbers})"
    return replace(
        weighed,
        verdict="heterogeneous",
        selected=continuum.name,
        challenged_by=(continuum.name,),
        reasons=(first, *weighed.reasons),
    )
