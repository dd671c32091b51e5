"""Log-density of the mechanism models (who and when), compiled once to disk and sampled by nutpie.

`logit P[z, m] = μ + a_z + b_m + c_zm`, where a, b, and the rows and columns of c sum to zero, as in the analysis of
variance. Under this constraint the effects are normal with standard deviations σ_persona, σ_sighting and σ_interaction,
which shrink each part towards zero as far as the data allow. A mechanism model has some of these parts. Decisions are
binomial, given all that came before. Their totals by persona and sighting are therefore sufficient, and an evaluation
costs microseconds.

Effects that sum to zero are a rotation of free numbers y, of which there is one fewer (as in Stan and PyMC). So the
data inform every direction of the point. The sampled coordinate is `y sqrt(1 + σ² J) / σ`, where J is roughly the
information of the data on y. It is about `y / σ` (non-centred) when the data say little, σ² J << 1, and about `y
sqrt(J)` (centred) when they say much. So neither weak nor strong data make a funnel. A conjugate prior for each cell
would need no sampler, but rows and columns would not share information.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import carray
from numpy.typing import NDArray
from scipy.special import expit

from ...common.compiled import cfunc, njit
from ..likelihood.compiled_density import DENSITY_SIGNATURE
from ..posterior.nutpie_adapter import SamplerModel

FloatArray = NDArray[np.float64]

POINT = "point"
"""Name of the only variable that is sampled."""
PARTS = ("persona", "sighting", "interaction")
"""Parts that a mechanism model may have in addition to the mean."""
MEAN_PRIOR = (-2.0, 2.0)
"""Mean and standard deviation of the normal prior of μ: P(share) from 0.003 to 0.88 in 95%."""
SD_PRIOR = {"persona": 1.5, "sighting": 1.5, "interaction": 0.5}
"""Scales of the half-normal priors of the standard deviations, on the logit scale."""


@dataclass(frozen=True)
class Layout:
    """The parts of a mechanism model and their places in a point, for a table of a given shape.

    A point holds μ, then the log standard deviation of each part, then the scaled free numbers of each part.

    Parameters
    ----------
    shape : tuple of int
        Number of personas and of sightings.
    parts : tuple of str
        A subset of :data:`PARTS`, in the same order.
    """

    shape: tuple[int, int]
    parts: tuple[str, ...]

    def size(self, part: str) -> int:
        """Return how many free numbers a part has."""
        personas, sightings = (n - 1 for n in self.shape)
        return {"persona": personas, "sighting": sightings, "interaction": personas * sightings}[part]

    @property
    def n_dim(self) -> int:
        """Length of a point."""
        return 1 + sum(1 + self.size(part) for part in self.parts)

    def slices(self) -> dict[str, slice]:
        """Return the place of the free numbers of each part in a point."""
        places, start = {}, 1 + len(self.parts)
        for part in self.parts:
            places[part] = slice(start, start + self.size(part))
            start += self.size(part)
        return places


@njit("inference/mechanisms", error_model="numpy")
def _widen(free, effects):  # type: ignore[no-untyped-def]
    """Write effects that sum to zero, from free numbers, of which there is one fewer: a rotation."""
    n = effects.size
    total = free.sum()
    for i in range(n - 1):
        effects[i] = free[i] - total / (math.sqrt(n) + n)
    effects[n - 1] = -total / math.sqrt(n)


@njit("inference/mechanisms", error_model="numpy")
def _narrow(slopes, free):  # type: ignore[no-untyped-def]
    """Write derivatives by the free numbers, from those by the effects: the transpose of :func:`_widen`."""
    n = slopes.size
    shared = slopes[: n - 1].sum() / (math.sqrt(n) + n) + slopes[n - 1] / math.sqrt(n)
    for i in range(n - 1):
        free[i] = slopes[i] - shared


@njit("inference/mechanisms", error_model="numpy")
def log_density(point, gradient, data):  # type: ignore[no-untyped-def]
    """Return the log-density at a point, up to a constant, and write its gradient into `gradient`.

    Parameters
    ----------
    point, gradient : array, shape (n_dim,)
    data : array
        From :func:`buffer_of`.
    """
    n_personas, n_sightings = int(data[1]), int(data[2])
    n_cells = n_personas * n_sightings
    has, scale = data[3:6], data[8:11]
    decisions, shared = data[11 : 11 + n_cells], data[11 + n_cells : 11 + 2 * n_cells]
    information = data[11 + 2 * n_cells :]
    sizes = (n_personas - 1, n_sightings - 1, (n_personas - 1) * (n_sightings - 1))
    n_parts = int(has[0] + has[1] + has[2])

    from_mean = (point[0] - data[6]) / data[7]
    total = -0.5 * from_mean * from_mean
    gradient[0] = -from_mean / data[7]

    free = np.zeros(sizes[0] + sizes[1] + sizes[2])
    place, number, offset = 1 + n_parts, 1, 0
    for part in range(3):
        if has[part] > 0.0:
            variance = math.exp(2.0 * point[number])
            for i in range(offset, offset + sizes[part]):
                free[i] = math.sqrt(variance / (1.0 + variance * information[i])) * point[place]
                place += 1
            number += 1
        offset += sizes[part]
    person, sight, both = np.zeros(n_personas), np.zeros(n_sightings), np.zeros((n_personas, n_sightings))
    _widen(free[: sizes[0]], person)
    _widen(free[sizes[0] : sizes[0] + sizes[1]], sight)
    if has[2] > 0.0:
        rows = free[sizes[0] + sizes[1] :].reshape((sizes[0], sizes[1]))
        half = np.zeros((sizes[0], n_sightings))
        for z in range(sizes[0]):
            _widen(rows[z], half[z])
        for m in range(n_sightings):
            _widen(half[:, m], both[:, m])

    for z in range(n_personas):
        for m in range(n_sightings):
            log_odds = point[0] + person[z] + sight[m] + both[z, m]
            cell = z * n_sightings + m
            small = math.exp(-abs(log_odds))
            chance = (1.0 if log_odds > 0.0 else small) / (1.0 + small)
            total += shared[cell] * log_odds - decisions[cell] * (max(log_odds, 0.0) + math.log1p(small))
            # The interaction is no longer needed. Its array now holds the derivative by the log-odds.
            both[z, m] = shared[cell] - decisions[cell] * chance
    gradient[0] += both.sum()

    slopes = np.zeros(free.size)
    _narrow(both.sum(axis=1), slopes[: sizes[0]])
    _narrow(both.sum(axis=0), slopes[sizes[0] : sizes[0] + sizes[1]])
    if has[2] > 0.0:
        half, rows = np.zeros((sizes[0], n_sightings)), slopes[sizes[0] + sizes[1] :].reshape((sizes[0], sizes[1]))
        for m in range(n_sightings):
            _narrow(both[:, m], half[:, m])
        for z in range(sizes[0]):
            _narrow(half[z], rows[z])

    place, number, offset = 1 + n_parts, 1, 0
    for part in range(3):
        if has[part] > 0.0:
            log_sd = point[number]
            variance = math.exp(2.0 * log_sd)
            above = variance / (scale[part] * scale[part])
            # Half-normal prior of the standard deviation; its logarithm is sampled.
            total += log_sd - 0.5 * above
            by_log_sd = 1.0 - above
            for i in range(offset, offset + sizes[part]):
                remaining = 1.0 / (1.0 + variance * information[i])
                pull = free[i] / variance
                total += 0.5 * (math.log(remaining) - free[i] * pull)
                by_log_sd += (remaining - 1.0) * (1.0 - free[i] * pull) + remaining * free[i] * slopes[i]
                gradient[place] = math.sqrt(variance * remaining) * (slopes[i] - pull)
                place += 1
            gradient[number] = by_log_sd
            number += 1
        offset += sizes[part]
    return total


@cfunc(DENSITY_SIGNATURE, "inference/mechanisms")
def density(dim, point, gradient, value, data):  # type: ignore[no-untyped-def]
    """Evaluate :func:`log_density` as nutpie calls it; return a status other than 0 when a result is not finite."""
    start = data[0]
    slope = carray(gradient, (dim,))
    log_p = log_density(carray(point, (dim,)), slope, carray(start, (np.int64(start[0]),)))
    if not (np.isfinite(log_p) and np.all(np.isfinite(slope))):
        return 1
    value[0] = log_p
    return 0


def buffer_of(layout: Layout, decisions: FloatArray, new_sharers: FloatArray) -> FloatArray:
    """Pack all that the density needs into one array.

    The array holds its own length, the numbers of personas and sightings, flags of the parts, the priors, decisions and
    new sharers by persona and sighting, and the information on the free numbers of each part.

    Parameters
    ----------
    layout : Layout
        Layout of the mechanism model.
    decisions, new_sharers : array, shape (n_personas, n_sightings)
        Totals by persona and sighting.
    """
    # Information on binomial log-odds. It is rough: it affects the speed of the sampler, not the posterior.
    rate = (new_sharers + 0.5) / (decisions + 1.0)
    information = decisions * rate * (1.0 - rate)
    packed = [
        [float(n) for n in layout.shape],
        [float(part in layout.parts) for part in PARTS],
        MEAN_PRIOR,
        [SD_PRIOR[part] for part in PARTS],
        decisions.ravel(),
        new_sharers.ravel(),
        information.sum(axis=1)[:-1],
        information.sum(axis=0)[:-1],
        information[:-1, :-1].ravel(),
    ]
    flat = np.concatenate(packed)
    return np.concatenate([[flat.size + 1.0], flat])


def widened(free: FloatArray, axis: int) -> FloatArray:
    """Return effects that sum to zero along an axis, as :func:`_widen` does, for many draws."""
    n = free.shape[axis] + 1
    total = free.sum(axis=axis, keepdims=True)
    return np.concatenate([free - total / (np.sqrt(n) + n), -total / np.sqrt(n)], axis=axis)


def effects_of(layout: Layout, buffer: FloatArray, points: FloatArray) -> dict[str, FloatArray]:
    """Return draws of the parameters that a point stands for.

    Parameters
    ----------
    layout : Layout
        Layout of the mechanism model.
    buffer : array
        From :func:`buffer_of`.
    points : array, shape (n_draws, n_dim)
        Draws.

    Returns
    -------
    dict of array
        `mean_logit` and `sd_<part>`, shape (n_draws,), and `p_share`, shape (n_draws, n_personas, n_sightings).
    """
    n_personas, n_sightings = layout.shape
    ends = np.cumsum([layout.size(part) for part in PARTS])
    information = dict(zip(PARTS, np.split(buffer[11 + 2 * n_personas * n_sightings :], ends[:-1]), strict=True))
    draws = {"mean_logit": points[:, 0]}
    log_odds = np.broadcast_to(points[:, 0, None, None], (len(points), n_personas, n_sightings)).copy()
    for number, (part, place) in enumerate(layout.slices().items()):
        sd = np.exp(points[:, 1 + number, None])
        draws[f"sd_{part}"] = sd[:, 0]
        free = sd / np.sqrt(1.0 + sd**2 * information[part]) * points[:, place]
        if part == "interaction":
            log_odds += widened(widened(free.reshape(-1, n_personas - 1, n_sightings - 1), 2), 1)
        else:
            effects = widened(free, 1)
            log_odds += effects[:, :, None] if part == "persona" else effects[:, None, :]
    draws["p_share"] = expit(log_odds)
    return draws


def sampler_model(layout: Layout, buffer: FloatArray) -> SamplerModel:
    """Return the compiled log-density with its data. Its only variable is the point."""
    start = np.zeros(layout.n_dim)
    start[0] = MEAN_PRIOR[0]
    start[1 : 1 + len(layout.parts)] = np.log(0.3)

    def initial_point(seed: int) -> FloatArray:
        return np.asarray(start + np.random.default_rng(seed).uniform(-0.5, 0.5, layout.n_dim))

    return SamplerModel("decision-count", density, buffer, {POINT: (layout.n_dim,)}, initial_point)
