"""The multiverse of a study: how often verdicts flip, and what each choice explains."""

import itertools

import numpy as np
import pandas as pd
import pytest

from tworate.analysis.study.specifications import REST, flips, holding_sentence, make_specifications, variance_shares

FACTORS = ("wording", "order", "seed")


def compared(gain, rate, verdict):
    """Return one row for each combination of two wordings, two orders and two seeds."""
    rows = []
    for levels in itertools.product(("a/b", "c/d"), ("first", "last"), (1, 2)):
        row = dict(zip(FACTORS, levels, strict=True))
        rows.append(
            {**row, "elpd_diff": gain(**row), "dse": 1.0, "rate": rate(**row), "verdict": verdict(**row)}
            | dict.fromkeys(("fast", "slow", "ratio"), np.nan)
        )
    return pd.DataFrame(rows)


def test_a_factor_that_decides_everything_explains_everything():
    table = compared(
        gain=lambda wording, **_: 100.0 if wording == "a/b" else 0.0,
        rate=lambda order, **_: 2.0 if order == "first" else 1.0,
        verdict=lambda wording, **_: "two-rate" if wording == "a/b" else "one-rate",
    )
    shares = variance_shares(table, FACTORS).set_index("factor")
    assert shares.loc["wording"].tolist() == pytest.approx([0.0, 1.0])
    assert shares.loc["order"].tolist() == pytest.approx([1.0, 0.0])
    assert shares.loc[REST].tolist() == pytest.approx([0.0, 0.0], abs=1e-12)
    flipped = flips(table, FACTORS).set_index("factor")
    assert flipped["flipped"].tolist() == [1.0, 0.0, 0.0]
    assert flipped["pairs"].tolist() == [4, 4, 4]


def test_what_only_a_combination_changes_is_the_rest():
    table = compared(
        gain=lambda wording, order, **_: 10.0 if (wording == "a/b") == (order == "first") else -10.0,
        rate=lambda **_: 1.0,
        verdict=lambda **_: "one-rate",
    )
    shares = variance_shares(table, FACTORS).set_index("factor")
    assert shares.loc[REST, "elpd_diff"] == pytest.approx(1.0)
    # A rate that never varies has no variance to share.
    assert shares["log_rate"].isna().all()


def test_specifications_are_sorted_and_summed_up():
    table = compared(
        gain=lambda seed, **_: float(-seed),
        rate=lambda **_: 1.0,
        verdict=lambda seed, wording, **_: "two-rate" if seed == 1 or wording == "a/b" else "undecided",
    ).assign(decisions=["trustworthy"] * 3 + ["not trustworthy"] * 5)
    found = make_specifications(table, FACTORS)
    assert found.table["elpd_diff"].is_monotonic_increasing
    assert found.table["specification"].tolist() == list(range(1, 9))
    assert found.names == list(FACTORS)
    assert found.sentence == (
        "The verdict two-rate holds in 6 of 8 specifications; the others are: undecided in 2. "
        "The decisions are trustworthy in 3 of 8."
    )
    assert found.factors["factor"].tolist() == [*FACTORS, REST]
    assert holding_sentence(found.table.assign(verdict="one-rate")) == (
        "The verdict one-rate holds in all 8 specifications."
    )
    assert found.to_json()["factors"][0]["pairs"] == 4.0


def test_parts_of_the_hierarchical_model_replace_those_of_means():
    table = compared(gain=lambda **_: 1.0, rate=lambda order, **_: 2.0 if order == "first" else 1.0,
                     verdict=lambda **_: "one-rate")  # fmt: skip
    assert not make_specifications(table, FACTORS).is_modelled
    names = ["quantity", "factor", "part", "part_low", "part_high"]
    parts = pd.DataFrame([("beta", "order", 0.7, 0.4, 0.9), ("beta", REST, 0.3, 0.1, 0.6)], columns=names)
    found = make_specifications(table, FACTORS, parts)
    assert found.is_modelled
    shown = found.factors.set_index("factor")[["log_rate", "log_rate_low", "log_rate_high"]]
    assert shown.loc["order"].tolist() == [0.7, 0.4, 0.9]
    assert shown.loc[REST].tolist() == [0.3, 0.1, 0.6]
    # The seed was left out of the model.
    assert shown.loc["seed"].isna().all()
