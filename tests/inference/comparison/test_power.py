"""The gain that two rates would have: against maximised likelihoods of simulated data, and its scaling."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import optimize
from scipy.special import expit

from tworate.inference.comparison.power import _COST, RATIO, WEIGHT, ExpectedGain, expected_gain
from tworate.inference.comparison.verdict import GAIN, STANDARD_ERRORS, rule
from tworate.inference.data.observations import observe
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.specification import Specification
from tworate.models import MeanField, OneRateSI, TwoRateSI
from tworate.models.structured import with_structure
from tworate.models.structures import ELAPSED, get_structure
from tworate.simulate import Trajectories

BETA = 0.5
ONE = Specification(OneRateSI, LIKELIHOODS["binomial"])


def posterior(**values):
    return xr.Dataset({name: (("chain", "draw"), np.array([[value, value]])) for name, value in values.items()})


def observed(axis=None):
    """Return the increments of a curve of one rate in a population of 1,000: fixed exposures and susceptible agents."""
    prevalence = OneRateSI(BETA).solve(np.arange(26), 0.01, MeanField(), clock="rounds")
    infected = np.round(1000 * prevalence).astype(int)
    table = pd.DataFrame({"trajectory": 0, "time": np.arange(26), "infected": infected, "population": 1000})
    return observe(Trajectories(table), "mean-field", axis=axis)


DATA = observed()


def log_likelihood(model, values, incidence):
    exposure = (DATA.exposure_start, DATA.exposure_end)
    log_escape = model.log_escape(exposure, (0.0, 0.0), values)
    return (incidence * np.log(-np.expm1(log_escape)) + (DATA.n_susceptible - incidence) * log_escape).sum()


FAST = BETA / (WEIGHT + (1 - WEIGHT) / RATIO)
TRUTH = {"beta_fast": FAST, "beta_slow": FAST / RATIO, "weight_fast": WEIGHT}


def best_of_two(incidence):
    """Return the largest log-likelihood of two rates."""

    def cost(point):
        fast, share, weight = np.exp(point[0]), expit(point[1]), expit(point[2])
        values = {"beta_fast": fast, "beta_slow": share * fast, "weight_fast": weight}
        return -log_likelihood(TwoRateSI, values, incidence)

    start = [np.log(FAST), -np.log(RATIO - 1), 0.0]
    # Ends of the ranges stand for one rate and for the plateau.
    return -optimize.minimize(cost, start, method="L-BFGS-B", bounds=[(-5, 5), (-8, 8), (-6, 6)]).fun


def best_of_one(incidence):
    """Return the largest log-likelihood of one rate, and the logarithm of the rate."""
    found = optimize.minimize_scalar(
        lambda x: -log_likelihood(OneRateSI, {"beta": np.exp(x)}, incidence), bounds=(-5, 3), method="bounded"
    )
    return -found.fun, found.x


def of_two_rates():
    """Return the expected counts where two rates are the truth, and the probabilities of sharing."""
    p_share = -np.expm1(TwoRateSI.log_escape((DATA.exposure_start, DATA.exposure_end), (0.0, 0.0), TRUTH))
    return DATA.n_susceptible * p_share, p_share


@pytest.fixture(scope="module")
def gain():
    return expected_gain(ONE, posterior(beta=BETA), DATA)


@pytest.fixture(scope="module")
def drawn():
    """Draw data sets of two rates, and the gain of the true two rates over the one rate that is nearest to them."""
    expected, p_share = of_two_rates()
    incidence = np.random.default_rng(1).binomial(DATA.n_susceptible, p_share, size=(20_000, DATA.size))
    nearest = {"beta": np.exp(best_of_one(expected)[1])}
    gains = [
        log_likelihood(TwoRateSI, TRUTH, counts) - log_likelihood(OneRateSI, nearest, counts) for counts in incidence
    ]
    return incidence, np.array(gains)


def test_the_gain_is_that_of_the_truth_over_the_nearest_rate_in_simulated_data(gain, drawn):
    _, gains = drawn
    n = gains.size
    # By chance, a normal score exceeds 4 in one of 16,000 runs.
    assert abs(gains.mean() - gain.mean) < 4 * gains.std() / np.sqrt(n)
    # The nearest factor of the grid differs from the nearest rate by less than 0.9%; so does the standard deviation.
    assert abs(gains.std() - gain.sd) < 4 * gains.std() / np.sqrt(2 * n) + 0.009 * gain.sd
    # The negative control: the gain is no small number, and the second rate is what makes it.
    assert gain.mean > 10.0


def test_maximised_likelihoods_gain_one_more_and_leave_one_out_one_less(gain, drawn):
    # A maximised likelihood exceeds that at the true, or nearest, parameters by half a chi-squared variate: of mean 3/2
    # for three parameters, and of about 1/2 for one. So the maximised gain is 1 larger. Leave-one-out takes off the
    # number of parameters, 3 and 1, so the gain in elpd is 1 smaller.
    incidence, gains = (values[:300] for values in drawn)
    maximised = np.array([best_of_two(counts) - best_of_one(counts)[0] for counts in incidence])
    excess = maximised - gains
    # 0.3: the chi-squared laws are those of many data, and that of one rate of data from one rate.
    assert abs(excess.mean() - 1.0) < 4 * excess.std() / np.sqrt(excess.size) + 0.3
    # The maxima add independent variates of variances 3/2 and 1/2 at most, which hardly spread the gain.
    assert abs(maximised.std() - gains.std()) < np.sqrt(gain.sd**2 + 2.0) - gain.sd + 4 * excess.std() / np.sqrt(300)
    assert _COST == (3 - 1) - 1.0


def test_one_rate_is_fitted_to_what_two_rates_would_give(gain):
    # Expected counts in the place of random ones: the largest likelihood of one rate, by an independent search.
    expected, _ = of_two_rates()
    exact = log_likelihood(TwoRateSI, TRUTH, expected) - best_of_one(expected)[0]
    # Factors on the rate are 1.7% apart, so the nearest is off by 0.9% at most; its loss is half the square of this
    # over the standard error of the log-rate, which is 1/sqrt(n_new) at least.
    loss = 0.5 * expected.sum() * 0.009**2
    assert -1e-9 < gain.mean - exact < loss


def test_the_gain_grows_linearly_with_the_data(gain):
    for times in (3, 10):
        more = dataclasses.replace(DATA, n_susceptible=times * DATA.n_susceptible)
        found = expected_gain(ONE, posterior(beta=BETA), more)
        assert found.mean == pytest.approx(times * gain.mean, rel=1e-12)
        assert found.sd == pytest.approx(np.sqrt(times) * gain.sd, rel=1e-12)
        # A weight counts observations as often.
        weighted = expected_gain(ONE, posterior(beta=BETA), dataclasses.replace(DATA, weight=times * DATA.weight))
        assert weighted == pytest.approx(found, rel=1e-12)


def test_data_without_late_exposure_could_not_show_a_second_rate():
    # At the start of the curve both agents are nearly as susceptible: the rates have the same mean.
    early = dataclasses.replace(DATA, weight=(DATA.exposure_end < 0.2).astype(float))
    assert early.weight.sum() > 2
    found = expected_gain(ONE, posterior(beta=BETA), early)
    assert 0 <= found.mean < 0.1
    assert not found.is_found
    assert found.times_more > 50


def test_the_unit_of_time_does_not_matter(gain):
    hours = {
        name: 60.0 * getattr(DATA, name)
        for name in ("exposure_start", "exposure_end", "time_start", "time_end", "window")
    }
    found = expected_gain(ONE, posterior(beta=BETA / 60), dataclasses.replace(DATA, **hours))
    assert found == pytest.approx(gain, rel=1e-9)


def test_a_structure_is_kept_on_both_sides(gain):
    ageing = get_structure("ageing")
    data = observed(ELAPSED)
    aged = dataclasses.replace(ONE, model=with_structure(OneRateSI, ageing))
    # Without ageing it is the gain without the structure.
    none = expected_gain(aged, posterior(beta=BETA, ageing_rate=0.0), data)
    assert none == pytest.approx(gain, rel=1e-9)
    # An ageing post shows agents less, and a second rate shows less.
    some = expected_gain(aged, posterior(beta=BETA, ageing_rate=0.1), data)
    assert 0 < some.mean < 0.9 * gain.mean
    # By hand: weighted exposures without a structure.
    weight = np.exp(-0.1 * DATA.time_start)
    added = weight * (DATA.exposure_end - DATA.exposure_start)
    end = np.cumsum(added)
    by_hand = expected_gain(
        ONE, posterior(beta=BETA), dataclasses.replace(DATA, exposure_start=end - added, exposure_end=end)
    )
    assert some == pytest.approx(by_hand, rel=1e-9)


@pytest.mark.parametrize(
    ("mean", "sd", "expected"),
    [(5.0, 0.1, False), (5.01, 0.1, True), (9.0, 4.0, False), (9.01, 4.0, True), (-1.0, 1.0, False), (0.0, 0.0, False)],
)
def test_two_rates_are_found_where_the_rule_would_find_them_in_half_of_the_data(mean, sd, expected):
    gain = ExpectedGain(mean, sd)
    assert gain.is_found is expected
    # Leave-one-out takes 1 off; half of the data lie above the median.
    assert expected == (rule(mean - 1.0, sd) == "two-rate")
    assert (GAIN, STANDARD_ERRORS) == (4.0, 2.0)


@pytest.mark.parametrize(
    ("mean", "sd"), [(0.3, 0.1), (0.3, 0.8), (2.0, 2.0), (2.0, 0.5), (5.0, 3.2), (20.0, 6.0), (40.0, 100.0)]
)
def test_so_many_times_more_data_are_just_found(mean, sd):
    times = ExpectedGain(mean, sd).times_more

    def with_data(factor):
        return ExpectedGain(factor * mean, math.sqrt(factor) * sd)

    # Gains grow with the data, their standard deviation with its root.
    assert with_data(1.001 * times).is_found
    assert not with_data(0.999 * times).is_found


def test_no_amount_of_data_shows_what_gains_nothing():
    assert ExpectedGain(0.0, 1.0).times_more == math.inf
    assert ExpectedGain(-0.1, 1.0).times_more == math.inf
