"""How the conditions are coded."""

import json

import numpy as np
import pandas as pd
import pytest

from tworate.errors import InputError
from tworate.inference.hierarchical.design import Coding, Design, codings_from_json, effect_values

CONDITIONS = pd.DataFrame(
    {
        "condition": range(6),
        "O": [-1.0, 1.0, -1.0, 1.0, 0.0, 1.0],
        "event_type": ["Riots", "Battles", "Riots", "Battles", "Protests", "Protests"],
        "fatalities": [0, 9, 99, 0, 9, 9],
        "visibility": [0.1, 0.2, 0.3, 0.3, 0.2, 0.1],
    }
)


def test_numbers_labels_and_powers_of_ten():
    design = Design.of(CONDITIONS, ["O", "event_type", "fatalities", "visibility"])
    assert design.terms == ("O", "event_type", "fatalities", "visibility")
    assert design.levels == [
        ("O", "high"),
        ("event_type", "Riots"),
        ("event_type", "Battles"),
        ("event_type", "Protests"),
        ("fatalities", "tenfold"),
        ("visibility", "one more"),
    ]
    np.testing.assert_allclose(design.effect_values[:, 0], CONDITIONS["O"])
    np.testing.assert_allclose(design.effect_values[:, 1:4].sum(axis=1), 1.0)
    np.testing.assert_allclose(design.effect_values[:, 4], np.array([0, 1, 2, 0, 1, 1]) - 5 / 6)
    np.testing.assert_allclose(design.effect_values[:, 5], CONDITIONS["visibility"] - 0.2, atol=1e-15)


def test_effects_of_labels_sum_to_zero_and_say_the_same_as_coefficients(rng):
    design = Design.of(CONDITIONS, ["O", "event_type"])
    coefficients = rng.normal(size=design.matrix.shape[1])
    effects = design.contrasts @ coefficients
    assert effects[1:].sum() == pytest.approx(0.0, abs=1e-14)
    np.testing.assert_allclose(design.effect_values @ effects, design.matrix @ coefficients, atol=1e-14)


def test_terms_that_are_not_there_do_not_vary_or_repeat_others_are_noted():
    # One event of each type: its type determines its fatalities.
    conditions = CONDITIONS.assign(
        C=1.0, fatalities=CONDITIONS["event_type"].map({"Riots": 0, "Battles": 3, "Protests": 8})
    )
    design = Design.of(conditions)
    assert design.terms == ("O", "event_type")
    assert design.notes == (
        "left out, since the conditions have no such column: E, A, N",
        "left out, since it does not vary here: C",
        "left out, since it cannot be told apart from O, event_type here: fatalities",
    )


def test_codings_are_the_same_when_read_back():
    design = Design.of(CONDITIONS)
    codings = codings_from_json(json.loads(json.dumps(design.to_json())))
    assert codings == design.codings
    new = pd.DataFrame({"O": [1.0], "event_type": ["Battles"], "fatalities": [99]})
    np.testing.assert_allclose(effect_values(codings, new), [[1.0, 0.0, 1.0, 0.0, 2.0 - 5 / 6]])


@pytest.mark.parametrize(
    ("change", "terms", "message"),
    [
        ({}, ["mood"], "no column 'mood'"),
        ({"O": [np.nan, 1, 1, 1, 1, 1]}, None, "O is missing"),
        ({"fatalities": -1}, None, "below 0"),
        ({}, ["O", "O"], "each term may be given only once"),
    ],
)
def test_what_cannot_be_coded_is_refused(change, terms, message):
    with pytest.raises(InputError, match=message):
        Design.of(CONDITIONS.assign(**change), terms)


def test_new_labels_are_refused():
    coding = Coding.of(CONDITIONS, "event_type")
    with pytest.raises(InputError, match="event_type = Strikes was not in the study"):
        coding.values(pd.DataFrame({"event_type": ["Strikes"]}))
    with pytest.raises(InputError, match="fatalities must be a number"):
        Coding.of(CONDITIONS, "fatalities").values(pd.DataFrame({"fatalities": ["many"]}))
