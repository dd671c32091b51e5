"""A new model is one new file: the program lists it and the conformance tests take it, with no other change."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tworate

ROOT = Path(tworate.__file__).parent

TOY = '''
"""The toy SI model: news that goes stale."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .base import SIModel
from .numerics import expm1_over
from .parameters import RATE_PRIOR, Exponential, parameter


@dataclass(frozen=True)
class ToySI(SIModel):
    """Each sighting counts for less than the one before: `G(Λ) = exp(-β (1 - exp(-δΛ)) / δ)`."""

    name: ClassVar[str] = "toy"
    summary: ClassVar[str] = "news that goes stale"
    reference: ClassVar[str] = "none"

    beta: float = parameter("transmission rate of fresh news", unit="1/time", prior=RATE_PRIOR, symbol="β")
    staleness: float = parameter("rate of going stale", unit="1/time", prior=Exponential(mean=2.0), symbol="δ")

    @staticmethod
    def log_survival(exposure, time, parameters, xp=np):
        scaled = parameters["beta"] * exposure
        return -scaled * expm1_over(parameters["staleness"] * exposure, xp)
'''


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of the package with one file more; gives what runs Python on it."""
    folder = tmp_path_factory.mktemp("copy")
    package = folder / "tworate"
    for name in ("models", "simulate", "inference", "agents", "analysis", "common", "tests"):
        # Neither the embedded language model nor what is compiled is needed.
        shutil.copytree(ROOT / name, package / name, ignore=shutil.ignore_patterns("*.safetensors", "__pycache__"))
    for path in [*ROOT.glob("*.py"), ROOT / "pyproject.toml"]:
        shutil.copy(path, package)
    (package / "models" / "toy.py").write_text(TOY, encoding="utf-8")

    def python(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, cwd=package, env=environment
        )

    return python


@pytest.mark.integration
def test_a_new_model_is_listed(copied):
    listed = copied("-c", "from tworate.analysis.cli import main; main()", "models")
    assert listed.returncode == 0, listed.stderr
    for text in ("toy", "news that goes stale", "exponential, mean 2 per observed window"):
        assert text in " ".join(listed.stdout.split())


@pytest.mark.integration
def test_a_new_model_passes_the_conformance_tests(copied):
    # Only the copy has a model to select by this name, so the copy is what is tested.
    tested = copied("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "toy", "tests/models/test_conformance.py")
    assert tested.returncode == 0, tested.stdout
    n_tests = int(tested.stdout.rpartition(" passed")[0].split()[-1])
    own = (ROOT / "tests" / "models" / "test_conformance.py").read_text(encoding="utf-8")
    # At least one test for each function that is parametrised by models.
    assert n_tests >= own.count('parametrize("model", MODELS)')
