"""All measurements in one file; `python benchmarks/gather.py docs/benchmarks.md [NAME …]`, an hour or so.

Runs the scripts of this folder one after the other, each in a process of its own, and writes what they print, with the
versions and the machine, under the first line of what they say of themselves. With names, only these are run, and the
sections of the others stay as they are in the file; so does that of `accelerator` on a machine that has none.
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
SCRIPTS = ("main_job", "inference", "conditions", "study", "decide", "spread", "networks", "population", "accelerator")
PACKAGES = ("pymc", "nutpie", "arviz", "numba", "numpy", "networkx", "torch", "transformers")

HEAD = """# Benchmarks

Written by `make bench` (`benchmarks/gather.py`); each section says when and on what it was measured."""


def machine() -> str:
    """Processor, cores and versions, in a sentence."""
    name = platform.processor() or platform.machine()
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        name = found.group(1) if found else name
    except OSError:
        pass
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    python = platform.python_version()
    return f"{time.strftime('%Y-%m-%d')}; {name}, {os.cpu_count()} cores; Python {python}, {versions}"


def sections(path: Path) -> dict[str, str]:
    """Sections of an earlier file by the name of their script."""
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
        parser.error(f"no script is called {', '.join(sorted(unknown))}; there are: {', '.join(SCRIPTS)}")
    kept = sections(arguments.file)
    possible = [name for name in SCRIPTS if name != "accelerator" or torch.cuda.is_available()]
    for name in arguments.names or possible:
        kept[name] = measured(name)
        body = "\n\n".join(f"<!-- {each} -->\n{kept[each]}" for each in SCRIPTS if each in kept)
        arguments.file.write_text(f"{HEAD}\n\n{body}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
