import numpy as np
import pytest

from tworate.inference.hierarchical.approximation import approximate
from tworate.inference.hierarchical.quantities import quantities
from tworate.models import get_model

N_CONDITIONS = 8
ONE_RATE = quantities(get_model("one-rate"))
NO_TERMS = np.zeros((N_CONDITIONS, 0))


def test_gaussian_likelihoods_are_approximated_by_themselves(rng):
    centres, precisions = rng.normal(2.0, 0.4, N_CONDITIONS), rng.uniform(1.0, 400.0, N_CONDITIONS)
    likelihoods = [
        lambda points, _, centre=centre, precision=precision: -0.5 * precision * (points[:, 0] - centre) ** 2
        for centre, precision in zip(centres, precisions, strict=True)
    ]
    approximation = approximate(likelihoods, NO_TERMS, ONE_RATE, dispersed=False)
    np.testing.assert_allclose(approximation.precision[:, 0, 0], precisions, rtol=1e-4)
    np.testing.assert_allclose(approximation.information[:, 0], precisions * centres, rtol=1e-4)
    np.testing.assert_allclose(approximation.constant, -0.5 * precisions * centres**2, rtol=1e-4)


@pytest.mark.parametrize("slope", [0.1, 30.0])
def test_slopes_without_curvature_do_not_blow_the_population_up(slope):
    # The likelihood of a weight can rise towards 0 or 1 without end. Such a slope without curvature would drive the
    # estimates of the population to infinity.
    likelihoods = [
        lambda points, _, sign=sign: sign * slope * points[:, 0] for sign in np.resize([1.0, -1.0], N_CONDITIONS)
    ]
    approximation = approximate(likelihoods, NO_TERMS, ONE_RATE, dispersed=False)
    for values in (approximation.precision, approximation.information, approximation.constant, approximation.sd):
        assert np.isfinite(values).all()
    assert abs(approximation.intercept[0] - ONE_RATE[0].mean) < 0.1
