"""Examples in docstrings run."""

import doctest
import importlib
import pkgutil
from importlib.util import find_spec

import pytest

import tworate

FOLDERS = {"agents", "simulate", "models", "inference", "analysis", "common"}
if not find_spec("torch"):
    FOLDERS -= {"agents"}
MODULES = [
    info.name
    for info in pkgutil.walk_packages(tworate.__path__, "tworate.")
    if info.name.split(".")[1] in FOLDERS and "train" not in info.name
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
