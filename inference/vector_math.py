"""PyTensor with elementary functions of our own, which compilers make vector instructions of.

PyTensor calls those of the mathematical library, number by number. What is given here in place of `pytensor.tensor`
computes the same from :mod:`tworate.inference.kernels`; it is meant for the compiled density alone, since only there do
these functions run as machine code.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key
from pytensor.scalar.basic import UnaryScalarOp, upgrade_to_float_no_complex
from pytensor.tensor.elemwise import Elemwise

from .kernels import exp_and_expm1, inlined, log1p_and_deficit, log_positive


@inlined
def _exp(x: float) -> float:
    """`exp(x)`, but for what is below 1e-304: that is 1e-304."""
    return exp_and_expm1(x)[0]


@inlined
def _expm1(x: float) -> float:
    """`expm1(x)`."""
    return exp_and_expm1(x)[1]


@inlined
def _log(x: float) -> float:
    """`log(x)`; of numbers above 0 only those of full precision."""
    inside = (x > 0.0) & (x < np.inf)
    found = log_positive(x if inside else 1.0)
    return found if inside else (-np.inf if x == 0.0 else (x if x > 0.0 else np.nan))


@inlined
def _log1p(z: float) -> float:
    """`log1p(z)`."""
    inside = (z > -1.0) & (z < np.inf)
    found = log1p_and_deficit(z if inside else 0.0)[0]
    return found if inside else (-np.inf if z == -1.0 else (z if z > -1.0 else np.nan))


_COMPILED = {"exp": _exp, "expm1": _expm1, "log": _log, "log1p": _log1p}


class VectorFunction(UnaryScalarOp):  # type: ignore[misc]
    """An elementary function of numpy's, by its name."""

    def __eq__(self, other: object) -> bool:
        # PyTensor tells scalar operations apart by their class alone, and merges those that it cannot.
        return super().__eq__(other) and self.name == getattr(other, "name", None)

    def __hash__(self) -> int:
        return hash((super().__hash__(), self.name))

    def impl(self, x: Any) -> Any:
        """Evaluate, where the graph runs in Python."""
        return getattr(np, self.name)(x)

    def L_op(self, inputs: list[Any], outputs: list[Any], cotangents: list[Any]) -> list[Any]:  # noqa: N802
        """Chain rule."""
        return [cotangents[0] * _DERIVATIVES[self.name](inputs[0])]


@register_funcify_and_cache_key(VectorFunction)
def _numba_function(op: VectorFunction, node: Any, **_: Any) -> tuple[Any, None]:
    # No key: see `pymc_model`.
    return _COMPILED[op.name], None


def _function(name: str) -> VectorFunction:
    return VectorFunction(upgrade_to_float_no_complex, name=name)


_DERIVATIVES: dict[str, Callable[[Any], Any]] = {
    "exp": _function("exp"),
    "expm1": _function("exp"),
    "log": lambda x: 1.0 / x,
    "log1p": lambda x: 1.0 / (1.0 + x),
}


class VectorMath:
    """As the module `pytensor.tensor`, but for the functions above."""

    def __init__(self) -> None:
        for name in _DERIVATIVES:
            setattr(self, name, Elemwise(_function(name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(pt, name)
