"""Short fits of the hierarchical model, against exact posteriors by quadrature."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import logsumexp

from tworate.errors import InputError
from tworate.inference.hierarchical.condition_observations import ConditionLikelihood
from tworate.inference.hierarchical.draws import sample, without_condition
from tworate.inference.hierarchical.hierarchical import compare_terms, fit_hierarchical, load_hierarchical
from tworate.inference.hierarchical.leave_out import Population, condition_log_likelihood, exact_density
from tworate.inference.posterior.arviz_adapter import group
from tworate.inference.posterior.sampling import SamplerSettings
from tworate.models.parameters import RATE_PRIOR

pytestmark = pytest.mark.integration

HOW = {"model": "one-rate", "likelihood": "binomial", "seed": 1}
ONE_RATE = {"centre": (np.log(1.0),), "between": (0.15,), "effect_sd": 0.2}


@pytest.fixture(scope="module")
def study(make_study):
    """Eight conditions that differ in two traits and event type."""
    return make_study(seed=2, n_traits=2, agents=150, rounds=20, **ONE_RATE)


@pytest.fixture(scope="module")
def fitted(study):
    """Fit with one trait as the only term, so that all conditions share few parameters."""
    conditions, trajectories, _ = study
    return fit_hierarchical(conditions, trajectories, terms=["O"], sampler=SamplerSettings(draws=2000), **HOW)


class Exact:
    """Posterior of intercept, effect and standard deviation, by quadrature over them and over each condition's rate."""

    def __init__(self, fit):
        study = fit.study
        trait = study.design.effect_values[:, 0]
        # The first two grids have the same step, so their sums and differences take few values.
        self.axes = (np.linspace(1.8, 3.6, 91), np.linspace(-0.6, 0.6, 61), np.geomspace(0.01, 2.0, 60))
        a, g, sd = np.meshgrid(*self.axes, indexing="ij")
        prior = stats.norm.logpdf(a, np.log(RATE_PRIOR.median), RATE_PRIOR.sigma) + stats.norm.logpdf(g)
        # The grid of the standard deviation is even in its logarithm.
        self.log_prior = prior + stats.halfnorm.logpdf(sd, scale=0.5) + np.log(sd)
        rate = np.linspace(0.0, 5.0, 2501)
        log_likelihoods = []
        for c, observed in enumerate(study.observations.each()):
            values = ConditionLikelihood(study.specification, observed)(rate[:, None], np.zeros(rate.size))
            near = values > values.max() - 40.0
            weight = np.exp(values[near] - values.max())
            # One density for each distinct mean and standard deviation.
            means = np.unique(np.round(a + g * trait[c], 9))
            spread = self.axes[2][:, None, None]
            density = stats.norm.pdf(rate[near], means[:, None], spread) @ weight * (rate[1] - rate[0])
            index = np.searchsorted(means, np.round(a + g * trait[c], 9))
            with np.errstate(divide="ignore"):
                log_likelihoods.append(values.max() + np.log(density[np.arange(sd.shape[2]), index]))
        self.log_likelihood = np.array(log_likelihoods)
        self.weight = np.exp(self.log_posterior() - logsumexp(self.log_posterior()))

    def log_posterior(self, without=None):
        terms = [values for c, values in enumerate(self.log_likelihood) if c != without]
        return self.log_prior + np.sum(terms, axis=0)

    def divergence(self, without):
        """Return the Kullback-Leibler divergence of the posterior without a condition from that with all."""
        part, support = self.log_posterior(without), self.weight > 1e-12
        weight = self.weight[support]
        return float(np.sum(weight * (np.log(weight) - part[support] + logsumexp(part))))

    def mean(self, which):
        other = tuple(axis for axis in range(3) if axis != which)
        values = np.log(self.axes[2]) if which == 2 else self.axes[which]
        return float(self.weight.sum(axis=other) @ values)

    def elpd(self):
        every = logsumexp(self.log_posterior())
        return np.array([every - logsumexp(self.log_posterior(c)) for c in range(len(self.log_likelihood))])


@pytest.fixture(scope="module")
def exact(fitted):
    return Exact(fitted)


def test_posterior_is_that_of_quadrature(fitted, exact):
    assert fitted.problems == []
    draws, window = group(fitted.posterior, "posterior"), fitted.posterior.attrs["window"]
    for which, values in enumerate((draws["intercept"] + np.log(window), draws["effect"], np.log(draws["sd_between"]))):
        values = values.to_numpy().reshape(4, -1)
        # Draws are hardly autocorrelated: half of them is a cautious effective number.
        error = values.std() / np.sqrt(values.size / 2)
        assert values.mean() == pytest.approx(exact.mean(which), abs=4 * error), which


def test_leaving_conditions_out_is_that_of_quadrature(fitted, exact):
    elpd = fitted.loo()
    values = condition_log_likelihood(fitted.study, Population(fitted.study, fitted.posterior), seed=1)
    weights = np.exp(values.min(axis=0) - values)
    error = weights.std(axis=0) / weights.mean(axis=0) / np.sqrt(len(weights) / 2)
    # Integrals by importance sampling add less than 0.02.
    assert np.all(np.abs(elpd.pointwise - exact.elpd()) < 4 * error + 0.02)
    # Eight conditions carry little information on their spread. PSIS may fail for those that move the posterior, but
    # not for others.
    moved = np.array([exact.divergence(c) for c in range(8)])
    assert np.all(moved[elpd.high_k_units] > np.median(moved)), (elpd.pareto_k, moved)
    # The likelihood at the conditions' own rates would be far too optimistic.
    at_their_rates = [
        ConditionLikelihood(fitted.study.specification, observed)(
            np.log(draws.to_numpy().ravel() * observed.window)[:, None], np.zeros(draws.size)
        )
        for observed, draws in zip(
            fitted.study.observations.each(),
            group(fitted.posterior, "posterior")["beta"].transpose("condition", ...),
            strict=True,
        )
    ]
    assert np.mean(at_their_rates, axis=1).sum() > exact.elpd().sum() + 5


def test_a_fit_without_a_condition_tells_what_weighting_does(fitted, exact):
    # As if PSIS had failed, the study is fitted without its worst condition.
    study = fitted.study
    worst = int(np.argmin(exact.elpd()))
    again = sample(without_condition(study, worst), seed=1, settings=SamplerSettings(draws=500)).posterior
    log_density = exact_density(study, again, worst, seed=1)
    values = condition_log_likelihood(study, Population(study, again), seed=1, which=[worst])
    likelihoods = np.exp(values - values.max())
    error = likelihoods.std() / likelihoods.mean() / np.sqrt(likelihoods.size / 2)
    assert log_density == pytest.approx(exact.elpd()[worst], abs=4 * error + 0.02)


def test_effects_problems_and_predictions_are_kept(fitted, study, tmp_path):
    conditions, trajectories, _ = study
    fitted.save(tmp_path / "fit.nc")
    read = load_hierarchical(tmp_path / "fit.nc")
    pd.testing.assert_frame_equal(read.effects, fitted.effects)
    assert read.problems == fitted.problems
    assert read.notes == fitted.notes
    new = pd.DataFrame({"condition": ["low", "high"], "O": [-1, 1]})
    before, after = (fit.predict(new, seed=3) for fit in (fitted, read))
    pd.testing.assert_frame_equal(before.rates, after.rates)
    pd.testing.assert_frame_equal(before.curves, after.curves)
    with pytest.raises(InputError, match="read without its data"):
        read.loo()
    with_data = load_hierarchical(tmp_path / "fit.nc", conditions, trajectories)
    np.testing.assert_allclose(with_data.loo().pointwise, fitted.loo().pointwise, rtol=1e-9)
    with pytest.raises(InputError, match="no such file"):
        load_hierarchical(tmp_path / "other.nc")
    (tmp_path / "text.nc").write_text("not a posterior")
    with pytest.raises(InputError, match="is no saved fit"):
        load_hierarchical(tmp_path / "text.nc")


def test_predicted_rates_are_intercept_and_effect_with_what_conditions_differ_by(fitted):
    draws = group(fitted.posterior, "posterior")
    new = pd.DataFrame({"O": [1.0]})
    typical = fitted.predict(new, seed=1, typical=True).rates.iloc[0]
    rate = np.exp(draws["intercept"] + draws["effect"].isel(term_level=0)).to_numpy()
    assert typical["median"] == pytest.approx(np.median(rate), rel=1e-12)
    single = fitted.predict(new, seed=1).rates.iloc[0]
    assert single["hdi_high"] - single["hdi_low"] > 1.5 * (typical["hdi_high"] - typical["hdi_low"])
    curves = fitted.predict(new, seed=1, times=[0, 5, 10], population=1000, infected0=10).curves
    assert list(curves["time"]) == [0, 5, 10]
    np.testing.assert_allclose(curves.loc[0, "q2.5":"q97.5"].astype(float), 0.01)
    with pytest.raises(InputError, match="no column 'O'"):
        fitted.predict(pd.DataFrame({"C": [1]}), seed=1)


@pytest.mark.calibration
def test_intervals_cover_over_studies_and_not_those_of_other_effects(make_study):
    sampler, inside, swapped, n_studies = SamplerSettings(chains=2, tune=200, draws=600), 0, 0, 6
    for seed in range(n_studies):
        conditions, trajectories, truth = make_study(seed=50 + seed, n_traits=2, agents=150, rounds=20, **ONE_RATE)
        posterior = group(fit_hierarchical(conditions, trajectories, sampler=sampler, **HOW).posterior, "posterior")
        by_level = truth.set_index("level", append=False)["value"]
        values = truth.set_index("term")["value"]
        for label, true, other in (
            ("O: high", values["O"], values["C"]),
            ("C: high", values["C"], values["O"]),
            ("event_type: Battles", by_level["Battles"], -by_level["Battles"]),
        ):
            draws = posterior["effect"].sel(term_level=label)
            inside += abs(float((draws < true).mean()) - 0.5) < 0.45
            swapped += abs(float((draws < other).mean()) - 0.5) < 0.45
    # 16.2 of 18 intervals of 90% are expected to hold the truth. Fewer than 12 have probability 0.1%.
    assert inside >= 12
    # Control: the intervals are not so wide that they hold any such effect.
    assert stats.binomtest(swapped, 3 * n_studies, 0.9).pvalue < 0.001


@pytest.mark.calibration
def test_terms_that_matter_are_told_from_those_that_do_not(make_study):
    settings = {
        "n_traits": 3,
        "event_types": ("Riots",),
        "agents": 150,
        "rounds": 20,
        "effect_sd": 0.0,
        "between": (0.05,),
    }
    conditions, slow, _ = make_study(seed=11, centre=(0.0,), **settings)
    _, fast, _ = make_study(seed=12, centre=(np.log(2.0),), **settings)
    # Only E has an effect: half of the conditions have twice the rate.
    high = set(conditions.loc[conditions["E"] > 0, "condition"])
    table = pd.concat(
        [data.table[data.table["condition"].isin(high) == chosen] for data, chosen in ((slow, False), (fast, True))]
    )
    sampler = SamplerSettings(tune=300, draws=300)
    fit = fit_hierarchical(conditions, table, sampler=sampler, **HOW)
    comparison = compare_terms(fit, conditions).set_index("left_out")
    assert list(comparison.index) == ["", "O", "C", "E", "all terms"]
    assert comparison.loc["E", "elpd_diff"] > max(2 * comparison.loc["E", "dse"], 4)
    for trait in "OC":
        assert comparison.loc[trait, "elpd_diff"] < 4
    effect = fit.effects.set_index("term").loc["E"]
    assert effect["ratio_low"] < 2.0**0.5 < effect["ratio_high"]
    assert "left out, since it does not vary here: event_type" in fit.notes
