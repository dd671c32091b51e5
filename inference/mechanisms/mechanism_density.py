"""Log-density of the mechanism models (who, when and cue), compiled once to disk and sampled by nutpie.

`logit P[z, m, k] = μ + a_z + b_m + d_k + c_zm`, where a, b, d, and the rows and columns of c sum to zero, as in the
analysis of variance; k is the bin of the number of neighbours that have shared, where agents see it. Under this
constraint the effects are normal with standard deviations σ_persona, σ_sighting, σ_cue and σ_interaction, which shrink
each part towards zero as far as the data allow. A mechanism model has some of these parts. Decisions are binomial,
given all that came before. Their totals by persona, sighting and cue are therefore sufficient, and an evaluation costs
microseconds.

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
PARTS = ("persona", "sighting", "cue", "interaction")
"""Parts that a mechanism model may have in addition to the mean."""
MEAN_PRIOR = (-2.0, 2.0)
"""Mean and standard deviation of the normal prior of μ: P(share) from 0.003 to 0.88 in 95%."""
SD_PRIOR = {"persona": 1.5, "sighting": 1.5, "cue": 1.5, "interaction": 0.5}
"""Scales of the half-normal priors of the standard deviations, on the logit scale."""


@dataclass(frozen=True)
class Layout:
    """The parts of a mechanism model and their places in a point, for a table of a given shape.

    A point holds μ, then the log standard deviation of each part, then the scaled free numbers of each part.

    Parameters
    ----------
    shape : tuple of int
        Number of personas, of sightings, and of cues if there are any.
    parts : tuple of str
        A subset of :data:`PARTS`, in the same order.
    """

    shape: tuple[int, ...]
    parts: tuple[str, ...]

    @property
    def cell_shape(self) -> tuple[int, int, int]:
        """Number of personas, of sightings and of cues; one cue where agents see none."""
        n_personas, n_sightings, *n_cues = self.shape
        return n_personas, n_sightings, (n_cues or [1])[0]

    def size(self, part: str) -> int:
        """Return how many free numbers a part has."""
        personas, sightings, cues = (n - 1 for n in self.cell_shape)
        return {"persona": personas, "sighting": sightings, "cue": cues, "interaction": personas * sightings}[part]

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
    n_personas, n_sightings, n_cues = int(data[1]), int(data[2]), int(data[3])
    n_cells = n_personas * n_sightings * n_cues
    has, scale = data[4:8], data[10:14]
    decisions, shared = data[14 : 14 + n_cells], data[14 + n_cells : 14 + 2 * n_cells]
    information = data[14 + 2 * n_cells :]
    sizes = (n_personas - 1, n_sightings - 1, n_cues - 1, (n_personas - 1) * (n_sightings - 1))
    n_parts = int(has.sum())

    from_mean = (point[0] - data[8]) / data[9]
    total = -0.5 * from_mean * from_mean
    gradient[0] = -from_mean / data[9]

    free = np.zeros(sizes[0] + sizes[1] + sizes[2] + sizes[3])
    from_cue = sizes[0] + sizes[1]
    from_both = from_cue + sizes[2]
    place, number, offset = 1 + n_parts, 1, 0
    for part in range(4):
        if has[part] > 0.0:
            variance = math.exp(2.0 * point[number])
            for i in range(offset, offset + sizes[part]):
                free[i] = math.sqrt(variance / (1.0 + variance * information[i])) * point[place]
                place += 1
            number += 1
        offset += sizes[part]
    person, sight, both = np.zeros(n_personas), np.zeros(n_sightings), np.zeros((n_personas, n_sightings))
    seen, by_cue = np.zeros(n_cues), np.zeros(n_cues)
    _widen(free[: sizes[0]], person)
    _widen(free[sizes[0] : from_cue], sight)
    _widen(free[from_cue:from_both], seen)
    if has[3] > 0.0:
        rows = free[from_both:].reshape((sizes[0], sizes[1]))
        half = np.zeros((sizes[0], n_sightings))
        for z in range(sizes[0]):
            _widen(rows[z], half[z])
        for m in range(n_sightings):
            _widen(half[:, m], both[:, m])

    for z in range(n_personas):
        for m in range(n_sightings):
            without_cue = point[0] + person[z] + sight[m] + both[z, m]
            # The interaction is no longer needed. Its array now holds the derivative by the log-odds.
            both[z, m] = 0.0
            for k in range(n_cues):
                log_odds = without_cue + seen[k]
                cell = (z * n_sightings + m) * n_cues + k
                small = math.exp(-abs(log_odds))
                chance = (1.0 if log_odds > 0.0 else small) / (1.0 + small)
                total += shared[cell] * log_odds - decisions[cell] * (max(log_odds, 0.0) + math.log1p(small))
                slope = shared[cell] - decisions[cell] * chance
                both[z, m] += slope
                by_cue[k] += slope
    gradient[0] += both.sum()

    slopes = np.zeros(free.size)
    _narrow(both.sum(axis=1), slopes[: sizes[0]])
    _narrow(both.sum(axis=0), slopes[sizes[0] : from_cue])
    _narrow(by_cue, slopes[from_cue:from_both])
    if has[3] > 0.0:
        half, rows = np.zeros((sizes[0], n_sightings)), slopes[from_both:].reshape((sizes[0], sizes[1]))
        for m in range(n_sightings):
            _narrow(both[:, m], half[:, m])
        for z in range(sizes[0]):
            _narrow(half[z], rows[z])

    place, number, offset = 1 + n_parts, 1, 0
    for part in range(4):
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

    The array holds its own length, the numbers of personas, sightings and cues, flags of the parts, the priors,
    decisions and new sharers by persona, sighting and cue, and the information on the free numbers of each part.

    Parameters
    ----------
    layout : Layout
        Layout of the mechanism model.
    decisions, new_sharers : array, shape (n_personas, n_sightings[, n_cues])
        Totals by persona, sighting and cue.
    """
    # Information on binomial log-odds. It is rough: it affects the speed of the sampler, not the posterior.
    rate = (new_sharers + 0.5) / (decisions + 1.0)
    information = (decisions * rate * (1.0 - rate)).reshape(layout.cell_shape)
    by_pair = information.sum(axis=2)
    packed = [
        [float(n) for n in layout.cell_shape],
        [float(part in layout.parts) for part in PARTS],
        MEAN_PRIOR,
        [SD_PRIOR[part] for part in PARTS],
        decisions.ravel(),
        new_sharers.ravel(),
        by_pair.sum(axis=1)[:-1],
        by_pair.sum(axis=0)[:-1],
        information.sum(axis=(0, 1))[:-1],
        by_pair[:-1, :-1].ravel(),
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
        `mean_logit` and `sd_<part>`, shape (n_draws,), and `p_share`, shape (n_draws, *layout.shape).
    """
    n_personas, n_sightings, n_cues = layout.cell_shape
    ends = np.cumsum([layout.size(part) for part in PARTS])
    start = 14 + 2 * n_personas * n_sightings * n_cues
    information = dict(zip(PARTS, np.split(buffer[start:], ends[:-1]), strict=True))
    draws = {"mean_logit": points[:, 0]}
    log_odds = np.broadcast_to(points[:, 0, None, None, None], (len(points), *layout.cell_shape)).copy()
    for number, (part, place) in enumerate(layout.slices().items()):
        sd = np.exp(points[:, 1 + number, None])
        draws[f"sd_{part}"] = sd[:, 0]
        free = sd / np.sqrt(1.0 + sd**2 * information[part]) * points[:, place]
        if part == "interaction":
            log_odds += widened(widened(free.reshape(-1, n_personas - 1, n_sightings - 1), 2), 1)[:, :, :, None]
        else:
            shape = [-1 if name == part else 1 for name in PARTS[:3]]
            log_odds += widened(free, 1).reshape(len(points), *shape)
    draws["p_share"] = expit(log_odds).reshape(len(points), *layout.shape)
    return draws


def sampler_model(layout: Layout, buffer: FloatArray) -> SamplerModel:
    """Return the compiled log-density with its data. Its only variable is the point."""
    start = np.zeros(layout.n_dim)
    start[0] = MEAN_PRIOR[0]
    start[1 : 1 + len(layout.parts)] = np.log(0.3)

    def initial_point(seed: int) -> FloatArray:
        return np.asarray(start + np.random.default_rng(seed).uniform(-0.5, 0.5, layout.n_dim))

    return SamplerModel("decision-count", density, buffer, {POINT: (layout.n_dim,)}, initial_point)
