"""Posteriors as files: ArviZ and the netCDF library read what was written."""

import json
import subprocess
import sys
from pathlib import Path

import arviz as az
import numpy as np
import pytest
import xarray as xr

from tworate.inference.loo.psis import leave_one_out
from tworate.inference.posterior.arviz_adapter import (
    HAS_TREES,
    add_groups,
    group,
    group_names,
    make_posterior,
    mean_efficiency,
    open_netcdf,
)
from tworate.inference.posterior.netcdf import write_netcdf


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    draws = {"chain": [0, 1], "draw": np.arange(5)}
    observations = {
        "observation": np.arange(3),
        "trajectory": ("observation", np.array(["a", "b", "β"], dtype=object)),
        "time": ("observation", [0.5, 1.0, 2.5]),
    }
    dims = ("chain", "draw", "observation")
    posterior = make_posterior(
        posterior=xr.Dataset({"beta": (("chain", "draw"), rng.random((2, 5)))}, coords=draws, attrs={"note": "é"}),
        sample_stats=xr.Dataset({"diverging": (("chain", "draw"), rng.random((2, 5)) < 0.5)}, coords=draws),
        log_likelihood=xr.Dataset({"incidence": (dims, rng.random((2, 5, 3)))}, coords=draws | observations),
        observed_data=xr.Dataset({"incidence": ("observation", [3, 0, 7])}, coords=observations),
        constant_data=xr.Dataset({"window": ((), 40.0)}),
    )
    add_groups(posterior, loo=xr.Dataset({"elpd": ("unit", rng.random(4))}, attrs={"good_k": 0.7, "n": 3}))
    posterior.attrs["model"] = "one-rate"
    return posterior


def test_arviz_reads_the_same(data, tmp_path):
    write_netcdf(data, tmp_path / "a.nc")
    for read in (az.from_netcdf(str(tmp_path / "a.nc"), engine="h5netcdf"), open_netcdf(tmp_path / "a.nc")):
        assert group_names(read) == group_names(data)
        assert dict(read.attrs) == data.attrs
        for name in group_names(data):
            xr.testing.assert_identical(group(read, name), group(data, name))
        assert group(read, "sample_stats")["diverging"].dtype == bool


LIBRARY = """
import json, sys, netCDF4
file = netCDF4.Dataset(sys.argv[1])
print(json.dumps({name: {key: [list(v.dimensions), v[...].tolist()] for key, v in group.variables.items()}
                  for name, group in file.groups.items()}))
"""


def test_the_netcdf_library_reads_the_same(data, tmp_path):
    write_netcdf(data, tmp_path / "a.nc")
    # A separate process, because the library has its own HDF5, which conflicts with that of h5py.
    done = subprocess.run(
        [sys.executable, "-c", LIBRARY, tmp_path / "a.nc"], capture_output=True, text=True, check=True
    )
    groups = json.loads(done.stdout)
    assert list(groups) == group_names(data)
    for group_name, variables in groups.items():
        expected = group(data, group_name)
        assert set(variables) == set(expected.variables)
        for name, (dims, values) in variables.items():
            assert tuple(dims) == expected[name].dims
            np.testing.assert_array_equal(values, expected[name].values)


def test_xarray_writes_the_same(data, tmp_path):
    write_netcdf(data, tmp_path / "a.nc")
    data.to_netcdf(str(tmp_path / "b.nc"), **({"engine": "h5netcdf"} if HAS_TREES else {"compress": False}))
    for group_name in group_names(data):
        ours, theirs = (
            xr.open_dataset(tmp_path / name, group=group_name, engine="h5netcdf") for name in ("a.nc", "b.nc")
        )
        with ours, theirs:
            xr.testing.assert_identical(ours, theirs)


@pytest.mark.parametrize("stack", ["arviz-0", "arviz-1"])
def test_files_of_either_arviz_can_be_read_and_reproduce_their_leave_one_out(stack):
    # Two-rate fits of one small data set by `fit_specification`, then `loo`, under ArviZ 0.23.4 and ArviZ 1.3.0.
    saved = open_netcdf(Path(__file__).parent / "files" / f"{stack}.nc")
    assert {"posterior", "sample_stats", "log_likelihood", "observed_data", "loo"} <= set(group_names(saved))
    assert (saved.attrs["model"], int(saved.attrs["seed"])) == ("two-rate", 3)
    draws, saved_loo = group(saved, "posterior"), group(saved, "loo")
    pointwise = group(saved, "log_likelihood")["incidence"].to_numpy()
    result = leave_one_out(pointwise.reshape(-1, pointwise.shape[-1]), mean_efficiency(draws))
    np.testing.assert_allclose(result.elpd, saved_loo["elpd"], rtol=1e-12)
    np.testing.assert_allclose(result.pareto_k, saved_loo["pareto_k"], rtol=1e-9)
    assert result.good_k == float(saved_loo.attrs["good_k"])
