"""Files that are written during a run: their contents, and the result if the process is killed."""

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


def example(**changed):
    settings = {"rounds": 8, "replicates": 12, "seed": 3, "persona_labels": ("A", "B"), "conditions": {"event": "X"}}
    return Spread(random_regular(300, 6, seed=1), [[0.3, 0.1], [0.2, 0.2]], np.arange(300) % 2, **(settings | changed))


def same(one, another):
    return one.table.equals(another.table) and one.counts.equals(another.counts) and one.record == another.record


@pytest.mark.parametrize("changed", [{}, {"interventions": (Block(0.2),), "clock": "continuous"}])
def test_files_equal_the_simulation_in_memory(tmp_path, changed):
    file = tmp_path / "a.parquet"
    spreads = [example(**changed), example(conditions={"event": "Y"}, seed=[3, 4], **changed)]
    calls = []
    spread_to(file, spreads, progress=lambda done, total: calls.append((done, total)))
    assert same(read_trajectories(file), simulate(spreads))
    assert calls[0] == (0, 24) and calls[-1] == (24, 24)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.counts.parquet", "a.parquet"]
    for path in (file, counts_path(file)):
        assert pq.ParquetFile(path).num_row_groups == 24
        record = json.loads(pq.read_schema(path).metadata[b"tworate"])
        assert record["version"] == __version__
        assert [saved["seed"] for saved in record["spreads"]] == [[3], [3, 4]]
        assert record["spreads"][0]["network"]["name"] == "random-regular"
        assert len({saved["table"]["hash"] for saved in record["spreads"]}) == 1


def test_the_record_distinguishes_networks_and_tables():
    one = example().describe()
    assert example().describe() == one
    other = Spread(random_regular(300, 6, seed=2), [[0.3, 0.1]], seed=3).describe()
    assert other["network"]["hash"] != one["network"]["hash"] and other["table"]["hash"] != one["table"]["hash"]


SCRIPT = """
import time
import numpy as np
from tworate.simulate import Spread, random_regular, spread_to

{example}

def slowly(done, total):
    print(done, flush=True)
    time.sleep(0.02)

spread_to({file!r}, example(replicates=200), threads=2, progress=slowly)
"""


@pytest.mark.parametrize("after", [1, 60, 140])
def test_a_killed_run_leaves_complete_replicates_and_resumes_to_the_same_result(tmp_path, after):
    file = tmp_path / "killed.parquet"
    script = SCRIPT.format(example=inspect.getsource(example), file=str(file))
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
    # Without `resume`, nothing is lost or overwritten.
    with pytest.raises(InputError, match="was interrupted"):
        spread_to(file, example(replicates=200))
    with pytest.raises(InputError, match=r"visibility was 0.25, is 0.3"):
        spread_to(file, example(replicates=200, visibility=0.3), resume=True)
    stamps = [part.stat().st_mtime_ns for part in finished]
    calls = []
    spread_to(
        file, example(replicates=200), resume=True, progress=lambda done, _: calls.append((done, _stamps(finished)))
    )
    assert calls[0] == (len(finished), stamps) and calls[-2][1] == stamps
    assert not parts.exists()
    assert same(read_trajectories(file), simulate([example(replicates=200)]))


def _stamps(files):
    return [file.stat().st_mtime_ns for file in files]


def test_a_damaged_part_is_computed_again(tmp_path):
    file = tmp_path / "a.parquet"

    class Interrupted(Exception):  # noqa: N818
        pass

    def interrupt(done, total):
        if done == 6:
            raise Interrupted

    with pytest.raises(Interrupted):
        spread_to(file, example(), progress=interrupt)
    parts = sorted(parts_folder(file).glob("*.npz"))
    parts[0].write_bytes(parts[0].read_bytes()[:100])
    parts[1].write_bytes(b"")
    spread_to(file, example(), resume=True)
    assert same(read_trajectories(file), simulate([example()]))


def test_a_finished_file_is_unchanged_for_equal_settings_and_refused_for_others(tmp_path):
    file = tmp_path / "a.parquet"
    spread_to(file, example(), resume=True)
    stamp = file.stat().st_mtime_ns
    spread_to(file, example(), resume=True)
    assert file.stat().st_mtime_ns == stamp
    with pytest.raises(InputError, match=r"a.parquet: was started with other settings .*replicates was 12, is 13"):
        spread_to(file, example(replicates=13), resume=True)
    Trajectories(read_trajectories(file).table).save(file)
    assert not counts_path(file).exists()
    with pytest.raises(InputError, match="does not contain its settings"):
        spread_to(file, example(), resume=True)
    spread_to(file, example(replicates=2))
    assert len(read_trajectories(file).table) == 18


def test_a_run_with_a_missing_condition_can_be_resumed(tmp_path):
    file = tmp_path / "a.parquet"
    spread_to(file, example(conditions={"assortativity": float("nan")}))
    spread_to(file, example(conditions={"assortativity": float("nan")}), resume=True)


def test_other_writers_and_other_formats_are_refused(tmp_path):
    file = tmp_path / "a.parquet"
    parts_folder(file).mkdir()
    with (
        FileLock(parts_folder(file) / "lock"),
        pytest.raises(InputError, match="another process is writing it"),
    ):
        spread_to(file, example(), resume=True)
    with pytest.raises(InputError, match=r"ends in .parquet"):
        spread_to(tmp_path / "a.csv", example())


def test_memory_does_not_grow_with_replicates():
    # Replicates are yielded when they finish, so at most a few wait, even if the caller is slow.
    alive, max_alive = 0, 0
    process = example(replicates=100)
    original = Spread.replicate

    def counted(self, index):
        nonlocal alive, max_alive
        alive += 1
        max_alive = max(max_alive, alive)
        return original(self, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spread, "replicate", counted)
        for _ in process.run(range(100), threads=2):
            time.sleep(0.001)
            alive -= 1
    assert max_alive <= 2 * 2 + 1
