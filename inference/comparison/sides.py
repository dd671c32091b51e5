"""The verdict over structures: the best of the one-rate side against the best of the two-rate side.

A structure is what else changes the pace: ageing, fading, a rhythm, a part that is never reached, … Each side has its
plain model, and the model with each structure. The first question is whether a second rate is still needed beside the
structures. If it is, the second question is whether there are two rates or a continuum.
"""

from collections.abc import Callable, Mapping, Sequence
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
    verdict : str
        `one-rate`, `two-rate`, `heterogeneous` or `undecided`; among other models the name of the chosen one.
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

    verdict: str
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
    needed, helpful = _that_help(one_side, difference), _that_help(two_side, difference)
    one_plain, two_plain = one_side[0], two_side[0]
    one = best(one_side, difference)
    # Two rates have a structure only where it helps them.
    two = best(two_side, difference) if two_plain.doubts else best([two_plain, *helpful], difference)
    d, dse = difference(two.name, one.name)
    shown = f"elpd_diff = {d:.1f}, dse = {dse:.1f}"
    untrusted = [f"{c.name} could not be judged: {'; '.join(c.doubts)}" for c in (*one_side, *two_side) if c.doubts]

    def result(verdict: Verdict, selected: str, structure: Sequence[Contender], reason: str) -> Weighed:
        names = tuple(c.structure for c in structure if c.structure)
        return Weighed(verdict, names, selected, (two.name, one.name), d, dse, (), (reason, *untrusted))

    if two.doubts or one.doubts:
        return result("undecided", "", [], f"{(two if two.doubts else one).name} cannot be trusted")
    if rule(d, dse) == "two-rate":
        structure = [c for c in helpful if not beats(difference(two.name, c.name))]
        if two.structure and two not in structure:
            structure = [two]
        beside = f", beside {_in_words(structure)}" if structure else ""
        against = f"the best of one rate is {one.name}" if one.structure else "structures explain nothing"
        return result(
            "two-rate",
            two.name,
            structure,
            f"a second rate gains {d:.1f} in expected log predictive density{beside}, more than {GAIN:g} and more than "
            f"{STANDARD_ERRORS:g} standard errors ({shown}); {against}",
        )
    if not needed and rule(*difference(two.name, one_plain.name)) == "one-rate":
        return result("one-rate", one_plain.name, [], f"a second rate gains too little to count ({shown})")
    chosen = best(needed, difference) if needed else one
    as_good = [c for c in needed if not beats(difference(chosen.name, c.name))]
    partner = next((c for c in two_side if c.structure == chosen.structure), None)
    if needed and rule(*difference(two.name, chosen.name)) == "one-rate":
        if partner is not None and partner.doubts:
            return result(
                "undecided", "", [], f"one rate, with {chosen.words}, leads; {partner.name} cannot be trusted"
            )
        if _is_shown(chosen, one_side, two_plain, difference):
            gain = f"gains {d:.1f}" if d > 0 else f"costs {-d:.1f}"
            reason = f"a second rate then {gain} in expected log predictive density ({shown})"
            return result("one-rate", chosen.name, as_good, f"one rate, with {_in_words(as_good)}; {reason}")
    ahead, dse_ahead = difference(chosen.name, two_plain.name)
    words = " or ".join(c.words for c in as_good or [chosen]) or "no structure"
    undecided = result(
        "undecided",
        "",
        [],
        f"one rate, with {words}, and two rates describe the data nearly equally well (elpd of {chosen.name} "
        f"{abs(ahead):.1f} {'above' if ahead > 0 else 'below'} that of {two_plain.name}, dse = {dse_ahead:.1f}; best "
        f"of both sides: {shown}). More trajectories, or who shared when, would tell them apart",
    )
    return replace(undecided, challenged_by=tuple(c.name for c in as_good) or (chosen.name,))


def _that_help(side: Sequence[Contender], difference: Difference) -> list[Contender]:
    """Return the contenders of a side whose structure beats the plain model."""
    return [c for c in side[1:] if not c.doubts and beats(difference(c.name, side[0].name))]


def _in_words(contenders: Sequence[Contender]) -> str:
    which = "; the data cannot tell which" if len(contenders) > 1 else ""
    return " or ".join(c.words for c in contenders) + which


def _is_shown(chosen: Contender, one_side: Sequence[Contender], two_plain: Contender, difference: Difference) -> bool:
    """Return whether one rate with a structure is shown against two plain rates.

    It is if it describes the data better, or if two rates are not needed anyway, because the slow one cannot be told
    from 0.
    """
    slow_is_zero = any(
        c.is_nested and not c.doubts and rule(*difference(two_plain.name, c.name)) == "one-rate" for c in one_side
    )
    return chosen.is_nested or slow_is_zero or beats(difference(chosen.name, two_plain.name))


def simplest(
    contenders: Sequence[Contender],
    n_parameters: Mapping[str, int],
    nested_in: Mapping[str, str],
    difference: Difference,
) -> Weighed:
    """Return the verdict among any models: the simplest that no other one beats.

    A model is simpler than another if it is a special case of it, or has fewer parameters. It is the verdict if no
    model beats it, and a gain of each richer one is ruled out; where models are equally rich, it must beat the others.

    Parameters
    ----------
    contenders : sequence of Contender
        At least two models.
    n_parameters : mapping
        Number of parameters by name.
    nested_in : mapping
        Name of the richer model that a model is a special case of, by name; models without one are left out.
    difference : callable
        See :data:`Difference`.
    """

    def is_simpler(first: str, second: str) -> bool:
        return nested_in.get(first) == second or (
            nested_in.get(second) != first and n_parameters[first] < n_parameters[second]
        )

    def is_settled(first: str, second: str) -> bool:
        if is_simpler(first, second):
            return rule(*difference(second, first)) == "one-rate"
        return beats(difference(first, second))

    names = [contender.name for contender in contenders]
    best_first = sorted(names, key=lambda name: -difference(name, names[0])[0])
    rival = {name: next(other for other in best_first if other != name) for name in names}
    doubted = [f"{c.name} cannot be trusted: {'; '.join(c.doubts)}" for c in contenders if c.doubts]
    chosen = next((name for name in names if all(is_settled(name, other) for other in names if other != name)), "")
    leader = chosen or best_first[0]
    d, dse = difference(rival[leader], leader)
    shown = f"elpd_diff = {d:.1f}, dse = {dse:.1f}"
    compared = (rival[leader], leader)
    if doubted or not chosen:
        reason = f"{rival[leader]} and {leader} cannot be told apart ({shown})"
        return Weighed("undecided", (), "", compared, d, dse, (), (*doubted, reason))
    gains = f"gains {d:.1f}" if d > 0 else f"loses {-d:.1f}"
    reason = f"{chosen} is the simplest that no other one beats; {rival[chosen]} {gains} against it ({shown})"
    return Weighed(chosen, (), chosen, compared, d, dse, (), (reason,))


def among_heterogeneous(weighed: Weighed, two: str, continuum: Contender, difference: Difference) -> Weighed:
    """Return the verdict after a comparison of two rates with a continuum of rates.

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
    if continuum.doubts:
        reasons = (*weighed.reasons, f"{continuum.name} could not be judged: {'; '.join(continuum.doubts)}")
        return replace(weighed, reasons=reasons)
    d, dse = difference(two, continuum.name)
    numbers = f"elpd {abs(d):.1f} {'below' if d > 0 else 'above'} that of {two}, dse = {dse:.1f}"
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
