"""What the README and the guides show works."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = ("index", "verdict", "times", "your_data", "your_model", "own_si_model", "what_can_go_wrong")
GUIDES = [README, *(DOCS / f"{name}.md" for name in PAGES)]
TEXTS = {path: path.read_text(encoding="utf-8") for path in GUIDES}


def blocks(language, text):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.integration
def test_python_example_runs(tmp_path):
    (code,) = blocks("python", TEXTS[DOCS / "index.md"])
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("two-rate")
    assert (tmp_path / "runs" / "python" / "comparison.json").is_file()


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test_python_examples_compile(path):
    for code in blocks("python", TEXTS[path]):
        compile(code, str(path), "exec")


def test_commands_shown_have_the_options_shown():
    command = Path(sys.executable).with_name("tworate")
    in_blocks = [line for text in TEXTS.values() for block in blocks("sh", text) for line in block.splitlines()]
    in_tables = [shown for text in TEXTS.values() for shown in re.findall(r"`(tworate [a-z]+ [^`]+)`", text)]
    shown = [shlex.split(line, comments=True) for line in (*in_blocks, *in_tables) if line.startswith("tworate")]
    assert len(shown) >= 30
    for name in {words[1] for words in shown}:
        help_text = subprocess.run([command, name, "--help"], capture_output=True, text=True, check=True).stdout
        for words in (words for words in shown if words[1] == name):
            assert all(word in help_text for word in words if word.startswith("--")), words


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.stem)
def test_files_that_links_name_are_there(path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", TEXTS[path]):
        assert (path.parent / target).exists(), target


def test_the_guide_shows_the_example_model():
    mine = (ROOT / "examples" / "mine.py").read_text(encoding="utf-8")
    assert f"```python\n{mine}```" in TEXTS[DOCS / "own_si_model.md"]


@pytest.mark.integration
def test_the_example_model_can_be_compared():
    options = ["--population", "1000", "--models-from", "examples/mine.py", "--structures", "none", "--json"]
    command = [Path(sys.executable).with_name("tworate"), "compare", "examples/data/wide.csv", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert '"stale"' in done.stdout


def test_the_readme_is_one_screen():
    assert len(TEXTS[README].splitlines()) <= 60
