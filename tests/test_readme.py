"""What the README shows works."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.integration
def test_python_example_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("two-rate")
    assert (tmp_path / "runs" / "python" / "comparison.json").is_file()


def test_commands_shown_have_the_options_shown():
    command = Path(sys.executable).with_name("tworate")
    shown = [
        shlex.split(line, comments=True)
        for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
        for line in block.splitlines()
        if line.startswith("tworate")
    ]
    assert len(shown) >= 4
    for name in {words[1] for words in shown}:
        help_text = subprocess.run([command, name, "--help"], capture_output=True, text=True, check=True).stdout
        for words in (words for words in shown if words[1] == name):
            assert all(word in help_text for word in words if word.startswith("--"))


def test_files_that_the_readme_names_are_there():
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", README):
        assert (ROOT / target).exists(), target
