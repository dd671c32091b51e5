"""What differs between the versions of ArviZ."""

import numpy as np
import xarray as xr

from tworate.inference.posterior.arviz_adapter import drop_group, group_names, make_posterior


def test_a_group_is_dropped_once_and_a_missing_one_is_left_alone():
    data = xr.Dataset({"beta": (("chain", "draw"), np.ones((1, 2)))})
    posterior = make_posterior(posterior=data, log_likelihood=data)
    drop_group(posterior, "log_likelihood")
    assert group_names(posterior) == ["posterior"]
    # A rival that is drawn from around its mode has no log-likelihood.
    drop_group(posterior, "log_likelihood")
    assert group_names(posterior) == ["posterior"]
