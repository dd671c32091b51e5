"""Priors: what scaling them does to their densities."""

import numpy as np
import pytest

from tworate.models.parameters import Beta, Exponential, LogNormal


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_a_scaled_prior_is_so_much_wider(factor):
    wide = LogNormal(2.0, 0.7).scaled(factor)
    assert (wide.median, wide.sigma) == (2.0, pytest.approx(0.7 * factor))
    # The logarithm is spread by the factor.
    assert np.log(wide.distribution.ppf(0.9) / 2.0) == pytest.approx(
        factor * np.log(LogNormal(2.0, 0.7).distribution.ppf(0.9) / 2.0)
    )
    assert Exponential(1.5).scaled(factor).distribution.mean() == pytest.approx(1.5 * factor)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_scaled_beta_is_the_power_of_its_density(factor):
    x = np.array([0.1, 0.3, 0.8])
    before, after = Beta(3.0, 2.0), Beta(3.0, 2.0).scaled(factor)
    shift = after.distribution.logpdf(x) - before.distribution.logpdf(x) / factor
    np.testing.assert_allclose(shift, shift[0], rtol=1e-12)
    assert Beta(1.0, 1.0).scaled(factor) == Beta(1.0, 1.0)
