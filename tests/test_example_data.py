"""The example data are what the script makes, and are read as the guide says."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "data"
GUIDE = (ROOT / "docs" / "your_data.md").read_text(encoding="utf-8")
CONVERT = re.findall(r"```sh\n(tworate convert [^\n]*)\n```\n\n```text\n(.*?)```", GUIDE, flags=re.DOTALL)


def test_the_script_makes_the_files(tmp_path):
    runpy.run_path(str(FOLDER / "make.py"))["main"](tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in FOLDER.glob("*.csv")}


def test_all_shapes_are_shown():
    assert len(CONVERT) == 5


@pytest.mark.parametrize(("line", "printed"), CONVERT, ids=[line.split()[2].rpartition("/")[2] for line, _ in CONVERT])
def test_convert_prints_what_the_guide_shows(line, printed, tmp_path):
    _, name, file, out, *options = shlex.split(line)
    done = subprocess.run(
        [Path(sys.executable).with_name("tworate"), name, file, tmp_path / out, *options],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    shown = (done.stdout + done.stderr).replace(f"{tmp_path}/", "").splitlines()
    assert sorted(printed.splitlines()) == sorted(shown)


def test_the_guide_shows_the_beginning_of_each_file():
    for path in FOLDER.glob("*.csv"):
        encoding = "windows-1252" if path.name == "export.csv" else "utf-8"
        head = "\n".join(path.read_text(encoding=encoding).splitlines()[:4])
        assert f"```text\n{head}\n```" in GUIDE, path.name
