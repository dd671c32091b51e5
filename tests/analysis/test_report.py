"""The report, from results that are made by hand so that no sampling is needed."""

import re

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure

from tworate.analysis import figures
from tworate.analysis.report import verdict_sentence, write_report
from tworate.inference import Comparison
from tworate.inference.comparison import Method, _compared
from tworate.inference.fitting import _add_groups
from tworate.inference.observations import observe
from tworate.models import MeanField, OneRateSI, TwoRateSI
from tworate.simulate import Trajectories

ATTACK = "<script>alert('x')</script>"
METHOD = Method("mean-field", "asked for", "beta-binomial", "rounds")
MODELS = [OneRateSI, TwoRateSI]


def hand_made_posterior(model, draws, data):
    """An InferenceData around given draws, with log-likelihood and prediction from the model's own formula."""
    posterior = az.from_dict(
        {name: values.reshape(4, -1) for name, values in draws.items()},
        sample_stats={"diverging": np.zeros((4, 250), dtype=bool)},
    )
    result = az.InferenceData(posterior=posterior.posterior, sample_stats=posterior.sample_stats)
    _add_groups(result, model, data, seed=0)
    result.attrs.update(
        model=model.name, closure="mean-field", likelihood="beta-binomial", clock="rounds", seed=0,
        sampler='{"chains": 4}', versions='{"tworate": "x"}',
    )  # fmt: skip
    return result


@pytest.fixture(scope="module")
def results(make_trajectories):
    rng = np.random.default_rng(1)
    table = make_trajectories(
        TwoRateSI(1.2, 0.2, 0.5), MeanField(), seed=2, degree=None, replicates=4, rounds=30
    ).assign(event=ATTACK)
    data = observe(Trajectories(table), "mean-field")

    def near(value):
        return rng.normal(value, 0.01 * value, 1000)

    one = {"beta": near(0.3), "dispersion": near(0.01)}
    fast, slow = near(1.2), near(0.2)
    two = {
        "beta_fast": fast, "beta_slow": slow, "weight_fast": near(0.5), "mean_rate": (fast + slow) / 2,
        "slow_over_fast": slow / fast, "dispersion": near(0.001),
    }  # fmt: skip
    posteriors = {
        "one-rate": hand_made_posterior(OneRateSI, one, data),
        "two-rate": hand_made_posterior(TwoRateSI, two, data),
    }
    result = _compared({"event": ATTACK}, METHOD, data, MODELS, posteriors)
    return result, Trajectories(table, source=f"{ATTACK}.csv")


def test_report_is_one_file_that_asks_nothing_of_the_network(results, tmp_path):
    result, data = results
    run = {"model": ATTACK, "warning": "Invented.", "seed": 3}
    html = write_report(Comparison([result], data, ["event"], seed=0), tmp_path, run).read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["'](?!data:)""", html)
    assert html.count("data:image/png;base64,") == 5
    assert "Invented." in html
    for path in ("prediction", "elpd", "rates", "pareto_k", "evidence"):
        assert (tmp_path / "figures" / f"{path}.png").read_bytes().startswith(b"\x89PNG")
    # The verdict's numbers stand in the sentence.
    assert f"elpd_diff = {result.elpd_diff:.1f}" in html


def test_text_from_users_is_escaped(results, tmp_path):
    result, data = results
    html = write_report(Comparison([result], data, ["event"], seed=0), tmp_path, {"model": ATTACK}).read_text()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_several_conditions_have_a_table_of_verdicts(results, tmp_path):
    result, data = results
    other = pd.concat([data.table, data.table.assign(event="plain")])
    second = _compared({"event": "plain"}, METHOD, observe(data, "mean-field"), MODELS, result.posteriors)
    comparison = Comparison([result, second], Trajectories(other), ["event"], seed=0)
    html = write_report(comparison, tmp_path).read_text()
    assert html.index("Verdicts") < html.index("event = plain")
    assert (tmp_path / "figures" / "002-rates.png").is_file()


def test_sentence_says_the_verdict_with_rates_and_numbers(results):
    result, _ = results
    sentence = verdict_sentence(result)
    assert sentence.startswith("Two transmission rates are needed, β_fast = 1.2 (95% interval 1.1")
    assert f"dse = {result.dse:.1f}" in sentence


@pytest.mark.parametrize("plot", ["plot_elpd", "plot_rates", "plot_pareto_k", "plot_evidence"])
def test_figures_have_labelled_axes(results, plot):
    figure = getattr(figures, plot)(results[0])
    assert isinstance(figure, Figure)
    assert all(axis.get_xlabel() or axis.get_ylabel() for axis in figure.axes)


def test_models_keep_their_colour_whoever_else_is_there():
    names = ["two-rate", "other", "one-rate"]
    assert figures.colour("two-rate", names) == figures.colour("two-rate", ["two-rate"])
    assert len({figures.colour(name, names) for name in names}) == 3


def test_prediction_bands_hold_the_truth_that_made_the_data(results):
    from tworate.inference import predict_curves

    result, data = results
    bands = predict_curves(result.posteriors["two-rate"], data, seed=1)
    expected = TwoRateSI(1.2, 0.2, 0.5).solve(np.arange(31), 0.005, MeanField(), clock="rounds")
    curve = np.interp(bands["time"], np.arange(31), expected)
    assert np.all((bands["q2.5"] <= curve + 1e-9) & (curve <= bands["q97.5"] + 1e-9))
    assert np.all(np.diff(bands[["q2.5", "q25", "q50", "q75", "q97.5"]].to_numpy(), axis=1) >= 0)
    # And the wrong model does not: one rate misses the slow end of the curve.
    wrong = predict_curves(result.posteriors["one-rate"], data, seed=1)
    assert np.any((curve < wrong["q2.5"]) | (curve > wrong["q97.5"]))


def test_hand_made_posterior_has_the_groups_of_a_fit(results):
    posterior = results[0].posteriors["two-rate"]
    assert {"posterior", "log_likelihood", "posterior_predictive", "observed_data", "constant_data"} <= set(
        posterior.groups()
    )
    assert isinstance(posterior.log_likelihood, xr.Dataset)
