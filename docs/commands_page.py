"""Write docs/reference/commands.md: what `--help` of every command says, 100 columns wide.

Run `python docs/commands_page.py`.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PAGE = Path(__file__).parent / "reference" / "commands.md"
HEAD = """# Commands

This page is what `--help` of each command says. `python docs/commands_page.py` writes it.
"""


def help_of(*words: str) -> str:
    """Return what a command says of itself."""
    command = Path(sys.executable).with_name("tworate")
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [command, *words, "--help"], capture_output=True, text=True, encoding="utf-8", check=True, env=environment
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def page() -> str:
    """Return the text of the page."""
    root = help_of()
    names = re.findall(r"^  ([a-z]+)  ", root[root.index("\nCommands:") :], flags=re.MULTILINE)
    words = [(name,) for name in names]
    # A group, such as `cache`, has commands of its own.
    with ThreadPoolExecutor(2) as pool:
        texts = dict(zip(words, pool.map(lambda word: help_of(*word), words), strict=True))
        for (name,), text in list(texts.items()):
            if "\nCommands:" in text:
                inner = re.findall(r"^  ([a-z]+)  ", text[text.index("\nCommands:") :], flags=re.MULTILINE)
                texts.update({(name, sub): help_of(name, sub) for sub in inner})
    parts = [HEAD, f"## tworate\n\n```text\n{root}\n```\n"]
    parts += [f"## tworate {' '.join(word)}\n\n```text\n{text}\n```\n" for word, text in sorted(texts.items())]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
