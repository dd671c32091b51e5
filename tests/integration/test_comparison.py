"""Comparisons beyond two fits: exact refits, the future, evidence, rivals, many conditions, unusual data."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import logsumexp

from tworate import Trajectories, compare, fit, forecast, load_comparison, spread
from tworate.errors import InputError
from tworate.inference import SamplerSettings
from tworate.inference.comparison import compare as compare_module
from tworate.inference.comparison.storage import discard_comparison
from tworate.inference.likelihood.likelihoods import LIKELIHOODS, pointwise_log_likelihood
from tworate.inference.likelihood.specification import Specification
from tworate.inference.loo.loo import future_density, loo, refit_bad, unit_log_likelihood
from tworate.inference.posterior.arviz_adapter import group
from tworate.inference.posterior.diagnostics import prior_sensitivity
from tworate.inference.posterior.fit_target import FitTarget, start_sampling
from tworate.inference.posterior.fitting import fit_specification, observed, predicted_draws
from tworate.inference.posterior.marginal_likelihood import log_evidence
from tworate.inference.posterior.sampling import SamplingRun
from tworate.models import MeanField, OneRateSI, OnlineOfflineSI, TwoRateSI
from tworate.models.parameters import RATE_PRIOR
from tworate.simulate import CompleteNetwork, make_network

pytestmark = pytest.mark.integration

BINOMIAL = Specification(OneRateSI, LIKELIHOODS["binomial"])
ROUNDS = 20


@pytest.fixture(scope="module")
def plain(make_trajectories):
    """One rate and three replicates. The posterior has one parameter, so a grid gives it exactly."""
    table = make_trajectories(OneRateSI(0.4), MeanField(), seed=21, degree=None, replicates=3, rounds=ROUNDS)
    return observed(Trajectories(table), "mean-field", BINOMIAL)


@pytest.fixture(scope="module")
def grid(plain):
    """Grid of β, log-likelihood of each increment on it, log-prior, and the spacing."""
    beta = np.linspace(0.25, 0.6, 6001)
    step = plain.exposure_end - plain.exposure_start
    pointwise = stats.binom.logpmf(plain.incidence, plain.n_susceptible, -np.expm1(-beta[:, None] * step))
    prior = stats.lognorm.logpdf(beta, RATE_PRIOR.sigma, scale=RATE_PRIOR.median / plain.window)
    return beta, pointwise, prior, np.log(beta[1] - beta[0])


def expected_elpd(grid, left_out, seen):
    """log ∫ p(left out | β) p(β | seen) dβ."""
    _, pointwise, prior, _ = grid
    weight = pointwise[:, seen].sum(axis=1) + prior
    return logsumexp(pointwise[:, left_out].sum(axis=1) + weight) - logsumexp(weight)


def test_leave_one_out_and_exact_refits_equal_a_grid(plain, grid):
    posterior = fit_specification(BINOMIAL, plain, seed=1, settings=SamplerSettings())
    elpd = loo(BINOMIAL, posterior, plain)
    exact = np.array([expected_elpd(grid, [i], np.arange(plain.size) != i) for i in range(plain.size)])
    # The Monte-Carlo error of each unit is about sd(log p) / sqrt(ESS), with sd below 0.4 and ESS above 1000.
    np.testing.assert_allclose(elpd.pointwise, exact, atol=5 * 0.4 / np.sqrt(1000))
    assert elpd.high_k_units.size == 0

    # Two units are declared bad: refitting without each gives the same numbers.
    suspect = dataclasses.replace(elpd, pareto_k=np.where(np.isin(np.arange(plain.size), [4, 30]), 0.9, 0.1))

    def refitted(data):
        assert np.count_nonzero(data.weight == 0) == 1
        draws = start_sampling(BINOMIAL, data, seed=2, settings=SamplerSettings()).result().posterior
        return unit_log_likelihood(BINOMIAL, group(draws, "posterior"), plain, "increment")

    mended = refit_bad(suspect, plain, "increment", refitted, most=2)
    assert (mended.high_k_units.size, mended.n_refitted) == (0, 2)
    np.testing.assert_allclose(mended.pointwise[[4, 30]], exact[[4, 30]], atol=5 * 0.4 / np.sqrt(1000))
    # With more bad units than allowed, none is refitted.
    assert refit_bad(suspect, plain, "increment", refitted, most=1) is suspect


def test_the_prior_sensitivity_of_a_parameter_does_not_depend_on_others(plain):
    posterior = fit_specification(BINOMIAL, plain, seed=1, settings=SamplerSettings())
    alone = prior_sensitivity(posterior)
    assert list(alone.index) == ["beta"]
    posterior.posterior["other"] = posterior.posterior["beta"] ** 2
    assert prior_sensitivity(posterior)["beta"] == alone["beta"] > 0


def test_leaving_trajectories_out_equals_a_grid(plain, grid):
    posterior = fit_specification(BINOMIAL, plain, seed=1, settings=SamplerSettings())
    elpd = loo(BINOMIAL, posterior, plain, "trajectory")
    exact = [expected_elpd(grid, plain.path == path, plain.path != path) for path in range(3)]
    # A third of the data is left out: sd(log p) is about 1.
    np.testing.assert_allclose(elpd.pointwise, exact, atol=5 / np.sqrt(1000))


def test_the_future_is_predicted_from_the_past_alone(plain, grid):
    future = plain.time > 12
    past = dataclasses.replace(plain, weight=np.where(future, 0.0, 1.0))
    draws = start_sampling(BINOMIAL, past, seed=3, settings=SamplerSettings()).result().posterior
    elpd = future_density(BINOMIAL, group(draws, "posterior"), plain, future)
    exact = [expected_elpd(grid, future & (plain.path == path), ~future) for path in range(3)]
    np.testing.assert_allclose(elpd, exact, atol=5 / np.sqrt(1000))


def test_evidence_equals_quadrature(plain, grid):
    _, pointwise, prior, log_step = grid
    exact = logsumexp(pointwise.sum(axis=1) + prior) + log_step
    # Two runs of 1,000 particles. The standard deviation of single runs of this problem is about 0.1.
    assert log_evidence(BINOMIAL, plain, seed=4) == pytest.approx(exact, abs=0.4)


def test_requested_results_are_in_table_json_and_files(make_trajectories, tmp_path):
    table = make_trajectories(OneRateSI(0.4), MeanField(), seed=22, degree=None, replicates=6, rounds=20)
    comparison = compare(
        table, models=("one-rate", "two-rate", "gamma-rate"), unit="trajectory", predict_from=10, seed=1
    )
    assert comparison.verdict == "one-rate"
    assert comparison.conditions[0].n_units == 6
    assert set(comparison.table["model"]) == {"one-rate", "two-rate", "gamma-rate", "free-hazard"}
    assert comparison.table.loc[~comparison.table["rival"], "elpd_future"].notna().all()
    comparison.save(tmp_path)
    loaded = load_comparison(tmp_path)
    adequate = comparison.conditions[0].adequacy
    assert set(adequate) == {"one-rate", "two-rate", "gamma-rate"}
    assert loaded.conditions[0].adequacy == adequate
    assert adequate["one-rate"].in_words in comparison.conditions[0].reasons[1]
    pd.testing.assert_frame_equal(loaded.table, comparison.table)
    pd.testing.assert_frame_equal(
        loaded.conditions[0].models["one-rate"].derived, comparison.conditions[0].models["one-rate"].derived
    )
    assert "one-rate" in loaded._repr_html_()
    assert repr(loaded) == f"Comparison\none-rate: {loaded.conditions[0].reasons[0]}"
    # Files of an earlier comparison are removed: posteriors of rivals, and the report of other numbers.
    rival, report = tmp_path / "posteriors/one-rate+replicates.nc", tmp_path / "report.html"
    saved = tmp_path / "comparison.json"
    rival.touch()
    report.touch()
    saved.write_text(saved.read_text().replace("posteriors/gamma-rate.nc", "posteriors/one-rate+replicates.nc"))
    comparison.save(tmp_path)
    assert not rival.exists()
    assert not report.exists()
    assert load_comparison(tmp_path).verdict == "one-rate"
    # Files of earlier versions do not have everything.
    old = json.loads(saved.read_text())
    del old["conditions"][0]["adequacy"]
    saved.write_text(json.dumps(old))
    assert load_comparison(tmp_path).conditions[0].adequacy == {}
    with pytest.raises(InputError, match="whether the models describe the data was not asked"):
        load_comparison(tmp_path).plot_pit()
    # Other data: all files are removed except the trajectories.
    discard_comparison(tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["trajectories.parquet"]
    with pytest.raises(InputError, match="must lie within the observed times"):
        compare(table, predict_from=20, seed=1)
    for odd, message in (
        ({"predict_from": "x"}, "predict_from = 'x': must be a time of the data"),
        ({"seed": None}, "seed = None: must be a whole number"),
        ({"seed": 1.5}, "seed = 1.5: must be a whole number"),
        ({"max_refits": -1}, "max_refits = -1: must be 0 or more"),
    ):
        with pytest.raises(InputError, match=message):
            compare(table, **odd)
    with pytest.raises(InputError, match="the path of a file, not dict"):
        compare({"infected": [1, 2]})


def test_priors_are_scaled_named_and_saved(make_trajectories, tmp_path):
    # Only five agents share in three replicates: the prior matters, and a narrower one keeps the rate nearer to its
    # median.
    table = make_trajectories(OneRateSI(0.02), MeanField(), seed=22, degree=None, replicates=3, rounds=12)
    usual, narrow = (compare(table, models=("one-rate",), prior_scale=scale, seed=1) for scale in (1.0, 0.25))
    rates = [comparison.posteriors["one-rate"].posterior["beta"] * 12 for comparison in (usual, narrow)]
    assert RATE_PRIOR.median > rates[1].median() > rates[0].median()
    narrow.save(tmp_path)
    loaded = load_comparison(tmp_path).conditions[0]
    assert loaded.prior_scale == loaded.models["one-rate"].specification.prior_scale == 0.25
    for odd in (0, "2", float("inf"), float("nan")):
        with pytest.raises(InputError, match=r"prior_scale = .*: must be a number above 0"):
            compare(table, prior_scale=odd, seed=1)


@pytest.mark.calibration
def test_background_sharing_is_not_taken_for_two_rates(make_trajectories):
    table = make_trajectories(OnlineOfflineSI(0.3, 0.01), MeanField(), seed=23, degree=None, replicates=6)
    names = ("background", "unreachable")
    comparison = compare(table, seed=1, structures=names)
    assert comparison.verdict == "one-rate"
    (result,) = comparison.conditions
    assert (result.structure, result.selected) == (["background"], "one-rate+background")
    assert result.models["one-rate+background"].rival
    # The rival is drawn around its mode, the models that were asked for are sampled.
    assert result.models["one-rate+background"].importance_k < 0.7
    assert result.models["one-rate"].importance_k is result.models["two-rate"].importance_k is None
    alone = compare(table, seed=1, structures="none")
    assert alone.verdict in ("two-rate", "heterogeneous")
    assert set(alone.posteriors) == {"one-rate", "two-rate", "gamma-rate"}


@pytest.mark.calibration
def test_replicates_that_differ_are_found_and_not_taken_for_two_rates(make_trajectories):
    rates = 0.35 * np.exp(0.4 * np.random.default_rng(26).standard_normal(12))
    table = pd.concat(
        make_trajectories(OneRateSI(rate), MeanField(), seed=i, degree=None, replicates=1).assign(trajectory=i)
        for i, rate in enumerate(rates)
    )
    assert compare(table, seed=1, structures="none").verdict in ("two-rate", "heterogeneous")
    comparison = compare(table, seed=1, structures="replicates")
    assert (comparison.verdict, comparison.conditions[0].structure) == ("one-rate", ["replicates"])
    posterior = comparison.posteriors["one-rate+replicates"].posterior
    low, high = np.quantile(posterior["replicate_sd"], [0.025, 0.975])
    # The interval contains the standard deviation of the true log-rates.
    assert low < np.log(rates).std(ddof=1) < high
    assert np.corrcoef(posterior["replicate_effect"].mean(("chain", "draw")), np.log(rates))[0, 1] > 0.95


@pytest.mark.calibration
def test_continuous_time_treated_as_rounds_is_not_taken_for_two_rates(tmp_path):
    spreading = spread(CompleteNetwork(2000), [[1.0]], rounds=15, replicates=6, visibility=1 / 1999,
                       initial_sharers=10, clock="continuous", seed=3)  # fmt: skip
    # The clock that the simulation records is used. A table alone does not name it.
    recorded = compare(spreading, seed=1)
    assert (recorded.conditions[0].clock, recorded.verdict) == ("continuous", "one-rate")
    comparison = compare(spreading.table.drop(columns="si_edges"), seed=1, structures="continuous")
    assert (comparison.verdict, comparison.conditions[0].structure) == ("one-rate", ["continuous"])
    # The rival is the model that made the data, so its rate equals that of the comparison in continuous time.
    rates = [result.posteriors[name].posterior["beta"] for result, name in
             ((recorded.conditions[0], "one-rate"), (comparison.conditions[0], "one-rate+continuous"))]  # fmt: skip
    assert abs(rates[0].mean() - rates[1].mean()) < rates[0].std()
    comparison.save(tmp_path)
    loaded = load_comparison(tmp_path).conditions[0]
    rival = loaded.models["one-rate+continuous"].specification
    assert (loaded.clock, rival.clock, rival.name) == ("rounds", "continuous", "one-rate+continuous")
    # There is no such rival where the simulation records rounds, even if rounds are requested.
    rounds = dataclasses.replace(spreading, record={"spreads": [{"clock": "rounds"}]})
    models = compare(rounds, clock="rounds", seed=1, structures=("continuous", "unreachable")).conditions[0].models
    assert "one-rate+unreachable" in models
    assert "one-rate+continuous" not in models


def test_the_degree_distribution_serves_networks_with_unequal_degrees():
    # maths.md names this danger: one rate on an irregular network looks like two under mean-field.
    network = make_network("barabasi-albert", 1000, 8, seed=1)
    table = spread(network, [[0.12]], replicates=6, seed=2).table
    edge_based = compare(table.drop(columns="si_edges"), structures="unreachable", seed=1)
    assert edge_based.conditions[0].closure == "edge-based"
    assert edge_based.verdict == "one-rate"
    mean_field = compare(table, closure="mean-field", seed=1, structures="none")
    assert mean_field.verdict in ("two-rate", "heterogeneous")


def test_reinforced_is_refused_where_the_closure_could_imitate_it(make_trajectories):
    table = make_trajectories(OneRateSI(0.4), MeanField(), seed=1, degree=None, replicates=1, rounds=10)
    with pytest.raises(InputError, match="under the recorded closure only"):
        compare(table, models=("one-rate", "reinforced"))


def test_a_forecast_covers_the_later_data_and_that_of_a_wrong_model_does_not(make_trajectories):
    table = make_trajectories(OneRateSI(0.4), MeanField(), seed=25, degree=None, replicates=8, rounds=20)
    past, end = table[table["time"] <= 12], table[table["time"] == 20]
    posterior = fit("one-rate", past, seed=1)

    def inside(posterior):
        bands = forecast(posterior, past, until=20, seed=2).groupby("trajectory").tail(1)
        assert (bands["time"] == 20).all()
        observed = (end["infected"] / end["population"]).to_numpy()
        return np.count_nonzero((bands["q2.5"] <= observed) & (observed <= bands["q97.5"]))

    # 95% bands: fewer than 6 of 8 with probability 0.06%.
    assert inside(posterior) >= 6
    posterior.posterior["beta"] = posterior.posterior["beta"] * 0.7
    assert inside(posterior) < 6
    with pytest.raises(InputError, match="observed until 12"):
        forecast(posterior, past, until=12, seed=1)
    for odd, message in (
        ({"until": np.inf}, "until = inf: must be a time"),
        ({"until": 20, "n_draws": 0}, "n_draws = 0: must be at least 1"),
    ):
        with pytest.raises(InputError, match=message):
            forecast(posterior, past, **odd, seed=1)
    with pytest.raises(InputError, match=r"such as comparison.posteriors\['two-rate'\], not dict"):
        forecast({"one-rate": posterior}, past, until=20, seed=1)


def test_many_conditions_keep_their_posteriors_on_disk(make_trajectories, tmp_path, monkeypatch):
    monkeypatch.setattr(compare_module, "MAX_IN_MEMORY", 1)
    table = pd.concat(
        make_trajectories(OneRateSI(0.4), MeanField(), seed=i, degree=None, replicates=2, rounds=20).assign(
            event=f"e{i}"
        )
        for i in range(2)
    )
    comparison = compare(table, by="event", structures="unreachable", seed=1)
    posteriors = comparison.conditions[1].posteriors
    assert all(path.is_file() for path in posteriors._held.values())
    assert posteriors["one-rate"] is not posteriors["one-rate"]
    comparison.save(tmp_path)
    loaded = load_comparison(tmp_path)
    np.testing.assert_array_equal(
        loaded.conditions[1].posteriors["one-rate"].posterior["beta"], posteriors["one-rate"].posterior["beta"]
    )
    pd.testing.assert_frame_equal(loaded.table, comparison.table)


def path(infected, population=100):
    return pd.DataFrame({"trajectory": 0, "time": range(len(infected)), "infected": infected, "population": population})


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (path([1, 100, 100, 100]), "only 1 increment is informative"),
        (path([1, 5, 20]), "only 2 increments are informative"),
        (pd.concat([path([1, 100]).assign(trajectory=i) for i in range(12)]), "begin after some exposure"),
        (path([1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3]), "only 2 agents share"),
    ],
    ids=["everyone at once", "three points", "everyone at once in every replicate", "hardly anyone"],
)
def test_degenerate_data_are_undecided(table, reason):
    comparison = compare(table, structures="unreachable", seed=1, sampler=SamplerSettings(draws=500))
    assert comparison.verdict == "undecided"
    assert any(reason in stated for stated in comparison.conditions[0].reasons)


def test_no_spread_at_all_is_a_clear_message():
    with pytest.raises(InputError, match="nobody shares after the start"):
        compare(path([1, 1, 1, 1]))


@pytest.mark.calibration
def test_irregular_times_and_lengths_in_continuous_time(make_trajectories):
    truth = TwoRateSI(1.2, 0.2, 0.5)
    times = np.sort(np.random.default_rng(26).uniform(0, 30, 25))
    infected = truth.simulate(
        np.concatenate([[0.0], times]), population=2000, infected0=10, closure=MeanField(),
        rng=np.random.default_rng(27), replicates=6, clock="continuous",
    )  # fmt: skip
    table = pd.DataFrame(
        {
            "trajectory": np.repeat(np.arange(6), 26), "time": np.tile(np.concatenate([[0.0], times]), 6),
            "infected": infected.ravel(), "population": 2000,
        }
    )  # fmt: skip
    # Replicates have different lengths, and one never starts.
    table = table[(table["trajectory"] > 2) | (table["time"] < 20)]
    still = pd.DataFrame({"trajectory": 9, "time": [0.0, 5.0], "infected": 0, "population": 2000})
    posterior = fit("two-rate", pd.concat([table, still]), clock="continuous", likelihood="binomial", seed=1)
    for name, value in truth.values.items():
        low, high = np.quantile(posterior.posterior[name], [0.005, 0.995])
        assert low < value < high, name


@pytest.mark.calibration
def test_a_left_out_replicate_has_its_effect_integrated_out(make_trajectories):
    # Many agents determine the rate well, so the integrand is narrow. A fine grid gives the integral for 20 draws.
    rates = 0.35 * np.exp(0.4 * np.random.default_rng(3).standard_normal(6))
    table = pd.concat(
        make_trajectories(
            OneRateSI(rate), MeanField(), seed=i, degree=None, replicates=1, population=20_000, rounds=25
        ).assign(trajectory=i)
        for i, rate in enumerate(rates)
    )
    specification = Specification(OneRateSI, LIKELIHOODS["beta-binomial"], "rounds", True)
    data = observed(Trajectories(table), "mean-field", specification)
    settings = SamplerSettings(draws=100, target_accept=0.8)
    run = SamplingRun(FitTarget(specification, data), seed=1, settings=settings)
    draws = group(run.result().posterior, "posterior")
    log_likelihood = unit_log_likelihood(specification, draws, data, "trajectory")[:20]
    few = draws.isel(chain=[0], draw=slice(0, 20))
    sd = few["replicate_sd"].to_numpy().reshape(-1, 1)
    log_factors = np.log(specification.replicate_factors(sd, few["replicate_effect"].to_numpy().reshape(20, 6)))
    starts = np.flatnonzero(np.diff(data.path, prepend=-1))
    offsets = np.linspace(-1.2, 1.2, 961)
    terms = []
    for offset in offsets:
        prediction, dispersion = predicted_draws(specification, few, data, np.exp(log_factors + offset))
        pointwise = pointwise_log_likelihood(0, prediction, dispersion, data.incidence, data.n_susceptible)
        # Given the other five log-rates, the sixth is normal around their mean, with the variance of a difference.
        prior = stats.norm.logpdf(log_factors + offset, -log_factors / 5, sd * np.sqrt(6 / 5))
        terms.append(np.add.reduceat(pointwise, starts, axis=1) + prior)
    exact = logsumexp(terms, axis=0) + np.log(offsets[1] - offsets[0])
    # The tolerance is a hundredth of the difference that decides between models.
    np.testing.assert_allclose(log_likelihood, exact, atol=0.04)


def test_two_models_of_one_name_are_refused(make_trajectories):
    class Other(OneRateSI):
        pass

    table = make_trajectories(OneRateSI(0.4), MeanField(), seed=1, degree=None, replicates=1, rounds=10)
    with pytest.raises(InputError, match="two models are called 'one-rate'"):
        compare(table, models=("two-rate", Other))


def test_a_condition_without_a_future_keeps_its_verdict(make_trajectories):
    long, short = (
        make_trajectories(OneRateSI(0.8), MeanField(), seed=i, degree=None, replicates=4, rounds=rounds)
        for i, rounds in ((1, 24), (2, 14))
    )
    table = pd.concat([long.assign(event="long"), short.assign(event="short")])
    comparison = compare(table, by="event", predict_from=15, structures="unreachable", seed=1)
    assert comparison.verdict == {"event = long": "one-rate", "event = short": "one-rate"}
    first, second = (result.models["one-rate"].elpd_future for result in comparison.conditions)
    assert first is not None
    assert second is None
    assert any("nothing could be predicted" in reason for reason in comparison.conditions[1].reasons)


def test_forecasts_use_the_effect_of_each_replicate_and_accept_late_starters(make_trajectories):
    rates = (0.2, 0.8)
    table = pd.concat(
        make_trajectories(OneRateSI(rates[i % 2]), MeanField(), seed=i, degree=None, replicates=1, rounds=12).assign(
            trajectory=f"r{i}"
        )
        for i in range(4)
    )
    late = pd.DataFrame({"trajectory": "late", "time": range(13), "infected": [0] * 12 + [5], "population": 1000})
    table = pd.concat([late, table])
    posterior = fit("one-rate", table, replicate_effects=True, seed=1)
    bands = forecast(posterior, table, until=18, seed=2)
    end = bands[bands["time"] == 18].set_index("trajectory")
    assert list(end.index) == ["late", "r0", "r1", "r2", "r3"]
    # Each replicate continues at its own rate from its last state.
    for label, rate in (("r0", 0.2), ("r2", 0.2)):
        last = table[(table["trajectory"] == label) & (table["time"] == 12)]["infected"].item() / 1000
        expected = OneRateSI(rate).solve(np.arange(7), last, MeanField(), clock="rounds")[-1]
        assert end.loc[label, "q2.5"] < expected < end.loc[label, "q97.5"]
        # Its band is narrow, unlike that of a new replicate.
        assert end.loc[label, "q97.5"] - end.loc[label, "q2.5"] < 0.3
    assert end.loc["late", "q97.5"] - end.loc["late", "q2.5"] > 0.3


def test_a_user_model_is_compared_saved_and_loaded(make_trajectories, tmp_path):
    from tworate.models import GammaRateSI

    class Mine(GammaRateSI):
        name = "mine"

    table = make_trajectories(OneRateSI(0.4), MeanField(), seed=1, degree=None, replicates=2, rounds=20)
    comparison = compare(table, models=("one-rate", "two-rate", Mine), structures="unreachable", seed=1)
    assert "mine" in comparison.posteriors
    comparison.save(tmp_path)
    with pytest.raises(InputError, match="give its file"):
        load_comparison(tmp_path)
    assert load_comparison(tmp_path, models=[Mine]).verdict == comparison.verdict


def test_a_population_may_be_given_as_a_range(make_trajectories):
    table = make_trajectories(OneRateSI(0.5), MeanField(), seed=4, degree=None, population=400, replicates=6)
    counts = table.drop(columns="population")
    result = compare(counts, population=(300, 1000), structures="unreachable", seed=1).conditions[0]
    assert (result.verdict, result.structure) == ("one-rate", ["unreachable"])
    note = next(reason for reason in result.reasons if reason.startswith("population: "))
    low, high = (int(number) for number in re.findall(r"\((\d+) to (\d+)\)", note)[0])
    assert low <= 400 <= high
    # Where the range is wrong, or something else ends the spread, the result says so.
    result = compare(counts, population=(800, 1000), structures="unreachable", seed=1).conditions[0]
    assert any("below the 800 that were given" in reason for reason in result.reasons)
    # One number stands in the place of the column.
    assert compare(counts, population=400, structures="none", seed=1).verdict == "one-rate"


@pytest.mark.parametrize(
    ("population", "message"),
    [
        ((500, 400), r"population = \(500, 400\): must be a whole number, or a range such as 2000:5000"),
        (0.5, "must be a whole number"),
        (0, "must be a whole number"),
        (100, "infected = [0-9]+ exceeds population = 100"),
    ],
)
def test_a_population_that_cannot_be_is_refused(make_trajectories, population, message):
    table = make_trajectories(OneRateSI(0.5), MeanField(), seed=4, degree=None, population=400, replicates=1)
    with pytest.raises(InputError, match=message):
        compare(table, population=population)
