"""The registry of models: every SI model that is defined in a file of this folder."""

import difflib
import importlib
import pkgutil
from functools import cache

from .base import SIModel


@cache
def all_models() -> dict[str, type[SIModel]]:
    """Return the model classes by name, the simplest (fewest parameters) first."""
    package = __name__.rpartition(".")[0]
    folder = importlib.import_module(package).__path__
    models: dict[str, type[SIModel]] = {}
    for info in pkgutil.iter_modules(folder):
        module = importlib.import_module(f"{package}.{info.name}")
        for item in vars(module).values():
            if (
                isinstance(item, type)
                and issubclass(item, SIModel)
                and item.__module__ == module.__name__
                and item is not SIModel
            ):
                models[item.name] = item
    return dict(sorted(models.items(), key=lambda pair: (len(pair[1].parameters()), pair[0])))


def get_model(model: str | type[SIModel]) -> type[SIModel]:
    """Return the model class of a name; a class is returned as it is.

    Raises
    ------
    ValueError
        When no model has the name; the message suggests the nearest one.
    """
    if not isinstance(model, str):
        return model
    models = all_models()
    if model not in models:
        near = difflib.get_close_matches(model, models, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"there is no model {model!r}; {hint}the models are: {', '.join(models)}")
    return models[model]
