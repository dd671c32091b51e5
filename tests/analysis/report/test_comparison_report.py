"""The report of a real comparison, and its figures."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from tworate import compare, load_comparison
from tworate.analysis.report.comparison_report import verdict_sentence, write_report
from tworate.analysis.report.numbers import estimate, rounded
from tworate.errors import InputError
from tworate.inference import Comparison, predict_curves
from tworate.inference.comparison import panels
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
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", html)
    assert html.count("<svg ") == 8
    assert "Invented." in html
    for path in ("prediction", "steps", "elpd", "rates", "pareto_k", "pit", "pointwise_elpd", "prior"):
        assert (tmp_path / "figures" / f"{path}.png").read_bytes().startswith(b"\x89PNG")
    # The sentence of the verdict has its numbers.
    assert f"elpd_diff = {result.elpd_diff:.1f}" in html
    # Drawings stand in one page: no two of their parts have the same name.
    names = re.findall(r'\bid="([^"]+)"', html)
    assert len(names) == len(set(names))
    # The report has derived quantities, priors and rivals.
    for text in ("time to 90% prevalence", "log-normal, median 10", "gamma-rate", "two rates beat a continuum"):
        assert text in html


def test_structures_that_were_not_fitted_are_named(comparison, result, tmp_path):
    left_out = dataclasses.replace(result, left_out={"one-rate+fading": -40.2, "one-rate+ageing": -12.9})
    made = Comparison([left_out], comparison.trajectories, comparison.by, seed=0)
    text = " ".join(write_report(made, tmp_path).read_text(encoding="utf-8").split())
    assert "(by so many nats): one-rate+ageing (−13), one-rate+fading (−40)." in text


def test_text_from_users_is_escaped(comparison, tmp_path):
    html = write_report(comparison, tmp_path, {"model": ATTACK}).read_text() + comparison._repr_html_()
    assert ATTACK not in html
    assert "<script>alert" not in html
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
    mean, low, high = estimate(row["mean"], row["hdi_low"], row["hdi_high"])
    assert sentence.startswith(f"Two transmission rates are needed, β_fast = {mean} (95% HDI {low} to {high})")
    assert f"dse = {result.dse:.1f}" in sentence
    other = dataclasses.replace(result, verdict="heterogeneous", reasons=["rates differ"])
    assert verdict_sentence(other) == "Transmission rates differ."


@pytest.mark.parametrize("plot", ["elpd", "rates", "pareto_k", "pointwise_elpd", "prediction", "steps", "pit"])
def test_figures_have_labelled_axes(comparison, plot):
    figure = getattr(comparison, f"plot_{plot}")()
    assert isinstance(figure, Figure)
    assert all(axis.get_xlabel() or axis.get_ylabel() for axis in figure.axes if axis.get_visible())
    # As wide as one or two columns of a journal, in letters that can be read there.
    assert round(25.4 * figure.get_figwidth()) in (89, 183)
    figure.draw_without_rendering()
    letters = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(text.get_fontsize() for text in letters) >= 7


@pytest.mark.parametrize("plot", ["elpd", "rates", "pareto_k"])
def test_figures_are_drawn_into_an_axis_that_is_given(comparison, plot):
    ax = Figure().subplots()
    assert getattr(comparison, f"plot_{plot}")(ax=ax) is ax
    assert ax.lines or ax.collections


@pytest.mark.parametrize("plot", ["steps", "prediction"])
def test_predictions_of_one_model_are_drawn_into_an_axis(comparison, plot):
    ax = Figure().subplots()
    assert getattr(comparison, f"plot_{plot}")(model="one-rate", ax=ax) is ax
    with pytest.raises(InputError, match="an axis shows one model; name it"):
        getattr(comparison, f"plot_{plot}")(ax=ax)
    with pytest.raises(InputError, match="model 'x' was not fitted"):
        getattr(comparison, f"plot_{plot}")(model="x")


def test_no_text_of_a_figure_lies_outside_it(comparison):
    for plot in ("elpd", "rates", "pareto_k", "pointwise_elpd", "prediction", "steps", "pit"):
        figure = getattr(comparison, f"plot_{plot}")()
        figure.draw_without_rendering()
        whole = figure.bbox.padded(2)
        for text in figure.findobj(Text):
            box = text.get_window_extent()
            if text.get_visible() and text.get_text() and text.axes is not None and box.width:
                inside = whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1
                # Labels of ticks beyond the ends of an axis are not drawn.
                assert inside or text in (
                    tick
                    for axis in (text.axes.xaxis, text.axes.yaxis)
                    for part in axis.get_major_ticks()
                    for tick in (part.label1, part.label2)
                )


def test_the_axis_of_prevalence_suits_the_data():
    def high(seen, predicted):
        data = Trajectories(
            pd.DataFrame({"trajectory": 0, "time": [0, 1], "infected": [1, round(1000 * seen)], "population": 1000})
        )
        return panels.highest_prevalence(data, [pd.DataFrame({"q97.5": [predicted]})])

    assert high(0.02, 1.0) == pytest.approx(0.04)
    assert high(0.75, 0.2) == pytest.approx(0.81)
    assert high(0.5, 0.6) == pytest.approx(0.63)
    assert high(1.0, 1.0) == 1.02


def test_labels_of_time_have_the_unit_of_the_data():
    table = pd.DataFrame({"trajectory": 0, "time": [0, 1], "infected": [1, 2], "population": 9})
    assert panels.with_unit("time", Trajectories(table)) == "time"
    assert panels.with_unit("time", Trajectories(table.assign(time_unit="day"))) == "time (days)"


def test_reports_are_files_of_their_own_too(comparison, tmp_path):
    path = comparison.report(tmp_path / "mine.html")
    assert path == tmp_path / "mine.html"
    assert [file.name for file in tmp_path.iterdir()] == ["mine.html"]
    folder = tmp_path / "folder"
    assert comparison.report(folder, formats=("png", "svg", "pdf")) == folder / "report.html"
    assert {"report.html", "figures", "methods.md", "references.bib", "parameters.csv", "parameters.tex"} == {
        file.name for file in folder.iterdir()
    }
    assert (folder / "figures" / "steps.pdf").read_bytes().startswith(b"%PDF")
    # Fonts are embedded as type 42, and letters of SVG are paths: no font is missing anywhere.
    assert b"/FontFile2" in (folder / "figures" / "steps.pdf").read_bytes()
    assert "<text" not in (folder / "figures" / "steps.svg").read_text()
    # Other formats of an earlier report are removed, so that all figures are of one comparison.
    comparison.report(folder)
    assert not (folder / "figures" / "steps.pdf").exists()


def test_points_of_curves_say_trajectory_time_and_value(comparison, tmp_path):
    html = comparison.report(tmp_path / "mine.html").read_text()
    points = [json.loads(text) for text in re.findall(r'class="points">(.*?)</script>', html)]
    curve = next(c for figure in points for c in figure if c["name"] == "trajectory 0")
    table = comparison.trajectories.table
    last = table[table["trajectory"] == 0].iloc[-1]
    assert (curve["x"], curve["y"]) == ("time since the start", "prevalence")
    # The point lies on a corner of the curve that is drawn.
    drawn = re.findall(r"[ML] ([\d.]+) ([\d.]+)", html)
    x, y = curve["points"][-1][:2]
    assert min(abs(x - float(a)) + abs(y - float(b)) for a, b in drawn) < 0.11
    assert curve["points"][-1][2:] == [rounded(last["time"]), rounded(last["infected"] / last["population"])]


def test_numbers_are_written_as_a_person_writes_them(comparison, tmp_path):
    run = {"model": "m", "assortativity": -0.00026170034213, "visibility": 0.25, "seed": 3}
    html = write_report(comparison, tmp_path, run).read_text()
    words = re.sub(r"<svg.*?</svg>|<script.*?</script>|<style.*?</style>", "", html, flags=re.DOTALL)
    assert "−0.0002617" in words
    assert not re.findall(r"\.\d*[1-9]\d{6,}", words)
    assert not re.findall(r"\d[eE][-+]?\d\d", words)


def test_date_command_and_seed_are_stated_and_saved(comparison, tmp_path):
    made = dataclasses.replace(comparison, made={"date": "2026-12-01 10:00:00 UTC", "command": "tworate compare a<b"})
    made.save(tmp_path)
    loaded = load_comparison(tmp_path)
    assert loaded.made == made.made
    html = loaded.report(tmp_path).read_text()
    assert "Made on 2026-12-01 10:00:00 UTC, seed 1, by <code>tworate compare a&lt;b</code>" in html
    assert "95% HDI" in html
    # Files of earlier versions have neither date nor command.
    saved = json.loads((tmp_path / "comparison.json").read_text())
    del saved["made"]
    (tmp_path / "comparison.json").write_text(json.dumps(saved))
    assert load_comparison(tmp_path).made == {}
    assert "The date was not recorded" in load_comparison(tmp_path).report(tmp_path).read_text()


def test_comparisons_remember_when_they_were_made(comparison):
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", comparison.made["date"])


def test_an_explanation_in_the_folder_is_shown(comparison, result, tmp_path):
    comparison.save(tmp_path)
    part = {"factor": 4.0, "factor_low": 3.0, "factor_high": 5.0}
    entry = {
        "condition": result.condition, "account": "who", "sentence": f"Who: {ATTACK}.", "reasons": ["a reason"],
        "cautions": ["a caution"], "split": {"fall": part, "who": part, "when": {**part, "factor": 1.0}},
    }  # fmt: skip
    (tmp_path / "explanation.json").write_text(json.dumps({"conditions": [entry]}))
    curves = pd.DataFrame({"table": "both", "sightings": [0.0, 1.0], "median": 0.5, "low": 0.4, "high": 0.6})
    (tmp_path / "figures").mkdir()
    curves.to_csv(tmp_path / "figures" / "explanation.csv", index=False)
    html = comparison.report(tmp_path).read_text()
    assert "Who or when</h2>" in html
    assert "a reason" in html
    assert "a caution" in html
    assert html.count("<svg ") == 9
    assert ATTACK not in html
    assert "Read the section “Who or when”" in html
    # It is of the data that were compared then: a new comparison in the folder removes it.
    comparison.save(tmp_path)
    assert "Who or when</h2>" not in comparison.report(tmp_path).read_text()
    (tmp_path / "explanation.json").write_text("{")
    with pytest.raises(InputError, match=r"explanation.json: is damaged .* run `tworate explain` again"):
        comparison.report(tmp_path)


def test_the_colour_of_a_model_does_not_depend_on_the_others():
    names = ["two-rate", "other", "one-rate"]
    assert panels.colour("two-rate", names) == panels.colour("two-rate", ["two-rate"])
    assert len({panels.colour(name, names) for name in names}) == 3


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
