"""What the beginning of an answer tells must agree with every way in which the answer can go on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tworate.agents.answer_reading import goes_on, parse_answer, read_beginning

OPTIONS = [("share", "ignore"), ("share it", "share", "no"), ("1", "2", "3"), ("A", "B")]
PIECES = ["share", "it", "ignore", "no", "A", "B", "1", "2", ".", ",", " ", '"', "**", "s", "d", "5", "\n", "é"]


@given(st.sampled_from(OPTIONS), st.lists(st.sampled_from(PIECES), max_size=5), st.lists(st.sampled_from(PIECES)))
def test_a_settled_beginning_is_read_like_the_whole_answer(options, begun, rest):
    text = "".join(begun)
    reading = read_beginning(text, options)
    assert reading.option == parse_answer(text, options)
    if reading.is_settled:
        assert parse_answer(text + "".join(rest), options) == reading.option


@given(st.sampled_from(OPTIONS), st.lists(st.sampled_from(PIECES), max_size=4))
def test_an_unsettled_beginning_can_still_change(options, begun):
    text = "".join(begun)
    reading = read_beginning(text, options)
    endings = [
        "",
        " ",
        "x",
        "5",
        " x",
        *options,
        *(" " + o for o in options),
        *(o[n:] for o in options for n in range(9)),
    ]
    found = {parse_answer(text + ending, options) for ending in endings}
    if not reading.is_settled:
        assert len(found) > 1


@given(st.text(max_size=3))
def test_what_goes_on_after_an_option_changes_its_reading(rest):
    assert (parse_answer(f"share{rest}", ("share", "ignore")) == 0) == (not goes_on(rest))


@pytest.mark.parametrize(("text", "option"), [("分享", 0), ("分享吧", None), ("不", 1)])
def test_options_in_other_scripts(text, option):
    assert parse_answer(text, ("分享", "不")) == option


def test_a_cut_character_is_not_settled():
    assert not read_beginning("caf\ufffd", ("café", "tea")).is_settled
    assert not read_beginning("share\ufffd", ("share", "ignore")).is_settled
