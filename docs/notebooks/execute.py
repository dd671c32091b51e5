"""Run the notebooks of this folder and keep their outputs: `python docs/notebooks/execute.py [--check] [NAME …]`.

With `--check` the notebooks are run and left as they are.
"""

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
TIMEOUT = 600
"""Seconds that one cell may take."""


def execute(path: Path, folder: Path) -> Any:
    """Run a notebook in a folder that sees the examples, and return it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    (folder / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    client = NotebookClient(notebook, timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": folder}})
    client.execute()
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number}"
        # When a cell ran says nothing to readers.
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            # Progress is shown while it happens.
            cell["outputs"] = [out for out in cell["outputs"] if out.get("name") != "stderr"]
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    )
    return notebook


def main() -> None:
    """Run all notebooks, or those named."""
    names = [name for name in sys.argv[1:] if name != "--check"]
    for path in sorted(FOLDER.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        with TemporaryDirectory() as folder:
            notebook = execute(path, Path(folder))
            text = nbformat.writes(notebook)
            if re.search(re.escape(folder), text):
                raise SystemExit(f"{path}: an output names a folder of this machine")
        if "--check" not in sys.argv:
            path.write_text(text + "\n", encoding="utf-8")
        print(path.name)


if __name__ == "__main__":
    main()
