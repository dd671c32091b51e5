"""Network files on the command line: seeds by name, numbers of agents, and notes."""

import sys

import pandas as pd
import pytest

from tworate.analysis.cli import main

EDGES = "follower,followee,since\n1,30,x\n" + "".join(f"{n},{n + 1},y\n" for n in range(1, 30))


@pytest.fixture
def simulate(monkeypatch, capsys, tmp_path):
    """Run `tworate simulate` on a file in this process; return the exit status, what was said, and the shares."""
    pytest.importorskip("torch")
    (tmp_path / "ring.csv").write_text(EDGES)

    def run(*arguments, network="ring.csv"):
        monkeypatch.chdir(tmp_path)
        out = tmp_path / "x.parquet"
        fixed = ["--network", network, "--rounds", "2", "--replicates", "2", "--personas", "OCEAN", "--out", str(out)]
        monkeypatch.setattr(sys, "argv", ["tworate", "simulate", *fixed, *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        shares = tmp_path / "x.shares.parquet"
        return stopped.value.code, capsys.readouterr().err, pd.read_parquet(shares) if shares.is_file() else None

    return run


def test_seeds_are_the_agents_that_the_file_calls_so(simulate):
    status, said, shares = simulate("--seeds", "30,17", "--agents", "30")
    assert status == 0
    assert shares[shares["seed"]].groupby("trajectory")["agent"].apply(set).tolist() == [{"30", "17"}] * 2
    assert "note: ring.csv: the first row was taken for names of columns: source = followee, target = follower" in said
    assert "note: ring.csv: further columns, ignored: since" in said


def test_what_is_said_of_the_columns_takes_the_place_of_a_guess(simulate):
    status, said, _ = simulate("--agents", "30", network="ring.csv:source=follower,target=followee")
    assert status == 0
    assert "taken for names" not in said
    status, said, _ = simulate("--agents", "32", "--force", network="ring.csv:header=no")
    assert status == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--agents", "500"], "error: agents = 500: the network ring.csv has 30 agents; leave --agents out"),
        (["--seeds", "31"], "error: seeds: network ring.csv has no agent called 31; its agents are called"),
        (["--seeds", "1,,2"], "error: seeds = '1,,2': names nobody between two commas"),
        (["--seeds", "1,1"], "error: seeds must be different agents"),
        (["--seeds", "ann"], "error: seeds: network ring.csv has no agent called ann"),
    ],
)
def test_what_disagrees_with_the_file_is_refused(simulate, arguments, message):
    status, said, shares = simulate(*arguments)
    assert (status, shares) == (2, None)
    assert message in said
    assert len([line for line in said.splitlines() if line.startswith("error")]) == 1


def test_networks_that_are_drawn_keep_numbers(simulate):
    status, _, shares = simulate("--agents", "20", "--seeds", "0,19", network="random-regular")
    assert status == 0
    assert set(shares["agent"][shares["seed"]]) == {0, 19}
    assert simulate("--seeds", "ann", network="random-regular")[0] == 2
