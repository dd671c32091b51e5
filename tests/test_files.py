"""Files and folders that are written atomically."""

import os
import stat

import pytest

from tworate.errors import WriteError
from tworate.files import TEMPORARY, atomic_folder


def test_a_folder_gets_its_name_only_when_it_is_finished(tmp_path):
    target = tmp_path / "parts" / "one"
    with atomic_folder(target) as folder:
        assert folder.name.startswith(TEMPORARY)
        (folder / "a").write_text("1")
        assert not target.exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["parts", "one", "a"]
    umask = os.umask(0o022)
    os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o777 & ~umask


def test_failed_work_leaves_no_folder_behind(tmp_path):
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "one") as folder:
        (folder / "a").write_text("1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_process_finished_first_stays(tmp_path):
    target = tmp_path / "one"
    with atomic_folder(target) as folder:
        (folder / "a").write_text("mine")
        target.mkdir()
        (target / "a").write_text("theirs")
    assert (target / "a").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot be written"), atomic_folder(tmp_path / "file" / "one"):
        pass
