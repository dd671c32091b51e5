"""Short real fits: recovery, agreement with a grid, and saved files."""

import json

import arviz as az
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tworate import compare, fit, load_comparison
from tworate.errors import InputError
from tworate.inference.data.observations import observe
from tworate.inference.posterior.arviz_adapter import HAS_TREES, effective_sample_size, group, highest_density_interval
from tworate.models import MeanField, OneRateSI, RandomRegular, TwoRateSI
from tworate.models.parameters import RATE_PRIOR
from tworate.simulate import Trajectories, random_regular, spread

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def two_rate(make_trajectories):
    """The comparison on trajectories from two known rates."""
    truth = TwoRateSI(beta_fast=1.2, beta_slow=0.2, weight_fast=0.5)
    table = make_trajectories(truth, RandomRegular(16), seed=3, degree=16)
    return compare(table, structures="unreachable", seed=1), truth


def interval(posterior, name):
    return highest_density_interval(group(posterior, "posterior")[name].to_numpy().ravel(), 0.95)


def test_two_rates_are_recovered(two_rate):
    comparison, truth = two_rate
    (result,) = comparison.conditions
    assert comparison.verdict == "two-rate", result.reasons
    assert result.closure == "edge-based"
    for name, value in truth.values.items():
        low, high = interval(comparison.posteriors["two-rate"], name)
        assert low < value < high, name


def test_one_rate_on_a_sparse_network_is_recovered_where_mean_field_fails():
    # Agent-based data: k = 4, and everybody has the same probability at every sighting.
    trajectories = spread(random_regular(1000, 4, seed=11), [[0.12]], visibility=1.0, seed=12)
    recorded = compare(trajectories, structures="unreachable", seed=1)
    edge_based = compare(trajectories, structures="unreachable", seed=1, closure="edge-based")
    mean_field = compare(trajectories, structures="unreachable", seed=1, closure="mean-field")
    assert recorded.conditions[0].closure == "recorded"
    for comparison in (recorded, edge_based):
        assert comparison.verdict == "one-rate", comparison.conditions[0].reasons
    # An agent with n sharing neighbours escapes a round with probability 0.88^n. Averaged over n ~ Binomial(4, x) that
    # is (1 - 0.12 x)^4 = exp(-β(x) x), with β from 4 · 0.12 at x = 0 to -4 log 0.88 at x = 1: one β between the two.
    low, high = interval(recorded.posteriors["one-rate"], "beta")
    assert low < -4 * np.log1p(-0.12)
    assert high > 4 * 0.12
    elpd = {
        name: comparison.conditions[0].models["one-rate"].elpd_loo
        for name, comparison in (("recorded", recorded), ("edge-based", edge_based), ("mean-field", mean_field))
    }
    # All three predict the same increments, so their elpd can be compared.
    assert elpd["mean-field"] < min(elpd["recorded"], elpd["edge-based"]) - 10


def test_two_kinds_of_agents_are_found_in_agent_based_data():
    # Half of the agents share with probability 0.1 at each sighting, half with 0.03: no SI model made these data.
    members = np.random.default_rng(1).permutation(1000) % 2
    trajectories = spread(random_regular(1000, 8, seed=13), [[0.1], [0.03]], members, visibility=1.0, seed=14)
    comparison = compare(trajectories, structures="unreachable", seed=1)
    assert comparison.verdict == "two-rate", comparison.conditions[0].reasons
    # 8 contacts with probability 0.03: the slow rate is k q = 0.24 or -k log(1 - q) = 0.244. The weights are one half.
    summary = comparison.conditions[0].models["two-rate"].parameters
    assert summary.loc["beta_slow", "hdi_low"] < 0.244
    assert summary.loc["beta_slow", "hdi_high"] > 0.24
    assert summary.loc["weight_fast", "hdi_low"] < 0.5 < summary.loc["weight_fast", "hdi_high"]


def test_one_rate_posterior_equals_a_grid(make_trajectories):
    table = make_trajectories(OneRateSI(0.4), MeanField(), seed=5, degree=None, replicates=3, rounds=25)
    posterior = fit("one-rate", table, likelihood="binomial", seed=2)
    data = observe(Trajectories(table), "mean-field")
    step = data.exposure_end - data.exposure_start
    grid = np.linspace(0.3, 0.5, 4001)
    log_density = np.array(
        [stats.binom.logpmf(data.incidence, data.n_susceptible, -np.expm1(-beta * step)).sum() for beta in grid]
    ) + stats.lognorm.logpdf(grid, RATE_PRIOR.sigma, scale=RATE_PRIOR.median / 25)
    density = np.exp(log_density - log_density.max())
    mean = (grid * density).sum() / density.sum()
    sd = np.sqrt(((grid - mean) ** 2 * density).sum() / density.sum())
    draws = posterior.posterior["beta"]
    mcse = float(draws.std()) / np.sqrt(effective_sample_size(draws.to_numpy(), "mean"))
    assert abs(float(draws.mean()) - mean) < 4 * mcse
    assert float(draws.std()) == pytest.approx(sd, rel=0.08)


def test_two_rate_posterior_equals_a_grid(make_trajectories):
    truth = TwoRateSI(beta_fast=1.0, beta_slow=0.2, weight_fast=0.5)
    table = make_trajectories(truth, MeanField(), seed=6, degree=None, replicates=3, rounds=25)
    posterior = fit("two-rate", table, likelihood="binomial", seed=2).posterior
    data = observe(Trajectories(table), "mean-field")
    # The midpoint rule on the sampled coordinates with their priors. The data determine the mean rate to a few percent.
    at = (np.arange(70) + 0.5) / 70
    near = np.linspace(0.35, 1.1, 70)
    mean_rate, ratio, weight = (axis.reshape(-1, 1) for axis in np.meshgrid(near, at, at, indexing="ij"))
    fast = mean_rate / (weight + (1 - weight) * ratio)
    values = {"beta_fast": fast, "beta_slow": ratio * fast, "weight_fast": weight}
    log_density = (
        stats.lognorm.logpdf(mean_rate, RATE_PRIOR.sigma, scale=RATE_PRIOR.median / data.window)
        + stats.beta.logpdf(weight, 2, 2)
    ).ravel()

    def survival(exposure):
        return weight * np.exp(-fast * exposure) + (1 - weight) * np.exp(-ratio * fast * exposure)

    for start, end, n, k in zip(
        data.exposure_start, data.exposure_end, data.n_susceptible, data.incidence, strict=True
    ):
        escape = (survival(end) / survival(start)).ravel()
        log_density += k * np.log1p(-escape) + (n - k) * np.log(escape)
    density = np.exp(log_density - log_density.max())
    for name, value in values.items():
        value = value.ravel()
        mean = np.average(value, weights=density)
        sd = np.sqrt(np.average((value - mean) ** 2, weights=density))
        draws = posterior[name]
        mcse = float(draws.std()) / np.sqrt(effective_sample_size(draws.to_numpy(), "mean"))
        assert abs(float(draws.mean()) - mean) < 4 * mcse, name
        assert float(draws.std()) == pytest.approx(sd, rel=0.08), name


def test_new_data_need_no_new_compilation_and_do_not_change_later_fits(make_trajectories):
    from tworate.inference.likelihood import compiled_density as program

    short, long = (
        make_trajectories(OneRateSI(0.4), MeanField(), seed=6, degree=None, replicates=2, rounds=rounds)
        for rounds in (15, 30)
    )
    program._programs.clear()
    first = fit("one-rate", short, seed=3)
    (compiled,) = program._programs.values()
    other = fit("one-rate", long.assign(time=long["time"] * 86_400), seed=3)
    repeated = fit("one-rate", short, seed=3)
    assert list(program._programs.values()) == [compiled]
    np.testing.assert_array_equal(first.posterior["beta"], repeated.posterior["beta"])
    # The draws are the same if the density is loaded from disk and used for other data first.
    program._programs.clear()
    fit("one-rate", long, seed=3)
    np.testing.assert_array_equal(first.posterior["beta"], fit("one-rate", short, seed=3).posterior["beta"])
    assert next(iter(program._programs.values())).cache_hits == 1
    assert 0.3 < float(other.posterior["beta"].mean()) * 86_400 < 0.5


def test_rescaling_time_rescales_only_the_rates(make_trajectories):
    table = make_trajectories(TwoRateSI(1.0, 0.2, 0.5), MeanField(), seed=7, degree=None, replicates=4)
    # Scaling by a power of two is exact in floating point, so the draws must be equal to the last bit.
    factor = 2.0**17
    rescaled = fit("two-rate", table.assign(time=table["time"] * factor), seed=4).posterior
    plain = fit("two-rate", table, seed=4).posterior
    for name in ("beta_fast", "beta_slow", "mean_rate"):
        np.testing.assert_array_equal(plain[name], factor * rescaled[name])
    for name in ("weight_fast", "slow_over_fast", "dispersion"):
        np.testing.assert_array_equal(plain[name], rescaled[name])


def test_saved_files_give_the_numbers_of_the_json(two_rate, tmp_path):
    models = ("one-rate", "two-rate", "gamma-rate")
    comparison = compare(two_rate[0].trajectories, models, structures="none", seed=1)
    comparison.save(tmp_path)
    content = json.loads((tmp_path / "comparison.json").read_text())
    (entry,) = content["conditions"]
    posteriors = {
        name: az.from_netcdf(str(tmp_path / model["posterior"]), engine="h5netcdf")
        for name, model in entry["models"].items()
    }
    for name, model in entry["models"].items():
        loo = az.loo(posteriors[name], pointwise=True, var_name="incidence")
        if HAS_TREES:
            # ArviZ 1 includes draws equal to the cut-off in the tail, rounds its length down, and divides by n - 1.
            n = loo.n_data_points
            theirs, close = (loo.elpd, loo.se * np.sqrt((n - 1) / n), loo.p), 1e-4
        else:
            theirs, close = (loo.elpd_loo, loo.se, loo.p_loo), 1e-6
        assert (model["elpd_loo"], model["se"], model["p_loo"]) == pytest.approx(theirs, rel=close, abs=5 * close)
        assert model["good_k"] == pytest.approx(loo.good_k)
    table = az.compare({name: posteriors[name] for name in models}, **({"round_to": "none"} if HAS_TREES else {}))
    two, one = (comparison.conditions[0].models[name].elpd.pointwise for name in ("two-rate", "one-rate"))
    # ArviZ 1 has the opposite sign of the difference.
    assert (two - one).sum() == pytest.approx(abs(table.loc["one-rate", "elpd_diff"]), rel=close, abs=5 * close)
    assert np.sqrt(one.size) * (two - one).std() == pytest.approx(table.loc["one-rate", "dse"], rel=close)
    for name, model in entry["models"].items():
        assert model["weight"] == pytest.approx(table.loc[name, "weight"], abs=close)
    csv = pd.read_csv(tmp_path / "comparison.csv")
    assert list(csv["model"]) == list(comparison.table["model"])
    assert csv["model"][0] == "two-rate"


def test_saving_and_loading_gives_the_same_comparison(two_rate, tmp_path):
    comparison, _ = two_rate
    comparison.save(tmp_path)
    loaded = load_comparison(tmp_path)
    assert loaded.verdict == comparison.verdict
    pd.testing.assert_frame_equal(loaded.table, comparison.table)
    assert loaded.trajectories.table.equals(comparison.trajectories.table)
    np.testing.assert_array_equal(
        loaded.posteriors["two-rate"].posterior["beta_slow"], comparison.posteriors["two-rate"].posterior["beta_slow"]
    )
    (tmp_path / "posteriors" / "two-rate.nc").unlink()
    with pytest.raises(InputError, match=r"two-rate.nc is missing"):
        load_comparison(tmp_path)
    (tmp_path / "comparison.json").write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        load_comparison(tmp_path)


def test_posterior_predictive_covers_the_data(two_rate):
    # One-step-ahead 90% intervals of the fitted true model contain about 90% of the increments, and a little more
    # because increments are discrete. 400 increments give a standard error of 1.5%.
    comparison, _ = two_rate
    posterior = comparison.posteriors["two-rate"]
    drawn = posterior.posterior_predictive["incidence"].stack(sample=("chain", "draw"))
    low, high = np.quantile(drawn.transpose("sample", "observation"), [0.05, 0.95], axis=0)
    inside = np.mean((posterior.observed_data["incidence"] >= low) & (posterior.observed_data["incidence"] <= high))
    assert 0.86 < inside < 0.97


def test_conditions_are_compared_separately_and_one_without_information_does_not_stop_the_others(make_trajectories):
    one = make_trajectories(OneRateSI(0.5), MeanField(), seed=8, degree=None, replicates=4).assign(event="one")
    two = make_trajectories(TwoRateSI(1.5, 0.1, 0.5), MeanField(), seed=9, degree=None, replicates=4).assign(
        event="two"
    )
    still = one.assign(event="still", infected=5)
    comparison = compare(pd.concat([one, still, two]), by="event", seed=1, structures="none")
    assert comparison.verdict == {"event = one": "one-rate", "event = still": "undecided", "event = two": "two-rate"}
    alone = compare(two, seed=1, structures="none")
    assert alone.conditions[0].elpd_diff == comparison.conditions[2].elpd_diff
    # Two pooled conditions are named. A column that differs in every trajectory is not a condition.
    pooled = compare(pd.concat([one, two]).assign(run=lambda table: table["trajectory"]), "one-rate", seed=1)
    assert any(
        "differ in event (2 values)" in reason and "--by event" in reason for reason in pooled.conditions[0].reasons
    )
    assert not any("differ in" in reason for condition in comparison.conditions for reason in condition.reasons)
    assert "nobody shares after the start" in comparison.conditions[1].reasons[0]
    assert any("mean-field" in reason for reason in comparison.conditions[2].reasons[1:])
