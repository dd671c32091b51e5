"""Every command of the installed program: output on stdout and stderr, and refusal of bad input."""

import json
import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import get_type_hints

import pandas as pd
import pytest

import tworate as tworate_package
from tworate import agents
from tworate.analysis.cli import main
from tworate.analysis.cli.groups import ModelOptions, SpreadOptions
from tworate.simulate import read_trajectories
from tworate.simulate.generators import NETWORKS

TWORATE = Path(sys.executable).with_name("tworate")
GOOD = "trajectory,time,infected,population\na,0,1,10\na,1,3,10\na,2,4,10\n"


def tworate(*arguments, cwd=None):
    return subprocess.run([TWORATE, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture
def in_process(monkeypatch, capsys):
    """Run the program's entry point in this process: the same code as the installed command, without a new Python."""

    def run(*arguments, cwd="."):
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["tworate", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(sys.argv, stopped.value.code, printed.out, printed.err)

    return run


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["run"],
        ["compare"],
        ["simulate"],
        ["decide"],
        ["report"],
        ["models"],
        ["probe"],
        ["recover"],
        ["plan"],
        ["explain"],
        ["study"],
        ["cache", "info"],
        ["cache", "clear"],
    ],
)
def test_help_has_an_example(command):
    shown = tworate(*command, "--help")
    assert shown.returncode == 0
    assert "tworate " + " ".join(command) in " ".join(shown.stdout.split("Usage:")[1].split())
    assert "Example" in shown.stdout or not command


def test_personas_and_models_are_listed():
    assert len(tworate("personas").stdout.splitlines()) == 33
    personas = json.loads(tworate("personas", "--json").stdout)["personas"]
    assert len(personas) == 32
    assert personas[0]["levels"]["openness"] is True
    models = json.loads(tworate("models", "--json").stdout)["models"]
    names = [model["name"] for model in models]
    assert names == ["one-rate", "gamma-rate", "online-offline", "reinforced", "two-rate", "free-hazard"]
    assert all(coordinate["prior"] for model in models for coordinate in model["coordinates"].values())
    assert "only under the closure: recorded" in tworate("models").stdout
    assert "β" not in tworate("models").stderr


def test_decide_prints_a_table_and_warns_on_stderr(in_process):
    done = in_process("decide", "--personas", "OCEAN,ocean", "--event", "VAR1", "--event", "ELM3", "--sightings", "2")
    table = pd.read_csv(StringIO(done.stdout))
    assert len(table) == 2 * 2 * 2
    assert table["p_share"].between(0, 1).all()
    assert "synthetic" in done.stderr


def test_decide_reports_its_elicitation_and_fails_with_status_1_if_answers_cannot_be_read(in_process):
    command = ["decide", "--personas", "OCEAN", "--sightings", "1", "--elicitation", "sample", "--samples", "40"]
    done = in_process(*command, "--seed", "3", "--trust-remote-code", "--json")
    printed = json.loads(done.stdout)
    assert printed["elicitation"]["method"] == "sample"
    assert printed["elicitation"]["wordings"] == ["share/ignore"]
    assert printed["decisions"][0]["standard_error"] > 0
    assert "warning: --trust-remote-code" in done.stderr
    # The embedded model answers only with its own options.
    failed = in_process(*command, "--wording", "yes/no")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "sampled answers begin with neither option" in failed.stderr.splitlines()[-1]


def test_decide_prints_effects(in_process, tmp_path):
    events = [word for name in ("VAR1", "VAR2", "ELM3") for word in ("--event", name)]
    shown = in_process(
        "decide", *events, "--personas", "OCEAN,ocean,OceaN", "--sightings", "2", "--explain", "--json",
        "--figure", "effects.png", "--out", "decisions.csv", cwd=tmp_path,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    printed = json.loads(shown.stdout)
    explained = printed["explained"]
    assert explained["n_cells"] == len(printed["decisions"]) == len(pd.read_csv(tmp_path / "decisions.csv")) == 18
    assert explained["notes"][0] in shown.stderr
    assert (tmp_path / "effects.png").read_bytes().startswith(b"\x89PNG")
    table = pd.read_csv(StringIO(in_process("decide", "--personas", "OCEAN,oCEAN", "--explain").stdout))
    assert list(table["term"].unique()) == ["openness", "sighting"]
    one = in_process(
        "decide", "--personas", "OCEAN", "--sightings", "1", "--explain", "--figure", "none.png", cwd=tmp_path
    )
    assert (one.returncode, (tmp_path / "none.png").exists()) == (0, False)
    assert "none.png is not drawn: nothing varies" in one.stderr


def test_probe_prints_a_row_per_trait_and_writes_the_requested_files(in_process, tmp_path):
    done = in_process("probe", "--figure", "probe.svg", "--out", "answers.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(StringIO(done.stdout)).set_index("trait")
    assert len(table) == 5
    assert "synthetic" in done.stderr
    assert "embedded expresses the profile: all five traits" in done.stderr
    assert (tmp_path / "probe.svg").read_text().startswith("<?xml")
    answers = pd.read_csv(tmp_path / "answers.csv")
    assert len(answers) == 32 * 20
    high = answers[(answers["trait"] == "openness") & answers["persona"].str.startswith("O")]
    assert table.loc["openness", "mean_high"] == pytest.approx(high["score"].mean(), abs=0.001)


def test_simulate_gives_the_same_trajectories_for_the_same_seed(in_process, tmp_path):
    small = ["simulate", "--agents", 100, "--degree", 4, "--replicates", 2, "--rounds", 6, "--personas", "OCEAN"]
    printed = in_process(*small, "--seed", 4)
    written = in_process(*small, "--seed", 4, "--out", "t.parquet", cwd=tmp_path)
    assert written.stdout == ""
    first = pd.read_csv(StringIO(printed.stdout))
    second = read_trajectories(tmp_path / "t.parquet").table
    assert list(first["infected"]) == list(second["infected"])
    assert {"si_edges", "degree", "event", "event_type", "network"} <= set(first.columns)


def test_a_spread_with_all_options_is_written_and_resumed(in_process, tmp_path):
    command = [
        "simulate", "--agents", 100, "--degree", 4, "--replicates", 3, "--rounds", 5, "--personas", "OCEAN,ocean",
        "--clock", "continuous", "--outside", 0.01, "--seeds", "persona:OCEAN", "--intervene", "block:0.1,degree",
        "--intervene", "counter:0.5,2", "--out", "t.parquet", "--resume",
    ]  # fmt: skip
    done = in_process(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "wrote t.parquet: 18 rows; who shared at which sighting: t.counts.parquet" in done.stderr
    data = read_trajectories(tmp_path / "t.parquet")
    assert set(data.table["intervention"]) == {"block:0.1,degree + counter:0.5,2"}
    assert set(data.table["population"]) == {90}
    first = data.counts[data.counts["sighting"] == 0].groupby("persona")["new_sharers"].sum()
    assert first.to_dict() == {"OCEAN": 15, "ocean": 0}
    (made,) = data.record["spreads"]
    assert (made["clock"], made["outside"], made["seeds"]) == ("continuous", 0.01, "persona:OCEAN")
    other = in_process(*command, "--rounds", 6, cwd=tmp_path)
    assert other.returncode == 2
    assert "t.parquet: was started with other settings and cannot be resumed: rounds was 5, is 6" in other.stderr


def test_a_mixture_on_a_network_is_printed_and_recorded(in_process, tmp_path):
    (tmp_path / "mix.csv").write_text("persona,weight,biography\nOCEAN,3,Born in Okhad.\no-e--,1,\n")
    done = in_process(
        "simulate", "--agents", 200, "--replicates", 1, "--rounds", 2, "--personas", "mix.csv", "--homophily", 0.3,
        "--qualifier", "a bit", "--event-type", "riots", "--country", "Varosia", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(StringIO(done.stdout))
    assert set(table["qualifier"]) == {"a bit"}
    assert set(table["homophily"]) == {0.3}
    (measured,) = set(table["assortativity"])
    assert measured == pytest.approx(0.3, abs=0.02)
    assert f"population: 200 agents of 2 personas, assortativity {measured:.3f}" in done.stderr
    assert "2 of 18 events are left: event type Riots leaves 3, country Varosia leaves 2" in done.stderr
    assert "taking the first of them, VAR8; --event all takes all 2" in done.stderr
    decided = in_process("decide", "--personas", "mix.csv", "--qualifier", "extremely", "--sightings", 1, cwd=tmp_path)
    table = pd.read_csv(StringIO(decided.stdout))
    assert list(table["persona"]) == ["OCEAN", "o-e--"]
    assert list(table["biography"].fillna("")) == ["Born in Okhad.", ""]
    assert set(table["qualifier"]) == {"extremely"}


def test_a_cue_is_a_column_of_decisions_and_of_counts(in_process, tmp_path):
    asked = ["--personas", "OCEAN,ocean", "--cue", "sharers", "--no-cache"]
    decided = in_process("decide", *asked, "--sightings", 2, cwd=tmp_path)
    assert decided.returncode == 0, decided.stderr
    table = pd.read_csv(StringIO(decided.stdout))
    assert list(table["cue"]) == ["1", "2", "3-4", "5+"] * 4
    done = in_process(
        "simulate", *asked, "--agents", 100, "--replicates", 2, "--rounds", 5, "--out", "a.parquet", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    counts = pd.read_parquet(tmp_path / "a.counts.parquet")
    assert {"none", "1"} <= set(counts["cue"])
    wrong = in_process("simulate", "--cue", "likes", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "cue 'likes' is unknown; choose one of none, sharers" in wrong.stderr


def test_groups_of_two_language_models_and_bots_spread_together(in_process, tmp_path):
    folder = Path(tworate_package.__file__).parent / "agents" / "embedded"
    (tmp_path / "mix.csv").write_text(
        f"group,weight,model,personas,p_share\nfirst,2,,OCEAN ocean,\nsecond,1,{folder},OCEAN,\nbots,1,,,0.3;0.1\n"
    )
    asked = ["--population", "mix.csv", "--agents", 200, "--replicates", 2, "--rounds", 6, "--no-cache"]
    placed = ["--network", "barabasi-albert", "--placement", "degree"]
    done = in_process("simulate", *asked, *placed, "--out", "t.parquet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "; groups: first 100, second 50, bots 50" in done.stderr
    data = read_trajectories(tmp_path / "t.parquet")
    assert set(data.counts["group"]) == {"first", "second", "bots"}
    assert set(data.counts["persona"]) == {"first: OCEAN", "first: ocean", "second: OCEAN", "bots"}
    # The first group has the agents with the most neighbours.
    agents, network = data.histories.agents, data.histories.network_of(0)
    degrees = network.degrees_in[agents["agent"].astype(int)]
    own = {name: degrees[(agents["group"] == name).to_numpy()] for name in ("first", "second", "bots")}
    assert own["first"].min() >= own["second"].max()
    assert own["second"].min() >= own["bots"].max()


def test_a_population_of_given_probabilities_loads_no_language_model(in_process, tmp_path, monkeypatch):
    (tmp_path / "mix.csv").write_text("group,weight,p_share\nbots,1,0.3\nquiet,3,0.1\n")
    monkeypatch.setattr(agents, "load_language_model", None)
    done = in_process(
        "simulate", "--population", "mix.csv", "--agents", 100, "--replicates", 1, "--rounds", 3, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "embedded model" not in done.stderr
    assert len(pd.read_csv(StringIO(done.stdout))) == 4


def test_each_language_model_of_a_population_gets_the_options_of_its_kind(monkeypatch):
    monkeypatch.setattr(ModelOptions, "load", lambda self: self)
    groups = [agents.Group(name, 1, model) for name, model in (("a", ""), ("b", "openai:m"), ("c", "embedded"))]
    options = ModelOptions(base_url="http://localhost/v1", device="cpu", think=True)
    loaded = options.load_for(agents.GroupMixture(groups))
    assert list(loaded) == ["", "openai:m", "embedded"]
    # A group that names the model of the command shares it.
    assert loaded[""] is loaded["embedded"]
    assert (loaded[""].model, loaded[""].base_url, loaded[""].device, loaded[""].think) == (
        "embedded",
        None,
        "cpu",
        True,
    )
    remote = loaded["openai:m"]
    assert (remote.base_url, remote.device, remote.think) == ("http://localhost/v1", None, False)
    # Without a model on this machine the option reaches the model, which refuses it.
    assert options.load_for(agents.GroupMixture(groups[1:2]))["openai:m"].think


POPULATIONS = [
    (["--population", "bots.csv", "--personas", "OCEAN"], "--personas goes without --population"),
    (
        ["--population", "bots.csv", "--model", "x"],
        "--model x: every group names its own model, or none; leave --model",
    ),
    (
        ["--population", "bots.csv", "--base-url", "http://localhost/v1"],
        "--base-url goes with a model openai:NAME, and",
    ),
    (["--population", "missing.csv"], "missing.csv: cannot be read"),
    (["--population", "wrong.csv"], "wrong.csv, line 3: group b: p_share = 2 must lie in [0, 1]"),
    (["--population", "bots.csv", "--placement", "degree"], "all agents of network random-regular have equally many"),
]


@pytest.mark.parametrize(("arguments", "message"), POPULATIONS)
@pytest.mark.parametrize("command", ["run", "simulate"])
def test_a_population_that_cannot_be_used_is_refused_in_one_line(command, arguments, message, in_process, tmp_path):
    (tmp_path / "bots.csv").write_text("group,weight,p_share\nbots,1,0.3\n")
    (tmp_path / "wrong.csv").write_text("group,weight,p_share\na,1,0.3\nb,1,2\n")
    done = in_process(command, *arguments, "--out", "out.parquet", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert message in last


def test_a_network_with_parameters_is_named_and_its_components_are_printed(in_process):
    done = in_process(
        "simulate", "--agents", 200, "--replicates", 1, "--rounds", 2, "--personas", "OCEAN,ocean",
        "--placement", "block", "--network", "stochastic-block:blocks=2,between=0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(StringIO(done.stdout))
    assert set(table["network"]) == {"stochastic-block:blocks=2,between=0"}
    assert set(table["assortativity"]) == {1.0}
    assert "not connected: 2 components, 50% of the agents in the largest" in done.stderr


def test_the_help_names_every_kind_of_network_with_its_defaults():
    option = get_type_hints(SpreadOptions, include_extras=True)["network"].__metadata__[0]
    for kind in NETWORKS.values():
        defaults = ",".join(f"{parameter.name}={parameter.default}" for parameter in kind.parameters)
        assert f"{kind.name}:{defaults}".rstrip(":") in option.help.split(", ")


BAD = [
    (["compare", "missing.csv"], "missing.csv: cannot be read"),
    (["compare", "missing.parquet"], "missing.parquet: cannot be read (No such file or directory)"),
    (["recover", "--out", "recovery", "--workers", "0"], "workers = 0: must be at least 1"),
    (["compare", "empty.csv"], "empty.csv: is empty"),
    (["compare", "words.csv"], "words.csv, line 3: infected = many"),
    (["compare", "falls.csv"], "falls.csv, line 3: infected = 0 is below 1"),
    (["compare", "over.csv"], "over.csv, line 3: infected = 11 exceeds population = 10"),
    (["compare", "one.csv"], "one.csv, line 2: trajectory a has one time point"),
    (["compare", "full.csv"], "full.csv: nobody is susceptible"),
    (["compare", "good.csv", "--population", "9:3"], "--population 9:3: must be a whole number, or a range such as"),
    (["plan", "missing.csv"], "missing.csv: cannot be read"),
    (["plan", "good.csv", "--length", "-3"], "length = -3.0: must be a number above 0"),
    (["run", "--structures", "nonsense", "--model", "no-model"], "there is no structure 'nonsense'"),
    (["run", "--period", "0", "--model", "no-model"], "period = 0.0: must be a number above 0"),
    (["compare", "good.csv", "--by", "evnt"], "good.csv: has no condition column 'evnt'"),
    (["compare", "good.csv", "--models", "two-rats"], "did you mean 'two-rate'"),
    (["compare", "good.csv", "--closure", "recorded"], "needs the columns si_edges and degree"),
    (["compare", "good.csv", "--likelihood", "poisson"], "likelihood 'poisson' is unknown"),
    (["compare", "good.csv", "--out", "good.csv"], "good.csv: is a file; name a folder"),
    (["run", "--model", ".", "--out", "out"], ".: contains no model (no config.json)"),
    (["decide", "--base-url", "http://localhost/v1"], "--base-url goes with --model openai:NAME"),
    (["decide", "--model", "openai:m", "--base-url", "localhost:8000"], "write it as in http://localhost:8000/v1"),
    (["run", "--events", "good.csv", "--out", "out"], "good.csv, line 1: missing event_id_cnty"),
    (["run", "--agents", "11", "--degree", "3", "--out", "out"], "the product must be even"),
    (["run", "--visibility", "2", "--out", "out"], "visibility = 2.0: must lie in (0, 1]"),
    (["run", "--closure", "guess", "--out", "out"], "closure 'guess' is unknown"),
    (["run", "--seed", "-1", "--out", "out"], "seed = -1"),
    (["compare", "good.csv", "--seed", "-1"], "seed = -1"),
    (["compare", "good.csv", "--by", "infected"], "no condition column 'infected'"),
    (["decide", "--out", "."], ".: is a folder; name a file"),
    (["simulate", "--agents", "-5"], "agents = -5"),
    (["simulate", "--out", "t.xlsx"], "t.xlsx: name a file that ends in .parquet or .csv"),
    (["simulate", "--event", "X1"], "there is no event 'X1'"),
    (["decide", "--personas", "OCEAM"], "persona 'OCEAM'"),
    (["decide", "--qualifier", "rather"], "qualifier 'rather': choose one of a bit, plain, very, extremely"),
    (["decide", "--personas", "good.csv"], "good.csv, line 1: missing persona, weight"),
    (["decide", "--event-type", "Battle"], "event type 'Battle' is not ACLED's"),
    (["decide", "--since", "1/5/2023"], "since '1/5/2023' cannot be read as a date"),
    (["decide", "--country", "Mali"], "the filters leave none of 18 events: country Mali leaves 0"),
    (["decide", "--event-type", "Riots", "--event", "VAR1"], "there is no event 'VAR1'; the filters leave: ELM6, VAR8"),
    (["simulate", "--network", "watts-strogatz:rewire=0.3"], "takes rewired, not 'rewire'; did you mean rewired"),
    (["simulate", "--network", "scale-free"], "network 'scale-free' is neither a file nor one of random-regular,"),
    (["simulate", "--placement", "block"], "placement = 'block' goes with network stochastic-block"),
    (["simulate", "--clock", "sundial"], "clock 'sundial' is unknown; choose one of rounds, continuous"),
    (["simulate", "--outside", "2"], "outside = 2.0: must lie in [0, 1]"),
    (["simulate", "--seeds", "rich"], "seeds = 'rich': must be one of random, degree"),
    (["run", "--seeds", "persona:O", "--out", "out"], "seeds = persona:O: there is no persona 'O'; there are: OCEAN"),
    (["simulate", "--intervene", "ban:1"], "intervention 'ban:1' is none of block:FRACTION"),
    (["run", "--intervene", "block:0.999", "--out", "out"], "5 agents are asked for, and there are 1"),
    (["simulate", "--ageing", "soon"], "ageing = 'soon': must be of the form 20 or power:20"),
    (["run", "--rhythm", "1", "--out", "out"], "rhythm: period = 1.0: must be at least 2"),
    (["simulate", "--shelf-life", "2.5"], "shelf_life = 2.5: must be a whole number of rounds"),
    (["run", "--fading", "0", "--out", "out"], "fading = 0.0: must be a number above 0"),
    (["simulate", "--resume"], "--resume goes with --out FILE.parquet"),
    (["simulate", "--resume", "--out", "t.csv"], "--resume goes with --out FILE.parquet"),
    (["simulate", "--homophily", "2"], "homophily = 2.0: must lie in [0, 1]"),
    (["simulate", "--homophily", "0.9"], "homophily = 0.9 was not reached on this network (random-regular)"),
    (["run", "--homophily", "0.1", "--personas", "OCEAN", "--out", "out"], "all agents are of one persona"),
    (["decide", "--wording", "share"], "wording 'share': give two options"),
    (["decide", "--elicitation", "guess"], "elicitation 'guess': must be one of logits, sample"),
    (["decide", "--elicitation", "sample", "--temperature", "0"], "temperature = 0: must be above 0"),
    (["run", "--max-unparsable", "2", "--out", "out"], "max-unparsable = 2: must be a fraction"),
    (["simulate", "--device", "gpu"], "device 'gpu': cannot be used here"),
    (["decide", "--dtype", "int8"], "dtype 'int8': must be one of"),
    (["report", "good.csv"], "good.csv: is a file; give the folder of a comparison"),
    (["decide", "--out", "d.parquet"], "d.parquet: name a file that ends in .csv"),
    (["decide", "--event", "all", "--event", "VAR1"], "--event all takes every event"),
    (["report", "."], "holds no comparison"),
    (["decide", "--figure", "effects.png"], "--figure effects.png: draws effects; add --explain"),
    (["decide", "--explain", "--figure", "effects.jpg"], "effects.jpg: name a figure that ends in .png, .pdf or .svg"),
    (["probe", "--figure", "probe"], "probe: name a figure that ends in .png, .pdf or .svg"),
    (["probe", "--qualifier", "rather"], "qualifier 'rather': choose one of"),
    (["probe", "--seed", "-1"], "seed = -1"),
    (["probe", "--elicitation", "guess"], "elicitation 'guess': must be one of logits, sample"),
    (["probe", "--elicitation", "sample", "--max-tokens", "0"], "max-tokens = 0: must be at least 1"),
    (["probe", "--out", "."], ".: is a folder; name a file"),
    (["probe", "--model", "."], ".: contains no model (no config.json)"),
]


@pytest.fixture(scope="module")
def bad_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    files = {
        "good": GOOD,
        "empty": "",
        "words": GOOD.replace("1,3", "1,many"),
        "falls": GOOD.replace("1,3", "1,0"),
        "over": GOOD.replace("1,3", "1,11"),
        "one": "\n".join(GOOD.splitlines()[:2]),
        "full": GOOD.replace("0,1,", "0,10,").replace("1,3,", "1,10,").replace("2,4,", "2,10,"),
    }
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(case[0]) for case in BAD])
def test_bad_input_gives_one_line_and_status_2_and_no_files(in_process, bad_folder, arguments, message):
    before = sorted(path.name for path in bad_folder.rglob("*"))
    done = in_process(*arguments, cwd=bad_folder)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert done.stderr.count("error: ") == 1
    assert done.stderr.endswith("\n")
    assert done.stdout == ""
    assert sorted(path.name for path in bad_folder.rglob("*")) == before


def test_failed_job_gives_one_line_and_status_1(in_process, bad_folder, monkeypatch):
    from tworate.inference.posterior import nutpie_adapter

    def refuse(*_, **__):
        raise RuntimeError("no starting point\nwith a second line")

    monkeypatch.setattr(nutpie_adapter.nutpie, "sample", refuse)
    done = in_process("compare", "good.csv", "--out", "out", cwd=bad_folder)
    assert done.returncode == 1
    assert done.stderr == "error: the sampler gave up on the one-rate model (no starting point)\n"
    assert done.stdout == ""
    assert not (bad_folder / "out").exists()


def test_installed_program_shows_no_traceback(bad_folder):
    done = tworate("compare", "over.csv", cwd=bad_folder)
    assert done.returncode == 2
    assert done.stderr == "error: over.csv, line 3: infected = 11 exceeds population = 10\n"
    assert tworate("compare", "--nonsense").returncode == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="only POSIX has named pipes")
def test_an_interruption_is_one_word(tmp_path):
    os.mkfifo(tmp_path / "data.csv")
    # Background jobs of a shell ignore SIGINT, and the test run may be such a job.
    listens = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command = [sys.executable, "-c", listens + "from tworate.analysis.cli import main; main()", "compare", "data.csv"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    # The pipe opens when the command opens its side; then the command waits for data.
    with (tmp_path / "data.csv").open("w"):
        process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=60)
    assert (process.returncode, *printed) == (130, "", "interrupted\n")


def test_recover_refuses_two_grids_and_another_study(in_process, tmp_path):
    two = in_process("recover", "--quick", "--full", "--out", tmp_path)
    assert (two.returncode, two.stderr) == (2, "error: --quick and --full: choose one grid\n")
    (tmp_path / "study.json").write_text(json.dumps({"grid": "full", "version": "0", "seed": 0, "cells": []}))
    other = in_process("recover", "--quick", "--out", tmp_path)
    assert other.returncode == 2
    assert "holds another study: grid = full, not quick" in other.stderr


@pytest.mark.parametrize("record", ["run.json", "study.json"])
def test_a_comparison_overwrites_no_run_and_no_study(in_process, tmp_path, record):
    (tmp_path / "data.csv").write_text(GOOD)
    (tmp_path / record).write_text("{}")
    done = in_process("compare", tmp_path / "data.csv", "--out", tmp_path)
    assert done.returncode == 2
    assert f"({record}), which a comparison would overwrite; name another folder" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"data.csv", record}
