"""What has parameters: SI models, and the structures that they are combined with."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .parameters import Parameter


@dataclass(frozen=True)
class Parametric:
    """A frozen dataclass whose fields, declared with :func:`tworate.models.parameters.parameter`, are parameters."""

    name: ClassVar[str]
    """Name on the command line and in results."""
    summary: ClassVar[str]
    """Description in a few words."""
    reference: ClassVar[str]
    """Source, with DOI or arXiv number where there is one."""

    def __post_init__(self) -> None:
        for name, spec in self.parameters().items():
            value = getattr(self, name)
            low, high = spec.support
            if not (isinstance(value, int | float | np.number) and low <= value <= high):
                raise ValueError(f"{self.name}: {name} = {value!r} must lie in [{low:g}, {high:g}]")

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        """Return the specifications of the parameters by name, in order of declaration."""
        return {
            field.name: field.metadata["parameter"]
            for field in dataclasses.fields(cls)
            if "parameter" in field.metadata
        }

    @classmethod
    def coordinates(cls) -> dict[str, Parameter]:
        """Return the specifications of the coordinates that are sampled, each with its prior, by name.

        The coordinates are the parameters, unless a class defines others. Then :meth:`from_coordinates` computes the
        parameters from them.
        """
        return cls.parameters()

    @classmethod
    def from_coordinates(cls, coordinates: Mapping[str, Any]) -> dict[str, Any]:
        """Compute parameter values from values of the coordinates, by name; NumPy or PyTensor."""
        return {name: coordinates[name] for name in cls.parameters()}

    @classmethod
    def derived(cls, parameters: Mapping[str, Any], exposure: Any) -> dict[str, Any]:
        """Return further quantities that follow from the parameters, by name; none by default.

        Parameters
        ----------
        parameters : mapping of array
            Parameter values by name.
        exposure : array
            Cumulative exposure at the end of the observed window.
        """
        return {}

    @property
    def values(self) -> dict[str, float]:
        """Parameter values by name."""
        return {name: float(getattr(self, name)) for name in self.parameters()}
