import json
from importlib.resources import files

import numpy as np
import pytest

from tworate.agents import TRAITS, Persona, all_personas, assign_personas, parse_personas
from tworate.errors import InputError


def test_there_are_32_profiles_each_once():
    codes = [persona.code for persona in all_personas()]
    assert len(set(codes)) == 32
    assert codes[0] == "OCEAN"
    assert codes[-1] == "ocean"


def test_code_letters_say_which_traits_are_high():
    assert Persona("OCeAn").levels == {
        "openness": True, "conscientiousness": True, "extraversion": False, "agreeableness": True, "neuroticism": False,
    }  # fmt: skip


@pytest.mark.parametrize("code", ["OCEAN", "ocean", "oCeAn"])
def test_adjectives_come_from_the_published_pairs(code):
    markers = json.loads(files("tworate.agents").joinpath("persona_markers.json").read_text(encoding="utf-8"))
    said = Persona(code).adjectives("extremely")
    expected = {
        f"extremely {pair[code['ocean'.index(trait[0])].isupper()]}"
        for trait, pairs in markers["pairs_low_high"].items()
        for pair in pairs
    }
    assert set(said) == expected
    assert len(said) == sum(map(len, markers["pairs_low_high"].values()))
    assert set(markers["pairs_low_high"]) == set(TRAITS)
    assert "arXiv 2307.00184" in markers["source"]


def test_plain_qualifier_adds_no_word():
    assert "talkative" in Persona("OCEAN").adjectives("plain")


@pytest.mark.parametrize("code", ["", "OCEA", "OCEANS", "OCEAX", "NEACO"])
def test_bad_codes_are_refused(code):
    with pytest.raises(InputError, match="as in OCeAn"):
        Persona(code)


def test_lists_of_personas():
    assert [p.code for p in parse_personas("OCEAN, ocean")] == ["OCEAN", "ocean"]
    assert len(parse_personas("all")) == 32
    with pytest.raises(InputError, match="named twice"):
        parse_personas("OCEAN,OCEAN")


def test_assignment_is_balanced_and_seeded():
    personas = all_personas()
    members = assign_personas(1000, personas, seed=1)
    counts = np.bincount(members, minlength=32)
    assert counts.min() >= 31
    assert counts.max() <= 32
    np.testing.assert_array_equal(members, assign_personas(1000, personas, seed=1))
    assert not np.array_equal(members, assign_personas(1000, personas, seed=2))
