"""A recovery study: resumed after a kill it equals an uninterrupted one; a sample of the targets."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tworate.analysis.cli import main
from tworate.errors import InputError
from tworate.inference.calibration import recovery_grids
from tworate.inference.calibration.recovery import TIMES, Cell, Grid, RecoveryMethod, read_recovery, recover

pytestmark = pytest.mark.integration

SMALL = {"agents": (150, 250), "replicates": 2, "rounds": 15}
GRID = Grid(
    "small",
    (
        Cell("one", "one-rate", {"rate": (0.5, 0.9)}, ("random-regular", "complete"), **SMALL, data_sets=2),
        Cell("who", "who", {"rate": 0.7, "ratio": (1.0, 1.2), "weight": 0.5}, **SMALL, data_sets=2),
    ),
)
KILLED = """
import sys
sys.path.insert(0, {here!r})
from test_recovery import GRID
from tworate.inference.calibration.recovery import recover
recover(GRID, {folder!r}, seed=7, workers=1)
"""


@pytest.mark.calibration
def test_a_killed_study_goes_on_and_equals_an_uninterrupted_one(tmp_path):
    uninterrupted = recover(GRID, tmp_path / "whole", seed=7, workers=2)
    folder = tmp_path / "killed"
    code = KILLED.format(here=os.path.dirname(__file__), folder=str(folder))  # noqa: PTH120
    running = subprocess.Popen([sys.executable, "-c", code])
    while not list(folder.glob("parts/*.json")):
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    finished = {path.name: path.stat().st_mtime_ns for path in folder.glob("parts/*.json")}
    assert len(finished) == 1
    assert read_recovery(folder)[1].shape[0] == 2
    seen = []
    resumed = recover(GRID, folder, seed=7, workers=1, progress=lambda done, total: seen.append((done, total)))
    # Finished data sets are not simulated again.
    assert seen == [(2, 4), (4, 4)]
    assert all((folder / "parts" / name).stat().st_mtime_ns == modified for name, modified in finished.items())
    assert_frame_equal(uninterrupted.drop(columns=[*TIMES]), resumed.drop(columns=[*TIMES]), check_exact=True)
    assert_frame_equal(read_recovery(folder)[1], resumed)

    # Truths are drawn for each data set within their bounds. Another seed gives other truths.
    rates = uninterrupted.loc[uninterrupted["label"] == "one", "truth_rate"]
    assert rates.nunique() == 2
    assert rates.between(0.5, 0.9).all()
    assert GRID.cells[0].draw(8, 0) != GRID.cells[0].draw(7, 0)

    # Another study is refused, and the message names what differs.
    with pytest.raises(InputError, match="seed = 7, not 8"):
        recover(GRID, folder, seed=8)
    with pytest.raises(InputError, match=r"it has the cell who .*; choose another folder"):
        recover(Grid("small", GRID.cells[:1]), folder, seed=7)


@pytest.mark.calibration
def test_fixed_seed_sample_of_the_targets(tmp_path):
    middle = {"agents": (500, 700), "degree": (4, 16), "replicates": 5, "data_sets": 1}
    networks = ("random-regular", "barabasi-albert", "watts-strogatz", "complete")
    rows = recover(
        Grid(
            "sample",
            (
                Cell("one", "one-rate", {"rate": (0.4, 1.0)}, networks, **middle),
                Cell("who", "who", {"rate": (0.4, 1.0), "ratio": (4, 16), "weight": (0.3, 0.7)}, networks, **middle),
            ),
        ),
        tmp_path,
        seed=11,
    )
    assert (rows.loc[rows["label"] == "one", "verdict"] != "two-rate").all()
    assert rows.loc[rows["label"] == "who", "verdict"].isin(["two-rate", "heterogeneous"]).all()
    # The gain that leave-one-out predicts has the same sign on fresh data, which no model has seen.
    two = rows[rows["label"] == "who"]
    assert (np.sign(two["fresh_diff"]) == np.sign(two["elpd_diff"])).all()
    assert isinstance(rows, pd.DataFrame)
    assert json.loads((tmp_path / "study.json").read_text())["seed"] == 11


def test_the_command_writes_rows_numbers_and_figures_and_fails_on_a_missed_target(tmp_path, monkeypatch, capsys):
    # Two rates that are too similar to be found, under the label of a target: it must count as missed.
    alike = Cell("found: who", "who", {"rate": 0.7, "ratio": 1.05, "weight": 0.5}, **SMALL, data_sets=2)
    monkeypatch.setitem(recovery_grids.GRIDS, "quick", lambda: Grid("quick", (alike,)))
    monkeypatch.setattr("tworate.inference.calibration.recovery_summary.MIN_DATA_SETS", 2)
    command = ["tworate", "recover", "--quick", "--check", "--json", "--workers", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    printed = capsys.readouterr()
    assert "1 of the targets missed: rates found to differ (who)" in " ".join(printed.err.split())
    summary = json.loads(printed.out)
    assert summary == json.loads((tmp_path / "summary.json").read_text())
    assert summary["data_sets"] == 2
    assert len(pd.read_parquet(tmp_path / "rows.parquet")) == 2
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"confusion.png", "targets.png", "power.png"}


def test_event_histories_and_counts_are_scored_on_the_same_data():
    methods = (
        RecoveryMethod(level="individual", structures="none"),
        RecoveryMethod(structures="none"),
        RecoveryMethod(level="individual", structures="none", covariates=("persona",)),
    )
    cell = Cell("who", "who", {"rate": 0.7, "ratio": 5.0, "weight": 0.5}, agents=300, replicates=3, methods=methods,
                homophily=0.2, data_sets=1)  # fmt: skip
    individual, counts, known = cell.draw(3, 0).rows(cell.methods)
    assert (individual["level"], counts["level"]) == ("individual", "count")
    assert individual["closure_used"] == "event histories"
    assert individual["verdict"] in ("two-rate", "heterogeneous")
    assert individual["elpd_diff"] > counts["elpd_diff"]
    # Classes that are known explain what two rates explained.
    assert known["verdict"] == "one-rate"
    for row in (individual, counts):
        assert np.isfinite([row[name] for name in ("fresh_diff", "elpd_diff_trajectory", "beta_fast_mean")]).all()
    # The record of a study in JSON gives the same cells back.
    saved = json.loads(json.dumps(Grid("g", (cell,)).record(1)))
    assert RecoveryMethod(**saved["cells"][0]["methods"][2]) == methods[2]
