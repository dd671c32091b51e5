"""Models from a file of the user: compared, saved, and shown by reports again; bad files give one line."""

import json
import sys
from pathlib import Path

import pytest

from tworate.analysis.cli import main
from tworate.analysis.cli.own_models import chosen_models, models_from
from tworate.errors import InputError
from tworate.models import OneRateSI

# The example of the guide is the file of a user.
MODEL = (Path(__file__).parents[3] / "examples" / "mine.py").read_text(encoding="utf-8")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MODEL)
    return path


def test_models_of_a_file_are_found_and_imported_ones_are_not(file):
    file.write_text(MODEL + "from tworate.models import TwoRateSI\n")
    (stale,) = models_from(file)
    assert (stale.__name__, stale.name) == ("StaleSI", "stale")
    assert models_from(None) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "defines no model; define a subclass of tworate.models.SIModel"),
        ("1 / 0\n", "raises ZeroDivisionError: division by zero; correct the file"),
        ("def f(:\n", "raises SyntaxError"),
        ("import sys\nsys.exit(3)\n", "raises SystemExit"),
        (MODEL.replace('"stale"', '"one-rate"'), "the name 'one-rate' is taken"),
    ],
)
def test_bad_files_give_one_line(file, text, message):
    file.write_text(text)
    with pytest.raises(InputError, match="--models-from") as raised:
        models_from(file)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["missing.py", "mine.txt"])
def test_other_files_are_refused(tmp_path, name):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match="must be a Python file"):
        models_from(tmp_path / name)


def test_own_models_are_added_unless_named_or_between(file):
    (stale,) = models_from(file)
    both = ["one-rate", "two-rate"]
    assert chosen_models(both, [stale], exactly=False) == [*both, stale]
    assert chosen_models(["stale", "one-rate"], [stale], exactly=True) == [stale, "one-rate"]
    assert chosen_models(["one-rate"], [stale], exactly=True) == ["one-rate"]
    assert chosen_models(both, [], exactly=False) == both


@pytest.mark.integration
def test_a_comparison_with_an_own_model_is_made_saved_and_reported(
    file, tmp_path, make_trajectories, monkeypatch, capsys
):
    from tworate.models import RandomRegular

    table = make_trajectories(OneRateSI(0.6), RandomRegular(16), seed=1, degree=16, replicates=3, rounds=25)
    table.to_csv(tmp_path / "data.csv", index=False)
    folder = tmp_path / "out"

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["tworate", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 0, capsys.readouterr().err

    command(
        "compare", tmp_path / "data.csv", "--models-from", file, "--structures", "none", "--out", folder, "--seed", 5
    )
    saved = json.loads((folder / "comparison.json").read_text())
    assert {"one-rate", "two-rate", "stale"} <= set(saved["conditions"][0]["models"])
    assert saved["made"]["command"].startswith("tworate compare ")
    before = (folder / "report.html").read_text()
    assert "news that goes stale" in before
    assert f"--models-from {file}" in before
    (folder / "report.html").unlink()
    command("report", folder, "--models-from", file, "--format", "pdf,svg")
    assert (folder / "report.html").read_text() == before
    assert (folder / "figures" / "steps.svg").is_file()
    assert not (folder / "figures" / "steps.png").exists()
    monkeypatch.setattr(sys, "argv", ["tworate", "report", str(folder)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "--models-from FILE.py" in capsys.readouterr().err
