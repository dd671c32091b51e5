"""Discovery of classes: every file of a folder may define some."""

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from typing import TypeVar

from .parametric import Parametric

Kind = TypeVar("Kind", bound=Parametric)


def classes_in(package: str, base: type[Kind]) -> dict[str, type[Kind]]:
    """Return the subclasses of a base class that the modules of a package define, by name, the simplest first."""
    folder = importlib.import_module(package).__path__
    classes: dict[str, type[Kind]] = {}
    for info in pkgutil.iter_modules(folder):
        module = importlib.import_module(f"{package}.{info.name}")
        for item in vars(module).values():
            is_ours = isinstance(item, type) and issubclass(item, base) and item is not base
            if is_ours and item.__module__ == module.__name__ and not item.__name__.startswith("_"):
                classes[item.name] = item
    return dict(sorted(classes.items(), key=lambda pair: (len(pair[1].parameters()), pair[0])))


def named(name: str, classes: Mapping[str, type[Kind]], kind: str) -> type[Kind]:
    """Return the class of a name.

    Raises
    ------
    ValueError
        When no class has the name; the message suggests the nearest one.
    """
    if name not in classes:
        near = difflib.get_close_matches(name, classes, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"there is no {kind} {name!r}; {hint}the {kind}s are: {', '.join(classes)}")
    return classes[name]
