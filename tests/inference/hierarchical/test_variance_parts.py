"""Parts of the variance between conditions, against plain loops and on simulations with one known cause."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tworate.inference.hierarchical.design import Design
from tworate.inference.hierarchical.hierarchical import fit_hierarchical
from tworate.inference.hierarchical.variance_parts import REST, variance_parts
from tworate.inference.posterior.arviz_adapter import make_posterior
from tworate.inference.posterior.diagnostics import INTERVAL
from tworate.simulate import CompleteNetwork, Trajectories, spread

CROSSED = pd.DataFrame(itertools.product((-1.0, 1.0), (-1.0, 1.0), ("a/b", "c/d")), columns=["O", "C", "wording"])
CONDITIONS = CROSSED.assign(condition=range(8))


def hand_made(rng, draws=50):
    """Return a posterior of random effects on two rates and a weight, and the values of each condition."""
    names = ("beta_fast", "beta_slow", "weight_fast")
    design = Design.of(CONDITIONS, ["O", "C", "wording"])
    effect = rng.normal(size=(1, draws, len(design.levels), 3))
    intercept, rest = rng.normal(size=(1, draws, 3)), 0.5 * rng.normal(size=(1, draws, 8, 3))
    theta = intercept[:, :, None] + np.einsum("ce,xdeq->xdcq", design.effect_values, effect) + rest
    natural = [np.exp(theta[..., 0]), np.exp(theta[..., 1]), 1 / (1 + np.exp(-theta[..., 2]))]
    dataset = xr.Dataset(
        {
            "effect": (("chain", "draw", "term_level", "quantity"), effect),
            **{name: (("chain", "draw", "condition"), values) for name, values in zip(names, natural, strict=True)},
        },
        coords={"quantity": list(names), "condition": list(range(8))},
    )
    attributes = {"model": "two-rate", "codings": json.dumps(design.to_json())}
    return make_posterior(attributes, posterior=dataset), effect[0], rest[0]


def test_parts_are_variances_over_conditions_by_plain_loops(rng):
    posterior, effect, rest = hand_made(rng)
    # The order of the conditions' rows does not matter.
    found = variance_parts(posterior, CONDITIONS[::-1], {"persona": ["O", "C"]})
    assert found["factor"].tolist() == ["persona", "wording", REST] * 3
    for place, quantity in enumerate(("beta_fast", "beta_slow", "weight_fast")):
        parts = []
        for draw in range(len(effect)):
            o, c, *by_wording = effect[draw, :, place]
            rows = list(CROSSED.itertuples(index=False))
            persona = [o * row.O + c * row.C for row in rows]
            wording = [by_wording[row.wording == "c/d"] for row in rows]
            variances = [float(np.var(values)) for values in (persona, wording, rest[draw, :, place])]
            parts.append([variance / sum(variances) for variance in variances])
        part = found[found["quantity"] == quantity]
        np.testing.assert_allclose(part["part"], np.mean(parts, axis=0), rtol=1e-10)
        tail = (1 - INTERVAL) / 2
        np.testing.assert_allclose(part["part_low"], np.quantile(parts, tail, axis=0), rtol=1e-10)
        np.testing.assert_allclose(part["part_high"], np.quantile(parts, 1 - tail, axis=0), rtol=1e-10)
        assert part["part"].sum() == pytest.approx(1.0)


@pytest.mark.integration
def test_the_only_cause_of_differences_explains_them():
    tables = [
        spread(
            CompleteNetwork(300), [[0.2 if row.wording == "a/b" else 0.5]], rounds=15, replicates=4, visibility=0.02,
            seed=row.condition, conditions={"condition": row.condition},
        ).table
        for row in CONDITIONS.itertuples()
    ]  # fmt: skip
    data = Trajectories(pd.concat(tables))
    fit = fit_hierarchical(
        CONDITIONS, data, model="one-rate", likelihood="binomial", terms=["O", "C", "wording"], seed=1
    )
    parts = variance_parts(fit.posterior, CONDITIONS).set_index("factor")
    assert parts.loc["wording", "part_low"] > 0.5
    assert parts.loc[["O", "C", REST], "part_high"].max() < 0.5
