"""The model class that a user asks for, by name or as a class of the user's own whose formula PyTensor must take."""

from functools import cache

from ...errors import InputError
from ...models import SIModel, get_model


def model_class(model: str | type[SIModel]) -> type[SIModel]:
    """Return the model class of a name; a class is checked and returned.

    Parameters
    ----------
    model : str or type of SIModel
        A name, such as `two-rate` or `one-rate+ageing`, or a class.

    Raises
    ------
    InputError
        When there is no such model, or the class cannot be fitted. The message says what to do.
    """
    try:
        found = get_model(model)
    except ValueError as error:
        raise InputError(str(error)) from error
    package = SIModel.__module__.rpartition(".")[0] + "."
    if not found.plain().__module__.startswith(package):
        _check_symbolic(found)
    return found


@cache
def _check_symbolic(model: type[SIModel]) -> None:
    """Raise an InputError when the formula does not run on the symbols of PyTensor."""
    import pytensor.tensor as pt

    from .vector_math import VectorMath

    names = list(model.coordinates())
    exposure, time = pt.dvector("exposure"), pt.dvector("time")
    parameters = model.from_coordinates({name: pt.dscalar(name) for name in names})
    for xp in (pt, VectorMath()):
        try:
            value = pt.as_tensor_variable(model.log_survival(exposure, time, parameters, xp))
            if value.ndim != 1:
                raise ValueError(f"it returns {value.ndim} dimensions for a vector of exposures")
        except Exception as error:
            text = " ".join(str(error).split())
            raise InputError(
                f"{model.__qualname__}: the formula cannot be compiled ({text}); use arithmetic and functions of xp "
                "only, without if and without NumPy"
            ) from error
