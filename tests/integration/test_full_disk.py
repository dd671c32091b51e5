"""A full disk, a folder in use and an earlier result: one line, nothing half-written, nothing computed twice."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from tworate.simulate import random_regular, spread

SMALL = 300_000
"""Bytes of the small disk: enough for tables, too little for posteriors."""


@pytest.fixture
def small_disk(tmp_path):
    """A small file system if this process may mount one, else a quota on the size of files."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = sys.platform == "linux" and not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", folder], capture_output=True, check=False
    ).returncode  # fmt: skip
    yield folder, None if mounted else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL // 3, SMALL // 3))
    if mounted:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "x.csv"
    spread(random_regular(300, 6, seed=1), np.array([[0.2]]), rounds=25, replicates=4, seed=2).save(path)
    return path


def tworate(*arguments, cache, before=None):
    command = [str(Path(sys.executable).parent / "tworate"), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=before,
        env={**os.environ, "TWORATE_CACHE": str(cache), "COLUMNS": "200"},
    )  # fmt: skip


def messages(done):
    return [line for line in done.stderr.splitlines() if not line.startswith(("note:", "OMP"))]


def test_a_comparison_on_a_full_disk_is_told_and_kept(small_disk, data, tmp_path):
    folder, quota = small_disk
    arguments = ("compare", data, "--structures", "none", "--seed", 3)
    full = tworate(*arguments, "--out", folder / "a", cache=tmp_path / "cache", before=quota)
    assert full.returncode == 1
    assert full.stdout.startswith("One transmission rate")
    (line,) = messages(full)
    assert line.startswith(f"error: {folder}")
    assert "cannot be written" in line
    if quota is None:
        assert "No space left on device" in line
        assert "kept: the same command with another --out does not compute it again" in line
        assert not [each for each in folder.rglob(".*") if each.is_file()]
        again = tworate(*arguments, "--out", tmp_path / "b", cache=tmp_path / "cache")
        assert again.returncode == 0
        assert "computed before" in again.stderr
        assert again.stdout == full.stdout
        assert (tmp_path / "b" / "report.html").is_file()
        # What is saved now is kept no longer.
        assert not list((tmp_path / "cache" / "unsaved").iterdir())


def test_a_simulation_and_a_conversion_on_a_full_disk_are_one_line(small_disk, data, tmp_path):
    pytest.importorskip("torch")
    folder, quota = small_disk
    big = tmp_path / "big.csv"
    table = pd.read_csv(data)
    pd.concat([table.assign(trajectory=table["trajectory"] + 10 * n) for n in range(200)]).to_csv(big, index=False)
    for arguments in (
        ("convert", big, folder / "copy.csv"),
        ("simulate", "--agents", 2000, "--replicates", 60, "--out", folder / "x.csv"),
        ("simulate", "--agents", 2000, "--replicates", 60, "--out", folder / "x.parquet"),
    ):
        done = tworate(*arguments, cache=tmp_path / "cache", before=quota)
        assert done.returncode == 1, done.stderr
        assert "cannot be written" in messages(done)[-1]
        assert "Traceback" not in done.stderr
        assert not [each for each in folder.rglob("*") if each.suffix in (".csv", ".parquet")]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission_is_one_line(data, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    done = tworate("convert", data, folder / "copy.csv", cache=tmp_path / "cache")
    assert (done.returncode, len(messages(done))) == (2, 1)


def test_two_processes_do_not_write_to_one_folder(data, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    with FileLock(folder / ".lock"):
        done = tworate("compare", data, "--structures", "none", "--out", folder, cache=tmp_path / "cache")
    assert done.returncode == 2
    assert "another process is writing to this folder" in messages(done)[-1]
    assert not (folder / "comparison.json").exists()


def test_an_earlier_result_is_not_overwritten_unasked(data, tmp_path):
    target = tmp_path / "kept.csv"
    assert tworate("convert", data, target, cache=tmp_path).returncode == 0
    before = target.read_bytes()
    done = tworate("convert", data, target, cache=tmp_path, before=None)
    assert (done.returncode, target.read_bytes()) == (2, before)
    assert "--force" in messages(done)[-1]
    assert tworate("convert", data, target, "--force", cache=tmp_path).returncode == 0


def test_results_are_saved_when_the_reader_of_stdout_has_gone(data, tmp_path):
    out = tmp_path / "out"
    command = [str(Path(sys.executable).parent / "tworate"), "compare", str(data), "--structures", "none"]
    with subprocess.Popen(
        [*command, "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 0, said
    assert (out / "report.html").is_file()
