"""Simulation-based calibration of every model, likelihood and clock, with controls that must fail."""

import pytest

from tworate.inference.calibration.sbc import Design, coverage, simulated_ranks, uniformity
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.specification import Specification
from tworate.models import OneRateSI, TwoRateSI, all_models

pytestmark = pytest.mark.calibration

CASES = [
    pytest.param(Specification(model, likelihood, clock), Design(), id=f"{name}-{likelihood.name}-{clock}")
    for name, model in all_models().items()
    for likelihood in LIKELIHOODS.values()
    for clock in ("rounds", "continuous")
]
CASES += [
    pytest.param(
        Specification(model, LIKELIHOODS["beta-binomial"], replicate_effects=effects),
        Design(degree=degree),
        id=f"{model.name}-{degree}{'-replicates' * effects}",
    )
    for model in (OneRateSI, TwoRateSI)
    for degree, effects in ((4, False), (None, True))
]
LEVEL = 0.01 / (7 * len(CASES))
"""Level that gives one false alarm in a hundred runs of all cases. No specification has more than seven scalars."""


def data_sets(specification):
    # Curves and flows cost several times as much to fit.
    quick = specification.likelihood.kind == "transition" and specification.clock == "rounds"
    return 100 if quick else 50


@pytest.mark.parametrize(("specification", "design"), CASES)
def test_ranks_are_uniform(specification, design):
    n = data_sets(specification)
    ranks = simulated_ranks(specification, n, seed=20261125, design=design)
    assert len(ranks) >= 0.8 * n
    p_values = uniformity(ranks)
    assert len(p_values) <= 7
    assert p_values.min() > LEVEL, p_values.to_dict()


@pytest.mark.parametrize("model", [OneRateSI, TwoRateSI])
def test_intervals_cover_as_often_as_they_say_over_200_data_sets(model):
    ranks = simulated_ranks(Specification(model, LIKELIHOODS["beta-binomial"]), 200, seed=7)
    assert len(ranks) >= 195
    # Binomials with n = 200 leave these with probability 0.1%.
    assert coverage(ranks, 0.9).between(0.825, 0.96).all()
    assert coverage(ranks, 0.5).between(0.385, 0.615).all()


@pytest.mark.parametrize("model", [OneRateSI, TwoRateSI])
def test_a_likelihood_that_knows_no_dispersion_fails(model):
    dispersed, plain = (Specification(model, LIKELIHOODS[name]) for name in ("beta-binomial", "binomial"))
    ranks = simulated_ranks(dispersed, 100, seed=3, fitted=plain)
    assert uniformity(ranks).min() < LEVEL


def test_a_closure_that_knows_no_network_fails():
    specification = Specification(OneRateSI, LIKELIHOODS["beta-binomial"])
    ranks = simulated_ranks(specification, 100, seed=4, design=Design(degree=4), fitted_closure="mean-field")
    assert uniformity(ranks).min() < LEVEL
