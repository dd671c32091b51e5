"""Calibration of the effects of the hierarchical model, on studies simulated by agents."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tworate.inference.hierarchical.hierarchical import fit_hierarchical
from tworate.inference.posterior.sampling import SamplerSettings

pytestmark = pytest.mark.calibration

SAMPLER = SamplerSettings(chains=2, tune=300, draws=600)
N_STUDIES = 40


@pytest.fixture(scope="module")
def places(make_study):
    """Return the rank of the truth in each posterior, as a fraction of its draws; one row per effect, of 40 studies."""
    rows = []
    for seed in range(N_STUDIES):
        conditions, trajectories, truth = make_study(seed=100 + seed, n_traits=4, agents=300, replicates=3)
        fit = fit_hierarchical(conditions, trajectories, seed=seed, sampler=SAMPLER)
        draws = fit.posterior.posterior
        for row in truth.itertuples():
            at = {"quantity": row.quantity}
            if row.term == "intercept":
                values = draws["intercept"].sel(at)
            elif row.term.startswith("between"):
                values = np.log(draws["sd_between"].sel(at))
            else:
                values = draws["effect"].sel(at | {"term_level": f"{row.term}: {row.level}"})
            place = float((values < row.value).mean())
            rows.append((row.quantity, row.term, row.level, place))
    return pd.DataFrame(rows, columns=["quantity", "term", "level", "place"])


@pytest.mark.parametrize("quantity", ["beta_fast", "beta_slow", "weight_fast"])
def test_intervals_of_effects_cover_as_often_as_they_say(places, quantity):
    effects = places[(places["quantity"] == quantity) & ~places["term"].str.startswith(("intercept", "between"))]
    # With two event types, the second effect is minus the first.
    effects = effects[effects["level"] != "Protests"]
    assert len(effects) == N_STUDIES * 5
    for mass in (0.5, 0.9):
        inside = int(((effects["place"] - 0.5).abs() < mass / 2).sum())
        # One false alarm in a thousand runs of these six.
        assert stats.binomtest(inside, len(effects), mass).pvalue > 0.001 / 6, (mass, inside / len(effects))


@pytest.mark.parametrize("term", ["intercept", "between conditions (sd)"])
def test_intervals_of_what_is_common_cover(places, term):
    selected = places[places["term"] == term]
    inside = int(((selected["place"] - 0.5).abs() < 0.45).sum())
    # Three quantities per study. The prior of the spread can make intervals conservative, so the test is one-sided.
    assert stats.binomtest(inside, len(selected), 0.9, alternative="less").pvalue > 0.001 / 2, inside / len(selected)
