"""Integrals over the quantities of an omitted condition, against quadrature."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from tworate.inference.hierarchical.condition_observations import ConditionLikelihood
from tworate.inference.hierarchical.hierarchical import study_of
from tworate.inference.hierarchical.leave_out import Population, _over_dispersion, condition_log_likelihood

N_DRAWS = 40


def drawn_population(study, rng):
    """Return some draws about the estimates of the approximation. Those of a posterior are not spread wider."""
    approximation, n = study.approximation, len(study.quantities)
    population = object.__new__(Population)
    population.intercept = approximation.intercept + 0.1 * rng.normal(size=(N_DRAWS, n))
    n_effects = study.design.effect_values.shape[1]
    population.effect = np.linalg.lstsq(study.design.effect_values, study.design.matrix @ approximation.coefficients)[0]
    population.effect = population.effect + 0.05 * rng.normal(size=(N_DRAWS, n_effects, n))
    population.sd = np.maximum(approximation.sd, 0.1) * np.exp(0.3 * rng.normal(size=(N_DRAWS, n)))
    population.dispersion = approximation.dispersion * np.exp(0.5 * rng.normal(size=N_DRAWS))
    population.most_susceptible = int(study.observations.data.n_susceptible.max())
    return population


@pytest.mark.parametrize("model", ["one-rate", "two-rate"])
def test_integrals_are_those_of_quadrature(make_study, rng, model):
    conditions, trajectories, _ = make_study(seed=6, n_traits=2, agents=100, rounds=12)
    study = study_of(conditions, trajectories, model=model)
    population = drawn_population(study, rng)
    which, seeds, draws = [0, 5], range(10), (0, 39)
    log_integrals = np.array([condition_log_likelihood(study, population, seed=seed, which=which) for seed in seeds])
    assert log_integrals.shape == (len(seeds), N_DRAWS, len(which))
    observed = list(study.observations.each())
    for column, number in enumerate(which):
        likelihood = ConditionLikelihood(study.specification, observed[number])
        means = population.means(study.design.effect_values[number])
        for draw in draws:
            # Trapezoidal rule in units of the prior, whose tails bound the integrand.
            mean, sd, n = means[draw], population.sd[draw], len(study.quantities)
            grid = np.linspace(-6.0, 6.0, 41 if n > 1 else 401)
            units = np.array(list(itertools.product(grid, repeat=n)))
            values = likelihood(mean + sd * units, np.full(len(units), population.dispersion[draw]))
            exact = logsumexp(values + stats.norm.logpdf(units).sum(axis=1)) + n * np.log(grid[1] - grid[0])
            ratio = np.exp(log_integrals[:, draw, column] - exact)
            # The bias of a quotient of two means is of the order of its variance. The quadrature errs by less than
            # 1e-4.
            error = ratio.std(ddof=1)
            assert abs(ratio.mean() - 1.0) < 5 * error / np.sqrt(len(seeds)) + error**2 + 1e-4, (number, draw)
            assert error < 0.1


def test_interpolation_over_the_dispersion_loses_nothing(make_study, rng):
    conditions, trajectories, _ = make_study(seed=6, n_traits=1, agents=100, rounds=12)
    study = study_of(conditions, trajectories)
    likelihood = ConditionLikelihood(study.specification, next(study.observations.each()))
    points = study.approximation.intercept + 0.2 * rng.normal(size=(5, 3))
    # From practically binomial to the largest values that the prior makes plausible.
    dispersion = np.geomspace(1e-7, 0.03, 50)
    nodes, share = _over_dispersion(dispersion, 100)
    at_nodes = np.array([likelihood(points, np.full(5, node)) for node in nodes])
    exact = np.array([likelihood(points, np.full(5, value)) for value in dispersion])
    np.testing.assert_allclose(share @ at_nodes, exact, atol=5e-3)
    nodes, share = _over_dispersion(np.full(3, 0.01), 100)
    np.testing.assert_allclose(share @ nodes, 0.01)
