"""Tests that run on every structure, and on models that are combined with one."""

from functools import cache

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from tworate.models import (
    GammaRateSI,
    OneRateSI,
    OnlineOfflineSI,
    TwoRateSI,
    all_models,
    get_model,
)
from tworate.models.parameters import Beta, Exponential, LogNormal, Normal, Parameter
from tworate.models.structured import with_structure
from tworate.models.structures import AGE, CALENDAR, ELAPSED, PHASE, Background, Bins, all_structures, get_structure
from tworate.models.structures.base import AXES, FRACTION, NEIGHBOUR_AXES, NEIGHBOUR_BINS, SHARERS, Structure
from tworate.models.structures.time_varying import INTERVALS

STRUCTURES = [pytest.param(structure, id=name) for name, structure in all_structures().items()]
WEIGHTING = [pytest.param(s, id=name) for name, s in all_structures().items() if s.axis is not None]
SAMPLED = [pytest.param(s, id=name) for name, s in all_structures().items() if s.axis is not None and s.setting is None]
CHANGING = [pytest.param(s, id=name) for name, s in all_structures().items() if s.axis is None]
AGEING, FADING, POWER, RHYTHM, SHELF_LIFE, TIME_VARYING, UNREACHABLE = (
    get_structure(name)
    for name in ("ageing", "fading", "power-ageing", "rhythm", "shelf-life", "time-varying", "unreachable")
)
WINDOW, SHELF = 25.0, 0.33
# The graph has all rewrites, as in sampling, but is not compiled to machine code.
MODE = pytensor.compile.mode.Mode(linker="py", optimizer="fast_run")
EPS = np.finfo(float).eps


def even_bins(number=40):
    edges = np.linspace(0.0, 1.0, number + 1)
    return Bins(edges[:-1] + 0.5 / number, edges[:-1], np.diff(edges))


def at(*points):
    place = np.array(points, dtype=float)
    return Bins(place, place, np.full(place.shape, 0.1))


def quantile(structure, level):
    """Return the parameters where each coordinate has a quantile of its prior; and the setting."""
    chosen = {name: float(spec.distribution.ppf(level)) for name, spec in structure.coordinates().items()}
    return {**structure.from_coordinates(chosen), **({structure.setting: SHELF} if structure.setting else {})}


def drawn(structure, rng, shape=()):
    chosen = {n: spec.distribution.rvs(size=shape, random_state=rng) for n, spec in structure.coordinates().items()}
    return {**structure.from_coordinates(chosen), **({structure.setting: SHELF} if structure.setting else {})}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_structure_describes_itself(structure):
    assert get_structure(structure.name) is structure
    assert get_structure(structure) is structure
    assert structure.summary[0].islower()
    assert not structure.summary.endswith(".")
    assert "doi:" in structure.reference or "J. R. Stat. Soc." in structure.reference
    assert structure.axis in (None, *AXES, *NEIGHBOUR_AXES)
    assert all(spec.meaning and spec.stated_prior for spec in structure.coordinates().values())
    assert all(spec.meaning and spec.unit in ("", "1/time") for spec in structure.parameters().values())
    # What has a setting has no parameter for it: it is found before sampling.
    assert bool(structure.parameters()) != (structure.setting is not None)
    values = {name: value for name, value in quantile(structure, 0.5).items() if name != structure.setting}
    assert structure(**values).values == pytest.approx(values)
    assert set(values) == set(structure.parameters())


def test_structures_are_listed_the_simplest_first():
    assert list(all_structures()) == [
        "shelf-life", "ageing", "background", "fading", "power-ageing", "unreachable", "fraction-threshold",
        "threshold", "rhythm", "time-varying",
    ]  # fmt: skip
    axes = {name: structure.axis for name, structure in all_structures().items() if structure.axis}
    assert axes == {
        "shelf-life": AGE, "ageing": ELAPSED, "fading": AGE, "power-ageing": ELAPSED, "rhythm": PHASE,
        "time-varying": CALENDAR, "threshold": SHARERS, "fraction-threshold": FRACTION,
    }  # fmt: skip
    assert [name for name, structure in all_structures().items() if structure.is_nested_in_two_rates] == ["unreachable"]
    assert [name for name, structure in all_structures().items() if structure.setting] == ["shelf-life"]
    by_name = [name for name, structure in all_structures().items() if structure.by_name_only]
    assert by_name == ["fraction-threshold", "threshold"]


@pytest.mark.parametrize("name", ["threshold", "fraction-threshold"])
def test_below_each_threshold_contact_is_worth_its_factor_of_what_it_is_above(name):
    structure = get_structure(name)
    number = np.arange(4.0)
    values = dict(zip(structure.parameters(), (0.5, 0.2, 0.8), strict=True))
    worth = structure.weights(Bins(number, number, np.ones(4)), values)
    # By hand; a thousandth of its worth is left to contact whatever the factors.
    np.testing.assert_allclose(worth, 0.001 + 0.999 * np.array([0.5 * 0.2 * 0.8, 0.2 * 0.8, 0.8, 1.0]), rtol=1e-12)
    # The largest step is that of the second factor.
    end = NEIGHBOUR_BINS[structure.axis][2]
    assert structure.described(values).startswith("contact that is worth 0.2 of its worth below ")
    assert f" {end:g}" in structure.described(values).partition("below")[2]
    assert structure.derived(values, 1.0)["worth of contact below all thresholds"] == pytest.approx(0.08)


@pytest.mark.parametrize("structure", WEIGHTING)
def test_weights_are_positive_finite_and_of_the_shape_of_the_draws(structure):
    rng, bins = np.random.default_rng(1), even_bins()
    many = drawn(structure, rng, (500, 1))
    weights = np.broadcast_to(structure.weights(bins, many), (500, 40))
    assert np.all(weights > 0)
    assert np.all(np.isfinite(weights))
    if structure in (AGEING, POWER, FADING, SHELF_LIFE):
        # Older is never worth more, and nothing is worth more than what is new.
        assert np.all(weights <= 1)
        assert np.all(np.diff(weights, axis=1) <= 0)
    if structure is SHELF_LIFE:
        return
    assert structure.weights(bins, many).shape == (500, 40)
    alone = {name: float(values[7, 0]) for name, values in many.items()}
    np.testing.assert_allclose(structure.weights(bins, alone), weights[7], rtol=4 * EPS)


@pytest.mark.parametrize("structure", CHANGING)
def test_what_does_not_weight_exposure_has_weights_of_one(structure):
    np.testing.assert_array_equal(structure.weights(even_bins(7), quantile(structure, 0.5)), np.ones(7))


@pytest.mark.parametrize("structure", WEIGHTING)
def test_what_weights_exposure_does_not_change_the_survival_function(structure):
    log_survival = np.array([0.0, -0.3, -40.0])
    np.testing.assert_array_equal(structure.log_survival(log_survival, 3.0, quantile(structure, 0.7)), log_survival)


@pytest.mark.parametrize("rate", [0.0, 1e-9, 0.7, 30.0])
def test_new_posts_and_new_shares_have_the_weight_one_and_later_ones_a_closed_form(rate):
    place = np.array([0.0, 0.01, 0.3, 1.0])
    expected = {AGEING: np.exp(-rate * place), FADING: np.exp(-rate * place), POWER: 1 / (1 + rate * place)}
    for structure, values in expected.items():
        name = next(iter(structure.parameters()))
        found = structure.weights(at(*place), {name: rate})
        np.testing.assert_allclose(found, values, rtol=4 * EPS)
        assert found[0] == 1.0


def test_a_shelf_life_shows_the_younger_part_of_a_bin():
    bins = Bins(np.zeros(4), np.array([0.0, 2.0, 5.0, 6.0]), np.array([2.0, 3.0, 1.0, 4.0]))
    found = SHELF_LIFE.weights(bins, {"shelf_life": 4.0})
    # A thousandth of the visibility is left to older shares.
    np.testing.assert_allclose(found, [1.0, 0.001 + 0.999 * 2 / 3, 0.001, 0.001], rtol=4 * EPS)


def test_a_rhythm_is_two_harmonics_whose_logarithm_has_the_mean_zero_over_a_period():
    values = {"cos_1": 0.4, "sin_1": -0.9, "cos_2": 0.3, "sin_2": 0.2}
    place = np.arange(60) / 60
    log_weight = np.log(RHYTHM.weights(at(*place), values))
    angle = 2 * np.pi * place
    expected = 0.4 * np.cos(angle) - 0.9 * np.sin(angle) + 0.3 * np.cos(2 * angle) + 0.2 * np.sin(2 * angle)
    # Terms of size 1 are rounded, and so is the logarithm of numbers of size 1.
    np.testing.assert_allclose(log_weight, expected, rtol=0, atol=20 * EPS)
    assert abs(log_weight.mean()) < 20 * EPS
    # A period later all is the same.
    np.testing.assert_allclose(np.log(RHYTHM.weights(at(*(place + 1)), values)), expected, rtol=0, atol=1e-14)


def coefficients(values):
    return {name: float(value) for name, value in zip(TIME_VARYING.parameters(), values, strict=True)}


def test_a_pace_that_varies_is_the_cubic_spline_of_scipy():
    rng = np.random.default_rng(2)
    n = len(TIME_VARYING.parameters())
    values, place = rng.normal(size=n), np.linspace(0, 1, 101)
    # Equidistant knots, so many beyond both ends that all basis functions are whole.
    spline = BSpline(np.arange(-3, n + 1) / INTERVALS, values, 3)
    assert n == INTERVALS + 3
    found = TIME_VARYING.weights(at(*place), coefficients(values))
    # The truncated powers add terms of size 8 that cancel.
    np.testing.assert_allclose(np.log(found), spline(place), rtol=0, atol=1e-14)


def test_a_pace_of_equal_coefficients_is_constant_and_of_even_steps_a_straight_line():
    n, place = len(TIME_VARYING.parameters()), np.linspace(0, 1, 37)
    flat = TIME_VARYING.weights(at(*place), coefficients(np.full(n, 0.8)))
    np.testing.assert_allclose(flat, np.exp(0.8), rtol=1e-14)
    rising = TIME_VARYING.weights(at(*place), coefficients(0.2 * (np.arange(n) - 1)))
    np.testing.assert_allclose(np.log(rising), 0.2 * INTERVALS * place, rtol=0, atol=1e-14)


def test_coefficients_of_the_pace_add_up_to_zero_and_differ_by_the_steps():
    rng = np.random.default_rng(3)
    steps = {name: rng.normal(size=(4, 1)) for name in TIME_VARYING.coordinates()}
    found = np.stack(list(TIME_VARYING.from_coordinates(steps).values()))
    assert found.shape == (len(steps) + 1, 4, 1)
    # Thirteen numbers of size 1 are added.
    np.testing.assert_allclose(found.sum(axis=0), 0.0, atol=1e-13)
    np.testing.assert_allclose(np.diff(found, axis=0), np.stack(list(steps.values())), rtol=0, atol=1e-13)


@cache
def symbolic(structure):
    """Compile the weights, or the logarithm of the survival function, and derivatives of their sum."""
    names = list(structure.coordinates()) or [structure.setting]
    scalars = {name: pt.dscalar(name) for name in names}
    parameters = structure.from_coordinates(scalars) if structure.coordinates() else scalars
    bins = Bins(*(pt.dvector(name) for name in Bins._fields))
    log_survival, time = pt.dvector("log_survival"), pt.dvector("time")
    if structure.axis is None:
        value = structure.log_survival(log_survival, time, parameters, xp=pt)
    else:
        value = structure.weights(bins, parameters, xp=pt)
    by = [*scalars.values(), *([log_survival] if structure.axis is None else [])]
    slopes = pytensor.grad(value.sum(), by)
    inputs = [*scalars.values(), *bins, log_survival, time]
    return pytensor.function(inputs, [value, *slopes], mode=MODE, on_unused_input="ignore")


def within(spec):
    """Return a strategy for a coordinate: 12 orders of magnitude for rates, closed ends for shares."""
    if spec.is_rate:
        return st.just(0.0) | st.floats(-8, 4).map(lambda power: 10.0**power)
    if spec.support == (0.0, 1.0):
        return st.sampled_from([0.0, 1.0]) | st.floats(1e-12, 1 - 1e-12)
    return st.floats(-6, 6)


@pytest.mark.parametrize("structure", STRUCTURES)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_structures_are_safe_and_the_same_under_pytensor_over_all_supports(structure, data):
    bins, time = even_bins(11), np.array([0.0, 1e-6, 0.3, 1.0])
    log_survival = np.array([0.0, -1e-9, -0.4, -1e4])
    chosen = {name: data.draw(within(spec), label=name) for name, spec in structure.coordinates().items()}
    parameters = structure.from_coordinates(chosen)
    if structure.setting:
        chosen = parameters = {structure.setting: data.draw(st.floats(0.0, 2.0), label=structure.setting)}
    value, *slopes = symbolic(structure)(*chosen.values(), *bins, log_survival, time)
    if structure.axis is None:
        expected = structure.log_survival(log_survival, time, parameters)
        assert np.all(expected <= EPS)
    else:
        expected = structure.weights(bins, parameters)
        assert np.all(expected >= 0)
    assert np.all(np.isfinite(expected))
    # The exponents of a weight are sums of up to 13 terms, each of size up to 80, whose order differs.
    np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-15)
    assert all(np.all(np.isfinite(slope)) for slope in slopes)


@pytest.mark.parametrize("structure", SAMPLED)
def test_gradients_of_weights_are_those_of_finite_differences(structure):
    bins, nothing = even_bins(11), np.zeros(1)
    chosen = {name: float(spec.distribution.ppf(0.6)) for name, spec in structure.coordinates().items()}
    _, *slopes = symbolic(structure)(*chosen.values(), *bins, nothing, nothing)
    for name, slope in zip(chosen, slopes, strict=True):
        step = 1e-5
        ends = [
            structure.weights(bins, structure.from_coordinates({**chosen, name: chosen[name] + sign * step})).sum()
            for sign in (1, -1)
        ]
        # Central differences are off by step² times a third derivative of size 11, and by rounding of 1e-15/step.
        assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-7, abs=1e-8)


def described(structure, **values):
    return structure.described(values)


def test_structures_are_described_in_words_with_their_size():
    flat = dict.fromkeys(TIME_VARYING.parameters(), 0.0)
    line = coefficients(0.1 * np.arange(len(flat)))
    assert described(AGEING, ageing_rate=0.1) == "ageing with a half-life of 6.9"
    assert described(POWER, ageing_rate=0.25) == "ageing by a power law, to a half after 4"
    assert described(FADING, fading_rate=np.log(2) / 3) == "shares that fade with a half-life of 3"
    assert described(SHELF_LIFE, shelf_life=6.0) == "shares that are seen for 6 only"
    assert described(UNREACHABLE, unreachable=0.123) == "a part that is never reached, 12% of the agents"
    assert described(Background, alpha=0.02) == "news from outside at a rate of 0.02"
    waves = {"cos_1": 0.5, "sin_1": 0.0, "cos_2": 0.0, "sin_2": 0.0}
    # The ratio of best to worst is exp(2 · 0.5) = 2.72.
    assert "worth 2.7 times as much" in RHYTHM.described(waves)
    assert RHYTHM.derived(waves, 1.0) == pytest.approx({"best over worst time of the period": np.e}, rel=1e-12)
    assert TIME_VARYING.described(flat).endswith("by a factor of 1")
    # Over twelve intervals a straight line rises by 12 · 0.1: a factor of 3.32.
    assert TIME_VARYING.described(line).endswith("by a factor of 3.3")
    assert TIME_VARYING.derived(line, 1.0) == pytest.approx({"fastest over slowest time": np.exp(1.2)}, rel=1e-12)


def test_half_lives_follow_from_the_weights_themselves():
    for structure in (AGEING, POWER, FADING):
        name = next(iter(structure.parameters()))
        (half,) = structure.derived({name: np.array([0.3, 2.0])}, 1.0).values()
        for rate, place in zip((0.3, 2.0), half, strict=True):
            assert structure.weights(at(place), {name: rate}) == pytest.approx([0.5], rel=1e-12)


LOG_G = np.array([0.0, -1e-12, -0.7, -50.0, -1e4])


@pytest.mark.parametrize("part", [1e-12, 0.2, 0.999])
def test_a_part_that_never_shares_is_added_to_the_survival_function(part):
    found = UNREACHABLE.log_survival(LOG_G, 3.0, {"unreachable": part})
    # Closed form ρ + (1 - ρ) G = 1 + (1 - ρ) (G - 1).
    expected = np.log1p((1 - part) * np.expm1(LOG_G[:3]))
    # The two weights add up to 1 only up to rounding.
    np.testing.assert_allclose(found[:3], expected, rtol=4 * EPS, atol=2 * EPS)
    # In the tail only the part is left, whatever exp(-10,000) is in double precision.
    assert found[4] == pytest.approx(np.log(part), rel=4 * EPS)


def test_limits_of_the_part_that_never_shares():
    np.testing.assert_array_equal(UNREACHABLE.log_survival(LOG_G, 0.0, {"unreachable": 0.0}), LOG_G)
    np.testing.assert_array_equal(UNREACHABLE.log_survival(LOG_G, 0.0, {"unreachable": 1.0}), np.zeros(5))


@given(
    beta=st.floats(1e-8, 1e4),
    part=st.integers(0, 2**20).map(lambda number: number / 2**20),
    exposure=st.floats(0, 1e4),
    time=st.floats(0, 1e4),
)
def test_one_rate_with_a_structure_is_a_special_case_of_another_model(beta, part, exposure, time):
    # Of these parts, 1 - ρ is exact in double precision.
    found = with_structure(OneRateSI, UNREACHABLE).log_survival(exposure, time, {"beta": beta, "unreachable": part})
    two = {"beta_fast": beta, "beta_slow": 0.0, "weight_fast": 1.0 - part}
    assert found == TwoRateSI.log_survival(exposure, time, two)
    outside = {"beta": beta, "alpha": part}
    assert with_structure(OneRateSI, Background).log_survival(exposure, time, outside) == OnlineOfflineSI.log_survival(
        exposure, time, outside
    )


COMBINED = [
    pytest.param(model, structure, id=f"{model.name}+{structure.name}")
    for model in all_models().values()
    for structure in all_structures().values()
    if not set(model.parameters()) & set(structure.parameters())
]


@pytest.mark.parametrize(("model", "structure"), COMBINED)
def test_a_model_with_a_structure_has_the_names_and_parameters_of_both(model, structure):
    both = with_structure(model, structure)
    assert both.name == f"{model.name}+{structure.name}"
    assert with_structure(model, structure) is both
    assert get_model(both.name) is both
    assert (both.structure, both.plain(), model.structure) == (structure, model, None)
    assert issubclass(both, model)
    assert list(both.parameters()) == [*model.parameters(), *structure.parameters()]
    assert list(both.coordinates()) == [*model.coordinates(), *structure.coordinates()]
    chosen = {name: float(spec.distribution.median()) for name, spec in both.coordinates().items()}
    values = both.from_coordinates(chosen)
    assert values == {**model.from_coordinates(chosen), **structure.from_coordinates(chosen)}
    assert both(**values).values == pytest.approx(values)
    arrays = {name: np.array([value]) for name, value in values.items()}
    derived = {**model.derived(arrays, 1.0), **structure.derived(arrays, 1.0)}
    assert set(both.derived(arrays, 1.0)) == set(derived)
    log_g = model.log_survival(0.7, 0.4, values)
    assert both.log_survival(0.7, 0.4, values) == structure.log_survival(log_g, 0.4, values)
    assert both.summary == f"{model.summary}; {structure.summary}"
    # Parts of G that depend on time add it; weights of the exposure do not.
    assert both.uses_time() == (model.uses_time() or structure is Background)
    assert both.is_memoryless() == (model.is_memoryless() and structure is not UNREACHABLE)


def test_models_without_memory_are_those_of_one_hazard():
    assert [name for name, model in all_models().items() if model.is_memoryless()] == ["one-rate", "online-offline"]


def test_combined_models_check_the_values_of_the_structure_too():
    both = with_structure(GammaRateSI, UNREACHABLE)
    with pytest.raises(ValueError, match=r"gamma-rate\+unreachable: unreachable = 1.5 must lie in \[0, 1\]"):
        both(beta=0.2, variation=0.1, unreachable=1.5)
    # The own check of a model is kept.
    with pytest.raises(ValueError, match="swap the rates"):
        with_structure(TwoRateSI, AGEING)(0.1, 0.2, 0.5, 1.0)
    assert with_structure(TwoRateSI, None) is TwoRateSI


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: with_structure(OnlineOfflineSI, Background), "online-offline already has the structure background"),
        (lambda: get_model("online-offline+background"), "both have alpha"),
        (lambda: get_model("two-rate+agein"), "there is no structure 'agein'; did you mean 'ageing'?"),
        (lambda: get_model("tow-rate+ageing"), "there is no model 'tow-rate'; did you mean 'two-rate'?"),
        (lambda: get_model("one-rate+"), "there is no structure ''"),
        (lambda: get_structure("xyz"), "there is no structure 'xyz'; the structures are: shelf-life, ageing"),
        (lambda: AGEING(ageing_rate=-1.0), "ageing: ageing_rate = -1.0 must lie in"),
        (lambda: RHYTHM("much", 0.0, 0.0, 0.0), "rhythm: cos_1 = 'much' must lie in"),
    ],
)
def test_what_does_not_exist_or_fit_is_refused_in_words(make, message):
    with pytest.raises(ValueError, match="^.*" + message.replace("?", r"\?")):
        make()


def test_a_structure_is_abstract_in_nothing_but_its_description():
    class Plain(Structure):
        name, summary, reference = "plain", "nothing changes", "none"

    assert Plain().values == {}
    assert Plain.described({}) == "nothing changes"
    np.testing.assert_array_equal(Plain.weights(even_bins(3), {}), np.ones(3))


@pytest.mark.parametrize(
    ("spec", "expected", "line"),
    [
        (Parameter("rate", "1/time", (0.0, np.inf), LogNormal(10.0, 1.5)), np.exp, (-700.0, 700.0)),
        (Parameter("rate", "1/time", (0.0, np.inf), Exponential(0.5)), np.exp, (-700.0, 700.0)),
        (Parameter("share", "", (0.0, 1.0), Beta(2.0, 2.0)), lambda x: 1 / (1 + np.exp(-x)), (-700.0, 30.0)),
        (Parameter("effect", "", (-np.inf, np.inf), Normal(0.7)), lambda x: x, (-700.0, 700.0)),
    ],
    ids=["log-normal", "exponential", "beta", "normal"],
)
def test_parameters_are_mapped_to_the_real_line_and_back(spec, expected, line):
    points = np.array([line[0], -3.0, -1e-3, 0.0, 0.5, 4.0, line[1]])
    values = spec.constrained(points)
    np.testing.assert_allclose(values, expected(points), rtol=4 * EPS)
    low, high = spec.support
    assert np.all((low <= values) & (values <= high))
    assert np.all(np.diff(values) > 0)
    # A share near 1 is rounded by EPS, which is exp(4) EPS on the real line at 4; the last point is left out.
    np.testing.assert_allclose(spec.unconstrained(values[:-1]), points[:-1], rtol=1e-14, atol=1e-14)
    median = float(spec.distribution.median())
    assert spec.constrained(spec.unconstrained(median)) == pytest.approx(median, rel=4 * EPS)
