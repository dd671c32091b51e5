"""The report of a real comparison, and its figures."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from tworate import compare
from tworate.analysis.report.comparison_report import verdict_sentence, write_report
from tworate.inference import Comparison, predict_curves
from tworate.inference.comparison import comparison_plots as plots
from tworate.models import MeanField, TwoRateSI
from tworate.simulate import Trajectories

ATTACK = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def comparison(make_trajectories):
    """A real comparison of data in which every text is an attack."""
    table = make_trajectories(
        TwoRateSI(1.2, 0.2, 0.5), MeanField(), seed=2, degree=None, replicates=4, rounds=30
    ).assign(event=ATTACK)
    return compare(Trajectories(table, source=f"{ATTACK}.csv"), by="event", structures="unreachable", seed=1)


@pytest.fixture(scope="module")
def result(comparison):
    return comparison.conditions[0]


def test_report_is_one_file_without_external_resources(comparison, result, tmp_path):
    run = {"model": ATTACK, "warning": "Invented.", "seed": 3}
    html = write_report(comparison, tmp_path, run).read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["'](?!data:)""", html)
    assert html.count("data:image/png;base64,") == 7
    assert "Invented." in html
    for path in ("prediction", "elpd", "rates", "pareto_k", "pit", "pointwise_elpd", "prior"):
        assert (tmp_path / "figures" / f"{path}.png").read_bytes().startswith(b"\x89PNG")
    # The sentence of the verdict has its numbers.
    assert f"elpd_diff = {result.elpd_diff:.1f}" in html
    # The report has derived quantities, priors and rivals.
    for text in ("time to 90% prevalence", "log-normal, median 10", "gamma-rate", "two rates beat a continuum"):
        assert text in html


def test_structures_that_were_not_fitted_are_named(comparison, result, tmp_path):
    left_out = dataclasses.replace(result, left_out={"one-rate+fading": -40.2, "one-rate+ageing": -12.9})
    made = Comparison([left_out], comparison.trajectories, comparison.by, seed=0)
    text = " ".join(write_report(made, tmp_path).read_text(encoding="utf-8").split())
    assert "(by so many nats): one-rate+ageing (-13), one-rate+fading (-40)." in text


def test_text_from_users_is_escaped(comparison, tmp_path):
    html = write_report(comparison, tmp_path, {"model": ATTACK}).read_text() + comparison._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_several_conditions_have_a_table_of_verdicts(comparison, result, tmp_path):
    second = dataclasses.replace(result, condition={"event": "plain"})
    data = pd.concat([comparison.trajectories.table, comparison.trajectories.table.assign(event="plain")])
    both = Comparison([result, second], Trajectories(data), ["event"], seed=0)
    html = write_report(both, tmp_path).read_text()
    assert html.index("Verdicts") < html.index("event = plain")
    drawn = tmp_path / "figures" / "002-rates.png"
    assert drawn.is_file()
    # A report with fewer conditions removes the other figures of an earlier report, but no other files.
    others = tmp_path / "figures" / "002-mine.png"
    others.touch()
    write_report(comparison, tmp_path)
    assert not drawn.exists()
    assert others.exists()


def test_sentence_has_the_verdict_and_the_rates(result):
    sentence = verdict_sentence(result)
    row = result.models["two-rate"].parameters.loc["beta_fast"]
    fast = f"β_fast = {row['mean']:.3g} (95% interval {row['hdi_low']:.3g} to"
    assert sentence.startswith(f"Two transmission rates are needed, {fast}")
    assert f"dse = {result.dse:.1f}" in sentence
    other = dataclasses.replace(result, verdict="heterogeneous", reasons=["rates differ"])
    assert verdict_sentence(other) == "Transmission rates differ."


@pytest.mark.parametrize("plot", ["elpd", "rates", "pareto_k", "pointwise_elpd", "prediction"])
def test_figures_have_labelled_axes(comparison, plot):
    figure = getattr(comparison, f"plot_{plot}")()
    assert isinstance(figure, Figure)
    assert all(axis.get_xlabel() or axis.get_ylabel() for axis in figure.axes if axis.get_visible())


def test_the_colour_of_a_model_does_not_depend_on_the_others():
    names = ["two-rate", "other", "one-rate"]
    assert plots.colour("two-rate", names) == plots.colour("two-rate", ["two-rate"])
    assert len({plots.colour(name, names) for name in names}) == 3


def test_prediction_bands_contain_the_true_curve(comparison, result):
    data = comparison.trajectories
    bands = predict_curves(result.posteriors["two-rate"], data, seed=1)
    expected = TwoRateSI(1.2, 0.2, 0.5).solve(np.arange(31), 0.005, MeanField(), clock="rounds")
    curve = np.interp(bands["time"], np.arange(31), expected)
    assert np.all((bands["q2.5"] <= curve + 1e-9) & (curve <= bands["q97.5"] + 1e-9))
    assert np.all(np.diff(bands[["q2.5", "q25", "q50", "q75", "q97.5"]].to_numpy(), axis=1) >= 0)
    # The bands of the wrong model do not: one rate misses the slow end of the curve.
    wrong = predict_curves(result.posteriors["one-rate"], data, seed=1)
    assert np.any((curve < wrong["q2.5"]) | (curve > wrong["q97.5"]))
