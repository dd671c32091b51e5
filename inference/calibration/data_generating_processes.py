"""Truths to be recovered: the behaviour of simulated agents, and which verdicts would be right.

Further truths are in `structured_processes` (what else changes the pace) and `independent_processes` (made by other
programs); all are listed in `process_registry`.

Rates are per round (in continuous time: per unit of time) at full exposure, so that a truth spreads about as fast on
any network. With k neighbours, an edge persuades with probability `1 - exp(-rate / k)` in a round, and at the rate
`rate / k` in continuous time.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from ...errors import InputError
from ...models.clock import Clock
from ...simulate import Trajectories
from ...simulate.histories import EventHistories

if TYPE_CHECKING:
    from ...simulate import CompleteNetwork, Network, Pace

FloatArray = NDArray[np.float64]

GAMMA_CLASSES = 64
"""Number of classes of equal size that replace a continuum of rates."""
INITIAL_SHARERS = 5


class Process(NamedTuple):
    """Inputs of :func:`tworate.simulate.spread`.

    Parameters
    ----------
    table : array, shape (n_classes, n_sightings)
        Probability of sharing.
    weights : array, shape (n_classes,)
        Share of the agents in each class.
    visibility : float
        Probability (in continuous time: rate) at which an edge shows the post.
    outside : float
        The same for the outside world.
    """

    table: FloatArray
    weights: FloatArray
    visibility: float
    outside: float = 0.0


@dataclass(frozen=True)
class DataGeneratingProcess(ABC):
    """Behaviour of agents. Subclasses define it, and which verdicts would be right.

    Class attributes: `name`; `two_rates`, whether two rates are the truth; `structure`, the name of what else changes
    the pace in truth, see :mod:`tworate.models.structures`.
    """

    name: ClassVar[str]
    two_rates: ClassVar[bool] = False
    structure: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"truth {self.name}: {field.name} = {value} must be a number of at least 0")

    def parameters(self, degree: float = np.inf, clock: Clock = "rounds") -> dict[str, float]:
        """Return the parameters of the right model, by name; empty if neither model alone is exactly right.

        Parameters
        ----------
        degree : float
            Number of neighbours. In rounds, some parameters depend on it; with many neighbours they do not.
        clock : {"rounds", "continuous"}
            How time passes.
        """
        return {}

    @abstractmethod
    def spread(
        self,
        network: "Network | CompleteNetwork",
        *,
        rounds: int,
        replicates: int,
        clock: Clock = "rounds",
        seed: int,
        histories: bool = False,
        homophily: float = 0.0,
    ) -> Trajectories:
        """Simulate trajectories.

        Parameters
        ----------
        network : Network or CompleteNetwork
            Who sees whose posts.
        rounds, replicates : int
            Number of rounds (in continuous time: units of time), and of repetitions.
        clock : {"rounds", "continuous"}
            How time passes.
        seed : int
            Seed of all random numbers.
        histories : bool
            Whether who shared when is recorded.
        homophily : float
            Assortativity of the classes of agents among neighbours. Where all agents behave alike, they are of two
            classes that differ in nothing.

        Raises
        ------
        InputError
            When the truth does not exist on this network or clock.

        Examples
        --------
        >>> from tworate.inference.calibration.data_generating_processes import Who
        >>> from tworate.simulate import random_regular
        >>> data = Who(rate=0.6, ratio=4, weight=0.5).spread(
        ...     random_regular(200, 8, seed=1), rounds=20, replicates=2, seed=2
        ... )
        >>> data.table["trajectory"].nunique()
        2
        """


@dataclass(frozen=True)
class SpreadingProcess(DataGeneratingProcess):
    """A truth that :func:`tworate.simulate.spread` simulates."""

    @abstractmethod
    def process(self, degree: float, clock: Clock) -> Process:
        """Return the behaviour of agents with this many neighbours.

        Raises
        ------
        InputError
            When there are too few neighbours for the rates.
        """

    def pace(self) -> "Pace | None":
        """Return what changes the pace."""
        return None

    def factors(self, replicates: int, rng: np.random.Generator) -> FloatArray:
        """Return the factor of the probabilities in each replicate, shape (replicates,)."""
        return np.ones(replicates)

    def reported(self, data: Trajectories) -> Trajectories:
        """Return the data as they are reported to the analyst."""
        return data

    def spread(  # noqa: D102
        self,
        network: "Network | CompleteNetwork",
        *,
        rounds: int,
        replicates: int,
        clock: Clock = "rounds",
        seed: int,
        histories: bool = False,
        homophily: float = 0.0,
    ) -> Trajectories:
        from ...simulate import make_alike, spread

        process = self.process(network.mean_degree, clock)
        if homophily and process.weights.size == 1:
            process = process._replace(table=np.repeat(process.table, 2, axis=0), weights=np.array([0.5, 0.5]))
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
        members = members_of(process.weights, network.n_agents, rng)
        if homophily:
            members = make_alike(network, members, homophily, seed=seed)
        factors = self.factors(replicates, rng)

        def simulate(number: int, factor: float, *path: int) -> Trajectories:
            return spread(
                network,
                np.minimum(process.table * factor, 1.0),
                members,
                rounds=rounds,
                replicates=number,
                initial_sharers=INITIAL_SHARERS,
                visibility=process.visibility,
                outside=process.outside,
                clock=clock,
                pace=self.pace(),
                seed=(seed, 1, *path),
                threads=1,
                histories=histories,
            )

        if np.all(factors == 1.0):
            return self.reported(simulate(replicates, 1.0))
        parts = [simulate(1, factor, index) for index, factor in enumerate(factors)]
        table = pd.concat([part.table.assign(trajectory=index) for index, part in enumerate(parts)], ignore_index=True)
        spreads = [record for part in parts for record in (part.record or {})["spreads"]]
        histories_of_all = _joined([part.histories for part in parts])
        return self.reported(Trajectories(table, record={"spreads": spreads}, histories=histories_of_all))


@dataclass(frozen=True)
class OneRate(SpreadingProcess):
    """All agents are alike at every sighting."""

    name: ClassVar[str] = "one-rate"
    rate: float

    def process(self, degree: float, clock: Clock) -> Process:  # noqa: D102
        return Process(edge_probability(np.array([[self.rate]]), degree, clock), np.ones(1), 1.0)

    def parameters(self, degree: float = np.inf, clock: Clock = "rounds") -> dict[str, float]:  # noqa: D102
        return {"beta": self.rate}


@dataclass(frozen=True)
class Who(SpreadingProcess):
    """A fraction `weight` of the agents is receptive, at `ratio` times the rate of the others; `rate` is the mean."""

    name: ClassVar[str] = "who"
    two_rates: ClassVar[bool] = True
    rate: float
    ratio: float
    weight: float

    def process(self, degree: float, clock: Clock) -> Process:  # noqa: D102
        rates = np.array(self.rates)[:, None]
        return Process(edge_probability(rates, degree, clock), np.array([self.weight, 1.0 - self.weight]), 1.0)

    @property
    def rates(self) -> tuple[float, float]:
        """Rate of the receptive agents, and of the others."""
        fast = self.rate / (self.weight + (1.0 - self.weight) / self.ratio)
        return fast, fast / self.ratio

    def parameters(self, degree: float = np.inf, clock: Clock = "rounds") -> dict[str, float]:  # noqa: D102
        fast, slow = self.rates
        return {"beta_fast": fast, "beta_slow": slow, "weight_fast": self.weight}


@dataclass(frozen=True)
class When(SpreadingProcess):
    """The first sighting persuades with probability `p_first`, later ones with `1 / ratio` of it.

    `rate` is the rate of sightings at full exposure. The curve is that of *who* with the weight `(p1 - p2) / (1 - p2)`.
    """

    name: ClassVar[str] = "when"
    two_rates: ClassVar[bool] = True
    rate: float
    p_first: float
    ratio: float

    def process(self, degree: float, clock: Clock) -> Process:  # noqa: D102
        table = np.array([[self.p_first, self.p_first / self.ratio]])
        return Process(table, np.ones(1), _visibility(self.rate, degree, clock))

    def parameters(self, degree: float = np.inf, clock: Clock = "rounds") -> dict[str, float]:  # noqa: D102
        later = self.p_first / self.ratio
        slow = self.rate * later
        if clock == "rounds" and np.isfinite(degree):
            # A later sighting persuades with the probability c p2 per round and edge.
            slow = -degree * np.log1p(-_visibility(self.rate, degree, clock) * later)
        return {
            "beta_fast": self.rate,
            "beta_slow": float(slow),
            "weight_fast": (self.p_first - later) / (1.0 - later),
        }


@dataclass(frozen=True)
class Gamma(SpreadingProcess):
    """Gamma-distributed rates of the agents, with mean `rate` and squared coefficient of variation `cv2`."""

    name: ClassVar[str] = "gamma"
    rate: float
    cv2: float

    def process(self, degree: float, clock: Clock) -> Process:  # noqa: D102
        edges = stats.gamma.ppf(np.linspace(0, 1, GAMMA_CLASSES + 1), 1.0 / self.cv2)
        # Each class has the mean of the gamma distribution between two quantiles, which preserves the overall mean.
        means = np.diff(stats.gamma.cdf(edges, 1.0 / self.cv2 + 1.0)) * GAMMA_CLASSES
        table = edge_probability(self.rate * means[:, None], degree, clock)
        return Process(table, np.full(GAMMA_CLASSES, 1.0 / GAMMA_CLASSES), 1.0)


@dataclass(frozen=True)
class Background(OneRate):
    """One rate, and an outside world that persuades each susceptible agent with probability `outside` in a round."""

    name: ClassVar[str] = "background"
    structure: ClassVar[str | None] = "background"
    outside: float

    def process(self, degree: float, clock: Clock) -> Process:  # noqa: D102
        # Every sighting persuades, and visibility is the probability of persuading. The law is the same as for OneRate.
        return Process(np.ones((1, 1)), np.ones(1), _visibility(self.rate, degree, clock), self.outside)

    def parameters(self, degree: float = np.inf, clock: Clock = "rounds") -> dict[str, float]:  # noqa: D102
        return {}


@dataclass(frozen=True)
class Reinforced(SpreadingProcess):
    """Repetition persuades: the first sighting with probability `p_first`, later ones with a higher one, `p_later`."""

    name: ClassVar[str] = "reinforced"
    rate: float
    p_first: float
    p_later: float

    def process(self, degree: float, clock: Clock) -> Process:  # noqa: D102
        return Process(np.array([[self.p_first, self.p_later]]), np.ones(1), _visibility(self.rate, degree, clock))


@dataclass(frozen=True)
class Varying(OneRate):
    """One rate per replicate: each has a log-normal factor with standard deviation `sd` on the log scale."""

    name: ClassVar[str] = "varying"
    sd: float

    def factors(self, replicates: int, rng: np.random.Generator) -> FloatArray:  # noqa: D102
        return np.exp(self.sd * rng.standard_normal(replicates))

    def parameters(self, degree: float = np.inf, clock: Clock = "rounds") -> dict[str, float]:  # noqa: D102
        return {}


def _joined(parts: Sequence[EventHistories | None]) -> EventHistories | None:
    """Return histories of single trajectories on one network as one; None where none were recorded."""
    recorded = [part for part in parts if part is not None]
    if not recorded:
        return None
    shares = pd.concat([part.table.assign(trajectory=index) for index, part in enumerate(recorded)], ignore_index=True)
    return replace(recorded[0], shares=shares)


def edge_probability(rates: FloatArray, degree: float, clock: Clock) -> FloatArray:
    """Return the probability per sighting that gives the rates when every edge always shows the post (at rate 1)."""
    probability = -np.expm1(-rates / degree) if clock == "rounds" else rates / degree
    return np.minimum(probability, 1.0)


def _visibility(rate: float, degree: float, clock: Clock) -> float:
    return float(-np.expm1(-rate / degree)) if clock == "rounds" else rate / degree


def members_of(weights: FloatArray, n_agents: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Return the class of each agent, in random order. The shares are as close to the weights as possible."""
    bounds = np.round(np.cumsum(weights) * n_agents).astype(int)
    members = np.searchsorted(bounds, np.arange(n_agents), side="right")
    return rng.permutation(np.minimum(members, weights.size - 1)).astype(np.int32)
