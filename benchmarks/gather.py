"""Write all benchmarks to one file: `python benchmarks/gather.py docs/benchmarks.md [NAME …]`, about an hour.

The scripts of this folder run one after the other, each in its own process. Their output goes under the first line of
their docstring, with versions and machine. With names, only these scripts run, and the other sections of the file stay.
The section of `accelerator` also stays on a machine without an accelerator.
"""

import argparse
import ast
import os
import platform
import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch

HERE = Path(__file__).parent
SCRIPTS = (
    "main_job",
    "inference",
    "individual",
    "conditions",
    "study",
    "decide",
    "spread",
    "networks",
    "population",
    "accelerator",
)
PACKAGES = ("pymc", "nutpie", "arviz", "numba", "numpy", "networkx", "torch", "transformers")

HEAD = """# Benchmarks

Written by `make bench` (`benchmarks/gather.py`); each section says when and on what it was measured."""


def machine() -> str:
    """Return processor, cores and versions, in a sentence."""
    name = platform.processor() or platform.machine()
    try:
        match = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        name = match.group(1) if match else name
    except OSError:
        pass
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    python = platform.python_version()
    return f"{time.strftime('%Y-%m-%d')}; {name}, {os.cpu_count()} cores; Python {python}, {versions}"


def sections(path: Path) -> dict[str, str]:
    """Read the sections of an earlier file, by the name of their script."""
    if not path.is_file():
        return {}
    parts = re.split(r"^<!-- (\w+) -->$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def measured(name: str) -> str:
    """Run a script; return its section."""
    print(f"running {name} …", file=sys.stderr, flush=True)
    path = HERE / f"{name}.py"
    done = subprocess.run([sys.executable, path], stdout=subprocess.PIPE, text=True, check=True)
    title = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or name).splitlines()[0].split(": `")[0]
    return f"## {title.rstrip('.')}\n\nBy `python benchmarks/{name}.py`. {machine()}.\n\n{done.stdout.strip()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="Markdown file to write")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"scripts to run: {', '.join(SCRIPTS)}; default: all")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(SCRIPTS):
        parser.error(f"there is no script {', '.join(sorted(unknown))}; there are: {', '.join(SCRIPTS)}")
    texts = sections(arguments.file)
    possible = [name for name in SCRIPTS if name != "accelerator" or torch.cuda.is_available()]
    for name in arguments.names or possible:
        texts[name] = measured(name)
        body = "\n\n".join(f"<!-- {script} -->\n{texts[script]}" for script in SCRIPTS if script in texts)
        arguments.file.write_text(f"{HEAD}\n\n{body}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
