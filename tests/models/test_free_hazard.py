"""The free hazard: one rate at its limit, otherwise against quadrature, in any unit of time."""

import numpy as np
import pytest
from scipy.integrate import quad

from tworate.models import FreeHazardSI, OneRateSI
from tworate.models.free_hazard import KNOTS

NAMES = [name for name in FreeHazardSI.parameters() if name != "scale"]
AT_KNOTS = [2.5, 0.4, 1.7, 0.9, 1.0, 0.2, 0.0, 3.0]


def of_hazards(scale):
    return FreeHazardSI(scale=scale, **{name: scale * hazard for name, hazard in zip(NAMES, AT_KNOTS, strict=True)})


@pytest.mark.parametrize("rate", [1e-6, 0.4, 300.0])
@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_equal_hazards_are_one_rate(rate, scale):
    exposure = np.concatenate([[0.0], np.geomspace(1e-6, 1e3, 40)]) / rate
    free = FreeHazardSI(scale=scale, **dict.fromkeys(NAMES, rate))
    expected = OneRateSI(rate).log_survival(exposure, 0.0, {"beta": rate})
    np.testing.assert_allclose(free.log_survival(exposure, 0.0, free.values), expected, rtol=6e-16 * len(KNOTS))


@pytest.mark.parametrize("scale", [0.01, 0.7, 40.0])
def test_log_survival_is_the_integral_of_a_hazard_that_is_linear_between_knots(scale):
    free = of_hazards(scale)
    for reached in (0.1, 0.25, 0.9, 1.0, 3.0, 7.9, 20.0):
        inside = [knot for knot in KNOTS if 0 < knot < reached]
        expected = -quad(lambda z: np.interp(z, KNOTS, AT_KNOTS), 0.0, reached, points=inside or None)[0]
        assert free.log_survival(reached / scale, 0.0, free.values) == pytest.approx(expected, rel=1e-12)


def test_coordinates_are_ratios_from_the_middle_outwards():
    coordinates = dict(zip(FreeHazardSI.coordinates(), [8.0, 0.5, 2.0, 3.0, 0.5, 0.2, 1.5, 0.1, 4.0], strict=True))
    values = FreeHazardSI.from_coordinates(coordinates)
    middle = [0.5 * 0.2 * 0.5 * 3.0 * 2.0, 0.5 * 0.2 * 0.5 * 3.0, 0.5 * 0.2 * 0.5, 0.5 * 0.2, 0.5]
    expected = [8.0, *middle, 0.5 * 1.5, 0.5 * 1.5 * 0.1, 0.5 * 1.5 * 0.1 * 4.0]
    assert list(values.values()) == pytest.approx(expected)
    assert list(values) == list(FreeHazardSI.parameters())


def test_a_small_exposure_loses_no_digits():
    free = of_hazards(2.0)
    assert free.log_survival(1e-18, 0.0, free.values) == pytest.approx(-5e-18, rel=1e-12)
