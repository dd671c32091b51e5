"""The verdict between the best of both sides, from differences that are made by hand."""

import pytest

from tworate.inference.comparison.sides import Contender, among_heterogeneous, beats, best, simplest, weigh

WORDS = {
    "ageing": "ageing with a half-life of 5",
    "fading": "shares that fade",
    "rhythm": "a rhythm",
    "unreachable": "a part that is never reached",
}


def contender(name, **changes):
    structure = name.partition("+")[2]
    return Contender(name, structure, WORDS.get(structure, ""), structure == "unreachable", **changes)


def differences(elpds, dse):
    """Return a `difference` of known elpds, with one standard error for all pairs, or one for each pair."""

    def difference(first, second):
        if first == second:
            return 0.0, 0.0
        error = dse if isinstance(dse, float) else dse.get((first, second), dse.get((second, first)))
        return elpds[first] - elpds[second], error

    return difference


def weighed(elpds, dse=1.0, doubted=()):
    """Weigh models by their elpd: those of one rate are called `one`, those of two rates `two`, the plain one first."""
    sides = [
        [contender(name, doubts=("it diverged",) if name in doubted else ()) for name in elpds if name.startswith(side)]
        for side in ("one", "two")
    ]
    return weigh(*sides, differences(elpds, dse))


@pytest.mark.parametrize(
    ("d", "dse", "expected"),
    [
        (4.0, 0.1, False),
        (4.01, 2.0, True),
        (4.01, 2.01, False),
        (30.0, 15.0, False),
        (30.0, 14.9, True),
        (-30.0, 1.0, False),
        (float("nan"), 1.0, False),
    ],
)
def test_a_richer_model_beats_a_simpler_one_by_more_than_four_and_two_errors(d, dse, expected):
    assert beats((d, dse)) is expected


def test_the_best_of_a_side_is_that_of_the_highest_elpd_among_those_that_can_be_trusted():
    side = [contender("one"), contender("one+ageing"), contender("one+fading", doubts=("it diverged",))]
    difference = differences({"one": 0.0, "one+ageing": 3.0, "one+fading": 90.0}, 1.0)
    assert best(side, difference).name == "one+ageing"
    assert best(side[:1], difference).name == "one"
    # The simplest of equals.
    assert best(side, differences({"one": 3.0, "one+ageing": 3.0, "one+fading": 0.0}, 1.0)).name == "one"
    # A structure that can be trusted is better than a plain model that cannot.
    doubtful = [contender("one", doubts=("it diverged",)), *side[1:]]
    assert best(doubtful, differences({"one": 9.0, "one+ageing": 3.0, "one+fading": 0.0}, 1.0)).name == "one+ageing"
    # Where nothing can be trusted, the plain model stands for the side.
    assert best([doubtful[0], side[2]], difference).name == "one"


@pytest.mark.parametrize(
    ("d", "dse", "verdict", "selected"),
    [
        (-3.0, 1.0, "one-rate", "one"),
        (1.0, 1.5, "one-rate", "one"),
        (1.0, 1.51, "undecided", ""),
        (4.0, 0.1, "undecided", ""),
        (4.01, 2.0, "two-rate", "two"),
        (4.01, 2.01, "undecided", ""),
    ],
)
def test_without_structures_the_rule_of_two_models_decides(d, dse, verdict, selected):
    found = weighed({"one": 0.0, "two": d}, dse)
    assert (found.verdict, found.selected, found.structure) == (verdict, selected, ())
    assert found.compared == ("two", "one")
    assert (found.elpd_diff, found.dse) == (d, dse)
    assert f"elpd_diff = {d:.1f}, dse = {dse:.1f}" in found.reasons[0]
    assert len(found.reasons) == 1
    assert found.challenged_by == (("one",) if verdict == "undecided" else ())


def test_two_rates_that_no_structure_explains():
    found = weighed({"one": 0.0, "one+ageing": 2.0, "two": 30.0, "two+ageing": 31.0})
    # The structure does not help two rates, so the plain ones stand for their side.
    assert (found.verdict, found.selected, found.structure) == ("two-rate", "two", ())
    assert found.compared == ("two", "one+ageing")
    assert found.elpd_diff == 28.0
    assert "the best of one rate is one+ageing" in found.reasons[0]
    plain = weighed({"one": 0.0, "one+ageing": -1.0, "two": 30.0})
    assert plain.compared == ("two", "one")
    assert "structures explain nothing" in plain.reasons[0]


def test_two_rates_are_told_beside_the_structure_that_helps_them():
    elpds = {"one": 0.0, "one+ageing": 20.0, "two": 30.0, "two+ageing": 50.0}
    found = weighed(elpds)
    assert (found.verdict, found.selected, found.structure) == ("two-rate", "two+ageing", ("ageing",))
    assert found.compared == ("two+ageing", "one+ageing")
    assert found.elpd_diff == 30.0
    assert f"beside {WORDS['ageing']}, more than 4" in found.reasons[0]
    assert "cannot tell which" not in found.reasons[0]
    # A structure must help two rates by more than 4.
    assert weighed({**elpds, "two+ageing": 34.0}).selected == "two"
    assert weighed({**elpds, "two+ageing": 34.1}).selected == "two+ageing"


def test_structures_that_do_as_well_beside_two_rates_are_all_named():
    elpds = {"one": 0.0, "two": 30.0, "two+ageing": 50.0, "two+fading": 46.0, "two+rhythm": 45.9}
    found = weighed(elpds)
    # The best does not beat one that is 4 below it, but beats one that is 4.1 below.
    assert found.structure == ("ageing", "fading")
    assert found.selected == "two+ageing"
    assert f"beside {WORDS['ageing']} or {WORDS['fading']}; the data cannot tell which" in found.reasons[0]


def test_a_structure_that_beats_two_plain_rates_is_the_explanation():
    elpds = {"one": 0.0, "one+ageing": 40.0, "two": 30.0, "two+ageing": 40.5}
    found = weighed(elpds)
    assert (found.verdict, found.selected, found.structure) == ("one-rate", "one+ageing", ("ageing",))
    assert found.compared == ("two+ageing", "one+ageing")
    assert f"one rate, with {WORDS['ageing']}; a second rate then gains 0.5" in found.reasons[0]
    costs = weighed({**elpds, "two+ageing": 39.0})
    assert costs.verdict == "one-rate"
    assert "a second rate then costs 1.0" in costs.reasons[0]
    # A gain that counts is ruled out up to 4 - 2 dse = 2.
    assert weighed({**elpds, "two+ageing": 42.0}).verdict == "one-rate"
    assert weighed({**elpds, "two+ageing": 42.1}).verdict == "undecided"
    assert weighed({**elpds, "two+ageing": 44.1}).verdict == "two-rate"


def test_structures_that_do_as_well_beside_one_rate_are_all_named():
    elpds = {"one": 0.0, "one+ageing": 40.0, "one+fading": 36.0, "one+rhythm": 35.9, "two": 30.0}
    found = weighed(elpds)
    assert (found.verdict, found.selected) == ("one-rate", "one+ageing")
    assert found.structure == ("ageing", "fading")
    assert f"with {WORDS['ageing']} or {WORDS['fading']}; the data cannot tell which" in found.reasons[0]


@pytest.mark.parametrize(("ahead", "verdict"), [(4.0, "undecided"), (4.1, "one-rate"), (-1.0, "undecided")])
def test_a_structure_that_does_not_beat_two_plain_rates_leaves_it_undecided(ahead, verdict):
    found = weighed({"one": 0.0, "one+ageing": 30.0 + ahead, "two": 30.0})
    assert found.verdict == verdict
    if verdict == "undecided":
        assert (found.selected, found.structure) == ("", ())
        assert found.challenged_by == ("one+ageing",)
        assert f"one rate, with {WORDS['ageing']}, and two rates describe the data nearly equally" in found.reasons[0]
        where = "above" if ahead > 0 else "below"
        assert f"elpd of one+ageing {abs(ahead):.1f} {where} that of two" in found.reasons[0]


def test_several_structures_that_do_as_well_as_two_plain_rates_are_all_named():
    found = weighed({"one": 0.0, "one+ageing": 31.0, "one+fading": 29.0, "one+rhythm": 20.0, "two": 30.0})
    assert found.verdict == "undecided"
    assert found.challenged_by == ("one+ageing", "one+fading")
    assert f"one rate, with {WORDS['ageing']} or {WORDS['fading']}, and two rates" in found.reasons[0]


@pytest.mark.parametrize(("gain", "verdict"), [(-2.0, "one-rate"), (2.0, "one-rate"), (2.1, "undecided")])
def test_a_part_that_is_never_reached_is_a_case_of_two_rates_so_parsimony_decides(gain, verdict):
    found = weighed({"one": 0.0, "one+unreachable": 30.0, "two": 30.0 + gain})
    assert found.verdict == verdict
    if verdict == "one-rate":
        assert (found.selected, found.structure) == ("one+unreachable", ("unreachable",))
        assert WORDS["unreachable"] in found.reasons[0]


@pytest.mark.parametrize(("below", "verdict"), [(2.0, "one-rate"), (2.1, "undecided")])
def test_where_the_slow_rate_cannot_be_told_from_zero_another_structure_need_not_beat_two_rates(below, verdict):
    elpds = {"one": 0.0, "one+unreachable": 30.0 - below, "one+ageing": 31.0, "two": 30.0}
    found = weighed(elpds)
    assert found.verdict == verdict
    if verdict == "one-rate":
        assert (found.selected, found.structure) == ("one+ageing", ("unreachable", "ageing"))
        # But not if the fit that says so cannot be trusted.
        assert weighed(elpds, doubted=["one+unreachable"]).verdict == "undecided"


def test_a_structure_that_does_not_pay_leaves_plain_one_rate():
    found = weighed({"one": 0.0, "one+ageing": 1.5, "two": 1.0})
    assert (found.verdict, found.selected, found.structure) == ("one-rate", "one", ())
    assert found.compared == ("two", "one+ageing")
    assert found.reasons[0].startswith("a second rate gains too little to count")


@pytest.mark.parametrize(
    ("elpds", "dse"),
    [
        ({"one": 0.0, "one+ageing": 4.0, "two": 4.15}, 1.9),
        ({"one": 0.0, "one+ageing": 10.0, "two": 11.0},
         {("one+ageing", "one"): 6.0, ("two", "one"): 4.0, ("two", "one+ageing"): 1.4}),
    ],
)  # fmt: skip
def test_plain_one_rate_is_never_selected_where_two_rates_beat_it(elpds, dse):
    # The structure does not beat plain one rate, so it is not needed; but two rates do.
    assert beats(differences(elpds, dse)("two", "one"))
    found = weighed(elpds, dse)
    assert found.selected != "one"
    assert found.verdict == "undecided"


def test_plain_one_rate_is_never_selected_where_a_structure_beats_it():
    # The best structure gains 21, but with so large an error that it does not beat plain one rate; the next one does.
    elpds = {"one": 0.0, "one+ageing": 20.0, "one+fading": 21.0, "two": 15.0}
    pairs = [("one+ageing", "one"), ("one+fading", "one+ageing"), ("two", "one"), ("two", "one+ageing")]
    dse = {("one+fading", "one"): 15.0, ("two", "one+fading"): 1.0, **dict.fromkeys(pairs, 1.0)}
    found = weighed(elpds, dse)
    assert found.selected != "one"
    assert "ageing" in found.structure or found.challenged_by


def test_the_selected_two_rates_have_a_structure_that_is_named():
    # As above, on the side of two rates.
    elpds = {"one": 0.0, "two": 30.0, "two+ageing": 40.0, "two+fading": 41.0}
    pairs = [("two", "one"), ("two+ageing", "one"), ("two+fading", "one"), ("two+ageing", "two+fading")]
    dse = {("two+ageing", "two"): 1.0, ("two+fading", "two"): 10.0, **dict.fromkeys(pairs, 1.0)}
    found = weighed(elpds, dse)
    assert found.verdict == "two-rate"
    assert found.selected.partition("+")[2] in found.structure


def test_fits_that_cannot_be_trusted_are_left_out_and_mentioned():
    elpds = {"one": 0.0, "one+ageing": 90.0, "one+fading": 2.0, "two": 30.0, "two+ageing": 99.0}
    found = weighed(elpds, doubted=["one+ageing", "two+ageing"])
    assert (found.verdict, found.selected) == ("two-rate", "two")
    assert found.compared == ("two", "one+fading")
    assert found.reasons[1:] == (
        "one+ageing could not be judged: it diverged",
        "two+ageing could not be judged: it diverged",
    )
    # The same numbers, trusted, are another verdict.
    assert weighed(elpds).verdict == "two-rate"
    assert weighed(elpds).selected == "two+ageing"


def test_a_doubted_structure_is_named_beside_neither_side():
    one_side = {"one": 0.0, "one+ageing": 40.0, "one+fading": 40.0, "two": 30.0}
    assert weighed(one_side, doubted=["one+fading"]).structure == ("ageing",)
    two_side = {"one": 0.0, "two": 30.0, "two+ageing": 50.0, "two+fading": 50.0}
    assert weighed(two_side, doubted=["two+ageing"]).structure == ("fading",)


TWO = weighed({"one": 0.0, "two": 30.0})


@pytest.mark.parametrize(
    ("d", "dse", "verdict", "sentence"),
    [
        (4.1, 1.0, "two-rate", "two rates beat a continuum of rates (elpd 4.1 below that of two, dse = 1.0)"),
        (4.0, 1.0, "heterogeneous", "gamma does as well (elpd 4.0 below that of two, dse = 1.0)"),
        (9.0, 5.0, "heterogeneous", "gamma does as well"),
        (-4.0, 1.0, "heterogeneous", "gamma does as well (elpd 4.0 above that of two"),
        (-4.1, 1.0, "heterogeneous", "gamma describes the data better (elpd 4.1 above that of two"),
    ],
)
def test_two_rates_must_beat_a_continuum_of_rates(d, dse, verdict, sentence):
    found = among_heterogeneous(TWO, "two", Contender("gamma"), differences({"two": 30.0, "gamma": 30.0 - d}, dse))
    assert found.verdict == verdict
    if verdict == "two-rate":
        assert (found.selected, found.challenged_by) == ("two", ())
        assert found.reasons == (*TWO.reasons, sentence)
    else:
        assert (found.selected, found.challenged_by) == ("gamma", ("gamma",))
        assert sentence in found.reasons[0]
        assert found.reasons[0].startswith("rates differ, but that they are two is not shown")
        # Why one rate is not enough is still said.
        assert found.reasons[1:] == TWO.reasons
    # What was compared stays: the gain over one rate.
    assert (found.compared, found.elpd_diff, found.dse) == (TWO.compared, TWO.elpd_diff, TWO.dse)


def test_a_continuum_that_could_not_be_fitted_changes_no_verdict():
    def difference(first, second):
        raise AssertionError("numbers that cannot be trusted are not asked for")

    doubtful = Contender("gamma", doubts=("it diverged", "high Pareto k"))
    found = among_heterogeneous(TWO, "two", doubtful, difference)
    assert (found.verdict, found.selected) == ("two-rate", "two")
    assert found.reasons == (*TWO.reasons, "gamma could not be judged: it diverged; high Pareto k")


def among(elpds, sizes, nested_in=None, dse=1.0, doubts=()):
    def difference(first, second):
        return elpds[first] - elpds[second], dse

    contenders = [Contender(name, doubts=("bad",) if name in doubts else ()) for name in elpds]
    return simplest(contenders, sizes, nested_in or {}, difference)


@pytest.mark.parametrize(
    ("elpds", "verdict"),
    [
        # The simpler one keeps ties, if a gain of more than 4 is ruled out.
        ({"a": 0.0, "b": 2.0}, "a"),
        ({"a": 0.0, "b": 2.1}, "undecided"),
        ({"a": 0.0, "b": 4.1}, "b"),
        ({"a": 0.0, "b": -9.0}, "a"),
    ],
)
def test_among_any_models_the_simplest_that_no_other_beats_is_chosen(elpds, verdict):
    found = among(elpds, {"a": 2, "b": 3})
    assert found.verdict == verdict
    assert found.selected == ("" if verdict == "undecided" else verdict)


def test_models_that_are_equally_rich_must_beat_each_other():
    assert among({"a": 0.0, "b": -5.0}, {"a": 2, "b": 2}).verdict == "a"
    assert among({"a": 0.0, "b": -3.0}, {"a": 2, "b": 2}).verdict == "undecided"
    assert among({"a": 0.0, "b": 5.0}, {"a": 2, "b": 2}).verdict == "b"
    # A special case is simpler whatever the numbers of parameters say.
    assert among({"a": 0.0, "b": 1.0}, {"a": 2, "b": 2}, {"a": "b"}).verdict == "a"
    assert among({"a": 1.0, "b": 0.0}, {"a": 2, "b": 2}, {"b": "a"}).verdict == "b"


def test_among_three_models_the_gain_of_each_richer_one_counts():
    sizes = {"a": 1, "b": 2, "c": 3}
    assert among({"a": 0.0, "b": 10.0, "c": 11.0}, sizes).verdict == "b"
    assert among({"a": 0.0, "b": 10.0, "c": 15.0}, sizes).verdict == "c"
    found = among({"a": 0.0, "b": 10.0, "c": 13.0}, sizes)
    assert (found.verdict, found.compared) == ("undecided", ("b", "c"))
    assert "cannot be told apart" in found.reasons[-1]


def test_models_that_cannot_be_trusted_leave_it_undecided():
    found = among({"a": 0.0, "b": 50.0}, {"a": 1, "b": 2}, doubts=("b",))
    assert found.verdict == "undecided"
    assert "b cannot be trusted: bad" in found.reasons[0]
