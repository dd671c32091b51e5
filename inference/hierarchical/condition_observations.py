"""Observations of a study, ordered by condition, and the likelihood of each condition."""

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import InputError
from ...simulate import Trajectories
from ..data.observations import Transitions
from ..likelihood.density_kernels import log_densities
from ..likelihood.likelihoods import constants
from ..likelihood.predictor import predictor
from ..likelihood.specification import Specification
from ..posterior.fitting import observed
from .quantities import quantities

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CONDITION = "condition"
"""Column that names the condition in the table of conditions and in the trajectories."""
_AT_ONCE = 2_000_000
"""Predictions computed at once: some tens of MB."""


@dataclass(frozen=True)
class StudyObservations:
    """Increments of all conditions, ordered by condition.

    Parameters
    ----------
    data : Transitions
        The increments. The window is that of the whole study.
    labels : tuple
        Labels of the conditions, in their order.
    condition : array of int, shape (n_observations,)
        Number of the condition of each increment, in ascending order.
    condition_of_path : array of int, shape (n_trajectories,)
        Number of the condition of each trajectory.
    starts : pandas.DataFrame
        First rows of the trajectories: `population`, `infected`, and `degree` and `degrees` if they are known.
    """

    data: Transitions
    labels: tuple[Any, ...]
    condition: IntArray
    condition_of_path: IntArray
    starts: pd.DataFrame

    @classmethod
    def of(
        cls, labels: "pd.Series[Any]", trajectories: Trajectories, closure: str, specification: Specification
    ) -> "StudyObservations":
        """Collect the observations of the conditions with these labels.

        Raises
        ------
        InputError
            When labels and trajectories do not belong together, or the trajectories carry no information.
        """
        table = trajectories.table
        if CONDITION not in table:
            raise InputError(
                f"{trajectories.source}: has no column {CONDITION!r}, which names the condition of a trajectory"
            )
        if labels.duplicated().any():
            raise InputError(f"conditions: {CONDITION} = {labels[labels.duplicated()].iloc[0]} comes twice")
        index = pd.Index(labels)
        for missing, where, other in (
            (labels[~labels.isin(table[CONDITION])], "conditions", "it has no trajectory"),
            (table[CONDITION][~table[CONDITION].isin(index)], trajectories.source, "the conditions have no such row"),
        ):
            if len(missing):
                raise InputError(f"{where}: {CONDITION} = {missing.iloc[0]}, but {other}")
        # Trajectories have the numbers that `observe` gives them: those that never start are dropped.
        started = (table["infected"] > 0).to_numpy()
        first = np.unique(trajectories.path_numbers[started], return_index=True)[1]
        starts = table[started].iloc[first].reset_index(drop=True)
        of_path = index.get_indexer(starts[CONDITION]).astype(np.int64)
        if specification.level == "individual":
            # Agents of one condition are grouped, whatever their trajectories.
            data = observed(trajectories, closure, specification, kept_apart=of_path)
            condition = data.path
        else:
            data = observed(trajectories, closure, specification)
            condition = of_path[data.path]
        order = np.argsort(condition, kind="stable")
        return cls(
            data=_taken(data, order),
            labels=tuple(labels),
            condition=condition[order],
            condition_of_path=of_path,
            starts=starts[[name for name in ("population", "infected", "degree", "degrees") if name in starts]],
        )

    @property
    def n_conditions(self) -> int:
        """Number of conditions."""
        return len(self.labels)

    @property
    def bounds(self) -> IntArray:
        """Where the increments of each condition begin and the last ones end; shape (n_conditions + 1,)."""
        return np.searchsorted(self.condition, np.arange(self.n_conditions + 1))

    def without(self, numbers: NDArray[Any]) -> "StudyObservations":
        """Return a copy in which the increments of some conditions are left out of the likelihood."""
        weight = np.where(np.isin(self.condition, numbers), 0.0, self.data.weight)
        return dataclasses.replace(self, data=dataclasses.replace(self.data, weight=weight))

    def each(self) -> Iterator[Transitions]:
        """Yield the increments of one condition after the other."""
        bounds = self.bounds
        for start, end in itertools.pairwise(bounds):
            yield _taken(self.data, np.arange(start, end))


def _taken(data: Transitions, which: IntArray) -> Transitions:
    """Return some of the observations, in the order of `which`."""
    arrays: dict[str, Any] = {
        field.name: values[which]
        for field in dataclasses.fields(data)
        if isinstance(values := getattr(data, field.name), np.ndarray)
    }
    return dataclasses.replace(data, **arrays)


class ConditionLikelihood:
    """Log-likelihood of one condition as a function of its quantities, each on its own scale.

    Parameters
    ----------
    specification : Specification
        Model, likelihood and clock.
    data : Transitions
        The increments of the condition.
    """

    def __init__(self, specification: Specification, data: Transitions) -> None:
        self._family = specification.likelihood.family
        self._predictor = predictor(specification)
        self._quantities = quantities(specification.model)
        used = _taken(data, np.flatnonzero(data.weight > 0))
        self._size = used.size
        if used.size:
            self._arrays = self._predictor.arrays(used)
            self._constant = float(constants(self._family, self._arrays["observed"], self._arrays["size"]).sum())

    def __call__(self, points: FloatArray, dispersion: FloatArray) -> FloatArray:
        """Return the log-likelihood at each point, constants included.

        Parameters
        ----------
        points : array, shape (n_points, n_quantities)
            Quantities on their scales, rates per window.
        dispersion : array, shape (n_points,)
            Dispersion of each point.

        Returns
        -------
        array, shape (n_points,)
        """
        if not self._size:
            return np.zeros(len(points))
        n_parts = max(1, -(-len(points) * self._size // _AT_ONCE))
        parts = zip(np.array_split(points, n_parts), np.array_split(dispersion, n_parts), strict=True)
        return np.concatenate([self._evaluate(*part) for part in parts])

    def _evaluate(self, points: FloatArray, dispersion: FloatArray) -> FloatArray:
        columns = {q.name: q.natural(column)[:, None] for q, column in zip(self._quantities, points.T, strict=True)}
        prediction = np.broadcast_to(self._predictor.predict(self._arrays, columns), (len(points), self._size))
        observed, size = self._arrays["observed"], self._arrays["size"]
        log_density = log_densities(self._family, np.ascontiguousarray(prediction), dispersion, observed, size)
        return log_density.sum(axis=1) + self._constant
