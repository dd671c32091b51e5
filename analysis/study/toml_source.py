"""TOML as users write it: read with lines, so that a message can say where."""

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
"""What is required, by pydantic's type of the fault."""


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Read a TOML file: its content, and its text.

    Raises
    ------
    InputError
        When the file cannot be read or is no TOML; names the line.
    """
    text = read_text(path)
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", str(error))
        where, what = (f"{path}, line {found[2]}", found[1]) if found else (str(path), str(error))
        raise InputError(f"{where}: is not valid TOML ({what}); texts stand in quotes, lists in brackets") from error


def line_of(text: str, keys: Sequence[str]) -> int | None:
    r"""Return the line on which a key stands, by its tables and its name, from 1; None where that is not to be seen.

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
        # Within a list that goes over lines a word before = is no key of a table.
        if depth == 0 and (header := _HEADER.fullmatch(stripped)):
            table = _parts(header[1])
            if table == wanted:
                return number
        elif depth == 0 and (key := _KEY.match(stripped)):
            found = (*table, *_parts(key[1]))
            if found == wanted:
                return number
            # The table of a key that is missing, or a key whose value is a table written on one line.
            if found == wanted[: len(found)]:
                best = number
        depth = max(0, depth + _opened(stripped))
        if best is None and table and table == wanted[: len(table)]:
            best = number
    return best


def _opened(line: str) -> int:
    """How many brackets a line opens more than it closes; texts and comments do not count, nor does a header."""
    bare = re.sub(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|#.*", "", line)
    return 0 if _HEADER.fullmatch(line) else bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def explained(error: ValidationError, model: type[BaseModel], path: Path | str, text: str = "") -> InputError:
    """Return what is wrong with a file as one line: file, line, key, what was required, what came, and the remedy.

    Parameters
    ----------
    error : pydantic.ValidationError
        What pydantic found.
    model : type of pydantic.BaseModel
        What was validated, for the names that there are.
    path : path
        The file's name.
    text : str
        Its text, for the lines.
    """
    # A key that is misspelt is often missing by its right name too: the cause first.
    faults = sorted(error.errors(include_url=False), key=lambda fault: fault["type"] != "extra_forbidden")
    fault = faults[0]
    keys = [str(part) for part in fault["loc"]]
    names = [key for key in keys if not key.isdigit()]
    line = line_of(text, names)
    where = f"{path}, line {line}" if line else str(path)
    shown = _spelled(keys)
    if fault["type"] == "extra_forbidden":
        known = _names(model, names[:-1])
        table = f"in [{'.'.join(names[:-1])}]" if names[:-1] else "at the top"
        said = f"unknown key {names[-1]!r} {table}{nearest(names[-1], known, '')} (there are: {', '.join(known)})"
    elif fault["type"] == "missing":
        said = f"{shown} is missing; add it"
    elif fault["type"] == "value_error":
        said = f"{shown}: {fault['ctx']['error']}"
    else:
        expected = _EXPECTED.get(fault["type"], fault["msg"].removeprefix("Input should be "))
        said = f"{shown} = {_value(fault['input'])}: must be {expected}"
    more = f" ({len(faults) - 1} more fault{'s' * (len(faults) > 2)} in the file)" if len(faults) > 1 else ""
    return InputError(f"{where}: {said}{more}")


def _spelled(keys: Sequence[str]) -> str:
    """`[spread] networks, entry 2, kind`, of the keys spread, networks, 1, kind."""
    parts = [f"entry {int(key) + 1}" if key.isdigit() else key for key in keys]
    return f"[{parts[0]}] {', '.join(parts[1:])}" if len(parts) > 1 and not keys[1].isdigit() else ", ".join(parts)


def _value(value: Any) -> str:
    shown = repr(value) if not isinstance(value, Mapping) else "a table"
    return shown if len(shown) <= 60 else shown[:57] + "…"


def _names(model: type[BaseModel], keys: Sequence[str]) -> list[str]:
    """Names of the fields of a model, or of one within it."""
    for key in keys:
        field = model.model_fields.get(key)
        inner = None if field is None else _inner(field.annotation)
        # Names that the user gives, such as those of mixtures, are no fields: the table is of the model that was there.
        model = inner or model
    return list(model.model_fields)


def _inner(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _inner(part))), None)
