"""A model with a structure: an SI model like others, with the parameters of both."""

from collections.abc import Mapping
from dataclasses import field, fields, make_dataclass
from functools import cache
from typing import Any

import numpy as np

from .base import SIModel
from .structures.base import Structure

SEPARATOR = "+"
"""Separates the name of the model from that of the structure."""


@cache
def with_structure(model: type[SIModel], structure: type[Structure] | None) -> type[SIModel]:
    """Combine a model with a structure.

    Parameters
    ----------
    model : type of SIModel
        The model without a structure.
    structure : type of Structure, optional
        The structure; without one the model is returned as it is.

    Returns
    -------
    type of SIModel
        A subclass of the model, called `model+structure`. Its exposure is the weighted one.

    Raises
    ------
    ValueError
        When both have a parameter of the same name, as where the structure is part of the model.

    Examples
    --------
    >>> from tworate.models import OneRateSI
    >>> from tworate.models.structures.ageing import Ageing
    >>> list(with_structure(OneRateSI, Ageing).parameters())
    ['beta', 'ageing_rate']
    """
    if structure is None:
        return model
    if both := set(model.parameters()) & set(structure.parameters()):
        raise ValueError(f"{model.name} already has the structure {structure.name}: both have {', '.join(both)}")

    def coordinates(cls: type[SIModel]) -> dict[str, Any]:
        return {**model.coordinates(), **structure.coordinates()}

    def from_coordinates(cls: type[SIModel], coordinates: Mapping[str, Any]) -> dict[str, Any]:
        return {**model.from_coordinates(coordinates), **structure.from_coordinates(coordinates)}

    def derived(cls: type[SIModel], parameters: Mapping[str, Any], exposure: Any) -> dict[str, Any]:
        return {**model.derived(parameters, exposure), **structure.derived(parameters, exposure)}

    def log_survival(exposure: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:
        return structure.log_survival(model.log_survival(exposure, time, parameters, xp), time, parameters, xp)

    added = [(f.name, float, field(metadata=f.metadata)) for f in fields(structure)]
    return make_dataclass(
        f"{model.__name__}With{structure.__name__}",
        added,
        bases=(model,),
        namespace={
            "__doc__": f"{model.name}, with {structure.name}: {structure.summary}.",
            "__module__": __name__,
            "name": f"{model.name}{SEPARATOR}{structure.name}",
            "summary": f"{model.summary}; {structure.summary}",
            "structure": structure,
            "plain": classmethod(lambda cls: model),
            "coordinates": classmethod(coordinates),
            "from_coordinates": classmethod(from_coordinates),
            "derived": classmethod(derived),
            "log_survival": staticmethod(log_survival),
        },
        frozen=True,
    )
