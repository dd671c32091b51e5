"""Run the contract with nutpie on every version in the range of pyproject.toml that this Python can install."""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
CONTRACT = ROOT / "tests" / "inference" / "posterior" / "test_nutpie_adapter.py"


def versions() -> list[str]:
    """Versions of the range that pip finds for this Python, oldest first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [each for each in map(Requirement, project["dependencies"]) if each.name == "nutpie"]
    (requirement,) = (each for each in wanted if each.marker is None or each.marker.evaluate())
    command = [sys.executable, "-m", "pip", "index", "versions", "nutpie"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Available versions: (.*)", listed)
    available = found[1].split(", ") if found else []
    return [version for version in reversed(available) if requirement.specifier.contains(version)]


def main() -> int:
    """Test each version; the status is 1 where one fails or none was found."""
    failed, tested = [], versions()
    for version in tested:
        with tempfile.TemporaryDirectory() as folder:
            install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder]
            subprocess.run([*install, f"nutpie=={version}"], check=True)
            environment = {**os.environ, "PYTHONPATH": folder}
            test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CONTRACT)]
            passed = subprocess.run(test, env=environment, cwd=ROOT, check=False).returncode == 0
        print(f"nutpie {version}: {'passed' if passed else 'FAILED'}", flush=True)
        failed += [] if passed else [version]
    return 1 if failed or not tested else 0


if __name__ == "__main__":
    sys.exit(main())
