"""The pages of the site that are made from the program are up to date, and all pages are in the navigation."""

import runpy
from pathlib import Path

import tworate

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def test_the_page_of_commands_is_up_to_date():
    made = runpy.run_path(str(DOCS / "commands_page.py"))["page"]()
    shown = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    # Versions of the library below break lines in other places.
    assert made.split() == shown.split(), "run: python docs/commands_page.py"


def test_all_public_names_are_in_the_reference():
    text = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    shown = {line.rpartition(".")[2] for line in text.splitlines() if line.startswith("::: ")}
    assert set(tworate.__all__) - {"__version__"} <= shown


def test_all_pages_are_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    for path in DOCS.rglob("*.md"):
        assert f"- {path.relative_to(DOCS).as_posix()}\n" in navigation + "\n", path
