"""Posteriors as files: what was written is read by ArviZ, and by the netCDF library itself."""

import json
import subprocess
import sys

import arviz as az
import numpy as np
import pytest
import xarray as xr

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
    held = az.InferenceData(
        posterior=xr.Dataset({"beta": (("chain", "draw"), rng.random((2, 5)))}, coords=draws, attrs={"note": "é"}),
        sample_stats=xr.Dataset({"diverging": (("chain", "draw"), rng.random((2, 5)) < 0.5)}, coords=draws),
        log_likelihood=xr.Dataset({"incidence": (dims, rng.random((2, 5, 3)))}, coords=draws | observations),
        observed_data=xr.Dataset({"incidence": ("observation", [3, 0, 7])}, coords=observations),
        constant_data=xr.Dataset({"window": ((), 40.0)}),
    )
    held.add_groups(loo=xr.Dataset({"elpd": ("unit", rng.random(4))}, attrs={"good_k": 0.7, "n": 3}))
    held.attrs["model"] = "one-rate"
    return held


def test_arviz_reads_what_was_held(data, tmp_path):
    write_netcdf(data, tmp_path / "a.nc")
    read = az.from_netcdf(str(tmp_path / "a.nc"))
    assert read.groups() == data.groups()
    assert read.attrs == data.attrs
    for group in data.groups():
        xr.testing.assert_identical(read[group], data[group])
    assert read.sample_stats["diverging"].dtype == bool


LIBRARY = """
import json, sys, netCDF4
file = netCDF4.Dataset(sys.argv[1])
print(json.dumps({group: {name: [list(v.dimensions), v[...].tolist()] for name, v in held.variables.items()}
                  for group, held in file.groups.items()}))
"""


def test_the_netcdf_library_reads_the_same(data, tmp_path):
    write_netcdf(data, tmp_path / "a.nc")
    # A process of its own: the library brings an HDF5 of its own, which does not go with that of h5py.
    done = subprocess.run(
        [sys.executable, "-c", LIBRARY, tmp_path / "a.nc"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert list(found) == data.groups()
    for group, variables in found.items():
        assert set(variables) == set(data[group].variables)
        for name, (dims, values) in variables.items():
            assert tuple(dims) == data[group][name].dims
            np.testing.assert_array_equal(values, data[group][name].values)


def test_xarray_writes_the_same(data, tmp_path):
    write_netcdf(data, tmp_path / "a.nc")
    data.to_netcdf(str(tmp_path / "b.nc"), compress=False)
    for group in data.groups():
        ours, theirs = (xr.open_dataset(tmp_path / name, group=group, engine="h5netcdf") for name in ("a.nc", "b.nc"))
        with ours, theirs:
            xr.testing.assert_identical(ours, theirs)
