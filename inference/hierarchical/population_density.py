"""Log-density of the hierarchical model as machine code, cached on disk like that of a single fit."""

import hashlib
import platform
import threading
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...common.sources import source_digest
from ..likelihood.compiled_density import (
    load_or_compile,
    numba_density,
    packed,
)
from ..likelihood.specification import DISPERSION, Specification
from ..posterior.nutpie_adapter import SamplerModel
from .hierarchical_data import COORDINATES, EFFECT, SD_BETWEEN, HierarchicalData
from .quantities import ordered_pair

FloatArray = NDArray[np.float64]

SOURCES = ("models", "inference/likelihood", "inference/hierarchical")
"""Folders whose sources determine the machine code."""

_programs: dict[Specification, Any] = {}
_compiling = threading.Lock()


def compiled_density(study: HierarchicalData) -> Any:
    """Return the log-density as a numba C function: from memory, from disk, or newly compiled.

    Parameters
    ----------
    study : HierarchicalData
        Any study of the specification. It only provides the arrays.
    """
    with _compiling:
        if study.specification not in _programs:
            _programs[study.specification] = load_or_compile(
                key(study.specification), lambda: _numba_density(study), SOURCES
            )
        return _programs[study.specification]


def key(specification: Specification) -> str:
    """Return a hash of all that determines the machine code."""
    packages = ("pymc", "pytensor", "numba", "llvmlite", "nutpie", "numpy", "scipy")
    parts = (
        "hierarchical",
        specification.model.__qualname__,
        specification.likelihood,
        specification.clock,
        platform.python_version(),
        [version(name) for name in packages],
        source_digest(*SOURCES),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]


def _numba_density(study: HierarchicalData) -> Any:
    from ..likelihood.vector_math import VectorMath
    from .hierarchical_model import build_hierarchical

    n = len(study.quantities)
    n_scalars = n + (study.specification.likelihood.dispersion is not None)

    def shapes(arrays: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        n_conditions = arrays["information"].shape[0] // n
        n_coefficients = arrays["design"].shape[0] // n_conditions
        return [*([()] * n_scalars), (n_coefficients, n), (n,), (n_conditions, n)]

    return numba_density(lambda: build_hierarchical(study, VectorMath()), list(study.arrays()), shapes)


def shapes_of(study: HierarchicalData) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the sampled variables: intercepts, coefficients, standard deviations, conditions."""
    listed = study.quantities
    scalars = [quantity.sampled_name for quantity in listed]
    if study.specification.likelihood.dispersion is not None:
        scalars.append(DISPERSION)
    return dict.fromkeys(scalars, ()) | {
        EFFECT: (study.design.matrix.shape[1], len(listed)),
        SD_BETWEEN: (len(listed),),
        COORDINATES: (study.observations.n_conditions, len(listed)),
    }


def sampler_model(study: HierarchicalData) -> SamplerModel:
    """Return the compiled log-density with the data. Its variables are unconstrained.

    Chains start around the estimated population of the approximation. Conditions start at random draws from it.
    """
    shapes = shapes_of(study)
    population = study.approximation
    intercept = population.intercept.copy()
    if pair := ordered_pair(study.quantities):
        above, below = pair
        intercept[below] = np.log(max(intercept[above] - intercept[below], 0.1))
    if (spec := study.specification.likelihood.dispersion) is not None:
        intercept = np.append(intercept, spec.unconstrained(population.dispersion))
    centre = np.concatenate([intercept, population.coefficients.ravel(), np.log(population.sd)])
    n_dim = sum(int(np.prod(shape)) for shape in shapes.values())

    def initial_point(seed: int) -> FloatArray:
        rng = np.random.default_rng(seed)
        around = centre + 0.5 * rng.uniform(-1.0, 1.0, centre.size)
        return np.concatenate([around, rng.standard_normal(n_dim - centre.size)])

    name = f"hierarchical {study.specification.model.name}"
    return SamplerModel(name, compiled_density(study), packed(study.arrays()), shapes, initial_point)
