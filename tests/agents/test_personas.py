import json
from importlib.resources import files

import pytest

from tworate.agents import QUALIFIERS, TRAITS, Persona, all_personas, parse_personas
from tworate.errors import InputError


def test_there_are_32_different_profiles():
    codes = [persona.code for persona in all_personas()]
    assert len(set(codes)) == 32
    assert codes[0] == "OCEAN"
    assert codes[-1] == "ocean"


def test_code_letters_say_which_traits_are_high():
    assert Persona("OCeAn").levels == {
        "openness": True, "conscientiousness": True, "extraversion": False, "agreeableness": True, "neuroticism": False,
    }  # fmt: skip


def test_an_unspecified_trait_is_not_mentioned():
    persona = Persona("O-e--")
    assert persona.levels == {"openness": True, "extraversion": False}
    markers = json.loads(files("tworate.agents").joinpath("persona_markers.json").read_text(encoding="utf-8"))
    pairs = markers["pairs_low_high"]
    expected = [low for low, _ in pairs["extraversion"]] + [high for _, high in pairs["openness"]]
    assert persona.adjectives("plain") == expected
    assert Persona("-----").adjectives() == []


@pytest.mark.parametrize("code", ["OCEAN", "ocean", "oCeAn"])
def test_adjectives_come_from_the_published_pairs(code):
    markers = json.loads(files("tworate.agents").joinpath("persona_markers.json").read_text(encoding="utf-8"))
    adjectives = Persona(code).adjectives("extremely")
    expected = {
        f"extremely {pair[code['ocean'.index(trait[0])].isupper()]}"
        for trait, pairs in markers["pairs_low_high"].items()
        for pair in pairs
    }
    assert set(adjectives) == expected
    assert len(adjectives) == sum(map(len, markers["pairs_low_high"].values()))
    assert set(markers["pairs_low_high"]) == set(TRAITS)
    assert "arXiv 2307.00184" in markers["source"]


def test_qualifiers_stand_before_every_adjective():
    assert QUALIFIERS == ("a bit", "plain", "very", "extremely")
    plain = Persona("OceAN").adjectives("plain")
    for qualifier in ("a bit", "very", "extremely"):
        assert Persona("OceAN").adjectives(qualifier) == [f"{qualifier} {adjective}" for adjective in plain]
    assert "talkative" in Persona("OCEAN").adjectives("plain")
    with pytest.raises(InputError, match="qualifier 'rather': choose one of a bit, plain, very, extremely"):
        Persona("-----").adjectives("rather")


def test_biographies_are_one_line_and_short():
    persona = Persona("OCEAN", " Born in Okhad.\n  Drives a lorry. ", "driver")
    assert persona.biography == "Born in Okhad. Drives a lorry."
    assert persona.label == "driver"
    assert Persona("OCEAN").label == "OCEAN"
    assert Persona("OCEAN", "a" * 500).biography == "a" * 500
    with pytest.raises(InputError, match="persona OCEAN: its biography has 501 characters; shorten it to 500"):
        Persona("OCEAN", "a" * 501)
    with pytest.raises(InputError, match="its biography contains half of a character"):
        Persona("OCEAN", "\ud83d")


@pytest.mark.parametrize("code", ["", "OCEA", "OCEANS", "OCEAX", "NEACO", "O-E-", "O–e––", "------"])
def test_bad_codes_are_refused(code):
    with pytest.raises(InputError, match="as in OCeAn"):
        Persona(code)


def test_lists_of_personas():
    assert [p.code for p in parse_personas("OCEAN, ocean")] == ["OCEAN", "ocean"]
    assert [p.code for p in parse_personas("O----,----n")] == ["O----", "----n"]
    assert len(parse_personas("all")) == 32
    with pytest.raises(InputError, match="named twice"):
        parse_personas("OCEAN,OCEAN")
