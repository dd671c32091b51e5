"""The registry of models: every SI model that is defined in a file of this folder."""

from functools import cache

from .base import SIModel
from .discovery import classes_in, named
from .structured import SEPARATOR, with_structure
from .structures import get_structure


@cache
def all_models() -> dict[str, type[SIModel]]:
    """Return the model classes by name, the simplest (fewest parameters) first."""
    return classes_in(__name__.rpartition(".")[0], SIModel)  # type: ignore[type-abstract]


def get_model(model: str | type[SIModel]) -> type[SIModel]:
    """Return the model class of a name, such as `one-rate` or `one-rate+ageing`; a class is returned as it is.

    Raises
    ------
    ValueError
        When no model or structure has the name; the message suggests the nearest one.
    """
    if isinstance(model, type):
        return model
    plain, plus, structure = model.partition(SEPARATOR)
    found = named(plain, all_models(), "model")
    return with_structure(found, get_structure(structure)) if plus else found
