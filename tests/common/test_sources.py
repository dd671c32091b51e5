"""Digests of sources, and the cache of compiled code that they key."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from tworate.common import compiled, sources
from tworate.common.compiled import cache_folder, njit
from tworate.common.sources import source_digest


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two folders in place of ours."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "code.py").write_text("x = 1\n")
    (tmp_path / "a" / "inner").mkdir()
    (tmp_path / "a" / "inner" / "more.py").write_text("y = 2\n")
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    monkeypatch.setattr(sources, "source_digest", source_digest.__wrapped__)
    return tmp_path


@pytest.mark.parametrize("changed", ["a/code.py", "a/inner/more.py"])
def test_a_digest_changes_with_every_source_of_its_folders(package, changed):
    before, other = sources.source_digest("a"), sources.source_digest("b")
    (package / changed).write_text("x = 3\n")
    assert sources.source_digest("a") != before
    assert sources.source_digest("b") == other
    assert len({sources.source_digest(*names) for names in (("a",), ("b",), ("a", "b"))}) == 3


def test_a_digest_changes_when_a_source_is_renamed_or_added(package):
    digests = [sources.source_digest("a")]
    (package / "a" / "code.py").rename(package / "a" / "other.py")
    digests.append(sources.source_digest("a"))
    (package / "a" / "empty.py").write_text("")
    digests.append(sources.source_digest("a"))
    assert len(set(digests)) == 3


def test_a_process_goes_on_with_the_sources_that_it_has_read(package, monkeypatch):
    monkeypatch.setattr(sources, "source_digest", source_digest)
    source_digest.cache_clear()
    before = source_digest("a")
    (package / "a" / "code.py").write_text("x = 3\n")
    assert source_digest("a") == before
    source_digest.cache_clear()


def test_compiled_code_is_kept_in_a_folder_of_its_sources(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))

    @njit("models", error_model="numpy")
    def double(x):
        return 2.0 * x

    assert double(2.0) == 4.0
    folder = tmp_path / source_digest("models")[:16]
    assert list(folder.rglob("*.nbi"))
    with cache_folder("models") as named:
        assert named == folder
    # Functions of others are kept where they were.
    assert str(tmp_path) == numba.config.CACHE_DIR
    assert double.targetoptions["nogil"]


def test_folders_of_other_sources_go_when_they_were_not_used_for_a_month(tmp_path, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(compiled, "user_cache_path", lambda name: tmp_path / name)
    old, recent = (tmp_path / "tworate" / "numba" / name for name in ("old", "recent"))
    for folder, age in ((old, 31), (recent, 29)):
        folder.mkdir(parents=True)
        (folder / "code.nbc").write_text("")
        when = (folder / "code.nbc").stat().st_mtime - age * 86_400
        os.utime(folder / "code.nbc", (when, when))
    with cache_folder("models"):
        pass
    assert not old.exists()
    assert recent.exists()


def test_what_one_process_compiled_the_next_one_reads(tmp_path):
    script = (
        "import numpy as np\n"
        "from tworate.inference.likelihood.density_kernels import log_densities\n"
        "log_densities(0, np.full((1, 3), -0.1), np.zeros(1), np.ones(3), np.full(3, 9.0))\n"
        "print(sum(log_densities.stats.cache_hits.values()), sum(log_densities.stats.cache_misses.values()))"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    printed = [
        subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [each.stdout.split() for each in printed] == [["0", "1"], ["1", "0"]]
    assert all(Path(path).parent.parent.parent == tmp_path for path in tmp_path.rglob("*.nbi"))
