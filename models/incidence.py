"""Random numbers of new sharers."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def draw_incidence(
    n_susceptible: NDArray[np.integer[Any]],
    p_share: FloatArray,
    dispersion: FloatArray | float,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw numbers of new sharers from the beta-binomial with intra-class correlation `dispersion`.

    Parameters
    ----------
    n_susceptible, p_share, dispersion : arrays that broadcast
        Susceptible agents, probability of sharing, intra-class correlation ρ in [0, 1); 0 is binomial.
    rng : numpy.random.Generator
        Source of randomness.
    """
    n_susceptible, p_share, dispersion = np.broadcast_arrays(n_susceptible, p_share, dispersion)
    # Below this ρ the extra variance is less than a millionth of the binomial variance for a million agents, and
    # rng.beta loses the difference between its shape parameters.
    spread = (dispersion > 1e-12) & (p_share > 0) & (p_share < 1)
    p_drawn = np.array(p_share, dtype=float)
    concentration = (1.0 - dispersion[spread]) / dispersion[spread]
    p_drawn[spread] = rng.beta(
        np.maximum(p_share[spread] * concentration, math.ulp(0.0)), (1.0 - p_share[spread]) * concentration
    )
    return rng.binomial(n_susceptible, np.clip(p_drawn, 0.0, 1.0))
