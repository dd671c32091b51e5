"""The registry of models: every SI model that is defined in a file of this folder."""

from functools import cache

from .base import SIModel
from .discovery import classes_in, named
from .own_class import check_model
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
        When no model or structure has the name; the message suggests the nearest one. When a class is not a whole
        model; the message says what is missing.
    """
    if isinstance(model, type):
        check_model(model)
        return model
    if isinstance(model, SIModel):
        raise ValueError(f"{type(model).__name__}(…) is a model with values; give the class, {type(model).__name__}")
    if not isinstance(model, str):
        raise ValueError(f"{model!r} is not a model; give a name, such as 'two-rate', or a subclass of SIModel")
    plain, plus, structure = model.partition(SEPARATOR)
    found = named(plain, all_models(), "model")
    return with_structure(found, get_structure(structure)) if plus else found
