"""Do the personas take? Whether a language model answers a personality inventory as its persona would.

The model fills in the Mini-IPIP under each of the 32 profiles. Its answers have a known distribution, so all moments
below are exact for the answers that the model would give, not estimates from a sample of them: the variance of an
answer counts like that of a respondent who does not always answer alike. Where answers had to be sampled, their
frequencies stand for that distribution, and all moments are estimates.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .elicitation import Elicitation
from .inventory import InventoryAnswers, administer
from .language_model import LanguageModel, Progress
from .personas import TRAITS, Persona, all_personas
from .prompts import PromptTemplates

LEAST_SEPARATION = 0.8
"""Cohen's d that his conventions call large: 79% of the answers of high profiles exceed the mean of low ones. Profiles
that are told outright what they are should be apart by no less; the lower end of the interval must reach it."""
LEAST_RELIABILITY = 0.6
"""Cronbach's alpha that the Mini-IPIP scales reached among people in all five studies of their paper."""
MOST_CROSS_TALK = 0.5
"""Largest effect of another trait on a scale, as a part of the effect of its own: the scale then ranks any two profiles
that differ in its own trait and one other by its own."""
LEAST_OPTION_MASS = 0.5
"""Mean probability of the five answers: below it the model would rather say something else."""
_NOTHING = 1e-9
"""Points of the scale that count as no difference: rounding of log-probabilities leaves less."""


@dataclass(frozen=True)
class TraitProbe:
    """What the probe found for one trait.

    Parameters
    ----------
    trait : str
        One of :data:`tworate.agents.TRAITS`.
    mean_low, mean_high : float
        Mean scale score, 1 to 5, of the profiles with the trait low and high.
    d, d_low, d_high : float
        Cohen's d of high against low, and a 95% bootstrap interval over profiles; nan where answers are constant,
        infinite where the profiles differ and answers vary in no other way.
    alpha : float
        Cronbach's alpha of the trait's four items; nan where answers are constant.
    strongest_other : str
        The other trait of the persona that moves this scale most.
    strongest_effect : float
        By how much: mean scale score with that trait high minus that with it low.
    option_mass : float
        Mean probability of the five answers.
    reasons : tuple of str
        Why the trait is not expressed; empty where it is.
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
        What it answered.
    effects : array, shape (5, 5)
        Mean score of a scale (column) with a trait of the persona (row) high, minus that with it low, in points of the
        scale. The diagonal is what should be large; the rest is cross-talk.
    traits : tuple of TraitProbe
        In the order of :data:`tworate.agents.TRAITS`.
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
        taken = [found.trait for found in self.traits if found.expressed]
        missed = [found.trait for found in self.traits if not found.expressed]
        if not missed:
            return f"{self.model} expresses the profile: all five traits"
        if not taken:
            return f"{self.model} does not express the profile: none of the five traits"
        return f"{self.model} expresses the profile in part: {', '.join(taken)}, but not {', '.join(missed)}"

    def to_frame(self) -> pd.DataFrame:
        """One row a trait: what :class:`TraitProbe` holds, without the reasons, and how the model was asked."""
        method = self.answers.method
        rows = [{**vars(found), "expressed": found.expressed, "elicitation": method} for found in self.traits]
        return pd.DataFrame(rows).drop(columns="reasons")

    def to_json(self) -> dict[str, Any]:
        """Everything but the single answers, fit for JSON: what is undefined or infinite is None."""
        return {
            "verdict": self.verdict,
            "reading": self.reading,
            "thresholds": {
                "d_low": LEAST_SEPARATION,
                "alpha": LEAST_RELIABILITY,
                "cross_talk": MOST_CROSS_TALK,
                "option_mass": LEAST_OPTION_MASS,
            },
            "seed": self.seed,
            "method": self.answers.method,
            "unparsable": int(np.sum(self.answers.unparsable)),
            "traits": [
                {
                    **{
                        name: value if not isinstance(value, float) or math.isfinite(value) else None
                        for name, value in vars(found).items()
                    },
                    "reasons": list(found.reasons),
                    "expressed": found.expressed,
                }
                for found in self.traits
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
) -> Probe:
    """Let a model answer the Mini-IPIP under all 32 profiles, and judge whether it expresses them.

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
        How to ask, as :func:`administer` takes it.
    """
    answers = administer(model, all_personas(), templates, progress, elicitation=elicitation)
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
        # Items are asked one by one: their answers are independent given the profile.
        spread = answers.variances[:, columns].sum(axis=1) / len(columns) ** 2
        groups = [(scale[r, index], spread[r]) for r in (rows, ~rows)]
        picks = [rng.integers(values.size, size=(n_resamples, values.size)) for values, _ in groups]
        drawn = separation(*((v[pick], s[pick]) for (v, s), pick in zip(groups, picks, strict=True)))
        d_low, d_high = np.quantile(drawn, [0.025, 0.975], method="nearest")
        other = max((row for row in range(len(TRAITS)) if row != index), key=lambda row: abs(effects[row, index]))
        found = TraitProbe(
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
        traits.append(TraitProbe(**{**vars(found), "reasons": tuple(_reasons(found))}))
    return Probe(model, answers, effects, tuple(traits), seed)


def _levels(personas: tuple[Persona, ...]) -> NDArray[np.bool_]:
    """Whether each trait of each persona is high, shape (n_personas, 5)."""
    return np.array([[persona.levels[trait] for trait in TRAITS] for persona in personas])


Group = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Expected scores of a group of profiles, and the variances of the scores around them; shape (..., n_profiles)."""


def separation(high: Group, low: Group) -> NDArray[np.float64]:
    """Cohen's d of two equally weighted groups of profiles.

    Parameters
    ----------
    high, low : pair of arrays, shape (..., n_profiles)
        Expected scores, and the variance of each profile's score around its own.

    Returns
    -------
    array, shape (...)
        nan where neither the groups nor the answers differ; infinite where only the groups do.

    Notes
    -----
    `d = (mean_high - mean_low) / sqrt((var_high + var_low) / 2)`. The variance within a group is, by the law of total
    variance, that of the expected scores over its profiles (divided by their number: they are all that there are)
    plus the mean variance of the answers [1]_.

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
    still = np.where(np.abs(difference) < _NOTHING, np.nan, np.copysign(np.inf, difference))
    return np.where(sd < _NOTHING, still, difference / np.maximum(sd, _NOTHING))


def cronbach_alpha(scores: NDArray[np.float64], variances: NDArray[np.float64]) -> float:
    """Cronbach's alpha of a scale's items over the profiles.

    Parameters
    ----------
    scores, variances : array, shape (n_profiles, n_items)
        Expected scores, all keyed in the same direction, and variances of the answers around them.

    Returns
    -------
    float
        nan where the sum of the items does not vary.

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
    Items that agree on every profile and answers that never waver:

    >>> cronbach_alpha(np.array([[1.0, 1.0], [5.0, 5.0]]), np.zeros((2, 2)))
    1.0
    """
    n_items = scores.shape[1]
    single = scores.var(axis=0) + variances.mean(axis=0)
    whole = scores.sum(axis=1).var() + variances.sum(axis=1).mean()
    if whole < _NOTHING**2:
        return math.nan
    return float(n_items / (n_items - 1) * (1.0 - single.sum() / whole))


def _reasons(found: TraitProbe) -> list[str]:
    """Say in which ways a trait falls short of being expressed."""
    reasons = []
    own = found.mean_high - found.mean_low
    if math.isnan(found.d):
        return ["every profile gets the same answer"]
    # The interval of answers that never waver is not a number where a resample is constant; then d itself decides.
    least = found.d if math.isnan(found.d_low) else found.d_low
    if not least >= LEAST_SEPARATION:
        reasons.append(f"high and low profiles are not far enough apart (d = {found.d:.2f}, interval from {least:.2f})")
    if not found.alpha >= LEAST_RELIABILITY:
        reasons.append(f"its items do not agree (alpha = {found.alpha:.2f})")
    if not abs(found.strongest_effect) <= MOST_CROSS_TALK * own:
        reasons.append(
            f"{found.strongest_other} moves its scale by {found.strongest_effect:+.2f} points, itself by {own:+.2f}"
        )
    if not found.option_mass >= LEAST_OPTION_MASS:
        reasons.append(f"the model would rather not answer 1 to 5 (probability {found.option_mass:.2g} on the answers)")
    return reasons
