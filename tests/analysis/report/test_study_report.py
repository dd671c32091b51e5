"""Figures and report of a study, on the tables of a small real study."""

import json
import re
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from tworate import compare
from tworate.analysis.cli import main
from tworate.analysis.explaining import save_explanations
from tworate.analysis.report import figure_tables as study_figures
from tworate.analysis.report import study_plots
from tworate.analysis.report.study_report import PLOTS, write_study_report
from tworate.errors import InputError
from tworate.inference.mechanisms.mechanisms import explain
from tworate.simulate import Trajectories, random_regular, spread

ATTACK = "<script>alert('$x$')</script>"
PROFILES, KINDS = ("OCEAN", "ocean"), ("Battles", "Riots")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study of two profiles and two event types: tables and posteriors as `tworate study` writes them."""
    folder = tmp_path_factory.mktemp("study")
    network, rows, parts = random_regular(300, 8, seed=1), [], []
    for profile in PROFILES:
        for kind in KINDS:
            number = len(rows)
            chance = np.array([[0.5, 0.06]]) if profile == "OCEAN" else np.array([[0.15, 0.15]])
            columns = {"condition": number, "event_type": kind, "composition": profile, "model": ATTACK}
            data = spread(network, chance, rounds=25, replicates=3, seed=number, conditions=columns)
            parts.append(data)
            rows.append({**columns, "event": kind, "fatalities": 0, "network": "random-regular", "visibility": 0.25})
    trajectories = Trajectories(pd.concat([p.table for p in parts]), counts=pd.concat([p.counts for p in parts]))
    trajectories.save(folder / "trajectories.parquet")
    compared = compare(trajectories, by="condition", structures="none", seed=1)
    comparison = []
    for result in compared.conditions:
        for name, model in result.models.items():
            result.posteriors.write(name, folder / "posteriors" / str(result.condition["condition"]) / f"{name}.nc")
            means = {f"{parameter}_mean": row["mean"] for parameter, row in model.parameters.iterrows()}
            comparison.append(
                {
                    **result.condition, "closure": result.closure, "si_model": name, "verdict": result.verdict,
                    "elpd_diff": result.elpd_diff, "dse": result.dse, "weight": model.weight,
                    "reasons": "; ".join(result.reasons), **means,
                }
            )  # fmt: skip
    pd.DataFrame(rows).to_parquet(folder / "conditions.parquet")
    pd.DataFrame(comparison).to_parquet(folder / "comparison.parquet")
    (folder / "study.toml").write_text(f'name = "{ATTACK}"\n')
    record = {"version": "0", "language_models": [{"name": ATTACK, "warning": "Invented."}], "seed": [1]}
    (folder / "study.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="module")
def effects():
    """A table of effects in the format of the hierarchical model; its numbers are arbitrary."""
    names = [("intercept", ""), ("E", ""), ("event_type", "Battles"), ("event_type", ATTACK), ("fatalities", "")]
    rows = [
        {"si_model": "two-rate", "quantity": quantity, "term": term, "level": level, "mean": 0.1, "sd": 0.1,
         "ratio": 1.1, "ratio_low": 0.9, "ratio_high": 1.3, "ess_bulk": 900.0, "r_hat": 1.0,
         "problems": "", "notes": "left out: fatalities"}
        for quantity in ("beta_fast", "beta_slow", "weight_fast")
        for term, level in names
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_rates_and_verdicts_equal_those_of_the_tables(folder):
    compared = study_figures.compared_conditions(folder)
    table = pd.read_parquet(folder / "comparison.parquet")
    for _, row in compared.iterrows():
        same = table[table["condition"] == row["condition"]].set_index("si_model")
        assert row["rate"] == same.loc["one-rate", "beta_mean"]
        assert row["weight_fast"] == same.loc["two-rate", "weight_fast_mean"]
        assert row["ratio"] == same.loc["two-rate", "beta_fast_mean"] / same.loc["two-rate", "beta_slow_mean"]
        assert row["verdict"] == same.loc["two-rate", "verdict"]
    assert study_figures.varying(compared) == ["event_type", "composition"]
    cells = study_figures.profile_table(compared)
    assert len(cells) == 4
    assert (cells[list(study_figures.VERDICTS)].sum(axis=1) == 1).all()
    first = cells.groupby("composition")["rate"].apply(lambda rate: np.exp(np.log(rate).mean())).idxmax()
    assert cells["composition"].iloc[0] == first
    # Two conditions in a cell give the geometric mean of their rates.
    doubled = pd.concat([compared, compared.assign(rate=4 * compared["rate"])])
    twice = study_figures.profile_table(doubled)
    np.testing.assert_allclose(twice["rate"], 2 * cells["rate"])
    assert set(twice["conditions"]) == {2}


def test_verdict_map_has_a_place_for_every_condition_and_closure(folder):
    compared = study_figures.compared_conditions(folder)
    both = pd.concat([compared, compared.assign(closure="mean-field")])
    table = study_figures.verdict_table(both)
    assert not table.duplicated(["row", "column"]).any()
    assert (table.attrs["rows"], table.attrs["columns"]) == ("event_type", "composition, closure")
    assert "OCEAN · mean-field" in set(table["column"])
    alone = study_figures.verdict_table(compared.iloc[:1])
    assert (alone["row"].item(), alone["column"].item()) == ("all", "all")


def test_report_command_recognises_a_study_and_omits_missing_sections(folder, monkeypatch, capsys):
    (folder / "figures").mkdir(exist_ok=True)
    for suffix in ("png", "csv"):
        # Figures of effects that an earlier state of the study had.
        (folder / "figures" / f"effects.{suffix}").write_text("stale")
    monkeypatch.setattr(sys, "argv", ["tworate", "report", str(folder)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    assert capsys.readouterr().out.strip() == str(folder / "report.html")
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "What persona and event do" in html
    for suffix in ("png", "csv"):
        made = {path.stem for path in (folder / "figures").glob(f"*.{suffix}")}
        assert made == {"profiles", "verdicts", "predictions"}
    for absent in ("Effects of traits", "Who or when</h2>", "Which effects matter"):
        assert absent not in html


def test_report_has_a_section_a_table_and_a_figure_for_every_result(folder, effects):
    effects.to_parquet(folder / "effects.parquet")
    loo = {"si_model": "two-rate", "left_out": ["", "E"], "elpd_loo": 1.0, "elpd_diff": 0.5, "dse": 0.2}
    pd.DataFrame(loo).to_parquet(folder / "effects_loo.parquet")
    explanations = explain(
        folder / "trajectories.parquet",
        by="condition",
        seed=1,
        max_refits=0,
        only=lambda condition: condition["condition"] < 2,
    )
    save_explanations(explanations, folder, "study", 1)
    html = write_study_report(folder).read_text(encoding="utf-8")
    # The study asks in one way only.
    drawn = PLOTS.keys() - {"specifications"}
    assert html.count("<svg ") == len(drawn)
    for present in (
        "Effects of traits",
        "Who or when</h2>",
        "Which effects matter",
        "Invented.",
        "of 4 conditions",
        "Left out: fatalities (two-rate)",
    ):
        assert present in html
    for name in drawn:
        assert len(pd.read_csv(folder / "figures" / f"{name}.csv")) > 0
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", html)
    assert ATTACK not in html
    assert "<script>alert" not in html
    # The one script is that of the page.
    assert html.count("<script") == 1
    assert "&lt;script&gt;" in html
    for name in ("effects.parquet", "effects_loo.parquet", "explanation.csv"):
        (folder / name).unlink()


def test_predictions_are_by_the_model_of_the_verdict_and_all_observations_are_there(folder):
    compared = study_figures.compared_conditions(folder)
    table = study_figures.prediction_table(folder, compared, seed=2)
    assert set(table["condition"]) == set(compared["condition"])
    for number, part in table.groupby("condition"):
        verdict = compared.set_index("condition").loc[number, "verdict"]
        expected = {verdict} if verdict != "undecided" else {"one-rate", "two-rate"}
        assert set(part["si_model"].dropna()) == expected
        assert (part["kind"] == "observed").sum() == 3 * 26
    some = compared[compared["condition"] == 2]
    again = study_figures.prediction_table(folder, some, seed=2)
    same = table[table["condition"] == 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(again.drop(columns="label"), same.drop(columns="label"))


def overlapping(figure):
    """Return pairs of texts of a figure that overlap."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    boxes = []
    for text in figure.findobj(mpl.text.Text):
        # One pixel of contact is no overlap. Boxes of text turned by 40 degrees are larger than the text: skip them.
        if text.get_visible() and text.get_text().strip() and text.get_rotation() % 90 == 0:
            boxes.append((text.get_text(), text.get_window_extent(renderer).padded(-1.0)))
    return [(a, b) for i, (a, first) in enumerate(boxes) for b, second in boxes[i + 1 :] if first.overlaps(second)]


def test_texts_do_not_overlap_in_figures_of_192_conditions():
    """All 32 profiles and six event types are drawn as in the report."""
    rng = np.random.default_rng(1)
    letters = [(c.lower(), c) for c in "OCEAN"]
    profiles = ["".join(pair[b >> k & 1] for k, pair in enumerate(letters)) for b in range(32)]
    kinds = ["Battles", "Explosions/Remote violence", "Protests", "Riots", "Strategic developments",
             "Violence against civilians"]  # fmt: skip
    compared = pd.DataFrame([{"composition": p, "event_type": k} for k in kinds for p in profiles])
    compared["condition"], compared["closure"], compared["model"] = np.arange(192), "recorded", "embedded"
    compared["event"] = compared["event_type"]
    compared["verdict"] = rng.choice(study_figures.VERDICTS, size=192)
    compared["elpd_diff"], compared["dse"] = rng.normal(0, 400, size=192), 1.0
    compared["rate"], compared["ratio"] = rng.lognormal(size=192), 1 + rng.lognormal(size=192)
    for figure in (
        study_plots.plot_profiles(study_figures.profile_table(compared)),
        study_plots.plot_verdicts(study_figures.verdict_table(compared)),
    ):
        FigureCanvasAgg(figure)
        assert overlapping(figure) == []
        assert figure.get_figwidth() <= 22


def test_effects_are_drawn_with_all_their_labels(effects):
    table = study_figures.effect_table(effects)
    assert "intercept" not in set(table["term"])
    figure = study_plots.plot_effects(table)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[:2] == ["extraversion", "Battles"]
    assert len(labels) == 4


def test_a_folder_without_a_study_is_refused(tmp_path, folder):
    with pytest.raises(InputError, match=r"conditions\.parquet: is missing; make it with `tworate study"):
        write_study_report(tmp_path)
    (tmp_path / "conditions.parquet").write_bytes((folder / "conditions.parquet").read_bytes())
    (tmp_path / "comparison.parquet").write_text("no table")
    with pytest.raises(InputError, match="is not a Parquet file"):
        write_study_report(tmp_path)
