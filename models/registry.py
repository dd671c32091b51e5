"""Finding the models: every SI model defined in a file of this folder."""

import difflib
import importlib
import pkgutil
from functools import cache

from .base import SIModel


@cache
def all_models() -> dict[str, type[SIModel]]:
    """Model classes by name, simplest (fewest parameters) first."""
    package = __name__.rpartition(".")[0]
    folder = importlib.import_module(package).__path__
    found: dict[str, type[SIModel]] = {}
    for info in pkgutil.iter_modules(folder):
        module = importlib.import_module(f"{package}.{info.name}")
        for item in vars(module).values():
            if (
                isinstance(item, type)
                and issubclass(item, SIModel)
                and item.__module__ == module.__name__
                and item is not SIModel
            ):
                found[item.name] = item
    return dict(sorted(found.items(), key=lambda pair: (len(pair[1].parameters()), pair[0])))


def get_model(model: str | type[SIModel]) -> type[SIModel]:
    """Return the model class of a name; a class is returned as it is.

    Raises
    ------
    ValueError
        When no model has the name; says the nearest one.
    """
    if not isinstance(model, str):
        return model
    models = all_models()
    if model not in models:
        near = difflib.get_close_matches(model, models, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"there is no model {model!r}; {hint}the models are: {', '.join(models)}")
    return models[model]
