"""Can the decisions of a language model be trusted? A judgement from their diagnostics and a probe of personas.

The question is whether the decisions are about the personas, the post and its sightings, or about the prompt. Each
threshold below was set from models whose answer is known: docs/decisions.md has the evidence.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..common.log_odds import log_odds
from ..files import without_nan
from .decision_table import DecisionTable
from .elicitation import ORDERS
from .probe import Probe
from .shrinkage import SIGNIFICANCE

LEAST_MASS = 0.8
"""Smallest mean probability that an answer is one of the options: the bound that sampled answers have too."""
LEAST_PERSONA_SD = 0.15
"""Smallest standard deviation of the personas' log-odds of sharing. With 0.15, personas one standard deviation above
and below the mean differ by a factor of 1.35 in their odds."""
LEAST_AGREEMENT = 0.5
"""Smallest correlation of the personas' log-odds between prompts that differ in order or wording only."""


class Check(NamedTuple):
    """One check of decisions: what was measured, its value, what is asked, and whether it passed."""

    what: str
    value: str
    asked: str
    passed: bool


@dataclass(frozen=True)
class DecisionTrust:
    """What speaks for and against the decisions of a language model.

    Parameters
    ----------
    option_mass : float
        Mean probability that an answer is one of the options.
    signal_sd : float
        Standard deviation of the log-odds of sharing over personas, sightings and events.
    order_effect : float
        Mean difference of the log-odds between both orders of the options; nan if one order was asked.
    wording_effect : float
        Largest difference of mean log-odds between wordings; nan if one wording was asked.
    persona_sd : float
        Standard deviation of the personas' mean log-odds; nan with one persona.
    agreement : float
        Smallest correlation of the personas' mean log-odds between two orders or wordings; nan if there are not two, or
        personas do not differ.
    noise_p_value : float
        Smallest over events: the probability that sampling noise alone makes such differences between personas; nan
        if answers were scored.
    probe : str
        Verdict of the probe of personas; empty if there was none.
    reasons : tuple of str
        Reasons against trust; empty if there are none.
    personas : tuple of str
        The personas.
    by_prompt : tuple of dict
        One for each wording and order: `wording`, `order`, and `log_odds`, the mean of each persona.
    """

    option_mass: float
    signal_sd: float
    order_effect: float
    wording_effect: float
    persona_sd: float
    agreement: float
    noise_p_value: float
    probe: str = ""
    reasons: tuple[str, ...] = ()
    personas: tuple[str, ...] = ()
    by_prompt: tuple[dict[str, Any], ...] = ()

    @property
    def trustworthy(self) -> bool:
        """Whether nothing speaks against the decisions."""
        return not self.reasons

    @property
    def verdict(self) -> str:
        """`trustworthy` or `not trustworthy`."""
        return "trustworthy" if self.trustworthy else "not trustworthy"

    @property
    def sentence(self) -> str:
        """The judgement in one sentence."""
        if self.trustworthy:
            return "The decisions can be trusted as far as these checks go."
        return f"The decisions of the language model cannot be trusted: {'; '.join(self.reasons)}."

    @property
    def checks(self) -> list[Check]:
        """Each check that was made, with its value and bound in words."""
        signal = f"at most {self.signal_sd:.2g}, the standard deviation over personas and sightings"
        rows = [
            ("probability of an answer with an option", self.option_mass, f"at least {LEAST_MASS:g}"),
            ("effect of the order of the options, log-odds", abs(self.order_effect), signal),
            ("effect of the wording of the options, log-odds", abs(self.wording_effect), signal),
            ("standard deviation of personas, log-odds", self.persona_sd, f"at least {LEAST_PERSONA_SD:g}"),
            ("agreement of orders and wordings about personas", self.agreement, f"at least {LEAST_AGREEMENT:g}"),
            ("p-value of differences by sampling noise alone", self.noise_p_value, f"at most {SIGNIFICANCE:g}"),
        ]
        passed = [
            self.option_mass >= LEAST_MASS, abs(self.order_effect) <= self.signal_sd,
            abs(self.wording_effect) <= self.signal_sd, self.persona_sd >= LEAST_PERSONA_SD,
            self.agreement >= LEAST_AGREEMENT, self.noise_p_value <= SIGNIFICANCE,
        ]  # fmt: skip
        checks = [
            Check(what, f"{value:.3g}", bound, bool(ok))
            for (what, value, bound), ok in zip(rows, passed, strict=True)
            if np.isfinite(value)
        ]
        if self.probe:
            checks.append(Check("probe of personas", self.probe, "expressed or partly", self.probe != "not expressed"))
        return checks

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON data, with `decisions`: `trustworthy` or `not trustworthy`."""
        return {
            "decisions": self.verdict,
            "sentence": self.sentence,
            **without_nan(asdict(self)),
            "reasons": list(self.reasons),
            "checks": [check._asdict() for check in self.checks],
        }


def judge_decisions(tables: Sequence[DecisionTable], probe: Probe | None = None) -> DecisionTrust:
    """Judge whether decisions are about personas and posts, and not about the prompt.

    Parameters
    ----------
    tables : sequence of DecisionTable
        One per event, from one model, asked in the same way.
    probe : Probe, optional
        Whether the model expresses personas.
    """
    # Shape (n_wordings, n_orders, n_events, n_personas, n_sightings).
    # Each cue of a sighting is a column, as sightings are.
    by_prompt = np.stack([table.by_prompt.reshape(*table.by_prompt.shape[:3], -1) for table in tables], axis=2)
    by_cell = np.stack([log_odds(table.probabilities.reshape(len(table.personas), -1)) for table in tables])
    of_prompt = by_prompt.mean(axis=(2, 4)).reshape(-1, by_prompt.shape[3])
    p_values = [table.pooled.p_value for table in tables if table.pooled is not None]
    means = by_prompt.mean(axis=(2, 3, 4))
    n_wordings, n_orders = means.shape
    asked = tables[0].asked
    orders = ["share-first" if share_first else "ignore-first" for share_first in ORDERS[asked.order]]
    prompts = itertools.product(asked.wordings, orders)
    trust = DecisionTrust(
        option_mass=float(np.mean([table.option_mass for table in tables])),
        signal_sd=float(by_cell.std()),
        order_effect=float(means[:, 0].mean() - means[:, 1].mean()) if n_orders == 2 else float("nan"),
        wording_effect=float(np.ptp(means.mean(axis=1))) if n_wordings > 1 else float("nan"),
        persona_sd=float(by_cell.mean(axis=(0, 2)).std()) if by_cell.shape[1] > 1 else float("nan"),
        agreement=_agreement(of_prompt),
        noise_p_value=float(min(p_values)) if p_values else float("nan"),
        probe=probe.verdict if probe else "",
        personas=tuple(persona.label for persona in tables[0].personas),
        by_prompt=tuple(
            {"wording": str(wording), "order": order, "log_odds": row.tolist()}
            for (wording, order), row in zip(prompts, of_prompt, strict=True)
        ),
    )
    return replace(trust, reasons=tuple(_reasons(trust)))


def _agreement(by_prompt: NDArray[np.float64]) -> float:
    """Return the smallest correlation between rows, shape (n_prompts, n_personas)."""
    if by_prompt.shape[1] < 3 or len(by_prompt) < 2 or np.any(by_prompt.std(axis=1) < 1e-9):
        return float("nan")
    return float(np.corrcoef(by_prompt).min())


def _reasons(trust: DecisionTrust) -> list[str]:
    reasons = []
    if trust.option_mass < LEAST_MASS:
        reasons.append(
            f"it answers with one of the options with a probability of {trust.option_mass:.2g} only "
            f"({LEAST_MASS:g} are asked)"
        )
    for effect, what in (
        (trust.order_effect, "the order of the options"),
        (trust.wording_effect, "the wording of the options"),
    ):
        if abs(effect) > trust.signal_sd:
            reasons.append(
                f"{what} changes the log-odds of sharing by {abs(effect):.2g}, more than personas and sightings do "
                f"(standard deviation {trust.signal_sd:.2g})"
            )
    if trust.noise_p_value > SIGNIFICANCE:
        reasons.append(
            f"sampling noise explains the differences between personas (p = {trust.noise_p_value:.2g}); more answers "
            "would tell"
        )
    elif trust.persona_sd < LEAST_PERSONA_SD:
        reasons.append(
            f"personas hardly differ (standard deviation {trust.persona_sd:.2g} of their log-odds of sharing, "
            f"{LEAST_PERSONA_SD:g} are asked)"
        )
    if trust.agreement < LEAST_AGREEMENT:
        reasons.append(
            f"which personas share more depends on the order or wording of the options (correlation "
            f"{trust.agreement:.2f}, {LEAST_AGREEMENT:g} are asked)"
        )
    if trust.probe == "not expressed":
        reasons.append("a probe finds that it expresses none of the five traits of a persona")
    return reasons


@dataclass(frozen=True)
class ModelTrusts:
    """What speaks for and against the decisions of each of several language models.

    Parameters
    ----------
    by_model : dict of str to DecisionTrust
        One for each language model; empty where all probabilities were given.
    """

    by_model: dict[str, DecisionTrust]

    @property
    def trustworthy(self) -> bool:
        """Whether nothing speaks against the decisions of any language model."""
        return all(trust.trustworthy for trust in self.by_model.values())

    @property
    def sentence(self) -> str:
        """The judgement, in one sentence for each language model that fails."""
        if self.trustworthy:
            return "The decisions can be trusted as far as these checks go."
        failing = {name: trust for name, trust in self.by_model.items() if not trust.trustworthy}
        texts = [f"The decisions of {name} cannot be trusted: {'; '.join(t.reasons)}." for name, t in failing.items()]
        passing = [name for name in self.by_model if name not in failing]
        return " ".join(
            [*texts, *([f"Those of {', '.join(passing)} can, as far as these checks go."] if passing else [])]
        )

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`DecisionTrust.to_json` does; with several language models, checks name the model."""
        if len(self.by_model) < 2:
            return next((trust.to_json() for trust in self.by_model.values()), {})
        each = {name: trust.to_json() for name, trust in self.by_model.items()}
        # Language models are asked in the same prompts, unless each has a wording of its own.
        prompts = list(zip(*(content["by_prompt"] for content in each.values()), strict=True))
        return {
            "decisions": "trustworthy" if self.trustworthy else "not trustworthy",
            "sentence": self.sentence,
            "reasons": [f"{name}: {reason}" for name, content in each.items() for reason in content["reasons"]],
            "checks": [
                {**check, "what": f"{name}: {check['what']}"}
                for name, content in each.items()
                for check in content["checks"]
            ],
            "personas": [f"{name}: {persona}" for name, content in each.items() for persona in content["personas"]],
            "by_prompt": [
                {
                    "wording": " and ".join(dict.fromkeys(prompt["wording"] for prompt in same)),
                    "order": same[0]["order"],
                    "log_odds": [value for prompt in same for value in prompt["log_odds"]],
                }
                for same in prompts
            ],
            "models": each,
        }


def judge_models(by_model: Mapping[str, Sequence[DecisionTable]], probes: Mapping[str, Probe | None]) -> ModelTrusts:
    """Judge the decisions of each language model on its own.

    Parameters
    ----------
    by_model : mapping of str to sequence of DecisionTable
        Tables of each language model, over the personas that it was asked about.
    probes : mapping of str to Probe
        Whether each language model expresses personas, where it was probed.
    """
    return ModelTrusts({name: judge_decisions(tables, probes.get(name)) for name, tables in by_model.items()})
