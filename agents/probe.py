"""Test whether a language model expresses personas: does it answer a personality inventory as its persona would?

The model answers the Mini-IPIP as each of the 32 profiles. The distribution of its answers is known, so all moments
below are exact and not estimates from a sample: the variance of an answer is treated like that of a respondent whose
answers vary. If answers are sampled, their frequencies replace this distribution, and all moments are estimates.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..files import without_nan
from .elicitation import Elicitation
from .inventory import InventoryAnswers, administer, inventory_items
from .language_model import LanguageModel, Progress
from .personas import TRAITS, Persona, all_personas
from .prompts import PromptTemplates

LEAST_SEPARATION = 0.8
"""Smallest Cohen's d, large by Cohen's conventions: 79% of the answers of high profiles exceed the mean of low ones.
The lower end of the interval must reach it: the prompt states the profile, so the effect should not be smaller."""
LEAST_RELIABILITY = 0.6
"""Smallest Cronbach's alpha; the Mini-IPIP scales reached it for people in all five studies of the original paper."""
MAX_CROSS_TALK = 0.5
"""Largest effect of another trait on a scale, as a fraction of the effect of the scale's own trait. The own trait then
decides the ranking of two profiles that differ in it and in one other trait."""
LEAST_OPTION_MASS = 0.5
"""Smallest mean probability of the five answers: below it, the model prefers to say something else."""
_NOTHING = 1e-9
"""Differences below this, in points of the scale, count as 0: rounding errors of log-probabilities are smaller."""


@dataclass(frozen=True)
class TraitProbe:
    """Results of the probe for one trait.

    Parameters
    ----------
    trait : str
        One of :data:`tworate.agents.TRAITS`.
    mean_low, mean_high : float
        Mean scale score, 1 to 5, of the profiles with the trait low and high.
    d, d_low, d_high : float
        Cohen's d of high against low profiles, and its 95% bootstrap interval over profiles. It is nan if answers are
        constant, and infinite if the groups differ but nothing varies within them.
    alpha : float
        Cronbach's alpha of the trait's four items; nan if answers are constant.
    strongest_other : str
        The other trait of the persona with the largest effect on this scale.
    strongest_effect : float
        Its effect: mean scale score with that trait high, minus the mean with it low.
    option_mass : float
        Mean probability of the five answers.
    reasons : tuple of str
        Reasons why the trait is not expressed; empty if it is expressed.
    """

    trait: str
    mean_low: float
    mean_high: float
    d: float
    d_low: float
    d_high: float
    alpha: float
    strongest_other: str
    strongest_effect: float
    option_mass: float
    reasons: tuple[str, ...] = ()

    @property
    def expressed(self) -> bool:
        """Whether the model expresses the trait."""
        return not self.reasons


@dataclass(frozen=True)
class Probe:
    """Whether a model expresses personas, and how well.

    Parameters
    ----------
    model : str
        Name of the model.
    answers : InventoryAnswers
        Answers of the model.
    effects : array, shape (5, 5)
        Mean score of a scale (column) with a trait of the persona (row) high, minus the mean with it low, in points of
        the scale. The diagonal should be large; the other entries are cross-talk.
    traits : tuple of TraitProbe
        Results by trait, in the order of :data:`tworate.agents.TRAITS`.
    seed : int
        Seed of the bootstrap.
    """

    model: str
    answers: InventoryAnswers
    effects: NDArray[np.float64]
    traits: tuple[TraitProbe, ...]
    seed: int

    @property
    def verdict(self) -> str:
        """`expressed` (all five traits), `partly` or `not expressed` (none)."""
        return {len(TRAITS): "expressed", 0: "not expressed"}.get(sum(t.expressed for t in self.traits), "partly")

    @property
    def reading(self) -> str:
        """The verdict in one sentence."""
        expressed = [result.trait for result in self.traits if result.expressed]
        missing = [result.trait for result in self.traits if not result.expressed]
        if not missing:
            return f"{self.model} expresses the profile: all five traits"
        if not expressed:
            return f"{self.model} does not express the profile: none of the five traits"
        return f"{self.model} expresses the profile in part: {', '.join(expressed)}, but not {', '.join(missing)}"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per trait: the fields of :class:`TraitProbe` without the reasons, and the method."""
        method = self.answers.method
        rows = [{**vars(result), "expressed": result.expressed, "elicitation": method} for result in self.traits]
        return pd.DataFrame(rows).drop(columns="reasons")

    def to_json(self) -> dict[str, Any]:
        """Return everything except the single answers as JSON data; undefined and infinite values are None."""
        return {
            "verdict": self.verdict,
            "reading": self.reading,
            "thresholds": {
                "d_low": LEAST_SEPARATION,
                "alpha": LEAST_RELIABILITY,
                "cross_talk": MAX_CROSS_TALK,
                "option_mass": LEAST_OPTION_MASS,
            },
            "seed": self.seed,
            "method": self.answers.method,
            "unparsable": int(np.sum(self.answers.unparsable)),
            "traits": [
                {
                    **without_nan(vars(result)),
                    "reasons": list(result.reasons),
                    "expressed": result.expressed,
                }
                for result in self.traits
            ],
            "effects": {
                trait: dict(zip(TRAITS, map(float, row), strict=True))
                for trait, row in zip(TRAITS, self.effects, strict=True)
            },
        }


def probe_model(
    model: LanguageModel,
    *,
    templates: PromptTemplates | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    elicitation: Elicitation | None = None,
    short: bool = False,
) -> Probe:
    """Let a model answer the Mini-IPIP as all 32 profiles, and judge whether it expresses them.

    Parameters
    ----------
    model : LanguageModel
        The model.
    templates : PromptTemplates, optional
        Wording of the persona; the shipped one by default.
    seed : int
        Seed of the bootstrap.
    progress : callable, optional
        Called with prompts done and total.
    elicitation : Elicitation, optional
        How to ask, see :func:`administer`.
    short : bool
        Whether only 16 profiles answer two items for each trait, one of each key: a quarter of the prompts. The effects
        of the traits, and those of pairs of traits, are still apart from each other.
    """
    personas = [persona for persona in all_personas() if not short or sum(persona.levels.values()) % 2]
    items = inventory_items()
    if short:
        of_key = {(item.trait, item.keyed): item for item in reversed(items)}
        items = tuple(item for item in items if of_key[item.trait, item.keyed] is item)
    answers = administer(model, personas, templates, progress, elicitation=elicitation, items=items)
    return judge(model.name, answers, seed=seed)


def judge(model: str, answers: InventoryAnswers, *, seed: int = 0, n_resamples: int = 2000) -> Probe:
    """Judge answers to the inventory.

    Parameters
    ----------
    model : str
        Name of the model, for the record.
    answers : InventoryAnswers
        Answers of all 32 profiles.
    seed : int
        Seed of the bootstrap.
    n_resamples : int
        Number of bootstrap resamples of the profiles.
    """
    scale = answers.scale_scores()
    high = _levels(answers.personas)
    effects = np.array([scale[rows].mean(axis=0) - scale[~rows].mean(axis=0) for rows in high.T])
    rng = np.random.default_rng(seed)
    traits = []
    for index, trait in enumerate(TRAITS):
        columns, rows = answers.of_trait(trait), high[:, index]
        # Items are separate prompts: their answers are independent given the profile.
        spread = answers.variances[:, columns].sum(axis=1) / len(columns) ** 2
        groups = [(scale[r, index], spread[r]) for r in (rows, ~rows)]
        picks = [rng.integers(values.size, size=(n_resamples, values.size)) for values, _ in groups]
        resampled = separation(*((v[pick], s[pick]) for (v, s), pick in zip(groups, picks, strict=True)))
        d_low, d_high = np.quantile(resampled, [0.025, 0.975], method="nearest")
        other = max((row for row in range(len(TRAITS)) if row != index), key=lambda row: abs(effects[row, index]))
        result = TraitProbe(
            trait=trait,
            mean_low=float(scale[~rows, index].mean()),
            mean_high=float(scale[rows, index].mean()),
            d=float(separation(*groups)),
            d_low=float(d_low),
            d_high=float(d_high),
            alpha=cronbach_alpha(answers.scores[:, columns], answers.variances[:, columns]),
            strongest_other=TRAITS[other],
            strongest_effect=float(effects[other, index]),
            option_mass=float(answers.option_mass[:, columns].mean()),
        )
        traits.append(TraitProbe(**{**vars(result), "reasons": tuple(_reasons(result))}))
    return Probe(model, answers, effects, tuple(traits), seed)


def _levels(personas: tuple[Persona, ...]) -> NDArray[np.bool_]:
    """Return whether each trait of each persona is high, shape (n_personas, 5)."""
    return np.array([[persona.levels[trait] for trait in TRAITS] for persona in personas])


Group = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Expected scores of a group of profiles, and the variances of the scores around them; shape (..., n_profiles)."""


def separation(high: Group, low: Group) -> NDArray[np.float64]:
    """Compute Cohen's d of two equally weighted groups of profiles.

    Parameters
    ----------
    high, low : pair of arrays, shape (..., n_profiles)
        Expected scores, and the variance of each profile's score around its expected score.

    Returns
    -------
    array, shape (...)
        Cohen's d; nan if nothing varies at all, infinite if only the means of the groups differ.

    Notes
    -----
    `d = (mean_high - mean_low) / sqrt((var_high + var_low) / 2)` [1]_. By the law of total variance, the variance
    within a group is the variance of the expected scores over its profiles plus the mean variance of the answers. The
    former is divided by the number of profiles, because the profiles are the whole population.

    References
    ----------
    .. [1] Cohen (1988). Statistical power analysis for the behavioral sciences, 2nd ed., doi:10.4324/9780203771587.

    Examples
    --------
    >>> group = lambda *scores: (np.array(scores), np.zeros(len(scores)))
    >>> float(separation(group(4.0, 5.0), group(1.0, 2.0)))
    6.0
    """
    difference = high[0].mean(axis=-1) - low[0].mean(axis=-1)
    within = [expected.var(axis=-1) + spread.mean(axis=-1) for expected, spread in (high, low)]
    sd = np.sqrt(np.maximum(0.0, (within[0] + within[1]) / 2))
    limit = np.where(np.abs(difference) < _NOTHING, np.nan, np.copysign(np.inf, difference))
    return np.where(sd < _NOTHING, limit, difference / np.maximum(sd, _NOTHING))


def cronbach_alpha(scores: NDArray[np.float64], variances: NDArray[np.float64]) -> float:
    """Compute Cronbach's alpha of a scale's items over the profiles.

    Parameters
    ----------
    scores, variances : array, shape (n_profiles, n_items)
        Expected scores, all keyed in the same direction, and variances of the answers around them.

    Returns
    -------
    float
        Cronbach's alpha; nan if the sum of the items does not vary.

    Notes
    -----
    `alpha = n / (n - 1) · (1 - Σ_i var_i / var_sum)` [1]_, with variances over profiles and answers; the answers to
    different items are independent given the profile.

    References
    ----------
    .. [1] Cronbach (1951). Coefficient alpha and the internal structure of tests. Psychometrika 16, 297-334,
       doi:10.1007/BF02310555.

    Examples
    --------
    The items agree on every profile, and the answers do not vary:

    >>> cronbach_alpha(np.array([[1.0, 1.0], [5.0, 5.0]]), np.zeros((2, 2)))
    1.0
    """
    n_items = scores.shape[1]
    single = scores.var(axis=0) + variances.mean(axis=0)
    total = scores.sum(axis=1).var() + variances.sum(axis=1).mean()
    if total < _NOTHING**2:
        return math.nan
    return float(n_items / (n_items - 1) * (1.0 - single.sum() / total))


def _reasons(result: TraitProbe) -> list[str]:
    """Return the reasons why a trait is not expressed."""
    reasons = []
    own_effect = result.mean_high - result.mean_low
    if math.isnan(result.d):
        return ["every profile gets the same answer"]
    # If answers do not vary, constant resamples make the interval nan; then d itself is used.
    lower = result.d if math.isnan(result.d_low) else result.d_low
    if not lower >= LEAST_SEPARATION:
        reasons.append(
            f"high and low profiles are not far enough apart (d = {result.d:.2f}, interval from {lower:.2f})"
        )
    if not result.alpha >= LEAST_RELIABILITY:
        reasons.append(f"its items do not agree (alpha = {result.alpha:.2f})")
    if not abs(result.strongest_effect) <= MAX_CROSS_TALK * own_effect:
        reasons.append(
            f"{result.strongest_other} changes its scale by {result.strongest_effect:+.2f} points, "
            f"the trait itself by {own_effect:+.2f}"
        )
    if not result.option_mass >= LEAST_OPTION_MASS:
        reasons.append(
            f"the model prefers other answers to 1 to 5 (probability {result.option_mass:.2g} of the five answers)"
        )
    return reasons
