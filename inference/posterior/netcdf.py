"""Posteriors as netCDF-4 files, written directly through HDF5.

xarray's writer looks up every dimension again for every variable. This takes a quarter of a second for the groups of
one fit, more than its leave-one-out. This module writes the same layout: xarray, ArviZ and the netCDF library read its
files like any other file.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from xarray.conventions import encode_cf_variable, encode_dataset_coordinates

from .arviz_adapter import Posterior, group, group_names

_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable. {:9d}"
"""netCDF recognises dimensions without coordinates by this name of their HDF5 scale."""


def write_netcdf(posterior: Posterior, path: Path) -> None:
    """Write all groups and attributes to a new file.

    Parameters
    ----------
    posterior : Posterior
        The posterior.
    path : Path
        The new file.
    """
    # HDF5 fails at the end of the process if it could not write to a full disk. So it writes to memory.
    with h5py.File(path, "w", driver="core", backing_store=False, track_order=True) as file:
        _write_attributes(file, posterior.attrs)
        numbers = itertools.count()
        for name in group_names(posterior):
            _write_group(file.create_group(name, track_order=True), group(posterior, name), numbers)
        file.flush()
        content = file.id.get_file_image()
    path.write_bytes(content)


def _write_group(group: Any, dataset: Any, numbers: Iterator[int]) -> None:
    """Write a group. Its dimensions get the next numbers, which are unique in the file."""
    variables, attributes = encode_dataset_coordinates(dataset)
    _write_attributes(group, attributes)
    scales = {}
    for name, size in dataset.sizes.items():
        if name in variables:
            scale = _write_variable(group, name, variables[name])
            scale.make_scale(name)
        else:
            scale = group.create_dataset(name, shape=(size,), dtype=">f4")
            scale.make_scale(_NO_VARIABLE.format(size))
        scales[name] = scale
        scale.attrs["_Netcdf4Dimid"] = np.int32(next(numbers))
    for name, variable in variables.items():
        if name not in dataset.sizes:
            written = _write_variable(group, name, variable)
            for axis, dimension in enumerate(variable.dims):
                written.dims[axis].attach_scale(scales[dimension])


def _write_variable(group: Any, name: str, variable: Any) -> Any:
    encoded = encode_cf_variable(variable, name=name)
    values = np.asarray(encoded.values)
    text = h5py.string_dtype() if values.dtype.kind in "OU" else None
    written = group.create_dataset(name, data=values.astype(object) if text else values, dtype=text)
    _write_attributes(written, encoded.attrs)
    return written


def _write_attributes(target: Any, attributes: Any) -> None:
    for name, value in attributes.items():
        if isinstance(value, str):
            target.attrs[name] = value
            continue
        values = np.atleast_1d(value)
        # HDF5 has no fixed-width Unicode type. pandas 3 and ArviZ 1 may use it in attributes.
        target.attrs[name] = values.astype(object) if values.dtype.kind == "U" else values
