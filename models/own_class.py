"""Checks of a model class of a user: what is wrong is said in one sentence, before anything is fitted."""

import dataclasses
import inspect
import re
from functools import cache
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from .base import SIModel
from .parameters import Prior

_EXPOSURE = np.array([0.0, 0.3, 1.0, 4.0])
_TIME = np.array([0.0, 0.5, 1.0, 2.0])
_QUANTILES = (0.5, 0.1, 0.9)
"""Quantiles of the priors at which the formula is tried."""
_ROUNDING = 1e-9


@cache
def check_model(model: type[SIModel]) -> None:
    """Check that a class is a whole model: it has a name, parameters with priors, and a formula that is a survival.

    The formula is tried with NumPy at a few exposures, with all parameters at the median of their prior and at two
    other quantiles.

    Raises
    ------
    ValueError
        When something is missing or wrong. The message says what to do.
    """
    title = model.__qualname__
    if not issubclass(model, SIModel) or model is SIModel:
        raise ValueError(f"{title} is not an SI model; give a name, or a subclass of tworate.models.SIModel")
    name = getattr(model, "name", None)
    if not isinstance(name, str):
        raise ValueError(f'{title} has no name; give it one: name: ClassVar[str] = "my-model"')
    if not re.fullmatch(r"[\w.-]+", name if model.structure is None else model.plain().name):
        raise ValueError(f"{title}: the name {name!r} may hold letters, digits and . - _ only; give another name")
    _check_fields(model)
    _check_signature(model)
    for quantile in _QUANTILES:
        _check_values(model, quantile)


def _check_fields(model: type[SIModel]) -> None:
    """Raise a ValueError when a field is not a parameter with a prior."""
    title = model.__qualname__
    # The decorator takes a field without a default away from the class.
    if any(isinstance(value, dataclasses.Field) for cls in model.__mro__ for value in vars(cls).values()):
        raise ValueError(f"{title} is not a dataclass; write @dataclass(frozen=True) above the class")
    for field in dataclasses.fields(model):
        if "parameter" not in field.metadata:
            raise ValueError(
                f"{title}: the field {field.name} is not a parameter; declare it with parameter(…), or as a ClassVar"
            )
    if not model.parameters():
        raise ValueError(f"{title} has no parameters; declare each as a field: beta: float = parameter(…)")
    for name, spec in model.coordinates().items():
        if spec.prior is None:
            raise ValueError(f"{title}: {name} has no prior; write parameter(…, prior=…), such as prior=RATE_PRIOR")
        if not isinstance(spec.prior, get_args(Prior)):
            kinds = ", ".join(kind.__name__ for kind in get_args(Prior))
            raise ValueError(f"{title}: the prior of {name} is {spec.prior!r}; give one of {kinds}")


def _check_signature(model: type[SIModel]) -> None:
    """Raise a ValueError when `log_survival` is missing or cannot be called."""
    title = model.__qualname__
    if inspect.isabstract(model):
        raise ValueError(
            f"{title} has no formula; write log_survival(exposure, time, parameters, xp) as a static method"
        )
    if not isinstance(inspect.getattr_static(model, "log_survival"), staticmethod | classmethod):
        raise ValueError(f"{title}: log_survival is not a static method; write @staticmethod above it")
    try:
        inspect.signature(model.log_survival).bind(None, None, None, None)
    except TypeError:
        raise ValueError(f"{title}: log_survival must take four arguments: exposure, time, parameters, xp") from None


def _check_values(model: type[SIModel], quantile: float) -> None:
    """Raise a ValueError when `log_survival` is not the logarithm of a survival function."""
    title = model.__qualname__
    coordinates = {
        name: np.array([float(spec.distribution.ppf(quantile))]) for name, spec in model.coordinates().items()
    }
    values = model.from_coordinates(coordinates)
    log_survival = _computed(model, values)
    given = ", ".join(f"{name} = {float(value[0]):.3g}" for name, value in values.items())
    if log_survival.shape != _EXPOSURE.shape:
        raise ValueError(
            f"{title}: log_survival returned the shape {log_survival.shape} for {len(_EXPOSURE)} exposures; return a "
            "value for each exposure"
        )
    if abs(log_survival[0]) > _ROUNDING or (log_survival > _ROUNDING).any():
        raise ValueError(
            f"{title}: log_survival must be 0 at exposure 0 and never above it; return the logarithm of the fraction "
            "that has not shared"
        )
    if not np.isfinite(log_survival).all():
        where = int(np.argmin(np.isfinite(log_survival)))
        raise ValueError(
            f"{title}: log_survival is {log_survival[where]} at exposure {_EXPOSURE[where]:g} with {given}; it must "
            "be finite"
        )
    if (np.diff(log_survival) > _ROUNDING * (1 + np.abs(log_survival[1:]))).any():
        raise ValueError(
            f"{title}: log_survival rises with exposure, with {given}; it must never rise, because who has shared "
            "stays so"
        )


def _computed(model: type[SIModel], values: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return `log_survival` at a few exposures, computed with NumPy."""
    title = model.__qualname__
    try:
        with np.errstate(all="ignore"):
            return np.asarray(model.log_survival(_EXPOSURE, _TIME, values, np), dtype=float)
    except Exception as error:
        if isinstance(error, KeyError) and error.args[0] not in values:
            names = ", ".join(model.parameters())
            raise ValueError(
                f"{title}: the formula asks for {error}, which is not a parameter; there are: {names}"
            ) from error
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"{title}: the formula fails with numpy ({text}); correct log_survival") from error
