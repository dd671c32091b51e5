"""The pages of the site that are made from the program are up to date, and all pages are in the navigation."""

import json
import re
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
    for path in [*DOCS.rglob("*.md"), *DOCS.rglob("*.ipynb")]:
        assert re.search(rf"[-:] {re.escape(path.relative_to(DOCS).as_posix())}\n", navigation + "\n"), path


def test_notebooks_have_run_from_top_to_bottom():
    notebooks = sorted((DOCS / "notebooks").glob("*.ipynb"))
    assert len(notebooks) == 3
    for path in notebooks:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1)), f"{path}: make notebooks"
        kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
        assert "display_data" in kinds and "error" not in kinds, path
