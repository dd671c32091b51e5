"""The registry of truths."""

from dataclasses import fields
from typing import Any

from ...errors import InputError
from . import data_generating_processes, independent_processes, structured_processes
from .data_generating_processes import DataGeneratingProcess

DATA_GENERATING_PROCESSES: dict[str, type[DataGeneratingProcess]] = {
    truth.name: truth
    for module in (data_generating_processes, structured_processes, independent_processes)
    for truth in vars(module).values()
    if isinstance(truth, type) and issubclass(truth, DataGeneratingProcess) and truth.__module__ == module.__name__
    if hasattr(truth, "name")
}
"""Truths by name."""


def make_process(name: str, **parameters: Any) -> DataGeneratingProcess:
    """Return a truth by name.

    Raises
    ------
    InputError
        When the name is unknown, or the parameters are not those of the truth.
    """
    if name not in DATA_GENERATING_PROCESSES:
        raise InputError(f"truth {name!r} is unknown; choose one of {', '.join(DATA_GENERATING_PROCESSES)}")
    needed = {field.name for field in fields(DATA_GENERATING_PROCESSES[name])}
    if set(parameters) != needed:
        raise InputError(f"truth {name}: needs {', '.join(sorted(needed))}, not {', '.join(sorted(parameters))}")
    return DATA_GENERATING_PROCESSES[name](**parameters)
