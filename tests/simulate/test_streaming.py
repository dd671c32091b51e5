"""Files that grow: what is in them, and what is left when the process that writes them is killed."""

import inspect
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from tworate import __version__
from tworate.errors import InputError
from tworate.simulate import Block, Spread, Trajectories, random_regular, read_trajectories, spread_to
from tworate.simulate.counts import counts_path
from tworate.simulate.spreading import simulate
from tworate.simulate.streaming import parts_folder


def some(**changed):
    settings = {"rounds": 8, "replicates": 12, "seed": 3, "persona_labels": ("A", "B"), "conditions": {"event": "X"}}
    return Spread(random_regular(300, 6, seed=1), [[0.3, 0.1], [0.2, 0.2]], np.arange(300) % 2, **(settings | changed))


def same(one, another):
    return one.table.equals(another.table) and one.counts.equals(another.counts) and one.record == another.record


@pytest.mark.parametrize("changed", [{}, {"interventions": (Block(0.2),), "clock": "continuous"}])
def test_what_is_written_is_what_would_be_in_memory(tmp_path, changed):
    file = tmp_path / "a.parquet"
    spreads = [some(**changed), some(conditions={"event": "Y"}, seed=[3, 4], **changed)]
    calls = []
    spread_to(file, spreads, progress=lambda done, total: calls.append((done, total)))
    assert same(read_trajectories(file), simulate(spreads))
    assert calls[0] == (0, 24) and calls[-1] == (24, 24)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.counts.parquet", "a.parquet"]
    for path in (file, counts_path(file)):
        assert pq.ParquetFile(path).num_row_groups == 24
        record = json.loads(pq.read_schema(path).metadata[b"tworate"])
        assert record["version"] == __version__
        assert [each["seed"] for each in record["spreads"]] == [[3], [3, 4]]
        assert record["spreads"][0]["network"]["name"] == "random-regular"
        assert len({each["table"]["hash"] for each in record["spreads"]}) == 1


def test_the_record_tells_networks_and_tables_apart():
    one = some().describe()
    assert some().describe() == one
    other = Spread(random_regular(300, 6, seed=2), [[0.3, 0.1]], seed=3).describe()
    assert other["network"]["hash"] != one["network"]["hash"] and other["table"]["hash"] != one["table"]["hash"]


SCRIPT = """
import time
import numpy as np
from tworate.simulate import Spread, random_regular, spread_to

{some}

def slowly(done, total):
    print(done, flush=True)
    time.sleep(0.02)

spread_to({file!r}, some(replicates=200), threads=2, progress=slowly)
"""


@pytest.mark.parametrize("after", [1, 60, 140])
def test_a_killed_run_leaves_whole_replicates_and_resumes_to_the_same_result(tmp_path, after):
    file = tmp_path / "killed.parquet"
    script = SCRIPT.format(some=inspect.getsource(some), file=str(file))
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if int(line) >= after:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    assert not file.exists() and not counts_path(file).exists()
    parts = parts_folder(file)
    finished = sorted(parts.glob("*.npz"))
    assert after <= len(finished) < 200
    for part in finished:
        with np.load(part) as arrays:
            assert arrays["infected"].shape == (9,)
    # Without being told to go on, nothing is lost or overwritten.
    with pytest.raises(InputError, match="was cut off"):
        spread_to(file, some(replicates=200))
    with pytest.raises(InputError, match=r"visibility was 0.25, is 0.3"):
        spread_to(file, some(replicates=200, visibility=0.3), resume=True)
    stamps = [part.stat().st_mtime_ns for part in finished]
    begun = []
    spread_to(file, some(replicates=200), resume=True, progress=lambda done, _: begun.append((done, _stamps(finished))))
    assert begun[0] == (len(finished), stamps) and begun[-2][1] == stamps
    assert not parts.exists()
    assert same(read_trajectories(file), simulate([some(replicates=200)]))


def _stamps(files):
    return [file.stat().st_mtime_ns for file in files]


def test_a_damaged_part_is_computed_anew(tmp_path):
    file = tmp_path / "a.parquet"

    class Cut(Exception):  # noqa: N818
        pass

    def cut(done, total):
        if done == 6:
            raise Cut

    with pytest.raises(Cut):
        spread_to(file, some(), progress=cut)
    parts = sorted(parts_folder(file).glob("*.npz"))
    parts[0].write_bytes(parts[0].read_bytes()[:100])
    parts[1].write_bytes(b"")
    spread_to(file, some(), resume=True)
    assert same(read_trajectories(file), simulate([some()]))


def test_a_finished_file_is_left_alone_when_it_is_the_same_and_refused_when_it_is_not(tmp_path):
    file = tmp_path / "a.parquet"
    spread_to(file, some(), resume=True)
    stamp = file.stat().st_mtime_ns
    spread_to(file, some(), resume=True)
    assert file.stat().st_mtime_ns == stamp
    with pytest.raises(InputError, match=r"a.parquet: was begun with other settings .*replicates was 12, is 13"):
        spread_to(file, some(replicates=13), resume=True)
    Trajectories(read_trajectories(file).table).save(file)
    assert not counts_path(file).exists()
    with pytest.raises(InputError, match="does not say what it was made with"):
        spread_to(file, some(), resume=True)
    spread_to(file, some(replicates=2))
    assert len(read_trajectories(file).table) == 18


def test_a_missing_condition_does_not_hinder_resuming(tmp_path):
    file = tmp_path / "a.parquet"
    spread_to(file, some(conditions={"assortativity": float("nan")}))
    spread_to(file, some(conditions={"assortativity": float("nan")}), resume=True)


def test_other_writers_and_other_formats_are_refused(tmp_path):
    file = tmp_path / "a.parquet"
    parts_folder(file).mkdir()
    with (
        FileLock(parts_folder(file) / "lock"),
        pytest.raises(InputError, match="another process is writing it"),
    ):
        spread_to(file, some(), resume=True)
    with pytest.raises(InputError, match=r"ends in .parquet"):
        spread_to(tmp_path / "a.csv", some())


def test_memory_does_not_grow_with_replicates():
    # Replicates are handed on as they come: at most a few wait, whoever takes them and however slowly.
    alive, most = 0, 0
    what = some(replicates=100)
    original = Spread.replicate

    def counted(self, index):
        nonlocal alive, most
        alive += 1
        most = max(most, alive)
        return original(self, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spread, "replicate", counted)
        for _ in what.run(range(100), threads=2):
            time.sleep(0.001)
            alive -= 1
    assert most <= 2 * 2 + 1
