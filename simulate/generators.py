"""Kinds of networks by name, with their parameters: `watts-strogatz:rewired=0.3`."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..errors import InputError, nearest
from .network import AnyNetwork, CompleteNetwork, Network
from .network_files import NetworkFile, parse_network_file

_STREAM = (2, 0)
"""Spawn key: separates the draws of a network from other draws with the same seed, such as those of personas."""

_MAX_ENDS = 2**31


@dataclass(frozen=True)
class NetworkParameter:
    """A parameter of a kind of networks.

    Parameters
    ----------
    name : str
        Name of the parameter.
    default : int or float
        Default value; an int if only whole numbers are valid.
    low, high : float
        Smallest and largest value.
    meaning : str
        Description in a few words.
    """

    name: str
    default: int | float
    low: float
    high: float
    meaning: str


@dataclass(frozen=True)
class NetworkKind:
    """A kind of networks.

    Parameters
    ----------
    name : str
        Name of the kind.
    meaning : str
        Description in a few words.
    draw : callable
        Function of name, agents, degree, source of randomness and parameters (by name) that returns a network.
    parameters : tuple of NetworkParameter
        Parameters besides agents and degree.
    even_degree : bool
        Whether the mean degree must be even.
    """

    name: str
    meaning: str
    draw: Callable[..., AnyNetwork]
    parameters: tuple[NetworkParameter, ...] = ()
    even_degree: bool = False


@dataclass(frozen=True)
class NetworkSpec:
    """A kind of networks with the values of its parameters; `str()` returns its text form.

    Parameters
    ----------
    kind : NetworkKind
        The kind of networks.
    values : dict
        A value for each of its parameters.
    """

    kind: NetworkKind
    values: dict[str, int | float] = field(default_factory=dict)

    def __str__(self) -> str:
        if all(self.values[parameter.name] == parameter.default for parameter in self.kind.parameters):
            return self.kind.name
        return f"{self.kind.name}:{','.join(f'{key}={value:.12g}' for key, value in self.values.items())}"


def _random_regular(name: str, n_agents: int, degree: int, rng: np.random.Generator) -> Network:
    from .regular import regular_neighbours

    begins = np.arange(n_agents + 1, dtype=np.int64) * degree
    return Network(name, begins, regular_neighbours(n_agents, degree, rng))


def _erdos_renyi(name: str, n_agents: int, degree: int, rng: np.random.Generator) -> Network:
    from .edges import from_edges
    from .random_graphs import erdos_renyi

    return from_edges(name, n_agents, *erdos_renyi(n_agents, n_agents * degree // 2, rng))


def _watts_strogatz(name: str, n_agents: int, degree: int, rng: np.random.Generator, *, rewired: float) -> Network:
    from .edges import from_edges
    from .random_graphs import watts_strogatz

    return from_edges(name, n_agents, *watts_strogatz(n_agents, degree, rewired, rng))


def _preferential(name: str, n_agents: int, degree: int, rng: np.random.Generator, *, triads: float = 0.0) -> Network:
    from .edges import from_edges
    from .random_graphs import preferential

    return from_edges(name, n_agents, *preferential(n_agents, degree // 2, triads, rng))


def _stochastic_block(
    name: str, n_agents: int, degree: int, rng: np.random.Generator, *, blocks: int, between: float
) -> Network:
    from .edges import from_edges
    from .random_graphs import stochastic_block

    return from_edges(name, n_agents, *stochastic_block(n_agents, n_agents * degree // 2, blocks, between, rng))


def _complete(name: str, n_agents: int, degree: int, rng: np.random.Generator) -> CompleteNetwork:
    return CompleteNetwork(n_agents)


COMPLETE, BLOCKS = "complete", "stochastic-block"

NETWORKS: dict[str, NetworkKind] = {
    kind.name: kind
    for kind in (
        NetworkKind("random-regular", "every agent has the same number of random neighbours", _random_regular),
        NetworkKind("erdos-renyi", "a given number of random edges", _erdos_renyi),
        NetworkKind(
            "watts-strogatz",
            "a ring of neighbourhoods with shortcuts",
            _watts_strogatz,
            (NetworkParameter("rewired", 0.1, 0.0, 1.0, "fraction of edges that became shortcuts"),),
            even_degree=True,
        ),
        NetworkKind("barabasi-albert", "new agents prefer the well-connected: hubs", _preferential, even_degree=True),
        NetworkKind(
            "powerlaw-cluster",
            "hubs, and friends of friends",
            _preferential,
            (NetworkParameter("triads", 0.5, 0.0, 1.0, "probability that a link closes a triangle"),),
            even_degree=True,
        ),
        NetworkKind(
            BLOCKS,
            "echo chambers: most edges stay in their block",
            _stochastic_block,
            (
                NetworkParameter("blocks", 4, 2, np.inf, "number of blocks"),
                NetworkParameter("between", 0.05, 0.0, 1.0, "fraction of the edges that leave their block"),
            ),
        ),
        NetworkKind(COMPLETE, "everybody is everybody's neighbour; no edges are stored", _complete),
    )
}
"""Kinds of networks by name."""


def parse_network(text: str) -> NetworkSpec | NetworkFile:
    """Read the name of a kind of networks with its parameters, or the path of a file.

    Parameters
    ----------
    text : str
        A name in :data:`NETWORKS`, followed by `:key=value,key=value` if parameters are not the default; or the path of
        an existing file, which may say what its columns are, see
        :func:`tworate.simulate.network_files.parse_network_file`.

    Raises
    ------
    InputError
        When the text is neither, or a parameter is unknown or out of its range.

    Examples
    --------
    >>> str(parse_network("watts-strogatz:rewired=0.30"))
    'watts-strogatz:rewired=0.3'
    >>> parse_network("stochastic-block:between=0.2").values
    {'blocks': 4, 'between': 0.2}
    """
    name, colon, settings = text.partition(":")
    if name not in NETWORKS:
        if file := parse_network_file(text):
            return file
        raise InputError(
            f"network {text!r} is neither a file nor one of {', '.join(NETWORKS)}{nearest(name, NETWORKS)}"
        )
    kind = NETWORKS[name]
    parameters = {parameter.name: parameter for parameter in kind.parameters}
    values: dict[str, int | float] = {key: parameter.default for key, parameter in parameters.items()}
    seen = set()
    for part in settings.split(",") if colon else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not parameters:
            raise InputError(f"network {text!r}: {name} takes no parameters; write only {name}")
        if not equals:
            raise InputError(f"network {text!r}: {part!r} is not key=value, such as {name}:{_example(kind)}")
        if key not in parameters:
            raise InputError(
                f"network {text!r}: {name} takes {', '.join(parameters)}, not {key!r}{nearest(key, parameters)}"
            )
        if key in seen:
            raise InputError(f"network {text!r}: {key} is given twice; give it once")
        seen.add(key)
        values[key] = _number(text, parameters[key], value)
    return NetworkSpec(kind, values)


def _example(kind: NetworkKind) -> str:
    return ",".join(f"{parameter.name}={parameter.default}" for parameter in kind.parameters)


def _number(text: str, parameter: NetworkParameter, value: str) -> int | float:
    is_whole = isinstance(parameter.default, int)
    try:
        number = int(value) if is_whole else float(value)
    except ValueError:
        number = np.nan
    if not parameter.low <= number <= parameter.high:
        kind = "whole number" if is_whole else "number"
        limits = (
            f"at least {parameter.low:g}"
            if np.isinf(parameter.high)
            else "in [{low:g}, {high:g}]".format_map(vars(parameter))
        )
        raise InputError(
            f"network {text!r}: {parameter.name} = {value} must be a {kind} {limits} ({parameter.meaning})"
        )
    return number


def check_network(network: str, n_agents: int, degree: int) -> None:
    """Raise an InputError when :func:`make_network` cannot make this network; draw nothing."""
    spec = parse_network(network)
    if isinstance(spec, NetworkFile):
        return
    name = spec.kind.name
    if n_agents < 3:
        raise InputError(f"agents = {n_agents}: must be at least 3")
    if name == COMPLETE:
        return
    if not 2 <= degree < n_agents:
        raise InputError(f"degree = {degree}: must be at least 2 and below the number of agents ({n_agents})")
    if n_agents * degree >= _MAX_ENDS:
        raise InputError(
            f"{n_agents} agents with {degree} neighbours each are too many to store: the product must be below "
            f"{_MAX_ENDS}; ask for fewer agents or neighbours, or for --network complete, which stores no edges"
        )
    if name == "random-regular" and n_agents * degree % 2:
        raise InputError(
            f"{n_agents} agents with {degree} neighbours each is impossible: the product must be even; "
            "change one of the two numbers by one"
        )
    if spec.kind.even_degree and degree % 2:
        raise InputError(f"degree = {degree}: a {name} network has an even mean degree; change it by one")
    if name == BLOCKS:
        from .random_graphs import block_edges

        if spec.values["blocks"] > n_agents:
            raise InputError(f"blocks = {spec.values['blocks']}: must be at most the number of agents ({n_agents})")
        block_edges(n_agents, n_agents * degree // 2, int(spec.values["blocks"]), spec.values["between"])


def make_network(network: str, n_agents: int, degree: int, seed: int) -> AnyNetwork:
    """Draw a network of a named kind, or read one from a file.

    Parameters
    ----------
    network : str
        One of :data:`NETWORKS`, optionally with parameters, see :func:`parse_network`; or the path of a file, see
        :func:`tworate.simulate.read_network`.
    n_agents, degree : int
        Number of agents, and mean number of neighbours (number of neighbours of every agent in a random regular
        network). A file determines both; in a complete network all agents are neighbours.
    seed : int
        Seed of the draw, 0 or more; the same seed gives the same network.

    Returns
    -------
    Network or CompleteNetwork
        The network; it is simple, which is checked. It may not be connected, see its `describe`. Its name is that of
        the kind, with all parameters if one is not the default, or that of the file.

    Raises
    ------
    InputError
        When there is no such network.

    Examples
    --------
    >>> print(make_network("watts-strogatz:rewired=0.3", 1000, 8, seed=1).describe())
    1000 agents, 4000 edges, 4 to 14 neighbours (mean 8), connected
    """
    check_network(network, n_agents, degree)
    spec = parse_network(network)
    if isinstance(spec, NetworkFile):
        from .conversion import read_network

        return read_network(network)
    if seed < 0:
        raise InputError(f"seed = {seed}: must be 0 or more")
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=_STREAM)))
    drawn = spec.kind.draw(str(spec), n_agents, degree, rng, **spec.values)
    if isinstance(drawn, Network):
        drawn.check_simple()
    return drawn


def random_regular(n_agents: int, degree: int, seed: int) -> Network:
    """Draw a random network in which every agent has the same number of neighbours.

    Parameters
    ----------
    n_agents, degree : int
        Number of agents, and of neighbours of each: `2 <= degree < n_agents`, with `n_agents * degree` even.
    seed : int
        Seed of the draw, 0 or more; the same seed gives the same network.

    Returns
    -------
    Network
        A draw from all such networks. They are equally likely up to the approximation that
        :func:`tworate.simulate.regular.regular_neighbours` describes.

    Raises
    ------
    InputError
        When no such network exists.

    Examples
    --------
    >>> print(random_regular(1_000, 8, seed=1).describe())
    1000 agents, 4000 edges, 8 neighbours each, connected
    """
    network = make_network("random-regular", n_agents, degree, seed)
    if not isinstance(network, Network):
        raise TypeError(network)
    return network
