"""Log-density of the accounts of who and when, compiled once to disk and sampled by nutpie.

`logit P[z, m] = μ + a_z + b_m + c_zm`, where a, b, and the rows and columns of c sum to zero: a table taken apart as in
the analysis of variance. Under that constraint they are normal with standard deviations σ_persona, σ_sighting and
σ_interaction, which pulls each part towards zero as far as the data let it. An account has some of the parts. Since
decisions are binomial given all that came before, their totals by persona and sighting say all, and an evaluation
costs microseconds.

Effects that sum to zero are a rotation of one fewer free numbers y (as in Stan and PyMC), so that no direction of the
point is without data. What is sampled of a free number is `y sqrt(1 + σ² J) / σ`, with J the information that the data
have on it, roughly: where its spread σ is small beside what the data tell, that is `y / σ` (non-centred), and where it
is large, `y sqrt(J)` (centred). So neither strong nor weak data make a funnel. A table whose every cell had a conjugate
prior of its own would need no sampler, but would know nothing of rows and columns.
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
"""Name of the one variable that is sampled."""
PARTS = ("persona", "sighting", "interaction")
"""Parts that an account may have, beside the mean."""
MEAN_PRIOR = (-2.0, 2.0)
"""Mean and standard deviation of the normal prior of μ: P(share) from 0.003 to 0.88 in 95%."""
SD_PRIOR = {"persona": 1.5, "sighting": 1.5, "interaction": 0.5}
"""Scales of the half-normal priors of the standard deviations, on the logit scale."""


@dataclass(frozen=True)
class Layout:
    """Which parts an account has, for a table of some shape, and where they stand in a point.

    A point is μ, then the log standard deviation of each part, then the scaled free numbers of each part.

    Parameters
    ----------
    shape : tuple of int
        Personas and sightings.
    parts : tuple of str
        Among :data:`PARTS`, in their order.
    """

    shape: tuple[int, int]
    parts: tuple[str, ...]

    def size(self, part: str) -> int:
        """Number of free numbers of a part."""
        personas, sightings = (n - 1 for n in self.shape)
        return {"persona": personas, "sighting": sightings, "interaction": personas * sightings}[part]

    @property
    def n_dim(self) -> int:
        """Length of a point."""
        return 1 + sum(1 + self.size(part) for part in self.parts)

    def slices(self) -> dict[str, slice]:
        """Place of the effects of each part in a point."""
        found, start = {}, 1 + len(self.parts)
        for part in self.parts:
            found[part] = slice(start, start + self.size(part))
            start += self.size(part)
        return found


@njit("inference/mechanisms", error_model="numpy")
def _widen(free, effects):  # type: ignore[no-untyped-def]
    """Effects that sum to zero, from one fewer free numbers: a rotation."""
    n = effects.size
    total = free.sum()
    for i in range(n - 1):
        effects[i] = free[i] - total / (math.sqrt(n) + n)
    effects[n - 1] = -total / math.sqrt(n)


@njit("inference/mechanisms", error_model="numpy")
def _narrow(slopes, free):  # type: ignore[no-untyped-def]
    """Derivatives by the free numbers, from those by the effects: the transpose of :func:`_widen`."""
    n = slopes.size
    shared = slopes[: n - 1].sum() / (math.sqrt(n) + n) + slopes[n - 1] / math.sqrt(n)
    for i in range(n - 1):
        free[i] = slopes[i] - shared


@njit("inference/mechanisms", error_model="numpy")
def log_density(point, gradient, data):  # type: ignore[no-untyped-def]
    """Log-density at a point, up to a constant; its gradient is written beside.

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
            # From here on the derivative by the log-odds stands in the place of the interaction.
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
            # Half-normal prior of the standard deviation, sampled by its logarithm.
            total += log_sd - 0.5 * above
            by_log_sd = 1.0 - above
            for i in range(offset, offset + sizes[part]):
                known = 1.0 / (1.0 + variance * information[i])
                pull = free[i] / variance
                total += 0.5 * (math.log(known) - free[i] * pull)
                by_log_sd += (known - 1.0) * (1.0 - free[i] * pull) + known * free[i] * slopes[i]
                gradient[place] = math.sqrt(variance * known) * (slopes[i] - pull)
                place += 1
            gradient[number] = by_log_sd
            number += 1
        offset += sizes[part]
    return total


@cfunc(DENSITY_SIGNATURE, "inference/mechanisms")
def density(dim, point, gradient, value, data):  # type: ignore[no-untyped-def]
    """:func:`log_density` as nutpie calls it: a status other than 0 where there is no number."""
    start = data[0]
    slope = carray(gradient, (dim,))
    found = log_density(carray(point, (dim,)), slope, carray(start, (np.int64(start[0]),)))
    if not (np.isfinite(found) and np.all(np.isfinite(slope))):
        return 1
    value[0] = found
    return 0


def buffer_of(layout: Layout, decisions: FloatArray, new_sharers: FloatArray) -> FloatArray:
    """Pack what the density needs.

    Its own length, personas, sightings, which parts there are, the priors, decisions and new sharers by persona and
    sighting, and the information on the free numbers of each part.

    Parameters
    ----------
    layout : Layout
        Of the account.
    decisions, new_sharers : array, shape (n_personas, n_sightings)
        Totals.
    """
    # Of binomial log-odds. It is rough, and decides how the posterior is walked, not what it is.
    rate = (new_sharers + 0.5) / (decisions + 1.0)
    known = decisions * rate * (1.0 - rate)
    packed = [
        [float(n) for n in layout.shape],
        [float(part in layout.parts) for part in PARTS],
        MEAN_PRIOR,
        [SD_PRIOR[part] for part in PARTS],
        decisions.ravel(),
        new_sharers.ravel(),
        known.sum(axis=1)[:-1],
        known.sum(axis=0)[:-1],
        known[:-1, :-1].ravel(),
    ]
    flat = np.concatenate(packed)
    return np.concatenate([[flat.size + 1.0], flat])


def widened(free: FloatArray, axis: int) -> FloatArray:
    """Effects that sum to zero along an axis, from one fewer free numbers: what the density does, for many draws."""
    n = free.shape[axis] + 1
    total = free.sum(axis=axis, keepdims=True)
    return np.concatenate([free - total / (np.sqrt(n) + n), -total / np.sqrt(n)], axis=axis)


def effects_of(layout: Layout, buffer: FloatArray, points: FloatArray) -> dict[str, FloatArray]:
    """Draws of what a point stands for.

    Parameters
    ----------
    layout : Layout
        Of the account.
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
    found = {"mean_logit": points[:, 0]}
    log_odds = np.broadcast_to(points[:, 0, None, None], (len(points), n_personas, n_sightings)).copy()
    for number, (part, where) in enumerate(layout.slices().items()):
        sd = np.exp(points[:, 1 + number, None])
        found[f"sd_{part}"] = sd[:, 0]
        free = sd / np.sqrt(1.0 + sd**2 * information[part]) * points[:, where]
        if part == "interaction":
            log_odds += widened(widened(free.reshape(-1, n_personas - 1, n_sightings - 1), 2), 1)
        else:
            effects = widened(free, 1)
            log_odds += effects[:, :, None] if part == "persona" else effects[:, None, :]
    found["p_share"] = expit(log_odds)
    return found


def sampler_model(layout: Layout, buffer: FloatArray) -> SamplerModel:
    """Return the compiled log-density with its data; its one variable is the point."""
    start = np.zeros(layout.n_dim)
    start[0] = MEAN_PRIOR[0]
    start[1 : 1 + len(layout.parts)] = np.log(0.3)

    def initial_point(seed: int) -> FloatArray:
        return np.asarray(start + np.random.default_rng(seed).uniform(-0.5, 0.5, layout.n_dim))

    return SamplerModel("decision-count", density, buffer, {POINT: (layout.n_dim,)}, initial_point)
