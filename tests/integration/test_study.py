"""A study ends with the same tables, killed and gone on with, on workers of which one dies, or in one piece."""

import json
import os
import shutil
import signal
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tworate.agents import AnswerStore, CachedLanguageModel, LanguageModel, load_language_model
from tworate.analysis.cli import main
from tworate.analysis.study import load_study, make_study, run_study
from tworate.analysis.study.cluster import perform, run_on_cluster
from tworate.analysis.study.condition_job import make_jobs, work
from tworate.analysis.study.plan import make_plan
from tworate.analysis.study.run import ask
from tworate.errors import InputError, JobError
from tworate.inference import compare
from tworate.inference.hierarchical.hierarchical import load_hierarchical
from tworate.inference.posterior.arviz_adapter import group, group_names

pytestmark = pytest.mark.integration

SMALL = {
    "seed": 5,
    "events": {"ids": "VAR1"},
    "personas": {"profiles": ["OCEAN", "ocean"], "mixtures": {"both": "OCEAN,ocean"}},
    "spread": {"agents": 100, "degree": 4, "replicates": 3, "rounds": 10, "visibility": 0.4},
    "elicitation": {"sightings": 2},
    "comparison": {"challenge": False, "tune": 300},
}
TABLES = ("conditions", "decisions", "comparison")


class Formula(LanguageModel):
    """A language model that shares by a formula: what it is asked does not matter, and nothing is loaded."""

    name, fingerprint, warning = "formula", "formula", "made up"

    def score_answers(self, conversations, options, progress=None):
        share = np.array([0.2 + 0.5 * (len(c[0]["content"]) % 7) / 7 for c in conversations])
        return [np.log([p, 1 - p][:: 1 if of[0] == "share" else -1]) for p, of in zip(share, options, strict=True)]

    def draw_answers(self, conversations, sampling, progress=None):
        raise NotImplementedError


def formula(entry):
    return Formula()


def changed(**tables):
    return make_study({**SMALL, **{name: {**SMALL.get(name, {}), **table} for name, table in tables.items()}})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return load_study(run_study(make_study(SMALL), tmp_path_factory.mktemp("study") / "whole", load=formula))


def assert_same(found, expected):
    for name in TABLES:
        assert_frame_equal(getattr(found, name), getattr(expected, name), check_exact=True)
    assert_frame_equal(found.trajectories.table, expected.trajectories.table, check_exact=True)
    assert_frame_equal(found.trajectories.counts, expected.trajectories.counts, check_exact=True)
    for condition in expected.conditions["condition"]:
        for model in ("one-rate", "two-rate"):
            one, other = found.posterior(condition, model), expected.posterior(condition, model)
            assert group_names(one) == group_names(other)
            assert all(group(one, name).equals(group(other, name)) for name in group_names(one))


def test_a_study_leaves_what_it_promises(whole):
    assert list(whole.conditions.columns) == [
        "condition", "key", "model", "event", "event_type", "fatalities", "composition", "O", "C", "E", "A", "N",
        "network", "agents", "degree", "visibility", "replicates", "rounds", "clock", "seed",
    ]  # fmt: skip
    assert list(whole.conditions["composition"]) == ["OCEAN", "ocean", "both"]
    assert list(whole.conditions["O"]) == [1.0, -1.0, 0.0]
    assert len(whole.decisions) == 2 * 2
    assert list(whole.decisions.columns[:2]) == ["model", "event"]
    assert whole.effects is None
    data = whole.trajectories
    assert {"condition", "event", "event_type", "composition", "network", "visibility", "model"} <= set(data.conditions)
    assert data.counts.groupby("condition")["persona"].unique().map(sorted).tolist() == [
        ["OCEAN"], ["ocean"], ["OCEAN", "ocean"],
    ]  # fmt: skip
    table = whole.comparison
    assert list(table.columns[:4]) == ["condition", "si_model", "verdict", "rival"]
    assert {"reasons", "beta_mean", "beta_fast_hdi_low", "weight_fast_r_hat", "beta_slow_ess_bulk"} <= set(table)
    assert set(table.groupby("condition")["si_model"].unique().map(sorted).map(tuple)) == {("one-rate", "two-rate")}
    assert table["beta_mean"].notna().tolist() == (table["si_model"] == "one-rate").tolist()
    posterior = whole.posterior(2, "two-rate")
    row = table[(table["condition"] == 2) & (table["si_model"] == "two-rate")].iloc[0]
    assert float(posterior.posterior["beta_fast"].mean()) == pytest.approx(row["beta_fast_mean"], rel=1e-12)
    assert "log_likelihood" not in group_names(posterior)
    assert whole.record["language_models"][0]["warning"] == "made up"
    with pytest.raises(InputError, match="no posterior of gamma-rate on condition 2; there are: one-rate, two-rate"):
        whole.posterior(2, "gamma-rate")


def test_each_condition_is_what_compare_says_of_its_trajectories(whole):
    """The study adds nothing to the comparison and takes nothing away: the same posterior draws, alone."""
    (_, data) = list(whole.trajectories.split(["condition"]))[2]
    condition = make_plan(make_study(SMALL)).conditions[2]
    from tworate.inference import SamplerSettings

    alone = compare(data, seed=condition.settings.seed, challenge=False, sampler=SamplerSettings(tune=300, draws=600))
    assert alone.posteriors["two-rate"].posterior.equals(whole.posterior(2, "two-rate").posterior)
    rows = whole.comparison[whole.comparison["condition"] == 2].reset_index(drop=True)
    assert_frame_equal(rows[["elpd_loo", "elpd_diff", "weight"]], alone.table[["elpd_loo", "elpd_diff", "weight"]])
    assert set(rows["verdict"]) == {alone.verdict}


KILLED = """
import os, signal, sys
sys.path.insert(0, {here!r})
import test_study as study

# Every file and folder of a study takes its name in one step: the process is killed at chosen ones of these.
for last in {killed!r}:
    child = os.fork()
    if child == 0:
        left = [last]
        rename, replace = study.os.rename, study.os.replace
        def counted(step):
            def counting(*arguments, **named):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return step(*arguments, **named)
            return counting
        os.rename, os.replace = counted(rename), counted(replace)
        study.run_study(study.make_study(study.SMALL), {folder!r}, load=study.formula)
        os._exit(7)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, last
    print(len([name for name in os.listdir({folder!r} + "/parts") if os.path.exists(
        {folder!r} + "/parts/" + name + "/result.json") and not name.startswith(".")]), flush=True)
"""


def test_effects_over_all_conditions_are_fitted_tabled_and_reported(tmp_path):
    study = make_study(
        {
            **SMALL,
            "personas": {"profiles": ["O----", "o----"]},
            "seed": [5, 6, 7],
            "comparison": {"challenge": False, "tune": 200, "draws": 200},
            "effects": {"fit": True, "si_models": "one-rate", "compare_terms": True},
        }
    )
    found = load_study(run_study(study, tmp_path / "study", load=formula))
    effects = found.effects
    assert set(effects["quantity"]) == {"beta"}
    assert {"intercept", "O", "between conditions (sd)"} <= set(effects["term"])
    saved = load_hierarchical(found.folder / "posteriors" / "hierarchical-one-rate.nc")
    assert saved.effects["ratio"].tolist() == pytest.approx(effects["ratio"].tolist(), rel=1e-12)
    # The rate that all conditions have in common lies among theirs.
    rates = found.comparison.loc[found.comparison["si_model"] == "one-rate", "beta_mean"]
    assert rates.min() < effects.set_index("term").loc["intercept", "ratio"] < rates.max()
    assert set(found.effects_loo["left_out"]) == {"", "O"}
    report = (found.folder / "report.html").read_text(encoding="utf-8")
    assert "Effects of traits and events" in report
    assert "Which effects matter" in report
    assert {"effects.png", "effects.csv", "verdicts.png"} <= {
        path.name for path in (found.folder / "figures").iterdir()
    }
    # What is there is not fitted again.
    written = (found.folder / "effects.parquet").stat().st_mtime_ns
    run_study(study, found.folder, load=formula)
    assert (found.folder / "effects.parquet").stat().st_mtime_ns == written


def test_killed_at_any_step_it_goes_on_and_ends_with_the_same_tables(whole, tmp_path):
    folder = tmp_path / "killed"
    # Steps: study.json, decisions, then six for each condition (five files and the folder), then the tables.
    code = KILLED.format(here=os.path.dirname(__file__), folder=str(folder), killed=[9, 16, 6])  # noqa: PTH120
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # In the midst of the second condition, at the table of the comparison, among the posteriors.
    assert [int(line) for line in done.stdout.split()] == [1, 3, 3]
    with pytest.raises(InputError, match="the study is unfinished; go on with the same"):
        load_study(folder).conditions  # noqa: B018
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("parts/*/result.json")}
    seen, said = [], []
    run_study(
        make_study(SMALL), folder, load=formula, progress=lambda *step: seen.append(step), say=lambda m: said.append(m)
    )
    assert ("working on conditions", 3, 3) in seen
    assert said == ["3 of 3 conditions are there already"]
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert_same(load_study(folder), whole)
    # What the killed processes left unfinished is gone.
    assert sorted(path.name for path in folder.glob("parts/*")) == sorted([*whole.conditions["key"], "lock"])
    assert not [path for path in folder.rglob(".*") if path.is_dir()]


def test_asking_goes_on_in_the_batches_of_a_run_in_one_piece(tmp_path, monkeypatch):
    """What is asked together decides the last digits, so that what is left must be asked as it would have been."""
    monkeypatch.setattr("tworate.agents.language_model.CONVERSATIONS_AT_ONCE", 16)
    plan = make_plan(changed(elicitation={"sightings": 5}, events={"ids": ["VAR1", "ELM6"]}))
    model = load_language_model("embedded")
    whole = ask(plan, lambda entry: CachedLanguageModel(model, AnswerStore(tmp_path / "whole")))[0]["embedded"]

    class Interrupted(Exception):  # noqa: N818
        pass

    class Failing(AnswerStore):
        def put(self, *arguments):
            super().put(*arguments)
            raise Interrupted

    for kept in (16, 32):
        with pytest.raises(Interrupted):
            ask(plan, lambda entry: CachedLanguageModel(model, Failing(tmp_path / "cut")))
        assert AnswerStore(tmp_path / "cut").models()[0].entries == kept
    resumed = ask(plan, lambda entry: CachedLanguageModel(model, AnswerStore(tmp_path / "cut")))[0]["embedded"]
    for one, other in zip(resumed, whole, strict=True):
        assert np.array_equal(one.probabilities, other.probabilities)


def test_a_worker_that_is_killed_is_survived_and_the_tables_are_the_same(whole, tmp_path):
    with warnings.catch_warnings():
        # Dask's own: sockets and loops that it leaves to the garbage collector.
        warnings.simplefilter("ignore")
        from distributed import LocalCluster

        killed = []
        with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:

            def kill_one(what, done, total):
                if what.startswith("working") and done == 1 and not killed:
                    # One that has something in hand, which is lost with it.
                    busy = [at for at, state in cluster.scheduler.workers.items() if state.processing]
                    (worker,) = [each for each in cluster.workers.values() if each.worker_address == busy[0]]
                    os.kill(worker.pid, signal.SIGKILL)
                    killed.append(worker.pid)

            study = make_study(SMALL)
            run_study(study, tmp_path, scheduler=cluster.scheduler_address, load=formula, progress=kill_one)
    assert killed
    assert_same(load_study(tmp_path), whole)


def test_only_what_a_changed_study_adds_is_done(whole, tmp_path):
    folder = tmp_path / "more"
    shutil.copytree(whole.folder, folder)
    more = changed(personas={"profiles": ["OceaN", "OCEAN"], "mixtures": {"both": "OCEAN,ocean"}})
    seen = []
    found = load_study(run_study(more, folder, load=formula, progress=lambda *step: seen.append(step)))
    assert [step for step in seen if step[0].startswith("working")] == [
        ("working on conditions", 2, 3), ("working on conditions", 3, 3),
    ]  # fmt: skip
    # Another place in the study, the same result.
    assert list(found.conditions["composition"]) == ["OceaN", "OCEAN", "both"]
    one, other = (
        study.comparison[study.comparison["condition"] == number].drop(columns="condition").reset_index(drop=True)
        for study, number in ((found, 1), (whole, 0))
    )
    assert_frame_equal(one, other, check_exact=True)
    assert found.posterior(1, "one-rate").posterior.equals(whole.posterior(0, "one-rate").posterior)
    # A table of another study is not taken for one of this.
    shutil.copy(whole.folder / "comparison.parquet", folder)
    with pytest.raises(InputError, match=r"is of another study than study\.json beside it"):
        load_study(folder).comparison  # noqa: B018


def test_networks_of_several_kinds_and_several_closures_stand_in_one_study(tmp_path):
    study = changed(
        personas={"profiles": "OCEAN", "mixtures": {}},
        spread={"networks": ["random-regular", "erdos-renyi"], "seeds": "degree"},
        comparison={"closures": ["recorded", "mean-field"], "posteriors": "whole", "si_models": "one-rate"},
    )
    found = load_study(run_study(study, tmp_path, load=formula))
    degrees = found.trajectories.table.groupby("condition")["degrees"].first()
    assert degrees[0] == "4:100"
    assert len(degrees[1].split()) > 3
    rows = found.comparison.groupby(["condition", "closure"])["si_model"].nunique()
    assert rows.to_dict() == {(c, name): 1 for c in (0, 1) for name in ("recorded", "mean-field")}
    assert found.posterior(1, "one-rate", "mean-field").attrs["closure"] == "mean-field"
    assert "log_likelihood" in group_names(found.posterior(1, "one-rate", "recorded"))


def test_what_can_tell_nothing_is_undecided_and_takes_nobody_with_it(tmp_path):
    # Nobody ever sees the post: the recorded closure cannot say where sharing came from.
    study = changed(personas={"profiles": "OCEAN", "mixtures": {}}, spread={"visibility": [1e-9, 0.4], "rounds": 10})
    found = load_study(run_study(study, tmp_path, load=formula))
    first = found.comparison[found.comparison["condition"] == 0]
    assert list(first["si_model"]) == ["one-rate", "two-rate"]
    assert set(first["verdict"]) == {"undecided"}
    assert first["elpd_loo"].isna().all()
    assert "nobody shares after the start" in first["reasons"].iloc[0]
    assert found.comparison[found.comparison["condition"] == 1]["elpd_loo"].notna().all()


def test_a_key_is_of_all_that_a_result_follows_from(whole):
    def keys(study):
        plan = make_plan(study)
        return [job.key for job in make_jobs(plan, ask(plan, formula)[0])]

    base = keys(make_study(SMALL))
    assert base == list(whole.conditions["key"])
    assert keys(make_study(SMALL)) == base
    for other in (
        {"spread": {"rounds": 11}},
        {"spread": {"visibility": 0.41}},
        {"spread": {"interventions": ["visibility:0.5,5"]}},
        {"comparison": {"draws": 999}},
        {"comparison": {"closures": "mean-field"}},
        {"comparison": {"posteriors": "none"}},
        {"elicitation": {"sightings": 3}},
        {"events": {"ids": "ELM6"}},
    ):
        assert not set(keys(changed(**other))) & set(base), other
    assert not set(keys(make_study({**SMALL, "seed": 6}))) & set(base)
    plan = make_plan(make_study(SMALL))
    tables, _ = ask(plan, formula)
    tables["embedded"][0].probabilities[0, 0] = np.nextafter(tables["embedded"][0].probabilities[0, 0], 1)
    # The last digit of a probability of OCEAN: its own condition, and the mixture with it.
    assert [a == b for a, b in zip([j.key for j in make_jobs(plan, tables)], base, strict=True)] == [False, True, False]


def test_a_folder_of_another_kind_and_a_busy_one_are_refused(whole, tmp_path):
    (tmp_path / "study.json").write_text(json.dumps({"grid": "quick"}))
    with pytest.raises(InputError, match="holds the results of another command; choose another folder"):
        run_study(make_study(SMALL), tmp_path, load=formula)
    with pytest.raises(InputError, match=r"holds no study; make one with `tworate study FILE\.toml`"):
        load_study(tmp_path)
    from filelock import FileLock

    with FileLock(whole.folder / "parts" / "lock"), pytest.raises(InputError, match="another process is working on"):
        run_study(make_study(SMALL), whole.folder, load=formula)


def test_a_cluster_that_cannot_be_used_is_told(monkeypatch):
    plan = make_plan(changed(personas={"profiles": "OCEAN", "mixtures": {}}))
    jobs = make_jobs(plan, ask(plan, formula)[0])
    with pytest.raises(InputError, match=r"a worker has tworate .*, and this process 9\.9; install the same on both"):
        perform("9.9", jobs, {})
    monkeypatch.setattr("tworate.analysis.study.cluster._PATIENCE", 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(JobError, match="no Dask scheduler answers there; start one with `dask scheduler`"):
            next(run_on_cluster(jobs, {}, scheduler="tcp://127.0.0.1:9"))
        with pytest.raises(InputError, match="is no address of a scheduler"):
            next(run_on_cluster(jobs, {}, scheduler="nonsense://x"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"needs Dask: pip install 'tworate\[cluster\]'"):
        run_study(make_study(SMALL), "nowhere", workers=2, load=formula)
    with pytest.raises(InputError, match="give one; a scheduler has workers of its own"):
        run_study(make_study(SMALL), "nowhere", workers=2, scheduler="tcp://x:1", load=formula)


def test_the_command_foretells_runs_and_prints(tmp_path, monkeypatch, capsys):
    (tmp_path / "small.toml").write_text(
        "seed = 5\nevents.ids = 'VAR1'\npersonas.profiles = ['OCEAN']\nelicitation.sightings = 2\n"
        "[spread]\nagents = 100\ndegree = 4\nreplicates = 3\nrounds = 10\n[comparison]\nchallenge = false\n"
    )
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["tworate", "study", "small.toml", "--json", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        said = capsys.readouterr()
        return json.loads(said.out), said.err

    outlook, _ = command("--dry-run")
    assert (outlook["conditions"], outlook["model_calls"], outlook["done"]) == (1, 4, 0)
    assert not (tmp_path / "runs").exists()
    found, said = command()
    assert "synthetic" in said
    assert found["folder"] == "runs/small"
    assert found["conditions"] == sum(found["verdicts"].values()) == 1
    assert found["language_models"][0]["warning"]
    assert (tmp_path / "runs/small/study.toml").read_text() == (tmp_path / "small.toml").read_text()
    outlook, _ = command("--dry-run")
    assert (outlook["done"], outlook["seconds"], outlook["measured"]) == (1, 0.0, True)
    assert pd.read_parquet(tmp_path / "runs/small/conditions.parquet")["composition"].tolist() == ["OCEAN"]


def test_foretelling_loads_no_torch(tmp_path):
    (tmp_path / "small.toml").write_text("events.ids = 'VAR1'\n")
    code = (
        "import sys; sys.argv = ['tworate', 'study', 'small.toml', '--dry-run']; import atexit\n"
        "atexit.register(lambda: print(sorted({'torch', 'transformers', 'pymc', 'matplotlib'} & set(sys.modules))))\n"
        "from tworate.analysis.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0].startswith("32 conditions: ")
    assert done.stdout.splitlines()[-1] == "[]"


def test_working_out_conditions_takes_one_ahead_and_keeps_few(monkeypatch):
    """Memory stays flat because no more than the next condition is simulated before one is handed over."""
    plan = make_plan(changed(spread={"visibility": [0.3, 0.4]}, comparison={"si_models": "one-rate"}))
    jobs = make_jobs(plan, ask(plan, formula)[0])
    begun = []
    from tworate.analysis.study import condition_job as module

    simulate = module.simulate
    monkeypatch.setattr(module, "simulate", lambda spreads: begun.append(1) or simulate(spreads))
    for done, _outcome in enumerate(work(jobs[:4], {}), start=1):
        assert len(begun) == min(done + 1, 4)
