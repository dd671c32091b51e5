"""The comparison of models on one condition: verdict, structures, adequacy."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import JobError
from ...models import FreeHazardSI, GammaRateSI
from ...models.structured import with_structure
from ...models.structures import AGE, NEIGHBOUR_AXES, PHASE, all_structures
from ...models.structures.choice import ALL, CONTINUOUS, DEFAULT, NONE, REPLICATES
from ...models.structures.time_varying import TIME_VARYING
from ...models.structures.unreachable import Unreachable
from ..data.observations import Transitions
from ..data.weighting import Weighting
from ..likelihood.specification import Specification
from ..loo.loo import (
    future_density,
    stacking_weights,
)
from ..posterior.arviz_adapter import group
from ..posterior.derived_quantities import derive
from ..posterior.diagnostics import UNLEARNED
from ..posterior.fitting import SETTINGS, restore_log_likelihood
from ..posterior.marginal_likelihood import log_evidence
from ..posterior.posteriors import Posteriors
from .adequacy import Adequacy, adequacy
from .fits import ConditionFits, can_screen
from .power import expected_gain
from .results import ConditionResult, ModelResult
from .screening import can_help, worth_fitting
from .sides import Contender, Weighed, among_heterogeneous, beats, simplest, weigh
from .verdict import GAIN, STANDARD_ERRORS, Doubt, VerdictInput, judge

UNREACHABLE = Unreachable.name
_OTHERS = {
    REPLICATES: "a rate that differs between replicates",
    CONTINUOUS: "time that is continuous and not rounds",
}
_RATIO = "slow_over_fast"
_HARDLY_REACHED = 0.02
"""Slow rate over fast rate below which, on a network, counts do not tell the slow one from 0."""
_GAIN_BESIDE_PACE = 10.0
"""Gain of a second rate beside a pace in steps that counts on a network need: one rate gained 6.4 and 7.7."""
MAX_TWO_SIDED = 3
"""Two rates are fitted with at most so many structures, those with which they describe the data best."""


class ConditionComparison(ConditionFits):
    """One condition: its fits, and what is concluded from them. Arguments are those of :class:`ConditionFits`."""

    def compared(self, on_first_posterior: Callable[[], None] | None = None) -> ConditionResult:
        """Fit the models, ask the structures, and judge.

        Parameters
        ----------
        on_first_posterior : callable, optional
            Called when the first posterior has arrived, which is when cores start to idle.

        Raises
        ------
        InputError
            When the data cannot be compared.
        JobError
            When the sampler gives up.
        """
        self.begin()
        if self.error:
            raise self.error
        try:
            return self._compared(on_first_posterior)
        finally:
            self.abort()

    def _compared(self, on_first_posterior: Callable[[], None] | None) -> ConditionResult:
        for specification, sampled in self.sampled("fitting", self.specifications, on_first_posterior):
            if isinstance(sampled, JobError):
                raise sampled
            self.finish(specification, sampled)
        weighed, doubts = self._judged()
        if weighed.selected and (chosen := self.fits[weighed.selected].specification) not in self.specifications:
            restore_log_likelihood(self.fits[weighed.selected].posterior, chosen, self.data_of(chosen))
        adequate, reasons = self._adequacy(weighed)
        weights = stacking_weights({name: fit.elpd for name, fit in self.fits.items()})
        fitted = [fit.specification for fit in self.fits.values()]
        return ConditionResult(
            condition=self.condition,
            verdict=weighed.verdict,
            structure=list(weighed.structure),
            selected=weighed.selected,
            compared=list(weighed.compared),
            doubts=[doubt.name for doubt in doubts],
            reasons=[*reasons, *self._cautions(weighed.verdict)],
            challenged_by=list(weighed.challenged_by),
            elpd_diff=weighed.elpd_diff,
            dse=weighed.dse,
            **self.options.method._asdict(),
            n_observations=self._n_observations,
            n_increments=self.data.n_increments,
            models={spec.name: self._result(spec, weights[spec.name]) for spec in fitted},
            posteriors=Posteriors({name: fit.posterior for name, fit in self.fits.items()}),
            predict_from=self.options.predict_from,
            adequacy=adequate,
            left_out=self.left_out,
        )

    def _judged(self) -> tuple[Weighed, Sequence[Doubt]]:
        """Return the verdict with its reasons, and why numbers cannot be trusted."""
        if (pair := self._pair()) is None:
            return self._among()
        one, two = pair
        elpd_diff, dse = self.difference(two, one)
        judgement = judge(self._verdict_input(elpd_diff, dse, pair))
        selected = {"one-rate": one, "two-rate": two}.get(judgement.verdict, "")
        plain = Weighed(judgement.verdict, (), selected, (two, one), elpd_diff, dse, (), judgement.reasons)
        asked = self.options.structures
        # A model that does not describe the data can be hard to sample. Structures may describe them.
        curable = {Doubt.SAMPLER, Doubt.HIGH_PARETO_K}
        if set(judgement.doubts) - curable or (judgement.doubts and asked == (NONE,)):
            return plain, judgement.doubts
        # Reinforcement makes the hazard rise, so one rate may suffice beside it: it is asked wherever it is named.
        in_any_case = asked == (ALL,) or any(made.by_name_only for n, made in all_structures().items() if n in asked)
        if in_any_case or (asked != (NONE,) and judgement.verdict != "one-rate"):
            weighed = self._with_structures(plain, one, two)
            if any(self.doubts_of(name) for name in weighed.compared) and weighed.verdict == "undecided":
                return plain, judgement.doubts
            plain = weighed
        if plain.verdict == "two-rate" and self._has_closure():
            plain = self._beyond_error_of_closure(plain)
        if plain.verdict == "two-rate":
            return self._if_exposure_is_known(self._against_continuum(plain)), ()
        if plain.verdict == "one-rate":
            return self._if_not_too_early(plain)
        return plain, ()

    def _has_closure(self) -> bool:
        """Return whether the exposure of counts is approximate, as it is on a network."""
        return self.data.units is None and self.options.method.closure != "mean-field"

    def _beyond_error_of_closure(self, weighed: Weighed) -> Weighed:
        """Return the verdict of two rates, or another one where the error of a closure can look like a second rate.

        A few late shares that the closure does not expect look like a rate far below the other one, and not like 0. A
        pace in steps leaves a misfit of its own, which a second rate takes up. docs/calibration.md has the evidence.
        """
        two, one = weighed.compared
        gain = weighed.elpd_diff
        draws = group(self.fits[two].posterior, "posterior")
        ratio = float(draws[_RATIO].quantile(0.95)) if _RATIO in draws else np.inf
        if one.endswith(f"+{UNREACHABLE}") and not weighed.structure and ratio < _HARDLY_REACHED:
            reason = (
                f"one rate, with a part that is never reached; two rates gain {gain:.1f}, but the slow one is less "
                f"than 1/{1 / _HARDLY_REACHED:.0f} of the fast one, and a closure's error looks like that"
            )
            return dataclasses.replace(
                weighed, verdict="one-rate", structure=(UNREACHABLE,), selected=one, reasons=(reason, *weighed.reasons)
            )
        if two.endswith(f"+{TIME_VARYING}") and gain < _GAIN_BESIDE_PACE:
            reason = (
                f"a second rate gains {gain:.1f} beside a pace that varies over time; on a network, counts need "
                f"{_GAIN_BESIDE_PACE:g}, because a pace in steps is not exact; who shared when would tell"
            )
            return dataclasses.replace(
                weighed, verdict="undecided", structure=(), selected="", reasons=(reason, *weighed.reasons)
            )
        return weighed

    def _if_exposure_is_known(self, weighed: Weighed) -> Weighed:
        """Return the verdict, or undecided if the error of a closure may look like rates that differ.

        Where shares fade, old sharers have fewer susceptible neighbours left than new ones. Counts on a network do not
        tell how many, so the exposure within a structure by age is approximate.
        """
        by_age = [name for name in weighed.structure if name in all_structures() and all_structures()[name].axis == AGE]
        if not by_age or not self._has_closure():
            return weighed
        reason = (
            f"rates seem to differ beside {' or '.join(by_age)}, but on a network counts do not tell how the exposure "
            "to shares falls with their age, and the error looks like rates that differ; who shared when would tell"
        )
        return dataclasses.replace(
            weighed, verdict="undecided", structure=(), selected="", reasons=(reason, *weighed.reasons)
        )

    def _among(self) -> tuple[Weighed, Sequence[Doubt]]:
        """Return the verdict among models that are not one rate and two rates."""
        specifications = {specification.name: specification for specification in self.specifications}
        if len(specifications) < 2:
            reason = "one model is fitted; a verdict is between two or more"
            return Weighed("undecided", (), "", ("", ""), np.nan, np.nan, (), (reason,)), [Doubt.NOT_COMPARED]
        contenders = [self._plain_contender(name) for name in specifications]
        by_model = {specification.model.name: name for name, specification in specifications.items()}
        nested_in = {
            name: by_model[parent]
            for name, specification in specifications.items()
            if (parent := specification.model.nested_in) in by_model
        }
        sizes = {name: specification.n_parameters for name, specification in specifications.items()}
        doubts = [Doubt.SAMPLER] if any(contender.doubts for contender in contenders) else []
        return simplest(contenders, sizes, nested_in, self.difference), doubts

    def _with_structures(self, plain: Weighed, one: str, two: str) -> Weighed:
        """Compare the best of one rate with the best of two rates over the structures."""
        like = {name: self.fits[name].specification for name in (one, two)}
        # Other models that are special cases of two rates stand on the side of one rate.
        others = [
            dataclasses.replace(
                self._plain_contender(specification.name), words=specification.model.summary, is_nested=True
            )
            for specification in self.specifications
            if specification.model.nested_in == "two-rate" and specification.name != one
        ]
        names = self._structures()
        one_side = [self._plain_contender(one), *others, *self._contenders(like[one], self._of_one(like[one], names))]
        helps = [c for c in one_side[1:] if c.structure and not c.doubts and beats(self.difference(c.name, one))]
        helps.sort(key=lambda c: -self.difference(c.name, one)[0])
        worth = self._of_two(like[two], like[one], names) if can_screen(like[two]) else [c.structure for c in helps]
        two_side = [self._plain_contender(two), *self._contenders(like[two], worth[:1])]
        weighed = weigh(one_side, two_side, self.difference)
        rest = worth[1:MAX_TWO_SIDED]
        if weighed.verdict == "one-rate":
            rest = [name for name in rest if self._could_matter(like[two], like[one], name, weighed.compared[1])]
        if rest:
            two_side += self._contenders(like[two], rest)
            weighed = weigh(one_side, two_side, self.difference)
        return dataclasses.replace(weighed, reasons=(*weighed.reasons, *self._plain_cautions(plain, weighed)))

    def _of_one(self, one: Specification, names: Sequence[str]) -> list[str]:
        """Return the structures that one rate is fitted with: those asked for, or those of all that can be the best."""
        if self.options.structures != (DEFAULT,) or not can_screen(one):
            return list(names)
        values = self.at_modes(one, names)
        worth = worth_fitting(values)
        best = max(each.sum() for each in values.values())
        left_out = [name for name in names if name not in worth]
        self.left_out = {
            self.with_structure_named(one, name).name: float(values[name].sum() - best) for name in left_out
        }
        return [name for name in worth if name]

    def _of_two(self, two: Specification, one: Specification, names: Sequence[str]) -> list[str]:
        """Return the structures that two rates are fitted with, the most promising first.

        They are those that can be the best and help two rates. Where the numbers of two rates alone cannot be trusted,
        those with a structure may be.
        """
        values = self.at_modes(two, names)
        doubted = bool(self.doubts_of(two.name))
        worth = [name for name in worth_fitting(values) if name and (doubted or can_help(values[name], values[""]))]
        return sorted(worth, key=lambda name: self._cost_of(one, name) - values[name].sum())

    def _cost_of(self, one: Specification, structure: str) -> float:
        """Return about what leave-one-out takes off for a structure: its number of parameters under one rate."""
        fit = self.fits.get(self.with_structure_named(one, structure).name)
        return 0.0 if fit is None else fit.elpd.p_loo

    def _could_matter(self, two: Specification, one: Specification, structure: str, best_of_one: str) -> bool:
        """Return whether two rates with a structure could still change a verdict of one rate."""
        values = {name: self.modes.get(name) for name in (self.with_structure_named(two, structure).name, best_of_one)}
        richer, simpler = values.values()
        if richer is None or simpler is None:
            return True
        gain = richer - simpler
        cost = max(self._cost_of(one, structure) - self.fits[best_of_one].elpd.p_loo, 0.0)
        return bool(gain.sum() - cost + STANDARD_ERRORS * np.sqrt(gain.size * gain.var()) > GAIN)

    def _plain_cautions(self, plain: Weighed, weighed: Weighed) -> Sequence[str]:
        """Return the cautions of the verdict between the plain models, where the last one is the same."""
        return plain.reasons[1:] if weighed.verdict == plain.verdict == "two-rate" else ()

    def _contenders(self, like: Specification, names: Sequence[str]) -> list[Contender]:
        """Fit a model with each structure, unless it was fitted before."""
        specifications = {name: self.with_structure_named(like, name) for name in names}
        failures = self.fit_rivals("structure", specifications.values())
        return [
            self._contender(name, spec)
            if spec.name in self.fits
            else Contender(spec.name, name, doubts=(failures[spec.name],))
            for name, spec in specifications.items()
        ]

    def _plain_contender(self, name: str) -> Contender:
        return Contender(name, doubts=self.doubts_of(name))

    def _contender(self, structure: str, specification: Specification) -> Contender:
        fit, made = self.fits[specification.name], specification.model.structure
        doubts = self.doubts_of(specification.name)
        if made is None:
            return Contender(specification.name, structure, _OTHERS[structure], doubts=doubts)
        posterior = group(fit.posterior, "posterior")
        values = {name: float(np.median(posterior[name])) for name in specification.model.parameters()}
        values |= {name: value for name in SETTINGS if (value := getattr(specification, name)) is not None}
        return Contender(specification.name, structure, made.described(values), made.is_nested_in_two_rates, doubts)

    def _structures(self) -> list[str]:
        """Return the names of the structures that are asked for and that the data can tell."""
        like = self.specifications[0]
        names = [
            name for name, structure in all_structures().items() if structure.axis != PHASE or self.period is not None
        ]
        if like.level == "count":
            # Counts do not say how many of its neighbours had shared when an agent decided.
            names = [name for name in names if all_structures()[name].axis not in NEIGHBOUR_AXES]
        if like.likelihood.kind == "trajectory":
            # The curve of a weighted exposure is not solved.
            names = [name for name in names if all_structures()[name].axis is None]
        if len(self.data.paths) > 1 and not like.replicate_effects:
            names.append(REPLICATES)
        if self._clock_is_assumed:
            names.append(CONTINUOUS)
        return [name for name in names if self._asks(name)]

    def _asks(self, structure: str) -> bool:
        """Return whether a structure is asked for, by its name or with all others."""
        asked = self.options.structures
        made = all_structures().get(structure)
        with_others = made is None or not made.by_name_only
        return (asked in ((DEFAULT,), (ALL,)) and with_others) or structure in asked

    def _against_continuum(self, weighed: Weighed) -> Weighed:
        """Compare two rates with a continuum of rates of the same structure, and return the verdict."""
        two = self.fits[weighed.selected].specification
        model = with_structure(GammaRateSI, two.model.structure)
        specification = dataclasses.replace(two, model=model)
        continuum = self._fitted_too("continuum", specification)
        return among_heterogeneous(weighed, two.name, continuum, self.difference)

    def _fitted_too(self, doing: str, specification: Specification) -> Contender:
        """Fit one more model, unless it was fitted before."""
        failures = self.fit_rivals(doing, [specification])
        if specification.name in failures:
            return Contender(specification.name, doubts=(failures[specification.name],))
        return self._plain_contender(specification.name)

    def _if_not_too_early(self, weighed: Weighed) -> tuple[Weighed, Sequence[Doubt]]:
        """Return the verdict, or undecided if the data could not have shown a second rate."""
        fit = self.fits[weighed.selected]
        specification = fit.specification
        if specification.likelihood.kind == "trajectory" or "beta" not in specification.model.parameters():
            return weighed, ()
        gain = expected_gain(specification, group(fit.posterior, "posterior"), self.data_of(specification))
        if gain.is_found:
            return weighed, ()
        more = f"about {gain.times_more:.1f} times as much data" if gain.times_more < 100 else "far more data"
        reason = (
            f"too early to tell: in these data a slow rate of a quarter of the fast one would gain {gain.mean:.1f} "
            f"(sd {gain.sd:.1f}) in expected log predictive density, and more than {GAIN:g} and {STANDARD_ERRORS:g} "
            f"standard errors are needed; {more} would show it (see `tworate plan`)"
        )
        return (
            dataclasses.replace(
                weighed, verdict="undecided", structure=(), selected="", reasons=(reason, *weighed.reasons)
            ),
            [Doubt.TOO_EARLY],
        )

    def _adequacy(self, weighed: Weighed) -> tuple[dict[str, Adequacy], Sequence[str]]:
        """Return how well the plain models and that of the verdict describe the data, and the reasons with that.

        The model of the verdict is compared with a free hazard, too.
        """
        is_asked = self.options.structures != (NONE,) and self.specifications[0].likelihood.kind == "transition"
        if not weighed.selected or not is_asked:
            return {}, weighed.reasons
        selected = self.fits[weighed.selected].specification
        reference = self._fitted_too("reference", self._reference(selected))
        doubts = reference.doubts
        found: dict[str, Adequacy] = {}
        for specification in dict.fromkeys([*self.specifications, selected]):
            fit = self.fits[specification.name]
            self.report(f"adequacy of {specification.name}")
            data = self.data_of(specification)
            made = adequacy(specification, group(fit.posterior, "posterior"), data, self.options.seed)
            if not doubts:
                elpd_diff, dse = self.difference(reference.name, specification.name)
                made = dataclasses.replace(made, elpd_diff=elpd_diff, dse=dse)
            found[specification.name] = made
        conclusion = found[selected.name]
        sentence = f"{'and' if conclusion.is_adequate else 'but'} {selected.name} {conclusion.in_words}"
        untrusted = [f"{reference.name} could not be judged: {'; '.join(doubts)}"] if doubts else []
        return found, [weighed.reasons[0], sentence, *weighed.reasons[1:], *untrusted]

    def _reference(self, selected: Specification) -> Specification:
        """Return a free hazard at the pace of a fit: its weights of the exposure are given, at their posterior mean.

        A free hazard and free weights explain the same thing, so a posterior of both is hard to sample.
        """
        structure = selected.model.structure
        if structure is None or structure.axis is None:
            return dataclasses.replace(selected, model=with_structure(FreeHazardSI, structure))
        given = selected.weighting
        if given is None:
            draws = group(self.fits[selected.name].posterior, "posterior")
            given = Weighting.of(structure, {name: float(draws[name].mean()) for name in structure.parameters()})
        return dataclasses.replace(selected, model=FreeHazardSI, shelf_life=None, given=given)

    def undecided(self, reason: str) -> ConditionResult:
        """Return the result where nothing could be compared."""
        nan = float("nan")
        return ConditionResult(
            condition=self.condition,
            verdict="undecided",
            doubts=[Doubt.NOT_COMPARED.name],
            reasons=[reason],
            challenged_by=[],
            elpd_diff=nan,
            dse=nan,
            **self.options.method._asdict(),
            n_observations=0,
            n_increments=0,
            models={},
            posteriors=Posteriors({}),
        )

    def _verdict_input(self, elpd_diff: float, dse: float, pair: tuple[str, str]) -> VerdictInput:
        return VerdictInput(
            elpd_diff=elpd_diff,
            dse=dse,
            n_observations=self._n_observations,
            bad_k={name: int(self.fits[name].elpd.high_k_units.size) for name in pair},
            problems={name: self.fits[name].problems for name in pair},
            closure=self.options.method.closure,
            unit=self.options.method.unit,
            n_units=self.fits[pair[1]].elpd.pointwise.size,
            n_later=self._n_later,
            n_sharers=int(self.data.incidence.sum()),
            doubted_clock=self._clock_is_assumed and not self._asks(CONTINUOUS),
        )

    @property
    def _n_observations(self) -> int:
        """Number of increments, or of agents of event histories."""
        return self.data.size if self.data.units is None else self.data.units.agent.size

    @property
    def _n_later(self) -> int:
        """Number of observations that begin after some exposure."""
        later = self.data.exposure_start > 0
        return int(later.sum() if self.data.units is None else self.data.n_susceptible[later].sum())

    def _cautions(self, verdict: str) -> list[str]:
        """Return what in the data or the likelihood the model of the process does not provide for."""
        # Where one rate is enough, nothing is to be learned of a second one.
        cautions = [*self.data.cautions, *(self._unlearned() if verdict != "one-rate" else [])]
        if self.specifications[0].likelihood.kind == "trajectory":
            cautions.append(
                "caution: this likelihood takes deviations from one curve as independent, which they are not: "
                "intervals are too narrow and differences in elpd overstated"
            )
            if verdict in ("two-rate", "heterogeneous") and self.options.structures != (NONE,):
                cautions.append(
                    "caution: ageing, fading and other changes of pace cannot be asked of this likelihood; each can "
                    "look like a second rate"
                )
        neighbours = [n for n, made in all_structures().items() if made.axis in NEIGHBOUR_AXES]
        asked = [name for name in neighbours if name in self.options.structures]
        if asked and self.specifications[0].level == "count":
            cautions.append(
                f"caution: {' and '.join(asked)} could not be asked: counts do not say how many of its neighbours had "
                "shared when an agent decided; event histories do"
            )
        if self.options.least_population is not None:
            cautions += self._population_notes()
        if self.options.predict_from is not None and not self.has_future:
            cautions.append(
                f"nothing could be predicted from {self.options.predict_from:g}: no past or no future there"
            )
        return cautions

    def _population_notes(self) -> list[str]:
        """Return which population describes the data, where it was given as a range."""
        pair = self._pair()
        name = "" if pair is None else self.with_structure_named(self.fits[pair[0]].specification, UNREACHABLE).name
        if name not in self.fits:
            return []
        part = group(self.fits[name].posterior, "posterior")[UNREACHABLE].to_numpy().ravel()
        first = self.data.paths.iloc[0]
        susceptible = first["population"] - first["infected0"]
        low, middle, high = first["infected0"] + np.quantile(1.0 - part, [0.025, 0.5, 0.975]) * susceptible
        notes = [f"population: {middle:.0f} ({low:.0f} to {high:.0f}) describes the data, with {name}"]
        if high < (self.options.least_population or 0):
            notes.append(
                f"caution: that is below the {self.options.least_population} that were given: something else ends the "
                "spread, or the range is wrong"
            )
        return notes

    def _unlearned(self) -> list[str]:
        """Return a caution for each compared model that has parameters of which the data tell nothing."""
        cautions = []
        for specification in self.specifications:
            contraction = self.fits[specification.name].summary["prior_contraction"]
            names = [name for name in specification.scalars if contraction.get(name, 1.0) < UNLEARNED]
            if names:
                same = "posteriors are their priors" if len(names) > 1 else "posterior is its prior"
                cautions.append(f"the data tell nothing of {' and '.join(names)} of {specification.name}: the {same}")
        return cautions

    @property
    def _clock_is_assumed(self) -> bool:
        """Whether time is taken in rounds although nothing says that rounds are the clock of the data."""
        return self.options.method.clock == "rounds" and not self.options.clock_known

    @property
    def has_future(self) -> bool:
        """Whether there is a future to be predicted, and a past to learn from."""
        return self.options.predict_from is not None and can_predict(self.data, self.options.predict_from)

    def _pair(self) -> tuple[str, str] | None:
        names = {specification.model.name: specification.name for specification in self.specifications}
        return (names["one-rate"], names["two-rate"]) if {"one-rate", "two-rate"} <= set(names) else None

    def _result(self, specification: Specification, weight: float) -> ModelResult:
        options, fit = self.options, self.fits[specification.name]
        is_rival = specification not in self.specifications
        return ModelResult(
            specification=specification,
            elpd=fit.elpd,
            weight=weight,
            parameters=fit.summary,
            derived=derive(specification, fit.posterior, self.data_of(specification)),
            problems=fit.problems,
            importance_k=fit.importance_k,
            rival=is_rival,
            log_evidence=self._log_evidence(specification) if options.evidence and not is_rival else None,
            elpd_future=self._future(specification) if self.has_future and not is_rival else None,
        )

    def _log_evidence(self, specification: Specification) -> float:
        self.report(f"evidence of {specification.name}")
        return log_evidence(specification, self.data, seed=self.options.seed)

    def _future(self, specification: Specification) -> NDArray[np.float64]:
        start = float(self.options.predict_from or 0.0)
        self.report(f"predicting from {start:g} by {specification.name}")
        past, future = split_at(self.data, start)
        sampled = self.run(specification, past).result()
        return future_density(specification, group(sampled.posterior, "posterior"), self.data, future)


def split_at(data: Transitions, start: float) -> tuple[Transitions, NDArray[np.bool_]]:
    """Return the data without what comes after a time, and which observations come after it.

    The window of the priors is that of the past alone: the priors must not know how long the future is.
    """
    future = data.time > start
    weight = np.where(future, 0.0, data.weight)
    return dataclasses.replace(data, weight=weight, window=float(data.time_end[~future].max())), future


def can_predict(data: Transitions, start: float) -> bool:
    """Return whether a time parts the data into a past to learn from and a future to predict."""
    future = data.time > start
    return bool(future.any() and np.any(data.incidence[~future] > 0))
