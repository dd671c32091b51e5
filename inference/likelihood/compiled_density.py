"""The log-density of a PyMC model as machine code: compiled once per machine, cached on disk, called by nutpie.

Building and compiling a PyMC model takes seconds in every new process, mostly in functions that numba cannot cache.
This module compiles the log-density with its gradient to one C function of (point, data). numba caches it under a name
that contains a hash of everything that determines the machine code. A process that finds it in the cache needs neither
PyMC nor a compiler.
"""

import hashlib
import math
import platform
import threading
import types
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
from numba import carray, cfunc, njit
from numba.core.errors import NumbaError
from numba.types import CPointer, float64, int64, uint64
from numpy.typing import NDArray

from ...common.compiled import cache_folder
from ...common.sources import source_digest
from ...models import SIModel
from ..data.observations import Transitions
from .predictor import predictor
from .specification import Specification

FloatArray = NDArray[np.float64]

_POINTER = CPointer(float64)
DENSITY_SIGNATURE = int64(uint64, _POINTER, _POINTER, _POINTER, CPointer(_POINTER))
"""Arguments: length of a point, point, gradient, value, data. The status is not 0 where the value is not finite."""

SOURCES = ("models", "inference/likelihood")
"""Folders whose sources determine the machine code."""

density: Any = None
"""The function that `_log_density` calls. Each compiled copy of `_log_density` has its own."""


def _log_density(dim, point, gradient, value, data):  # type: ignore[no-untyped-def]
    # The data arrays are packed in one buffer. Its first element is its length.
    start = data[0]
    buffer = carray(start, (np.int64(start[0]),))
    try:
        total, slope = density(carray(point, (dim,)), buffer)
    except Exception:
        return 1
    if not (np.isfinite(total.item()) and np.all(np.isfinite(slope))):
        return 1
    value[0] = total.item()
    for i in range(dim):
        gradient[i] = slope[i]
    return 0


_programs: dict[Specification, Any] = {}
_compiling = threading.Lock()


def compiled_density(specification: Specification, data: Transitions) -> Any:
    """Return the log-density as a numba C function: from memory, from disk, or compiled now.

    Parameters
    ----------
    specification : Specification
        Model, likelihood and clock.
    data : Transitions
        Any data for this specification. They only give the arrays.
    """
    specification = _without_data(specification)
    with _compiling:
        if specification not in _programs:
            _programs[specification] = _load_or_compile(specification, data)
        return _programs[specification]


def is_compiled(specification: Specification) -> bool:
    """Return whether the log-density is in memory or on disk, so that :func:`compiled_density` takes no time."""
    specification = _without_data(specification)
    with _compiling:
        if specification not in _programs:
            key = _key(specification)
            if key is None or (loaded := _from_disk(key, SOURCES)) is None:
                return False
            _programs[specification] = loaded
        return True


def _without_data(specification: Specification) -> Specification:
    """Return a specification without settings and given weights, which are in the data."""
    return replace(specification, period=None, shelf_life=None, given=None)


def _load_or_compile(specification: Specification, data: Transitions) -> Any:
    return load_or_compile(_key(specification), lambda: _numba_density(specification, data))


def _from_disk(key: str, sources: Sequence[str]) -> Any:
    """Return a log-density that was compiled before; None if there is none."""
    try:
        # On a cache hit numba does not use the function. On a miss compilation fails because `density` is None.
        with cache_folder(*sources):
            return cfunc(DENSITY_SIGNATURE, cache=True)(_named(None, key))
    except NumbaError:
        return None


def load_or_compile(key: str | None, make: Callable[[], Any], sources: Sequence[str] = SOURCES) -> Any:
    """Return a log-density as a numba C function: from disk, or compiled now and saved to disk.

    Parameters
    ----------
    key : str or None
        Hash of everything that determines the machine code. With None it is not saved.
    make : callable
        Makes the numba function of (point, buffer) that gives the log-density and its gradient.
    sources : sequence of str
        Folders whose sources determine the machine code.
    """
    if key is not None and (loaded := _from_disk(key, sources)) is not None:
        return loaded
    function = _named(make(), key or "unnamed")
    with cache_folder(*sources):
        return cfunc(DENSITY_SIGNATURE, cache=key is not None)(function)


def _named(called: Any, key: str) -> types.FunctionType:
    """Copy `_log_density` with its own `density`, under a name that identifies it in numba's cache."""
    namespace = {**_log_density.__globals__, "density": called}
    function = types.FunctionType(_log_density.__code__, namespace, f"_log_density_{key}")
    function.__qualname__ = function.__name__
    return function


def _key(specification: Specification) -> str | None:
    """Hash everything that determines the machine code; None for a model outside the package (unknown sources)."""
    package = SIModel.__module__.rpartition(".")[0]
    parts_of_model = [specification.model.plain(), *filter(None, [specification.model.structure])]
    if not all(part.__module__.startswith(f"{package}.") for part in parts_of_model):
        return None
    packages = ("pymc", "pytensor", "numba", "llvmlite", "nutpie", "numpy", "scipy")
    parts = (
        # Exposure is weighted before, where the weight has no parameters.
        [part.__qualname__ for part in parts_of_model if part.parameters()],
        specification.likelihood,
        # Event histories are predicted as rounds are, on either clock.
        specification.clock if specification.level == "count" else "rounds",
        specification.only_replicates,
        len(specification.effects),
        specification.prior_scale,
        platform.python_version(),
        [version(name) for name in packages],
        source_digest(*SOURCES),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]


def _numba_density(specification: Specification, data: Transitions) -> Any:
    """Compile a PyMC model's log-density and gradient to a numba function of (point, buffer)."""
    from .pymc_model import build_model
    from .vector_math import VectorMath

    def shapes(arrays: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        effects = [(arrays["replicate"].shape[0],)] if specification.only_replicates else []
        n_covariates = len(specification.effects)
        effects += [(arrays["design_covariate"].shape[0] // n_covariates,)] if n_covariates else []
        return [*([()] * len(specification.scalars)), *effects]

    return numba_density(
        lambda: build_model(specification, data, VectorMath()), list(predictor(specification).arrays(data)), shapes
    )


def numba_density(
    build: Callable[[], Any],
    names: Sequence[str],
    shapes: Callable[[Mapping[str, Any]], Sequence[tuple[Any, ...]]],
) -> Any:
    """Compile the log-density of a PyMC model and its gradient to a numba function of (point, buffer).

    Parameters
    ----------
    build : callable
        Makes the model.
    names : sequence of str
        Names of the data arrays, in the order of :func:`packed`.
    shapes : callable
        Given the arrays by name, returns the shapes of the sampled variables in order.
    """
    import pytensor
    import pytensor.tensor as pt
    from pytensor.graph.replace import clone_replace

    from .pymc_model import DATA

    # PyTensor's default allows the compiler to reorder arithmetic. The rounding of a sum would then depend on the
    # content of other caches, and the first run on a machine would give other draws than the second.
    with warnings.catch_warnings(), pytensor.config.change_flags(numba__fastmath=False):
        # PyTensor warns about BLAS, which these graphs do not use, and about caches of other versions.
        warnings.simplefilter("ignore")
        model = build()
        values = [model.rvs_to_values[variable] for variable in model.free_RVs]
        logp = model.logp()
        gradient = pytensor.gradient.grad(logp, values)
        point, arrays = pt.dvector("point"), {name: pt.dvector(name) for name in names}
        inputs = {model[DATA + name]: array for name, array in arrays.items()}
        start: Any = 0
        for value, shape in zip(values, shapes(arrays), strict=True):
            size = math.prod(shape)
            inputs[value] = point[start : start + size].reshape(shape) if shape else point[start]
            start = start + size
        flat = pt.concatenate([part.ravel() for part in gradient])
        outputs = clone_replace([logp, flat], inputs)
        function = pytensor.function([point, *arrays.values()], outputs, mode="NUMBA", on_unused_input="ignore")
    return _taking_buffer(function.vm.jit_fn, len(names))


def _taking_buffer(function: Any, n_arrays: int) -> Any:
    """Convert a numba function of (point, array, array, ...) to one of (point, buffer)."""

    @njit
    def no_arrays(buffer):  # type: ignore[no-untyped-def]
        return ()

    def one_more(before: Any, number: int) -> Any:
        @njit
        def arrays(buffer):  # type: ignore[no-untyped-def]
            return (*before(buffer), buffer[np.int64(buffer[number + 1]) : np.int64(buffer[number + 2])])

        return arrays

    unpacked = no_arrays
    for number in range(n_arrays):
        unpacked = one_more(unpacked, number)

    @njit
    def density(point, buffer):  # type: ignore[no-untyped-def]
        return function(point, *unpacked(buffer))

    return density


def data_buffer(specification: Specification, data: Transitions) -> FloatArray:
    """Pack the data arrays of a specification into one buffer."""
    return packed(predictor(specification).arrays(data))


def packed(arrays: Mapping[str, FloatArray]) -> FloatArray:
    """Pack arrays into one buffer: its length, the offset of each array, the end of the last, then the arrays."""
    offsets = len(arrays) + 2 + np.concatenate([[0], np.cumsum([value.size for value in arrays.values()])])
    return np.concatenate([[offsets[-1]], offsets, *arrays.values()])
