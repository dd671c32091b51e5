"""The gate and the multiverse through the command line, with the embedded model."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tworate.analysis.study import load_study

pytestmark = pytest.mark.integration

TWORATE = Path(sys.executable).with_name("tworate")
SMALL = ["--personas", "OCEAN,ocean,OceaN,oCEAn", "--agents", "200", "--replicates", "3", "--rounds", "15"]


def run_multiverse(folder):
    done = subprocess.run(
        [TWORATE, "multiverse", *SMALL, "--wording", "share/ignore", "--question", "standard", "--out", folder,
         "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def multiverse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("multiverse") / "study"
    done = run_multiverse(folder)
    return folder, json.loads(done.stdout)


def test_every_way_to_ask_is_asked_and_compared_on_its_own(multiverse):
    folder, printed = multiverse
    assert {row["order"] for row in printed["specifications"]} == {"share-first", "ignore-first"}
    study = load_study(folder)
    assert len(study.conditions) == 2
    assert set(study.conditions["decisions"]) <= {"trustworthy", "not trustworthy"}
    decisions = study.decisions
    # Each order has its own probabilities, and the order of a single prompt has no effect to report.
    first, last = (decisions[decisions["order"] == order]["p_share"] for order in ("share-first", "ignore-first"))
    assert len(first) == len(last) == 4 * 5
    assert np.abs(first.to_numpy() - last.to_numpy()).max() > 0
    assert decisions["order_effect"].isna().all()
    # Equal seeds: the networks and the initial sharers are the same.
    starts = study.trajectories.table.groupby("trajectory")["infected"].first()
    assert starts.nunique() == 1
    assert "holds in" in printed["sentence"]


def test_the_report_shows_the_curve_and_its_factors(multiverse):
    folder, printed = multiverse
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert printed["sentence"] in html
    assert "<h2>Specifications</h2>" in html
    table = pd.read_csv(folder / "figures" / "specifications.csv")
    assert table["specification"].tolist() == [1, 2]
    assert (folder / "figures" / "specifications.png").stat().st_size > 5000


@pytest.mark.calibration
def test_the_same_command_does_nothing_again(multiverse):
    folder, printed = multiverse
    again = run_multiverse(folder)
    assert json.loads(again.stdout)["specifications"] == printed["specifications"]
    assert "2 of 2 conditions are already done" in again.stderr
