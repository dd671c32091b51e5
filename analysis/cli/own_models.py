"""Models of the user's own, from a Python file that a command names."""

import hashlib
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ...errors import InputError

if TYPE_CHECKING:
    from ...models import SIModel

_MODULE = "tworate_models_from_file"


def models_from(path: Path | None) -> "list[type[SIModel]]":
    """Run a Python file, and return the models that it defines, in the order of the file; none without a file.

    Raises
    ------
    InputError
        When the file is missing, raises an error, defines no model, or one with a name that is taken.
    """
    from ...models import SIModel, all_models

    if path is None:
        return []
    if path.suffix != ".py" or not path.is_file():
        raise InputError(f"--models-from {path}: must be a Python file (.py) that defines subclasses of SIModel")
    loader = SourceFileLoader(_MODULE, str(path))
    module = ModuleType(_MODULE)
    # Dataclasses look up the module of a class by its name.
    sys.modules[_MODULE] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        text = " ".join(str(error).split())
        raise InputError(f"--models-from {path}: raises {type(error).__name__}: {text}; correct the file") from error
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, SIModel)
        and value.__module__ == _MODULE
        and not getattr(value, "__abstractmethods__", None)
    ]
    found = list(dict.fromkeys(found))
    if not found:
        raise InputError(
            f"--models-from {path}: defines no model; define a subclass of tworate.models.SIModel with a name, as "
            "CONTRIBUTING.md shows"
        )
    taken: set[str] = set(all_models())
    for model in found:
        if not isinstance(getattr(model, "name", None), str):
            raise InputError(f"--models-from {path}: {model.__name__} has no name; give it `name: ClassVar[str]`")
        if model.name in taken:
            raise InputError(f"--models-from {path}: the name {model.name!r} is taken; give the model another name")
        taken.add(model.name)
    return found


def chosen_models(names: "list[str]", own: "list[type[SIModel]]", *, exactly: bool) -> "list[str | type[SIModel]]":
    """Return the models of a list of names, in which own models stand for theirs.

    Parameters
    ----------
    names : list of str
        Names from the command line.
    own : list of type of SIModel
        Models from a file.
    exactly : bool
        Whether own models that are not named stay out. Otherwise they are added.
    """
    by_name = {model.name: model for model in own}
    added = [] if exactly or any(name in by_name for name in names) else own
    return [*(by_name.get(name, name) for name in names), *added]


def digest_of(path: Path | None) -> str:
    """Hash the text of a file of models; empty without a file."""
    return "" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
