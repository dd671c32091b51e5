"""All inputs of the hierarchical model, as data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..likelihood.predictor import predictor
from ..likelihood.specification import Specification
from .approximation import Approximation
from .condition_observations import StudyObservations
from .design import Design
from .quantities import Quantity, quantities

FloatArray = NDArray[np.float64]

EFFECT, SD_BETWEEN, CONDITION = "coefficient", "sd_between", "condition"
"""Names of the coefficients, the standard deviations between conditions, and the conditions' quantities."""
COORDINATES = "coordinates"
"""Name of the sampled coordinates of the conditions' quantities."""


@dataclass(frozen=True)
class HierarchicalData:
    """All inputs of the hierarchical model.

    Parameters
    ----------
    specification : Specification
        Model, likelihood and clock of each condition.
    observations : StudyObservations
        Increments of all conditions.
    design : Design
        How the conditions differ.
    approximation : Approximation
        Gaussian approximation of each condition's likelihood. It affects only the speed of sampling.
    """

    specification: Specification
    observations: StudyObservations
    design: Design
    approximation: Approximation

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Quantities of each condition."""
        return quantities(self.specification.model)

    def arrays(self) -> dict[str, FloatArray]:
        """Return all arrays that the model takes, by name, each flattened to one dimension."""
        data = self.observations.data
        arrays = predictor(self.specification).arrays(data)
        path = arrays["node_path"].astype(int) if "node_path" in arrays else data.path
        named = arrays | {
            "place": self.observations.condition_of_path[path],
            "design": self.design.matrix.ravel(),
            "precision": self.approximation.precision.ravel(),
            "information": self.approximation.information.ravel(),
        }
        return {name: np.ascontiguousarray(value, dtype=float) for name, value in named.items()}
