"""What nutpie is given and what it gives; no other module imports nutpie.

nutpie samples PyMC models that it has compiled itself. Here it is handed a log-density that was compiled elsewhere, by
a constructor that nutpie does not document and has changed within a minor version. `make test-nutpie` runs the tests
of this module against every version in the range of pyproject.toml.
"""

import dataclasses
import inspect
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import nutpie
import pandas as pd
import pyarrow
from numba.types import CPointer, float64, int64, uint64
from numpy.typing import NDArray
from nutpie.compile_pymc import CompiledPyMCModel

from ...common.compiled import cfunc
from ...errors import JobError

FloatArray = NDArray[np.float64]

STATISTICS = ("diverging", "energy", "logp", "n_steps", "step_size", "depth")
"""Statistics of the sampler that are kept."""

_POINTER = CPointer(float64)


@dataclass(frozen=True)
class SamplerModel:
    """A compiled log-density with its data: what NUTS samples.

    Parameters
    ----------
    name : str
        Name of the model, for messages.
    density : numba C function
        Log-density and gradient, of the signature `DENSITY_SIGNATURE` of
        :mod:`tworate.inference.likelihood.compiled_density`.
    buffer : array
        The data. The density finds a pointer to it in the first word of its last argument.
    shapes : mapping of str to tuple of int
        Names and shapes of the variables of a point, in order.
    initial_point : callable
        Returns the starting point of a chain for a seed, shape (n_dim,).
    """

    name: str
    density: Any
    buffer: FloatArray
    shapes: Mapping[str, tuple[int, ...]]
    initial_point: Callable[[int], FloatArray]

    @property
    def sizes(self) -> list[int]:
        """Number of values of each variable."""
        return [int(np.prod(shape)) for shape in self.shapes.values()]

    @property
    def n_dim(self) -> int:
        """Length of a point."""
        return sum(self.sizes)


class Trace(NamedTuple):
    """Draws and statistics of a run, without warm-up.

    Parameters
    ----------
    draws : dict of array, shape (n_chains, n_draws, size of the variable)
        Values of each variable of a point, by name.
    statistics : dict of array, shape (n_chains, n_draws)
        See :data:`STATISTICS`.
    """

    draws: dict[str, NDArray[Any]]
    statistics: dict[str, NDArray[Any]]


class NutpieRun:
    """One run of NUTS in the background. It begins when this object is made.

    Parameters
    ----------
    model : SamplerModel
        What is sampled.
    chains, tune, draws : int
        Chains, and warm-up and kept draws of each.
    target_accept : float
        Target acceptance of NUTS.
    max_tree_depth : int
        A draw takes at most `2**max_tree_depth - 1` leapfrog steps.
    low_rank : bool
        Whether the mass matrix adapts to correlations, by a diagonal matrix plus one of low rank.
    seed : int
        Seed.
    """

    def __init__(
        self,
        model: SamplerModel,
        *,
        chains: int,
        tune: int,
        draws: int,
        target_accept: float,
        max_tree_depth: int,
        low_rank: bool,
        seed: int,
    ) -> None:
        self._model = model
        self._running: Any = None
        self._starts = StartPoints(model.initial_point)
        compiled = _compiled_model(dataclasses.replace(model, initial_point=self._starts))
        try:
            self._running = nutpie.sample(
                compiled,
                draws=draws,
                tune=tune,
                chains=chains,
                target_accept=target_accept,
                maxdepth=max_tree_depth,
                seed=seed,
                progress_bar=False,
                save_warmup=False,
                blocking=False,
                # ArviZ's conversion takes longer than a fifth of the sampling.
                return_raw_trace=True,
                **_mass_matrix(low_rank),
            )
        except RuntimeError as error:
            # Raised where the result is waited for, as all later failures are.
            self._failure = error

    def abort(self) -> None:
        """Stop sampling if it is still running. No draws are kept."""
        running, self._running = self._running, None
        if running:
            running.abort()

    def wait(self) -> Trace:
        """Wait for the draws.

        Raises
        ------
        JobError
            When the sampler gives up.
        """
        running, self._running = self._running, None
        try:
            if not running:
                raise self._failure
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                raw = running.wait()
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            self._starts.wait_until_idle()
            raise JobError(f"the sampler gave up on the {self._model.name} model ({reason})") from error
        except BaseException:
            self._running = running
            raise
        draws, statistics = raw.get_arrow_trace()
        # Warm-up comes first and is equally long in all chains.
        begin = int(_column(statistics, "tuning")[0].sum())
        return Trace(
            {name: _column(draws, name)[:, begin:] for name in self._model.shapes},
            {name: _column(statistics, name)[:, begin:, 0] for name in STATISTICS},
        )


class StartPoints:
    """Start points of the chains, with a count of how many were drawn.

    When one chain gives up, the others go on in threads of their own and draw start points. A process that ends
    meanwhile crashes, because these threads call Python.
    """

    def __init__(self, draw: Callable[[int], FloatArray]) -> None:
        self._draw, self.n_drawn = draw, 0

    def __call__(self, seed: int) -> FloatArray:
        """Draw a start point."""
        self.n_drawn += 1
        return self._draw(seed)

    def wait_until_idle(self) -> None:
        """Wait until no chain has drawn a start point for a tenth of a second."""
        before = -1
        while before != self.n_drawn:
            before = self.n_drawn
            time.sleep(0.1)


def _mass_matrix(low_rank: bool) -> dict[str, Any]:
    """Arguments of `nutpie.sample` for the adaptation of the mass matrix, which were renamed in nutpie 0.16.9."""
    if "adaptation" in inspect.signature(nutpie.sample).parameters:
        return {"adaptation": "low_rank" if low_rank else "diag"}
    return {"low_rank_modified_mass_matrix": low_rank}


@cfunc(int64(uint64, uint64, _POINTER, _POINTER, CPointer(_POINTER)), "inference/posterior")
def _keep_point(dim, n_expanded, point, expanded, data):  # type: ignore[no-untyped-def]
    # A draw keeps the unconstrained point itself. NumPy computes what follows from it.
    for i in range(n_expanded):
        expanded[i] = point[i]
    return 0


def _compiled_model(model: SamplerModel) -> CompiledPyMCModel:
    """Make what nutpie samples, whatever fields the installed version has."""
    buffer = model.buffer.copy()
    buffer.flags.writeable = False
    sizes, shapes = model.sizes, [tuple(shape) for shape in model.shapes.values()]
    ends = np.cumsum(sizes)
    given: dict[str, Any] = {
        "dims": {},
        "compiled_logp_func": model.density,
        "compiled_expand_func": _keep_point,
        "initial_point_func": model.initial_point,
        "shared_data": {"buffer": buffer},
        # nutpie passes the address of this record to the two C functions and does not look into it.
        "user_data": np.array(buffer.ctypes.data, dtype=np.uintp),
        "n_expanded": model.n_dim,
        "shape_info": (
            list(model.shapes),
            [slice(int(end) - size, int(end)) for end, size in zip(ends, sizes, strict=True)],
            shapes,
        ),
        "logp_func": None,
        "expand_func": None,
        "_n_dim": model.n_dim,
        "_shapes": dict(zip(model.shapes, shapes, strict=True)),
        "_coords": {"unconstrained_parameter": pd.Index([str(number) for number in range(model.n_dim)])},
        # From nutpie 0.16.9 on.
        "shared_var_keys": {},
        "reparameterized_names": [],
    }
    fields = {field.name: field for field in dataclasses.fields(CompiledPyMCModel)}
    required = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    if unknown := required - set(given):
        raise JobError(
            f"nutpie {version('nutpie')} asks for {', '.join(sorted(unknown))}, which this version of tworate does not "
            "know; install the nutpie that constraints.txt names"
        )
    return CompiledPyMCModel(**{name: value for name, value in given.items() if name in fields})


def _column(chains: Sequence[Any], name: str) -> NDArray[Any]:
    """Return a column of nutpie's Arrow tables, one per chain, with shape (chain, draw, size of the variable)."""
    columns = [pyarrow.array(chain.column(name)) for chain in chains]
    values = [column.flatten() if pyarrow.types.is_nested(column.type) else column for column in columns]
    return np.stack(
        [
            value.to_numpy(zero_copy_only=False).reshape(len(column), -1)
            for column, value in zip(columns, values, strict=True)
        ]
    )
