"""Read TOML files with line numbers for error messages."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ...errors import InputError, nearest
from ...files import read_text

_HEADER = re.compile(r"\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"([A-Za-z0-9_\-.\"' ]+?)\s*=")

_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a text, in quotes",
    "bool_type": "true or false",
    "list_type": "a list, in brackets",
    "dict_type": "a table",
    "model_type": "a table",
}
"""Expected value, by pydantic's error type."""


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Read a TOML file; return its content and its text.

    Raises
    ------
    InputError
        When the file cannot be read or is not TOML; the message names the line.
    """
    text = read_text(path)
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        located = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", str(error))
        where, fault = (f"{path}, line {located[2]}", located[1]) if located else (str(path), str(error))
        raise InputError(f"{where}: is not valid TOML ({fault}); put texts in quotes and lists in brackets") from error


def line_of(text: str, keys: Sequence[str]) -> int | None:
    r"""Return the line number (from 1) of a key, given its tables and its name; None if it is not found.

    Examples
    --------
    >>> line_of('seed = 1\n[spread]\nagents = 10\n', ["spread", "agents"])
    3
    """
    table: tuple[str, ...] = ()
    wanted, best = tuple(keys), None
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        # Inside a list over several lines, a word before = is not a key of a table.
        if depth == 0 and (header := _HEADER.fullmatch(stripped)):
            table = _parts(header[1])
            if table == wanted:
                return number
        elif depth == 0 and (key := _KEY.match(stripped)):
            full_key = (*table, *_parts(key[1]))
            if full_key == wanted:
                return number
            # This is the table of a missing key, or a key whose value is a table on one line.
            if full_key == wanted[: len(full_key)]:
                best = number
        depth = max(0, depth + _opened(stripped))
        if best is None and table and table == wanted[: len(table)]:
            best = number
    return best


def _opened(line: str) -> int:
    """Count opening minus closing brackets of a line, without those in texts, comments and headers."""
    bare = re.sub(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|#.*", "", line)
    return 0 if _HEADER.fullmatch(line) else bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def explained(error: ValidationError, model: type[BaseModel], path: Path | str, text: str = "") -> InputError:
    """Return an error of one line: file, line, key, expected value, actual value, and remedy.

    Parameters
    ----------
    error : pydantic.ValidationError
        Error of pydantic.
    model : type of pydantic.BaseModel
        Model that was validated; the message lists its keys.
    path : path
        Name of the file.
    text : str
        Text of the file, for line numbers.
    """
    # A misspelt key often also causes a missing key: report the misspelt key first.
    faults = sorted(error.errors(include_url=False), key=lambda fault: fault["type"] != "extra_forbidden")
    fault = faults[0]
    keys = [str(part) for part in fault["loc"]]
    names = [key for key in keys if not key.isdigit()]
    line = line_of(text, names)
    where = f"{path}, line {line}" if line else str(path)
    shown = _spelled(keys)
    if fault["type"] == "extra_forbidden":
        valid = _names(model, names[:-1])
        table = f"in [{'.'.join(names[:-1])}]" if names[:-1] else "at the top"
        problem = f"unknown key {names[-1]!r} {table}{nearest(names[-1], valid, '')} (there are: {', '.join(valid)})"
    elif fault["type"] == "missing":
        problem = f"{shown} is missing; add it"
    elif fault["type"] == "value_error":
        problem = f"{shown}: {fault['ctx']['error']}"
    else:
        expected = _EXPECTED.get(fault["type"], fault["msg"].removeprefix("Input should be "))
        problem = f"{shown} = {_value(fault['input'])}: must be {expected}"
    more = f" ({len(faults) - 1} more fault{'s' * (len(faults) > 2)} in the file)" if len(faults) > 1 else ""
    return InputError(f"{where}: {problem}{more}")


def _spelled(keys: Sequence[str]) -> str:
    """Return keys as text: spread, networks, 1, kind become `[spread] networks, entry 2, kind`."""
    parts = [f"entry {int(key) + 1}" if key.isdigit() else key for key in keys]
    return f"[{parts[0]}] {', '.join(parts[1:])}" if len(parts) > 1 and not keys[1].isdigit() else ", ".join(parts)


def _value(value: Any) -> str:
    shown = repr(value) if not isinstance(value, Mapping) else "a table"
    return shown if len(shown) <= 60 else shown[:57] + "…"


def _names(model: type[BaseModel], keys: Sequence[str]) -> list[str]:
    """Return the field names of a model, or of a model nested in it."""
    for key in keys:
        field = model.model_fields.get(key)
        inner = None if field is None else _inner(field.annotation)
        # Names from the user, such as mixtures, are not fields: stay at the same model.
        model = inner or model
    return list(model.model_fields)


def _inner(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((inner for part in get_args(annotation) if (inner := _inner(part))), None)
