"""The comparison of one condition, with scripted draws instead of the sampler."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import minimize

from tworate.errors import InputError, JobError
from tworate.inference.comparison import fits as module
from tworate.inference.comparison.condition import ConditionComparison, can_predict, split_at
from tworate.inference.comparison.fits import Options
from tworate.inference.comparison.results import ComparisonMethod
from tworate.inference.comparison.sides import Weighed
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.predictor import predictor
from tworate.inference.likelihood.specification import Specification
from tworate.inference.posterior.fit_target import FitTarget
from tworate.inference.posterior.fitting import observed
from tworate.inference.posterior.nutpie_adapter import STATISTICS, Trace
from tworate.inference.posterior.sampling import SampledPosterior, SamplerSettings
from tworate.models import OneRateSI, OnlineOfflineSI, RandomRegular, TwoRateSI
from tworate.simulate import Trajectories

BINOMIAL = LIKELIHOODS["binomial"]
STRUCTURES = ("ageing", "background", "unreachable", "replicates", "continuous")
ONE, TWO = Specification(OneRateSI, BINOMIAL), Specification(TwoRateSI, BINOMIAL)


@pytest.fixture(scope="module")
def two_rates(make_trajectories):
    """Trajectories of two rates."""
    return Trajectories(make_trajectories(TwoRateSI(1.2, 0.2, 0.5), RandomRegular(16), seed=3, degree=16))


class ScriptedRun:
    """Draws around the maximum of the likelihood, without a sampler."""

    def __init__(self, specification, data, problems=(), failure=None):
        self.specification, self.data = specification, data
        self.problems, self.failure, self.aborted = list(problems), failure, False

    def abort(self):
        self.aborted = True

    def result(self):
        if self.failure:
            raise self.failure
        target, rng = FitTarget(self.specification, self.data), np.random.default_rng(1)
        trace = Trace(draws_near_the_maximum(self.specification, self.data, rng), dict.fromkeys(STATISTICS))
        trace = trace._replace(statistics={name: np.zeros((4, 250)) for name in STATISTICS})
        posterior = target.posterior(trace)
        return SampledPosterior(posterior, SamplerSettings(), target.summary(posterior), self.problems)


def draws_near_the_maximum(specification, data, rng):
    """Return unconstrained draws of each scalar: the maximum of the binomial likelihood with a little noise."""
    scalars = specification.scalars
    formula = predictor(specification)
    arrays = formula.arrays(data)
    start = np.array([spec.unconstrained(spec.distribution.median()) for spec in scalars.values()])

    def misfit(point):
        values = {name: spec.constrained(at) for at, (name, spec) in zip(point, scalars.items(), strict=True)}
        log_escape = formula.predict(arrays, specification.model.from_coordinates(values))
        p = -np.expm1(np.minimum(log_escape, -1e-12))
        weighted = data.weight * (data.incidence * np.log(p) + (data.n_susceptible - data.incidence) * np.log1p(-p))
        return -weighted.sum()

    best = minimize(misfit, start, method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-4}).x
    draws = {name: at + 0.01 * rng.normal(size=(4, 250, 1)) for name, at in zip(scalars, best, strict=True)}
    if specification.replicate_effects:
        draws["replicate_effect"] = 0.1 * rng.normal(size=(4, 250, len(data.paths)))
    return draws


@pytest.fixture
def comparison_of(monkeypatch):
    """Return a function that makes a comparison with scripted runs, the list of its runs, and its progress reports."""

    def make(trajectories, specifications=(ONE, TWO), script=None, clock_known=True, **changes):
        method = ComparisonMethod("edge-based", "asked for", "binomial", "rounds", "asked for", "increment")
        options = Options(
            **{
                "method": method, "seed": 1, "sampler": SamplerSettings(), "structures": STRUCTURES, "max_refits": 0,
                "predict_from": None, "evidence": False, "clock_known": clock_known,
            } | changes
        )  # fmt: skip
        runs = []

        def start(specification, data, *, seed, settings):
            runs.append(ScriptedRun(specification, data, **(script or {}).get(specification.name, {})))
            return runs[-1]

        monkeypatch.setattr(module, "start_sampling", start)
        # Rivals are sampled too, so that every fit is a scripted run.
        monkeypatch.setattr(module, "approximated", lambda specification, data, seed: None)
        steps = []

        def report(what, done, total):
            # Whether a density must be compiled depends on what ran before.
            if not what.startswith("compiling"):
                steps.append((what, done, total))

        comparison = ConditionComparison(
            {"event": "A"}, lambda spec: observed(trajectories, "edge-based", spec), specifications, options, report
        )
        return comparison, runs, steps

    return make


def test_structures_are_asked_before_two_rates_are_believed(comparison_of, two_rates):
    comparison, runs, steps = comparison_of(two_rates)
    result = comparison.compared()
    assert (result.verdict, result.selected, result.doubts, result.challenged_by) == ("two-rate", "two-rate", [], [])
    # The verdict is between the best of both sides.
    best = max((name for name in result.models if name.startswith("one-rate")), key=lambda n: result.models[n].elpd_loo)
    assert result.compared == ["two-rate", best]
    one, two = (result.models[name].elpd.pointwise for name in (best, "two-rate"))
    assert result.elpd_diff == pytest.approx((two - one).sum())
    assert result.dse == pytest.approx(np.sqrt(one.size) * np.std(two - one))
    structures = [f"one-rate+{name}" for name in ("ageing", "background", "unreachable", "replicates")]
    names = [run.specification.name for run in runs]
    assert names[:6] == ["one-rate", "two-rate", *structures]
    # No structure can help two rates here, so none is tried with them. A continuum has its say.
    assert names[6] == "gamma-rate"
    # At last, a free hazard says whether the verdict's model describes the data.
    assert names[-1] == "free-hazard"
    assert {name: model.rival for name, model in result.models.items()} == {
        "one-rate": False, "two-rate": False, **dict.fromkeys(names[2:], True),
    }  # fmt: skip
    assert sum(model.weight for model in result.models.values()) == pytest.approx(1.0, abs=1e-6)
    assert list(result.posteriors) == list(result.models)
    assert steps[0] == ("fitting one-rate (event = A)", 0, 2)
    assert [step[0] for step in steps[-4:]] == [
        "reference free-hazard (event = A)",
        "reference free-hazard (event = A)",
        "adequacy of one-rate (event = A)",
        "adequacy of two-rate (event = A)",
    ]


def test_structures_that_cannot_matter_are_left_out(comparison_of, two_rates):
    result = comparison_of(two_rates, structures=("default",))[0].compared()
    everything = comparison_of(two_rates, structures=("all",))[0].compared()
    assert (result.verdict, result.structure, result.compared) == (
        everything.verdict, everything.structure, everything.compared,
    )  # fmt: skip
    of_one = {name: model.elpd_loo for name, model in everything.models.items() if name.startswith("one-rate")}
    assert result.left_out and everything.left_out == {}
    assert set(result.left_out) == set(of_one) - set(result.models)
    # Those that were left out are beaten clearly where they are fitted.
    best = max(of_one.values())
    assert all(of_one[name] < best - 4 for name in result.left_out)
    assert max(result.left_out.values()) < -4


def test_one_rate_that_suffices_asks_no_structures_unless_all_are_asked(comparison_of, make_trajectories):
    data = Trajectories(make_trajectories(OneRateSI(0.8), RandomRegular(16), seed=3, degree=16))
    comparison, runs, _ = comparison_of(data)
    assert comparison.compared().verdict == "one-rate"
    assert [run.specification.name for run in runs] == ["one-rate", "two-rate", "free-hazard"]
    comparison, runs, _ = comparison_of(data, structures=("all",), specifications=(ONE, TWO))
    comparison._structures = lambda: ["unreachable"]
    assert comparison.compared().verdict == "one-rate"
    assert [run.specification.name for run in runs[2:]] == ["one-rate+unreachable", "free-hazard"]


def test_a_verdict_says_whether_its_model_describes_the_data(comparison_of, make_trajectories):
    data = Trajectories(make_trajectories(OneRateSI(0.8), RandomRegular(16), seed=3, degree=16))
    result = comparison_of(data)[0].compared()
    assert list(result.adequacy) == ["one-rate", "two-rate"]
    one = result.adequacy["one-rate"]
    assert one.is_adequate
    assert result.reasons[1] == f"and one-rate {one.in_words}"
    free, plain = (result.models[name].elpd.pointwise for name in ("free-hazard", "one-rate"))
    assert one.elpd_diff == pytest.approx((free - plain).sum())
    assert result.models["free-hazard"].rival


def test_a_verdict_between_two_wrong_models_says_so(comparison_of, make_trajectories, monkeypatch):
    # Every third round is slow: no hazard per exposure describes it, and structures are not asked.
    table = make_trajectories(OneRateSI(0.8), RandomRegular(16), seed=3, degree=16)
    comparison = comparison_of(Trajectories(table))[0]
    observe = comparison._observe

    def rhythmic(specification):
        data = observe(specification)
        slow = data.time % 3 == 0
        return dataclasses.replace(data, incidence=np.where(slow, data.incidence // 3, data.incidence))

    comparison._observe = rhythmic
    monkeypatch.setattr(comparison, "_judged", judged_as_one_rate)
    result = comparison.compared()
    assert not result.adequacy["one-rate"].is_adequate
    assert result.reasons[1].startswith("but one-rate is not adequate: the misfit is largest at ")
    assert result.adequacy["one-rate"].p_value < 1e-4


def judged_as_one_rate():
    weighed = Weighed("one-rate", (), "one-rate", ("two-rate", "one-rate"), 0.0, 0.0, (), ("a reason",))
    return weighed, ()


def test_a_reference_that_cannot_be_trusted_decides_nothing(comparison_of, make_trajectories):
    data = Trajectories(make_trajectories(OneRateSI(0.8), RandomRegular(16), seed=3, degree=16))
    result = comparison_of(data, script={"free-hazard": {"failure": JobError("gave up")}})[0].compared()
    assert result.adequacy["one-rate"].elpd_diff is None
    assert result.reasons[-1] == "free-hazard could not be judged: gave up"


def test_data_that_could_not_have_shown_a_second_rate_are_too_early(comparison_of, two_rates):
    table = two_rates.table
    early = Trajectories(table[(table["infected"] < 0.1 * table["population"]) | (table["time"] < 2)])
    result = comparison_of(early)[0].compared()
    assert (result.verdict, result.selected) == ("undecided", "")
    assert result.doubts == ["TOO_EARLY"]
    assert "more data would show it" in result.reasons[0]


def test_rounds_that_are_only_assumed_are_asked_for_continuous_time(comparison_of, two_rates):
    comparison, runs, _ = comparison_of(two_rates, clock_known=False)
    comparison.compared()
    assert ("one-rate+continuous", "continuous") in [(r.specification.name, r.specification.clock) for r in runs]


def test_without_structures_assumed_rounds_carry_a_caution(comparison_of, two_rates):
    comparison, runs, _ = comparison_of(two_rates, clock_known=False, structures=("none",))
    result = comparison.compared()
    assert [run.specification.name for run in runs] == ["one-rate", "two-rate", "gamma-rate"]
    assert any("synchronous rounds" in reason for reason in result.reasons)
    comparison, _, _ = comparison_of(two_rates, clock_known=True, structures=("none",))
    assert not any("synchronous rounds" in reason for reason in comparison.compared().reasons)


def test_bad_diagnostics_leave_it_undecided_unless_structures_describe_the_data(comparison_of, two_rates):
    bad = {"problems": ["9 divergent transitions"]}
    refused = {f"two-rate+{name}": {"failure": JobError("gave up")} for name in STRUCTURES}
    comparison, runs, _ = comparison_of(two_rates, script={"two-rate": bad, **refused})
    result = comparison.compared()
    assert (result.verdict, result.doubts) == ("undecided", ["SAMPLER"])
    assert result.models["two-rate"].problems == ["9 divergent transitions"]
    assert result.selected == ""
    # Structures may describe what is hard to sample without them. Here they do not.
    assert "two-rate+background" in [run.specification.name for run in runs]
    comparison, runs, _ = comparison_of(two_rates, script={"two-rate": bad}, structures=("none",))
    assert comparison.compared().doubts == ["SAMPLER"]
    assert len(runs) == 2


def test_one_model_alone_is_fitted_and_not_judged(comparison_of, two_rates):
    comparison, _, _ = comparison_of(two_rates, specifications=(ONE,))
    result = comparison.compared()
    assert (result.verdict, result.doubts) == ("undecided", ["NOT_COMPARED"])
    assert np.isnan(result.elpd_diff)
    assert set(result.models) == {"one-rate"}


def test_an_own_model_that_is_a_case_of_two_rates_stands_on_the_side_of_one_rate(comparison_of, two_rates):
    @dataclass(frozen=True)
    class Half(TwoRateSI):
        """Two rates, taken for a special case of two rates."""

        name = "half"
        summary = "half of the agents are slow"
        nested_in = "two-rate"

    specifications = (ONE, TWO, Specification(Half, BINOMIAL))
    comparison, _, _ = comparison_of(two_rates, specifications=specifications, structures=("unreachable",))
    result = comparison.compared()
    # It describes the data as two rates do, and the simpler side keeps ties.
    assert (result.verdict, result.selected, result.structure) == ("one-rate", "half", [])
    assert "one rate, with half of the agents are slow" in result.reasons[0]


@pytest.mark.parametrize("verdict", ["two-rate", "heterogeneous"])
def test_counts_on_a_network_do_not_tell_rates_that_differ_from_shares_that_fade(comparison_of, two_rates, verdict):
    comparison, _, _ = comparison_of(two_rates)
    comparison.begin()

    def weighed(*structure):
        return Weighed(verdict, structure, "two-rate+fading", ("a", "b"), 20.0, 5.0, (), ("a reason",))

    kept = weighed("ageing")
    assert comparison._if_exposure_is_known(kept) is kept
    made = comparison._if_exposure_is_known(weighed("ageing", "fading"))
    assert (made.verdict, made.selected, made.structure) == ("undecided", "", ())
    assert made.reasons[0].startswith("rates seem to differ beside fading, but on a network counts do not tell")
    # Where everybody meets everybody there are no neighbours who run out.
    comparison.options = dataclasses.replace(
        comparison.options, method=comparison.options.method._replace(closure="mean-field")
    )
    assert comparison._if_exposure_is_known(weighed("fading")).verdict == verdict
    comparison.abort()


def test_the_verdict_is_between_any_two_models(comparison_of, two_rates):
    comparison, runs, _ = comparison_of(two_rates, specifications=(ONE, Specification(OnlineOfflineSI, BINOMIAL)))
    result = comparison.compared()
    assert [run.specification.name for run in runs] == ["one-rate", "online-offline", "free-hazard"]
    # Two rates made the data; a background rate describes their slow part better than none.
    assert (result.verdict, result.selected) == ("online-offline", "online-offline")
    assert result.compared == ["one-rate", "online-offline"]
    difference = result.models["one-rate"].elpd_loo - result.models["online-offline"].elpd_loo
    assert result.elpd_diff == pytest.approx(difference)


def test_a_sampler_that_gives_up_ends_the_comparison_but_not_a_question(comparison_of, two_rates):
    failure = JobError("the sampler gave up")
    comparison, runs, _ = comparison_of(two_rates, script={"one-rate": {"failure": failure}})
    with pytest.raises(JobError, match="gave up"):
        comparison.compared()
    # The run that started together with it is stopped.
    assert [run.aborted for run in runs] == [False, True]
    comparison, _, _ = comparison_of(two_rates, script={"gamma-rate": {"failure": failure}})
    result = comparison.compared()
    assert result.verdict == "two-rate"
    assert "gamma-rate" not in result.models
    assert any("gamma-rate could not be judged: the sampler gave up" in reason for reason in result.reasons)


def test_data_that_cannot_be_compared_say_so_when_they_are_waited_for(comparison_of, two_rates):
    comparison, runs, _ = comparison_of(two_rates)

    def refuse(_):
        raise InputError("nobody shares")

    comparison._observe = refuse
    comparison.begin()
    with pytest.raises(InputError, match="nobody shares"):
        comparison.compared()
    assert runs == []
    undecided = comparison.undecided("nobody shares")
    assert (undecided.verdict, undecided.doubts, undecided.reasons) == (
        "undecided", ["NOT_COMPARED"], ["nobody shares"],
    )  # fmt: skip


def test_the_first_posterior_is_announced_once(comparison_of, two_rates):
    comparison, runs, _ = comparison_of(two_rates)
    announced = []
    comparison.compared(lambda: announced.append(len(runs)))
    assert announced == [2]


def test_units_of_high_pareto_k_are_refitted_without_them(comparison_of, two_rates, monkeypatch):
    comparison, runs, steps = comparison_of(two_rates, max_refits=2, structures=("none",))
    psis = module.loo

    def suspicious(*arguments):
        elpd = psis(*arguments)
        elpd.pareto_k[[3, 8]] = 0.9
        return elpd

    monkeypatch.setattr(module, "loo", suspicious)
    result = comparison.compared()
    refits = [run for run in runs[2:] if run.specification == TWO]
    assert [np.flatnonzero(run.data.weight == 0.0).tolist() for run in refits] == [[3], [8]]
    assert result.models["two-rate"].elpd.n_refitted == 2
    assert ("refitting two-rate without one increment (event = A)", 1, 2) in steps


def test_the_future_is_foretold_by_a_fit_whose_priors_do_not_know_it(comparison_of, two_rates):
    comparison, runs, _ = comparison_of(two_rates, predict_from=12.0, structures=("none",))
    result = comparison.compared()
    past = runs[-1].data
    assert past.window == 12.0 < comparison.data.window
    np.testing.assert_array_equal(past.weight == 0.0, comparison.data.time > 12.0)
    for name in ("one-rate", "two-rate"):
        assert result.models[name].elpd_future.shape == (10,)
    # Two rates made the data.
    assert result.models["two-rate"].elpd_future.sum() > result.models["one-rate"].elpd_future.sum()


def test_past_and_future_are_parted_at_a_time(two_rates):
    data = observed(two_rates, "edge-based", ONE)
    past, future = split_at(data, 5.0)
    assert past.window == data.time_end[data.time <= 5.0].max() == 5.0
    assert future.sum() == (past.weight == 0.0).sum() == (data.time > 5.0).sum()
    assert can_predict(data, 5.0)
    assert not can_predict(data, 0.0)
    assert not can_predict(data, 1e6)
