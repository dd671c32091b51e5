"""The rules of the house: who may import whom, what stays light, what is shipped."""

import ast
import graphlib
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import tworate

ROOT = Path(tworate.__file__).parent
FOLDERS = ("agents", "simulate", "models", "inference", "analysis", "common")
# Arrows of the design: agents → simulate → inference → analysis, models → inference, models → analysis.
MAY_IMPORT = {
    "common": set(),
    "models": set(),
    "agents": {"common"},
    "simulate": {"models", "common"},
    "inference": {"models", "simulate", "common"},
    "analysis": {"agents", "simulate", "models", "inference", "common"},
}
# Rooms of inference in reading order: each imports only those before it.
ROOMS = ("data", "likelihood", "posterior", "loo", "comparison", "mechanisms", "hierarchical", "calibration")
LEAVES = {"errors", "files", ""}


def imported_modules(path):
    """Modules of ours that a module imports, as parts of their names, and whether it does so relatively."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *filter(None, (node.module or "").split("."))]
            yield from (((*base, alias.name), True) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tworate":
            yield (*node.module.split(".")[1:], ""), False
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "tworate":
                    yield (*alias.name.split(".")[1:], ""), False


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_follow_the_arrows(folder):
    for path in (ROOT / folder).rglob("*.py"):
        for (name, *_), relative in imported_modules(path):
            if name in FOLDERS:
                assert name == folder or name in MAY_IMPORT[folder], f"{path} imports {name}"
            else:
                assert name in LEAVES | {"__version__"}, f"{path} imports {name}"
            # A script that is run by its name has no package to be relative to.
            assert relative or path.name == "train.py", f"{path}: imports of our own are relative"


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_of_inference_import_only_those_before_them(room):
    before = ROOMS[: ROOMS.index(room) + 1]
    for path in (ROOT / "inference" / room).rglob("*.py"):
        for (folder, *rest), _ in imported_modules(path):
            assert folder != "inference" or rest[0] in before, f"{path} imports {rest[0]}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_module_imports_itself_by_way_of_others(folder):
    names = {}
    for path in (ROOT / folder).rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[parts[:-1] if parts[-1] == "__init__" else parts] = path
    imports = {
        name: {
            target
            for parts, _ in imported_modules(path)
            for target in (parts, parts[:-1])
            # The front of a folder imports what it shows.
            if target in names and target != name and names[target].name != "__init__.py"
        }
        for name, path in names.items()
        if path.name != "__init__.py"
    }
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"circle of imports: {error.args[1]}")


@pytest.mark.parametrize(
    "statement",
    [
        "import tworate",
        "import tworate.models",
        "import sys; sys.argv = ['tworate', '--help']; from tworate.analysis.cli import main; main()",
        "import sys; sys.argv = ['tworate', 'run', '--help']; from tworate.analysis.cli import main; main()",
        "import sys; sys.argv = ['tworate', 'recover', '--help']; from tworate.analysis.cli import main; main()",
        "import sys; sys.argv = ['tworate', 'study', '--help']; from tworate.analysis.cli import main; main()",
        "import sys; sys.argv = ['tworate', 'explain', '--help']; from tworate.analysis.cli import main; main()",
        "import sys; sys.argv = ['tworate', 'models']; from tworate.analysis.cli import main; main()",
        "import sys; sys.argv = ['tworate', 'cache', 'info']; from tworate.analysis.cli import main; main()",
        "import sys; sys.argv = ['tworate', 'personas']; from tworate.analysis.cli import main; main()",
    ],
)
def test_what_must_stay_light_does(statement):
    check = (
        "import atexit, sys\n"
        "heavy = {'torch', 'transformers', 'pymc', 'pytensor', 'matplotlib', 'nutpie', 'arviz', 'openai'}\n"
        "atexit.register(lambda: print('HEAVY', sorted(heavy & set(sys.modules)), file=sys.stderr))\n" + statement
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stderr.strip().endswith("HEAVY []")


def test_public_names_can_all_be_loaded():
    for name in tworate.__all__:
        assert getattr(tworate, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tworate.nothing


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """A wheel built from a source distribution of the tracked files."""
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in tracked:
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(source)],
        check=True, capture_output=True,
    )  # fmt: skip
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


@pytest.mark.integration
def test_wheel_holds_exactly_the_packages_meant(distributions):
    wheel, sdist = distributions
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name.split("/")[0] for name in names} == {"tworate"}
    folders = {name.split("/")[1] for name in names if name.count("/") > 1}
    assert folders == {*FOLDERS, "examples"}
    shipped = {name.removeprefix("tworate/") for name in names}
    code = {str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    leaves = {f"{leaf}.py" for leaf in LEAVES if leaf}
    assert {name for name in shipped if name.endswith(".py")} == {*code, "__init__.py", *leaves}
    assert {
        "py.typed",
        "examples/events.csv",
        "agents/mini_ipip.json",
        "agents/persona_markers.json",
        "agents/templates/inventory.jinja",
        "agents/templates/persona.jinja",
        "agents/templates/question.jinja",
        "agents/embedded/model.safetensors",
        "agents/embedded/tokenizer.json",
        "agents/embedded/chat_template.jinja",
        "agents/embedded/MODEL_CARD.md",
        "analysis/report/templates/report.html.jinja",
        "analysis/report/templates/script.js",
        "analysis/report/templates/study.html.jinja",
    } <= shipped
    with tarfile.open(sdist) as archive:
        assert any(name.endswith("/LICENSE") for name in archive.getnames())


@pytest.mark.integration
def test_installed_alone_the_wheel_shows_help_and_finds_its_files(distributions, tmp_path):
    wheel, _ = distributions
    # Only our wheel is installed; what it depends on is borrowed from this environment by path.
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True
    )
    site = next((tmp_path / "venv" / "lib").glob("python*/site-packages"))
    # A plain line in a .pth file adds a path and does not follow that folder's own .pth files, so the editable
    # install of this environment stays out of sight.
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    command = tmp_path / "venv" / "bin" / "tworate"
    shown = subprocess.run([command, "--help"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "one transmission" in " ".join(shown.stdout.split())
    where = "import tworate; from tworate.agents import shipped_events; print(tworate.__file__, len(shipped_events()))"
    found = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert found.stdout.split() == [str(site / "tworate" / "__init__.py"), "18"]
