"""A study has the same tables in one run, after a kill and restart, and on a cluster where a worker dies."""

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
from tworate.analysis.study.cluster import run_jobs, run_on_cluster
from tworate.analysis.study.condition_job import make_jobs, run_conditions
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
    "comparison": {"structures": "none", "tune": 300},
}
TABLES = ("conditions", "decisions", "comparison")


class Formula(LanguageModel):
    """A language model that shares by a formula of the prompt's length; it loads nothing."""

    name, fingerprint, warning = "formula", "formula", "made up"

    def score_answers(self, conversations, options, progress=None):
        return [
            self._score(len(c[0]["content"]) % 7 / 7, names) for c, names in zip(conversations, options, strict=True)
        ]

    def _score(self, part, names):
        # Statements of the inventory have five answers, and all of them are as probable.
        p = {"share": 0.2 + 0.5 * part, "ignore": 0.8 - 0.5 * part}
        return np.log([p.get(name, 1 / len(names)) for name in names])

    def draw_answers(self, conversations, sampling, progress=None):
        raise NotImplementedError


def formula(entry):
    return Formula()


def changed(**tables):
    return make_study({**SMALL, **{name: {**SMALL.get(name, {}), **table} for name, table in tables.items()}})


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return load_study(run_study(make_study(SMALL), tmp_path_factory.mktemp("study") / "whole", load=formula))


def assert_same(actual, expected):
    for name in TABLES:
        assert_frame_equal(getattr(actual, name), getattr(expected, name), check_exact=True)
    assert_frame_equal(actual.trajectories.table, expected.trajectories.table, check_exact=True)
    assert_frame_equal(actual.trajectories.counts, expected.trajectories.counts, check_exact=True)
    for condition in expected.conditions["condition"]:
        for model in ("one-rate", "two-rate"):
            one, other = actual.posterior(condition, model), expected.posterior(condition, model)
            assert group_names(one) == group_names(other)
            assert all(group(one, name).equals(group(other, name)) for name in group_names(one))


def test_a_study_has_the_documented_tables(uninterrupted):
    assert list(uninterrupted.conditions.columns) == [
        "condition", "key", "model", "event", "event_type", "fatalities", "composition", "O", "C", "E", "A", "N",
        "network", "agents", "degree", "visibility", "replicates", "rounds", "clock", "seed", "decisions",
    ]  # fmt: skip
    assert list(uninterrupted.conditions["composition"]) == ["OCEAN", "ocean", "both"]
    assert list(uninterrupted.conditions["O"]) == [1.0, -1.0, 0.0]
    assert len(uninterrupted.decisions) == 2 * 2
    assert list(uninterrupted.decisions.columns[:2]) == ["model", "event"]
    assert uninterrupted.effects is None
    data = uninterrupted.trajectories
    assert {"condition", "event", "event_type", "composition", "network", "visibility", "model"} <= set(data.conditions)
    assert data.counts.groupby("condition")["persona"].unique().map(sorted).tolist() == [
        ["OCEAN"], ["ocean"], ["OCEAN", "ocean"],
    ]  # fmt: skip
    table = uninterrupted.comparison
    assert list(table.columns[:4]) == ["condition", "si_model", "verdict", "rival"]
    assert {"reasons", "beta_mean", "beta_fast_hdi_low", "weight_fast_r_hat", "beta_slow_ess_bulk"} <= set(table)
    assert set(table.groupby("condition")["si_model"].unique().map(sorted).map(tuple)) == {("one-rate", "two-rate")}
    assert table["beta_mean"].notna().tolist() == (table["si_model"] == "one-rate").tolist()
    posterior = uninterrupted.posterior(2, "two-rate")
    row = table[(table["condition"] == 2) & (table["si_model"] == "two-rate")].iloc[0]
    assert float(posterior.posterior["beta_fast"].mean()) == pytest.approx(row["beta_fast_mean"], rel=1e-12)
    assert "log_likelihood" not in group_names(posterior)
    assert uninterrupted.record["language_models"][0]["warning"] == "made up"
    with pytest.raises(InputError, match="no posterior of gamma-rate on condition 2; there are: one-rate, two-rate"):
        uninterrupted.posterior(2, "gamma-rate")


def test_a_condition_equals_a_comparison_of_its_trajectories(uninterrupted):
    """A study and a single comparison of the same trajectories have the same posterior draws."""
    (_, data) = list(uninterrupted.trajectories.split(["condition"]))[2]
    condition = make_plan(make_study(SMALL)).conditions[2]
    from tworate.inference import SamplerSettings

    alone = compare(data, seed=condition.settings.seed, structures="none", sampler=SamplerSettings(tune=300, draws=600))
    assert alone.posteriors["two-rate"].posterior.equals(uninterrupted.posterior(2, "two-rate").posterior)
    rows = uninterrupted.comparison[uninterrupted.comparison["condition"] == 2].reset_index(drop=True)
    assert_frame_equal(rows[["elpd_loo", "elpd_diff", "weight"]], alone.table[["elpd_loo", "elpd_diff", "weight"]])
    assert set(rows["verdict"]) == {alone.verdict}


KILLED = """
import os, signal, sys
sys.path.insert(0, {here!r})
import test_study as study

# Every file and folder of a study is renamed atomically; the process is killed at a chosen rename.
for last in {killed!r}:
    child = os.fork()
    if child == 0:
        remaining = [last]
        rename, replace = study.os.rename, study.os.replace
        def counted(step):
            def counting(*arguments, **named):
                remaining[0] -= 1
                if remaining[0] < 0:
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


def test_effects_over_all_conditions_are_fitted_saved_and_reported(tmp_path):
    study = make_study(
        {
            **SMALL,
            "personas": {"profiles": ["O----", "o----"]},
            "seed": [5, 6, 7],
            "comparison": {"structures": "none", "tune": 200, "draws": 200},
            "effects": {"fit": True, "si_models": "one-rate", "compare_terms": True},
        }
    )
    results = load_study(run_study(study, tmp_path / "study", load=formula))
    effects = results.effects
    assert set(effects["quantity"]) == {"beta"}
    assert {"intercept", "O", "between conditions (sd)"} <= set(effects["term"])
    saved = load_hierarchical(results.folder / "posteriors" / "hierarchical-one-rate.nc")
    assert saved.effects["ratio"].tolist() == pytest.approx(effects["ratio"].tolist(), rel=1e-12)
    # The intercept lies between the smallest and the largest rate of the conditions.
    rates = results.comparison.loc[results.comparison["si_model"] == "one-rate", "beta_mean"]
    assert rates.min() < effects.set_index("term").loc["intercept", "ratio"] < rates.max()
    assert set(results.effects_loo["left_out"]) == {"", "O"}
    report = (results.folder / "report.html").read_text(encoding="utf-8")
    assert "Effects of traits, events and settings" in report
    assert "Which effects matter" in report
    assert {"effects.png", "effects.csv", "verdicts.png"} <= {
        path.name for path in (results.folder / "figures").iterdir()
    }
    # A second run does not fit the effects again.
    written = (results.folder / "effects.parquet").stat().st_mtime_ns
    run_study(study, results.folder, load=formula)
    assert (results.folder / "effects.parquet").stat().st_mtime_ns == written


@pytest.mark.calibration
def test_after_a_kill_at_any_step_a_restart_gives_the_same_tables(uninterrupted, tmp_path):
    folder = tmp_path / "killed"
    # Renames: study.json, decisions, then nine per condition (eight files and the folder), then the tables.
    code = KILLED.format(here=os.path.dirname(__file__), folder=str(folder), killed=[12, 24, 8])  # noqa: PTH120
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Killed in the second condition, at the comparison table, and among the posteriors.
    assert [int(line) for line in done.stdout.split()] == [1, 3, 3]
    with pytest.raises(InputError, match="the study is unfinished; run the same"):
        load_study(folder).conditions  # noqa: B018
    modified = {path: path.stat().st_mtime_ns for path in folder.glob("parts/*/result.json")}
    seen, messages = [], []
    run_study(
        make_study(SMALL),
        folder,
        load=formula,
        progress=lambda *step: seen.append(step),
        say=lambda m: messages.append(m),
    )
    assert ("working on conditions", 3, 3) in seen
    assert messages[-1] == "3 of 3 conditions are already done"
    assert {path: path.stat().st_mtime_ns for path in modified} == modified
    assert_same(load_study(folder), uninterrupted)
    # The unfinished files of the killed processes are removed.
    assert sorted(path.name for path in folder.glob("parts/*")) == sorted([*uninterrupted.conditions["key"], "lock"])
    assert not [path for path in folder.rglob(".*") if path.is_dir()]


def test_resumed_asking_uses_the_batches_of_an_uninterrupted_run(tmp_path, monkeypatch):
    """The last digits depend on the batch, so a resumed run must use the same batches."""
    monkeypatch.setattr("tworate.agents.language_model.CONVERSATIONS_AT_ONCE", 16)
    plan = make_plan(changed(elicitation={"sightings": 5}, events={"ids": ["VAR1", "ELM6"]}))
    model = load_language_model("embedded")
    uninterrupted, _ = ask(plan, lambda entry: CachedLanguageModel(model, AnswerStore(tmp_path / "whole")))

    class Interrupted(Exception):  # noqa: N818
        pass

    class Failing(AnswerStore):
        def put(self, *arguments):
            super().put(*arguments)
            raise Interrupted

    for n_answers in (16, 32):
        with pytest.raises(Interrupted):
            ask(plan, lambda entry: CachedLanguageModel(model, Failing(tmp_path / "cut")))
        assert AnswerStore(tmp_path / "cut").models()[0].entries == n_answers
    resumed, _ = ask(plan, lambda entry: CachedLanguageModel(model, AnswerStore(tmp_path / "cut")))
    for one, other in zip(resumed["embedded", "", ""], uninterrupted["embedded", "", ""], strict=True):
        assert np.array_equal(one.probabilities, other.probabilities)


def test_the_tables_are_the_same_after_a_worker_is_killed(uninterrupted, tmp_path):
    with warnings.catch_warnings():
        # Dask leaves sockets and event loops to the garbage collector, which warns.
        warnings.simplefilter("ignore")
        from distributed import LocalCluster

        killed = []
        with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:

            def kill_one(what, done, total):
                if what.startswith("working") and done == 1 and not killed:
                    # Kill a worker that is running a task.
                    busy = [at for at, state in cluster.scheduler.workers.items() if state.processing]
                    (worker,) = [one for one in cluster.workers.values() if one.worker_address == busy[0]]
                    os.kill(worker.pid, signal.SIGKILL)
                    killed.append(worker.pid)

            study = make_study(SMALL)
            run_study(study, tmp_path, scheduler=cluster.scheduler_address, load=formula, progress=kill_one)
    assert killed
    assert_same(load_study(tmp_path), uninterrupted)


def test_a_changed_study_runs_only_its_new_conditions(uninterrupted, tmp_path):
    folder = tmp_path / "more"
    shutil.copytree(uninterrupted.folder, folder)
    more = changed(personas={"profiles": ["OceaN", "OCEAN"], "mixtures": {"both": "OCEAN,ocean"}})
    seen = []
    results = load_study(run_study(more, folder, load=formula, progress=lambda *step: seen.append(step)))
    assert [step for step in seen if step[0].startswith("working")] == [
        ("working on conditions", 2, 3), ("working on conditions", 3, 3),
    ]  # fmt: skip
    # The condition has another number, but the same result.
    assert list(results.conditions["composition"]) == ["OceaN", "OCEAN", "both"]
    one, other = (
        study.comparison[study.comparison["condition"] == number].drop(columns="condition").reset_index(drop=True)
        for study, number in ((results, 1), (uninterrupted, 0))
    )
    assert_frame_equal(one, other, check_exact=True)
    assert results.posterior(1, "one-rate").posterior.equals(uninterrupted.posterior(0, "one-rate").posterior)
    # A table of another study is refused.
    shutil.copy(uninterrupted.folder / "comparison.parquet", folder)
    with pytest.raises(InputError, match=r"belongs to another study than study\.json beside it"):
        load_study(folder).comparison  # noqa: B018


@pytest.mark.parametrize("level", [{}, {"level": "individual"}])
def test_a_condition_in_which_nobody_shares_has_no_histories(level, tmp_path):
    # There are no initial sharers, and the outside world shows the post to nobody.
    study = changed(
        personas={"profiles": "OCEAN", "mixtures": {}},
        spread={"visibility": [0.2, 0.4], "initial_sharers": 0, "outside": 1e-9, "rounds": 2},
        comparison={**level, "si_models": "one-rate"},
    )
    results = load_study(run_study(study, tmp_path, load=formula))
    assert set(results.comparison["verdict"]) == {"undecided"}
    assert results.trajectories.histories is None


def test_a_study_can_have_several_networks_and_closures(tmp_path):
    study = changed(
        personas={"profiles": "OCEAN", "mixtures": {}},
        spread={"networks": ["random-regular", "erdos-renyi"], "seeds": "degree"},
        comparison={"closures": ["recorded", "mean-field"], "posteriors": "whole", "si_models": "one-rate"},
    )
    results = load_study(run_study(study, tmp_path, load=formula))
    degrees = results.trajectories.table.groupby("condition")["degrees"].first()
    assert degrees[0] == "4:100"
    assert len(degrees[1].split()) > 3
    rows = results.comparison.groupby(["condition", "closure"])["si_model"].nunique()
    assert rows.to_dict() == {(c, name): 1 for c in (0, 1) for name in ("recorded", "mean-field")}
    assert results.posterior(1, "one-rate", "mean-field").attrs["closure"] == "mean-field"
    assert "log_likelihood" in group_names(results.posterior(1, "one-rate", "recorded"))


def test_a_condition_without_information_is_undecided_and_the_others_are_compared(tmp_path):
    # Nobody ever sees the post, so nobody shares and nothing can be compared.
    study = changed(personas={"profiles": "OCEAN", "mixtures": {}}, spread={"visibility": [1e-9, 0.4], "rounds": 10})
    results = load_study(run_study(study, tmp_path, load=formula))
    first = results.comparison[results.comparison["condition"] == 0]
    assert list(first["si_model"]) == ["one-rate", "two-rate"]
    assert set(first["verdict"]) == {"undecided"}
    assert first["elpd_loo"].isna().all()
    assert "nobody shares who was exposed" in first["reasons"].iloc[0]
    assert results.comparison[results.comparison["condition"] == 1]["elpd_loo"].notna().all()


def test_a_key_depends_on_all_inputs_of_a_result(uninterrupted):
    def keys(study):
        plan = make_plan(study)
        return [job.key for job in make_jobs(plan, ask(plan, formula)[0])]

    base = keys(make_study(SMALL))
    assert base == list(uninterrupted.conditions["key"])
    assert keys(make_study(SMALL)) == base
    for other in (
        {"spread": {"rounds": 11}},
        {"spread": {"visibility": 0.41}},
        {"spread": {"interventions": ["visibility:0.5,5"]}},
        {"spread": {"ageing": 20}},
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
    probabilities = tables["embedded", "", ""][0].probabilities
    probabilities[0, 0] = np.nextafter(probabilities[0, 0], 1)
    # A change in the last digit of P(share) for OCEAN changes the keys of OCEAN and of the mixture.
    assert [a == b for a, b in zip([j.key for j in make_jobs(plan, tables)], base, strict=True)] == [False, True, False]


def test_a_folder_of_another_command_and_a_locked_folder_are_refused(uninterrupted, tmp_path):
    (tmp_path / "study.json").write_text(json.dumps({"grid": "quick"}))
    with pytest.raises(InputError, match="holds the results of another command; choose another folder"):
        run_study(make_study(SMALL), tmp_path, load=formula)
    with pytest.raises(InputError, match=r"holds no study; make one with `tworate study FILE\.toml`"):
        load_study(tmp_path)
    from filelock import FileLock

    with (
        FileLock(uninterrupted.folder / "parts" / "lock"),
        pytest.raises(InputError, match="another process is working on"),
    ):
        run_study(make_study(SMALL), uninterrupted.folder, load=formula)


def test_a_cluster_that_cannot_be_used_is_an_error(monkeypatch):
    plan = make_plan(changed(personas={"profiles": "OCEAN", "mixtures": {}}))
    jobs = make_jobs(plan, ask(plan, formula)[0])
    with pytest.raises(InputError, match=r"a worker has tworate .*, and this process 9\.9; install the same on both"):
        run_jobs("9.9", jobs, {})
    monkeypatch.setattr("tworate.analysis.study.cluster._PATIENCE", 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(JobError, match="no Dask scheduler answers; start one with `dask scheduler`"):
            next(run_on_cluster(jobs, {}, scheduler="tcp://127.0.0.1:9"))
        with pytest.raises(InputError, match="is not the address of a scheduler"):
            next(run_on_cluster(jobs, {}, scheduler="nonsense://x"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"needs Dask: pip install 'tworate\[cluster\]'"):
        run_study(make_study(SMALL), "nowhere", workers=2, load=formula)
    with pytest.raises(InputError, match="give only one of them; a scheduler has its own workers"):
        run_study(make_study(SMALL), "nowhere", workers=2, scheduler="tcp://x:1", load=formula)


def test_the_command_estimates_runs_and_prints(tmp_path, monkeypatch, capsys):
    (tmp_path / "small.toml").write_text(
        "seed = 5\nevents.ids = 'VAR1'\npersonas.profiles = ['OCEAN']\nelicitation.sightings = 2\n"
        "[spread]\nagents = 100\ndegree = 4\nreplicates = 3\nrounds = 10\n[comparison]\nstructures = 'none'\n"
    )
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["tworate", "study", "small.toml", "--json", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        printed = capsys.readouterr()
        return json.loads(printed.out), printed.err

    estimate, _ = command("--dry-run")
    assert (estimate["conditions"], estimate["model_calls"], estimate["done"]) == (1, 4, 0)
    assert not (tmp_path / "runs").exists()
    result, messages = command()
    assert "synthetic" in messages
    assert result["folder"] == "runs/small"
    assert result["conditions"] == sum(result["verdicts"].values()) == 1
    assert result["language_models"][0]["warning"]
    assert (tmp_path / "runs/small/study.toml").read_text() == (tmp_path / "small.toml").read_text()
    estimate, _ = command("--dry-run")
    assert (estimate["done"], estimate["seconds"], estimate["measured"]) == (1, 0.0, True)
    assert pd.read_parquet(tmp_path / "runs/small/conditions.parquet")["composition"].tolist() == ["OCEAN"]


def test_a_dry_run_loads_no_torch(tmp_path):
    (tmp_path / "small.toml").write_text("events.ids = 'VAR1'\n")
    code = (
        "import sys; sys.argv = ['tworate', 'study', 'small.toml', '--dry-run']; import atexit\n"
        "atexit.register(lambda: print(sorted({'torch', 'transformers', 'pymc', 'matplotlib'} & set(sys.modules))))\n"
        "from tworate.analysis.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0].startswith("32 conditions: ")
    assert done.stdout.splitlines()[-1] == "[]"


def test_at_most_one_condition_is_simulated_ahead(monkeypatch):
    """Memory stays flat: when a condition is yielded, at most the next one has been simulated."""
    plan = make_plan(changed(spread={"visibility": [0.3, 0.4]}, comparison={"si_models": "one-rate"}))
    jobs = make_jobs(plan, ask(plan, formula)[0])
    begun = []
    from tworate.analysis.study import condition_job as module

    simulate = module.simulate
    monkeypatch.setattr(module, "simulate", lambda spreads: begun.append(1) or simulate(spreads))
    for done, _outcome in enumerate(run_conditions(jobs[:4], {}), start=1):
        assert len(begun) == min(done + 1, 4)
