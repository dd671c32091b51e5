"""The main job and the comparison with the installed command, on small settings."""

import json
import subprocess
import sys
from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd
import pytest

from tworate.inference.posterior.arviz_adapter import open_netcdf
from tworate.simulate import read_trajectories

pytestmark = pytest.mark.integration

FIGURES = ("elpd", "pointwise_elpd", "pareto_k", "pit", "prediction", "prior", "rates", "classes")

TWORATE = Path(sys.executable).with_name("tworate")


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Run a small `tworate run`; return its folder and the finished process."""
    folder = tmp_path_factory.mktemp("run") / "out"
    done = subprocess.run(
        [TWORATE, "run", "--agents", "400", "--replicates", "4", "--rounds", "25", "--event", "VAR5", "--out", folder,
         "--structures", "ageing,fading,unreachable,replicates", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder, done


def test_run_writes_all_documented_files(job):
    folder, done = job
    models = json.loads(done.stdout)["conditions"][0]["models"]
    assert {"one-rate", "two-rate", "gamma-rate", "one-rate+ageing", "one-rate+replicates"} <= set(models)
    assert "one-rate+time-varying" not in models
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert made == {
        "comparison.csv", "comparison.json", "decisions.csv", "report.html", "run.json", "trajectories.parquet",
        "agents.parquet", "methods.md", "references.bib", "parameters.csv", "parameters.tex", "figures/steps.png",
        "figures/decisions.png",
        *(f"trajectories.{name}.parquet" for name in ("counts", "shares", "network", "agents")),
        *(f"posteriors/{name}.nc" for name in models),
        *(f"figures/{name}.png" for name in FIGURES),
    }  # fmt: skip
    assert "synthetic" in done.stderr
    assert "synthetic" in (folder / "report.html").read_text(encoding="utf-8")
    assert len(pd.read_csv(folder / "decisions.csv")) == 32 * 5
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["personas"] == "all 32 Big Five profiles"
    assert record["qualifier"] == "very"
    assert sum(row["agents"] for row in record["mixture"]) == record["agents"] == 400
    assert f"population: 400 agents of 32 personas, assortativity {record['assortativity']:.3f}" in done.stderr
    saved = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    assert saved["decisions"] == record["decisions"]
    assert (record["decisions"]["decisions"], record["decisions"]["probe"]) == ("trustworthy", "expressed")
    assert "Can the decisions be trusted?" in (folder / "report.html").read_text(encoding="utf-8")
    table = read_trajectories(folder / "trajectories.parquet").table
    assert set(table["assortativity"]) == {record["assortativity"]}
    assert len(table) == 4 * 26
    assert set(table["degree"]) == {8}


def test_event_histories_are_the_default_and_each_agent_counts(job):
    folder, done = job
    (result,) = json.loads(done.stdout)["conditions"]
    assert (result["level"], result["unit"], result["closure"]) == ("individual", "agent", "event histories")
    agents = pd.read_parquet(folder / "agents.parquet")
    assert len(agents) == result["n_observations"]
    assert agents["elpd_gain"].sum() == pytest.approx(result["elpd_diff"])
    posterior = open_netcdf(folder / "posteriors" / "two-rate.nc")
    assert float(posterior["loo"]["elpd"].sum()) == pytest.approx(result["models"]["two-rate"]["elpd_loo"])


@pytest.fixture(scope="module")
def counted(job):
    """Compare the counts of the same trajectories."""
    folder = job[0].parent / "counted"
    data = job[0] / "trajectories.parquet"
    command = [TWORATE, "compare", data, "--level", "count", "--structures", "unreachable", "--out", folder, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_json_on_stdout_equals_the_file_and_agrees_with_the_saved_posteriors(counted):
    folder, done = counted
    printed = json.loads(done.stdout)["conditions"][0]
    saved = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))["conditions"][0]
    assert printed["closure"] == saved["closure"] == "recorded"
    posteriors = {}
    for name, model in saved["models"].items():
        posteriors[name] = az.from_netcdf(str(folder / model.pop("posterior")), engine="h5netcdf")
        assert model == printed["models"][name]
        if model["rival"] and name != saved["selected"]:
            # Rivals have their pointwise elpd only, to save space.
            assert "log_likelihood" not in posteriors[name].groups()
            continue
        loo = az.loo(posteriors[name], pointwise=True)
        assert model["elpd_loo"] == pytest.approx(loo.elpd_loo)
        summary = az.summary(posteriors[name], round_to="none")
        for parameter, row in model["parameters"].items():
            assert row["mean"] == pytest.approx(summary.loc[parameter, "mean"])
            assert row["r_hat"] == pytest.approx(summary.loc[parameter, "r_hat"])
    two, one = (posteriors[name].loo["elpd"].to_numpy() for name in saved["compared"])
    assert saved["elpd_diff"] == pytest.approx((two - one).sum())
    assert saved["dse"] == pytest.approx(np.sqrt(one.size) * (two - one).std())
    worse = az.compare({name: posteriors[name] for name in ("one-rate", "two-rate")}).iloc[1]
    plain = saved["models"]["two-rate"]["elpd_loo"] - saved["models"]["one-rate"]["elpd_loo"]
    assert abs(plain) == pytest.approx(worse["elpd_diff"])


def test_report_is_the_same_when_made_again_from_saved_results(job):
    folder, _ = job
    before = (folder / "report.html").read_text(encoding="utf-8")
    (folder / "report.html").unlink()
    done = subprocess.run([TWORATE, "report", folder], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(folder / "report.html")
    assert (folder / "report.html").read_text(encoding="utf-8") == before


def test_compare_gives_the_same_verdict_on_saved_trajectories_and_uses_mean_field_without_a_degree(job, tmp_path):
    folder, _ = job
    saved = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))["conditions"][0]
    table = read_trajectories(folder / "trajectories.parquet").table
    bare = tmp_path / "bare.csv"
    table[["trajectory", "time", "infected", "population"]].to_csv(bare, index=False)
    again = subprocess.run(
        [TWORATE, "compare", folder / "trajectories.parquet", "--json", "--structures", "none"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    condition = json.loads(again.stdout)["conditions"][0]
    assert condition["verdict"] == saved["verdict"]
    for name in ("one-rate", "two-rate"):
        assert condition["models"][name]["elpd_loo"] == saved["models"][name]["elpd_loo"]
    plain = subprocess.run(
        [TWORATE, "compare", bare, "--structures", "none"], capture_output=True, text=True, check=True
    )
    assert "closure: mean-field (the data have no column degree" in plain.stdout
    assert list(tmp_path.iterdir()) == [bare]
