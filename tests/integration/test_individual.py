"""Comparisons of event histories: short real fits against grids over single agents, files, and the command."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import logsumexp

from tworate import EventHistories, Trajectories, compare, fit, load_comparison
from tworate.analysis.cli import main
from tworate.errors import InputError
from tworate.inference import forecast
from tworate.inference.comparison.agents import class_by_attribute
from tworate.inference.data.individual import agent_exposure
from tworate.inference.posterior.arviz_adapter import effective_sample_size, group
from tworate.inference.posterior.network_prediction import simulate_shares
from tworate.models import OneRateSI
from tworate.models.parameters import RATE_PRIOR
from tworate.simulate import ContactNetwork, as_trajectories, random_regular, read_trajectories, spread

pytestmark = pytest.mark.integration

DEGREE = 8


def simulated(q, seed, n_agents=600, replicates=6):
    members = np.random.default_rng(seed).permutation(n_agents) % 2
    return spread(
        random_regular(n_agents, DEGREE, seed=seed), [[q[0]], [q[1]]], members, rounds=60, replicates=replicates,
        visibility=1.0, seed=seed, histories=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def two_rates():
    data = simulated((0.2, 0.04), 3)
    return data, compare(data, seed=1, structures="none")


def test_two_rates_are_found_with_their_values(two_rates):
    data, comparison = two_rates
    (result,) = comparison.conditions
    assert (result.verdict, result.level, result.unit, result.likelihood) == (
        "two-rate", "individual", "agent", "binomial",
    )  # fmt: skip
    assert result.n_observations == 6 * (600 - 5)
    draws = group(comparison.posteriors["two-rate"], "posterior")
    truth = {"beta_fast": -DEGREE * np.log1p(-0.2), "beta_slow": -DEGREE * np.log1p(-0.04), "weight_fast": 0.5}
    for name, value in truth.items():
        low, high = np.quantile(draws[name], [0.001, 0.999])
        assert low < value < high, name
    # On counts of the same data the closure has the fast rate too low.
    counts = compare(data, seed=1, structures="none", level="count").conditions[0]
    assert (counts.level, counts.closure) == ("count", "recorded")
    assert counts.models["two-rate"].parameters.loc["beta_fast", "hdi_high"] < truth["beta_fast"]
    assert counts.elpd_diff < result.elpd_diff


def test_one_rate_is_found_where_there_is_one():
    result = compare(simulated((0.12, 0.12), 5), seed=1).conditions[0]
    assert result.verdict == "one-rate", result.reasons
    mean, sd = result.models["one-rate"].parameters.loc["beta", ["mean", "sd"]]
    assert abs(mean + DEGREE * np.log1p(-0.12)) < 4 * sd


@pytest.fixture(scope="module")
def small():
    """A data set with its exact posterior of one rate, over single agents, on a grid."""
    data = simulated((0.15, 0.15), 7, n_agents=80, replicates=1)
    comparison = compare(data, seed=2, structures="none")
    exposure, _ = agent_exposure(data.histories, "rounds")
    beta = np.linspace(0.4, 3.0, 2001)[:, None]
    before, end = np.exp(-beta * exposure.before), np.exp(-beta * exposure.end)
    single = np.where(exposure.shared, np.log(np.maximum(before - end, 1e-300)), np.log(end))
    prior = stats.lognorm.logpdf(beta[:, 0], RATE_PRIOR.sigma, scale=RATE_PRIOR.median / 60)
    return comparison, beta[:, 0], single, prior


def test_the_posterior_is_that_of_single_agents_on_a_grid(small):
    comparison, beta, single, prior = small
    density = np.exp(single.sum(axis=1) + prior - (single.sum(axis=1) + prior).max())
    mean = np.average(beta, weights=density)
    sd = np.sqrt(np.average((beta - mean) ** 2, weights=density))
    draws = group(comparison.posteriors["one-rate"], "posterior")["beta"]
    error = sd / np.sqrt(effective_sample_size(draws.to_numpy(), "mean"))
    assert abs(float(draws.mean()) - mean) < 4 * error
    assert float(draws.std()) == pytest.approx(sd, rel=0.08)


def test_leaving_one_agent_out_is_that_of_the_grid(small):
    comparison, _, single, prior = small
    log_posterior = single.sum(axis=1) + prior
    # p(agent | others) = Σ p(agent | β) p(β | others).
    exact = logsumexp(log_posterior[:, None], axis=0) - logsumexp(log_posterior[:, None] - single, axis=0)
    elpd = comparison.conditions[0].models["one-rate"].elpd
    assert elpd.pointwise.size == single.shape[1]
    # Monte-Carlo error of a log-mean of weights whose log has a standard deviation below 0.3, of 1,000 draws.
    np.testing.assert_allclose(elpd.pointwise, exact, atol=5 * 0.3 / np.sqrt(1000))
    density = np.exp(log_posterior - logsumexp(log_posterior))
    seen = np.log(density @ np.exp(single))
    assert elpd.p_loo == pytest.approx((seen - exact).sum(), rel=0.15)


def test_a_comparison_of_histories_is_saved_and_opened(two_rates, tmp_path):
    _, comparison = two_rates
    comparison.save(tmp_path)
    again = load_comparison(tmp_path)
    assert (again.conditions[0].level, again.conditions[0].unit) == ("individual", "agent")
    pd.testing.assert_frame_equal(again.table, comparison.table)
    entry = json.loads((tmp_path / "comparison.json").read_text())["conditions"][0]
    assert entry["level_reason"] == "the data say who shared when and who sees whom"


def test_whole_trajectories_can_be_left_out(two_rates):
    data, by_agent = two_rates
    result = compare(data, seed=1, structures="none", unit="trajectory").conditions[0]
    assert result.models["two-rate"].elpd.pointwise.size == 6
    # Sums over other units of the same data: near each other.
    assert result.elpd_diff == pytest.approx(by_agent.conditions[0].elpd_diff, rel=0.05)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"unit": "increment"}, "unit 'increment' does not go with level individual"),
        ({"level": "count", "unit": "agent"}, "unit 'agent' does not go with level count"),
        ({"level": "individual", "closure": "recorded"}, "closure goes with level count"),
        ({"level": "population"}, "level 'population' is unknown"),
        ({"contact": "share"}, "contact 'share' is unknown"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(two_rates, how, message):
    with pytest.raises(InputError, match=message):
        compare(two_rates[0], **how)


def test_counts_have_no_individual_level(make_trajectories):
    from tworate.models import MeanField, OneRateSI

    table = make_trajectories(OneRateSI(0.4), MeanField(), seed=6, degree=None, replicates=2, rounds=10)
    with pytest.raises(InputError, match="needs event histories"):
        compare(table, level="individual")


def test_settings_of_counts_choose_their_level(two_rates):
    result = compare(two_rates[0], seed=1, structures="none", closure="mean-field").conditions[0]
    assert (result.level, result.level_reason) == ("count", "closure was given, which goes with counts")


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the command with arguments; return its exit status, output and messages."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tworate", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return (stopped.value.code or 0, *capsys.readouterr())

    return run


def test_the_command_compares_shares_on_a_network(two_rates, tmp_path, monkeypatch, capsys):
    histories = two_rates[0].histories
    network = histories.network
    source = np.repeat(np.arange(network.n_agents), np.diff(network.indptr))
    edges = pd.DataFrame({"source": [f"u{j}" for j in source], "target": [f"u{i}" for i in network.indices]})
    edges.to_csv(tmp_path / "follows.csv", index=False)
    shares = histories.shares.assign(agent=[f"u{agent}" for agent in histories.shares["agent"]])
    shares[["trajectory", "agent", "time"]].to_csv(tmp_path / "shares.csv", index=False)
    arguments = ["compare", "shares.csv", "--network", "follows.csv", "--until", "60", "--clock", "rounds"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["tworate", *arguments, "--structures", "none", "--seed", "1", "--out", "out"])
    with pytest.raises(SystemExit) as stopped:
        main()
    printed = capsys.readouterr()
    assert not stopped.value.code, printed.err
    assert "level: individual (the data say who shared when and who sees whom)" in printed.out
    assert (tmp_path / "out" / "report.html").is_file()
    saved = json.loads((tmp_path / "out" / "comparison.json").read_text())["conditions"][0]
    assert saved["elpd_diff"] == pytest.approx(two_rates[1].conditions[0].elpd_diff, rel=1e-6)


@pytest.fixture(scope="module")
def of_personas():
    """Eight personas with rates of their own, and no other difference between agents."""
    rates = np.exp(np.linspace(-3.2, -1.2, 8))
    members = np.random.default_rng(4).integers(0, 8, 800).astype(np.int32)
    return rates, spread(
        random_regular(800, DEGREE, seed=4), rates[:, None], members, rounds=40, replicates=4, visibility=1.0, seed=4,
        histories=True, persona_labels=[f"P{i}" for i in range(8)],
    )  # fmt: skip


@pytest.mark.calibration
def test_a_second_rate_goes_once_the_personas_that_make_it_are_known(of_personas, tmp_path):
    rates, data = of_personas
    without = compare(data, seed=1, structures="none").conditions[0]
    # There are eight rates, so a continuum describes them as well as two.
    assert without.verdict == "heterogeneous"
    comparison = compare(data, seed=1, structures="none", covariates="persona")
    result = comparison.conditions[0]
    assert (result.verdict, result.covariates) == ("one-rate", ("persona",)), result.reasons
    effects = comparison.covariate_effects().query("model == 'one-rate'")
    truth = np.log(-np.log1p(-rates))
    found, expected = np.log(effects["factor"].to_numpy()), truth - truth.mean()
    error = np.log(effects["high"] / effects["low"]).to_numpy() / 4
    # Levels are relative to the mean over the agents: only differences between them count.
    assert np.abs((found - found.mean() - expected) / error).max() < 4.5
    comparison.save(tmp_path)
    again = load_comparison(tmp_path)
    assert again.conditions[0].covariates == ("persona",)
    assert again.conditions[0].models["one-rate"].specification.covariates == ("persona",)
    again.plot_prediction()


def test_classes_of_agents_follow_what_made_them(of_personas):
    rates, data = of_personas
    agents = compare(data, seed=1, structures="none").agent_table()
    assert set(agents["persona"]) == {f"P{i}" for i in range(8)}
    assert agents["p_fast"].between(0, 1).all()
    means = agents.groupby("persona")["p_fast"].mean()
    assert stats.spearmanr(means, rates).statistic > 0.9
    table = pd.DataFrame(class_by_attribute(agents))
    assert list(table["attribute"].unique()) == ["persona"]
    assert table["explained"].iloc[0] > 0.2
    exposure, _ = agent_exposure(data.histories, "rounds")
    np.testing.assert_allclose(agents["exposure"], exposure.end)
    assert list(agents["shared"]) == list(exposure.shared)


def test_probabilities_of_classes_are_bayes_rule(two_rates):
    data, comparison = two_rates
    agents = comparison.agent_table()
    draws = group(comparison.posteriors["two-rate"], "posterior")
    fast, slow, weight = (draws[name].to_numpy().ravel() for name in ("beta_fast", "beta_slow", "weight_fast"))
    exposure, _ = agent_exposure(data.histories, "rounds")
    for number in (0, 17, len(agents) - 1):
        before, end = exposure.before[number], exposure.end[number]
        likelihood = [
            np.exp(-rate * before) - (np.exp(-rate * end) if exposure.shared[number] else 0.0) for rate in (fast, slow)
        ]
        expected = (weight * likelihood[0] / (weight * likelihood[0] + (1 - weight) * likelihood[1])).mean()
        # The table averages over a tenth of the draws.
        assert agents["p_fast"].iloc[number] == pytest.approx(expected, abs=0.02)


def test_a_forecast_goes_on_on_the_network(two_rates):
    data, _ = two_rates
    histories = data.histories
    early = EventHistories(histories.table[histories.table["time"] <= 12], histories.network, 12, "rounds")
    posterior = fit("two-rate", as_trajectories(early), seed=1)
    bands = forecast(posterior, as_trajectories(early), until=25, seed=2, n_draws=200)
    observed = data.table[data.table["time"].between(12, 25)]
    both = bands.merge(observed, on=["trajectory", "time"])
    assert len(both) == 6 * 14
    prevalence = both["infected"] / both["population"]
    np.testing.assert_allclose(bands.groupby("trajectory")["q50"].first(), prevalence[both["time"] == 12])
    inside = ((both["q2.5"] <= prevalence) & (prevalence <= both["q97.5"]))[both["time"] > 12]
    # Times of one trajectory go together: six trajectories, each nearly always inside.
    assert inside.mean() > 0.8
    with pytest.raises(InputError, match="until = 12 is not in the future"):
        forecast(posterior, as_trajectories(early), until=12, seed=2)
    with pytest.raises(InputError, match="has no event histories, which this fit is of"):
        forecast(posterior, Trajectories(data.table), until=70, seed=2)


def test_the_command_records_histories_unless_told_not_to(command, tmp_path):
    pytest.importorskip("torch")
    options = ["simulate", "--agents", 100, "--replicates", 2, "--rounds", 10]
    path = tmp_path / "t.parquet"
    assert command(*options, "--out", path)[0] == 0
    assert read_trajectories(path).histories.n_trajectories == 2
    assert read_trajectories(path).histories.attributes == ["persona"]
    assert command(*options, "--no-histories", "--force", "--out", path)[0] == 0
    assert read_trajectories(path).histories is None
    # CSV is not written replicate by replicate, but holds the same.
    assert command(*options, "--clock", "continuous", "--out", tmp_path / "t.csv")[0] == 0
    assert read_trajectories(tmp_path / "t.csv").histories.clock == "continuous"
    status, _, message = command(*options, "--network", "complete", "--histories")
    assert status == 2
    assert "histories are recorded on a network with edges" in message
    # What cannot be is said before a language model is asked.
    for more in (["--network", "complete"], ["--closure", "recorded"], ["--no-histories"]):
        status, _, message = command("run", *options[1:], "--level", "individual", *more, "--out", tmp_path / "run")
        assert (status, "choose level count" in message) == (2, True)


@pytest.mark.calibration
def test_the_command_takes_what_is_known_of_the_agents(two_rates, command, tmp_path):
    histories = two_rates[0].histories
    histories.table[["trajectory", "agent", "time"]].to_csv(tmp_path / "shares.csv", index=False)
    network = histories.network
    pairs = {"source": np.repeat(np.arange(network.n_agents), np.diff(network.indptr)), "target": network.indices}
    pd.DataFrame(pairs).to_csv(tmp_path / "follows.csv", index=False)
    town = np.random.default_rng(1).choice(["here", "there"], network.n_agents)
    pd.DataFrame({"agent": np.arange(network.n_agents), "town": town}).to_csv(tmp_path / "people.csv", index=False)
    arguments = [
        "compare", tmp_path / "shares.csv", "--network", tmp_path / "follows.csv", "--until", 60, "--agents",
        tmp_path / "people.csv", "--structures", "none",
    ]  # fmt: skip
    status, output, _ = command(*arguments, "--covariates", "town", "--out", tmp_path / "out")
    assert status == 0
    assert "covariates of all models: town" in output
    agents = pd.read_parquet(tmp_path / "out" / "agents.parquet")
    assert {"agent", "p_fast", "elpd_gain", "exposure", "town", "degree"} <= set(agents)
    report = (tmp_path / "out" / "report.html").read_text()
    assert "town: here" in report
    assert "Who is fast?" in report
    status, _, message = command(*arguments, "--covariates", "age")
    assert status == 2
    assert "agents have no attribute 'age'; there are: town, degree" in message


def test_agents_keep_their_order_in_files(tmp_path):
    # Labels are not in the order of the edges: what was worked out for an agent must stay with it.
    rng = np.random.default_rng(2)
    pairs = pd.DataFrame(rng.integers(0, 150, (700, 2)), columns=["source", "target"]).astype(str)
    network = ContactNetwork.of_edges(pairs)
    members = pd.DataFrame({"agent": network.labels, "town": rng.choice(["x", "y"], network.n_agents)})
    start = np.full(network.n_agents, np.inf)
    start[:5] = 0.0
    times = simulate_shares(
        OneRateSI, {"beta": np.array([1.2])}, network, start, until=6, clock="rounds", rng=rng
    )[0]  # fmt: skip
    sharers = np.flatnonzero(np.isfinite(times))
    shares = pd.DataFrame({"agent": network.labels[sharers], "time": times[sharers]})
    comparison = compare(EventHistories(shares, network, 6, "rounds", agents=members), seed=1, structures="none")
    comparison.save(tmp_path)
    pd.testing.assert_frame_equal(load_comparison(tmp_path).agent_table(), comparison.agent_table())
    assert list(load_comparison(tmp_path).trajectories.histories.network.labels) == list(network.labels)
    for beside in ("shares", "network", "agents"):
        (tmp_path / f"trajectories.{beside}.parquet").unlink()
    with pytest.raises(InputError, match="has no event histories, which this fit is of; restore the files"):
        load_comparison(tmp_path).plot_prediction()
