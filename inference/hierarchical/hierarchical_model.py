"""The hierarchical model as a PyMC model, with its likelihood and the sampler's coordinates as parts of the graph."""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from ..likelihood.likelihood_node import LogLikelihood
from ..likelihood.predictor import predictor
from ..likelihood.pymc_model import DATA, prior_variable
from ..likelihood.specification import DISPERSION
from .hierarchical_data import CONDITION, COORDINATES, EFFECT, SD_BETWEEN, HierarchicalData
from .operations import Conditions
from .quantities import EFFECT_SD, LOG_RATIO_SD


def build_hierarchical(study: HierarchicalData, xp: Any = pt, *, informed: bool = True) -> pm.Model:
    """Make the PyMC model of a study.

    Every condition has its quantities (such as the logarithms of its rates and the logit of its weight) as a row of
    `condition`. Each quantity is normal about the prediction of the terms, with a standard deviation `sd_between`. The
    likelihood is that of all increments. Rates are per observed window.

    Parameters
    ----------
    study : HierarchicalData
        Data and design.
    xp : module
        `pytensor.tensor`, or a module with the same functions.
    informed : bool
        Whether the conditions are sampled in the coordinates of
        :mod:`tworate.inference.hierarchical.geometry`, or directly. The model and its posterior are the same.

    Notes
    -----
    Only the population orders the two rates: the intercept of the fast one is higher by `log_ratio > 0`. In single
    conditions the order is free, so the posterior has no edge where the data do not show a second rate.
    """
    curve, listed, likelihood = predictor(study.specification), study.quantities, study.specification.likelihood
    n = len(listed)
    with pm.Model() as result:
        held = {name: pm.Data(DATA + name, value) for name, value in study.arrays().items()}
        intercepts: dict[str, Any] = {}
        for quantity in listed:
            if quantity.below:
                difference = pm.HalfNormal(quantity.sampled_name, LOG_RATIO_SD)
                intercepts[quantity.name] = intercepts[quantity.below] - difference
            else:
                intercepts[quantity.name] = pm.Normal(quantity.sampled_name, quantity.mean, quantity.sd)
        n_conditions = held["information"].shape[0] // n
        matrix = held["design"].reshape((n_conditions, held["design"].shape[0] // n_conditions))
        dispersion = pt.constant(0.0)
        if likelihood.dispersion is not None:
            dispersion = prior_variable(DISPERSION, likelihood.dispersion)
        coefficient = pm.Normal(EFFECT, 0.0, EFFECT_SD, shape=(matrix.shape[1], n))
        sd = pm.HalfNormal(SD_BETWEEN, np.array([quantity.between for quantity in listed]), shape=n)
        intercept = pt.stack(list(intercepts.values()))
        if informed:
            theta, log_density = Conditions()(
                pm.Flat(COORDINATES, shape=(n_conditions, n)),
                intercept,
                coefficient,
                sd,
                matrix,
                held["precision"].reshape((n_conditions, n, n)),
                held["information"].reshape((n_conditions, n)),
            )
            pm.Deterministic(CONDITION, theta.T)
            pm.Potential(f"{CONDITION}_prior_and_jacobian", log_density)
        else:
            theta = pm.Normal(CONDITION, intercept + matrix @ coefficient, sd, shape=(n_conditions, n)).T
        natural = {quantity.name: quantity.natural(theta[i], xp) for i, quantity in enumerate(listed)}
        place = held["place"].astype("int64")
        prediction = curve.predict(held, {name: value[place] for name, value in natural.items()}, None, xp)
        total, _, _ = LogLikelihood(likelihood.family)(
            prediction, dispersion, held["observed"], held["size"], held["weight"]
        )
        pm.Potential("log_likelihood", total)
    return result
