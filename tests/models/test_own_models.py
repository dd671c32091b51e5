"""A class that is not a whole model is refused in one sentence that says what to do."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from tworate import compare, fit, random_regular, spread
from tworate.errors import InputError
from tworate.inference.likelihood.own_model import model_class
from tworate.models import SIModel, TwoRateSI, all_models, get_model
from tworate.models.parameters import RATE_PRIOR, parameter
from tworate.models.structured import with_structure
from tworate.models.structures import all_structures


def log_survival(exposure, time, parameters, xp=np):
    return -parameters["beta"] * exposure


STATIC = staticmethod(log_survival)


def rate(**settings):
    return parameter("rate", unit="1/time", **({"prior": RATE_PRIOR} | settings))


def model(*, named="mine", formula=STATIC, as_dataclass=True, **fields):
    """Make a class with what a user may have written, or forgotten."""
    fields = fields or {"beta": rate()}
    body = {"__annotations__": dict.fromkeys(fields, float), **fields}
    if named is not None:
        body |= {"name": named, "__annotations__": {**body["__annotations__"], "name": ClassVar[str]}}
    if formula is not None:
        body["log_survival"] = formula
    made = type("Mine", (SIModel,), body)
    return dataclass(frozen=True)(made) if as_dataclass else made


def of_other_parameter(exposure, time, parameters, xp=np):
    return -parameters["gamma"] * exposure


def of_two_arguments(exposure, parameters):
    return -parameters["beta"] * exposure


def of_a_missing_function(exposure, time, parameters, xp=np):
    return xp.no_such_function(-parameters["beta"] * exposure)


def not_the_logarithm(exposure, time, parameters, xp=np):
    return xp.exp(-parameters["beta"] * exposure)


def starting_below(exposure, time, parameters, xp=np):
    return -parameters["beta"] * xp.exp(exposure)


def rising(exposure, time, parameters, xp=np):
    return -parameters["beta"] * exposure * xp.exp(-exposure)


def infinite_later(exposure, time, parameters, xp=np):
    return xp.log(xp.where(exposure > 2.0, 0.0, 1.0)) * parameters["beta"]


def of_one_number(exposure, time, parameters, xp=np):
    return -parameters["beta"].sum() * exposure.sum()


def rising_for_high_rates(exposure, time, parameters, xp=np):
    # The median of the prior is 10, and its 0.9 quantile is 68.
    return -exposure * xp.where(parameters["beta"] > 30.0, xp.exp(-exposure), 1.0)


def of_math(exposure, time, parameters, xp=np):
    return -parameters["beta"] * math.expm1(exposure)


WRONG = {
    "not 0 at exposure 0": (lambda: model(formula=staticmethod(starting_below)), "must be 0 at exposure 0"),
    "rises": (lambda: model(formula=staticmethod(rising)), "log_survival rises with exposure"),
    "rises for high rates": (
        lambda: model(formula=staticmethod(rising_for_high_rates)),
        "rises with exposure, with beta = 68",
    ),
    "not finite": (
        lambda: model(formula=staticmethod(infinite_later)),
        "is -inf at exposure 4 with beta = 10; it must",
    ),
    "one number": (lambda: model(formula=staticmethod(of_one_number)), "returned the shape \\(\\) for 4 exposures"),
    "formula of math": (lambda: model(formula=staticmethod(of_math)), "fails with numpy \\(TypeError"),
    "prior is a text": (
        lambda: model(beta=rate(prior="normal")),
        "the prior of beta is 'normal'; give one of LogNormal",
    ),
    "no name": (lambda: model(named=None), "Mine has no name; give it one"),
    "name is a number": (lambda: model(named=3), "Mine has no name"),
    "name with a plus": (lambda: model(named="my+model"), "the name 'my\\+model' may hold letters"),
    "name with a slash": (lambda: model(named="my/model"), "the name 'my/model' may hold letters"),
    "no formula": (lambda: model(formula=None), "Mine has no formula; write log_survival"),
    "no prior": (lambda: model(beta=rate(prior=None)), "Mine: beta has no prior; write parameter"),
    "plain field": (lambda: model(beta=1.0), "the field beta is not a parameter; declare it"),
    "plain field more": (lambda: model(beta=rate(), extra=1.0), "the field extra is not a parameter; declare it"),
    "no dataclass": (lambda: model(as_dataclass=False), "Mine is not a dataclass; write @dataclass"),
    "other parameter": (
        lambda: model(formula=staticmethod(of_other_parameter)),
        "asks for 'gamma', which is not a parameter; there are: beta",
    ),
    "few arguments": (lambda: model(formula=staticmethod(of_two_arguments)), "must take four arguments"),
    "not static": (lambda: model(formula=log_survival), "log_survival is not a static method; write @staticmethod"),
    "missing function": (lambda: model(formula=staticmethod(of_a_missing_function)), "the formula fails with numpy"),
    "not the logarithm": (lambda: model(formula=staticmethod(not_the_logarithm)), "must be 0 at exposure 0"),
    "an instance": (lambda: TwoRateSI(1.0, 0.1, 0.5), "give the class, TwoRateSI"),
    "the base class": (lambda: SIModel, "SIModel is not an SI model"),
    "another class": (lambda: int, "int is not an SI model"),
    "nothing": (lambda: None, "None is not a model; give a name"),
    "a number": (lambda: 3, "3 is not a model; give a name"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=list(WRONG))
def test_wrong_classes_are_refused(make, message):
    with pytest.raises(ValueError, match=message) as raised:
        get_model(make())
    assert "\n" not in str(raised.value)


def test_a_class_without_parameters_is_refused():
    class Empty(SIModel):
        name = "empty"
        log_survival = staticmethod(log_survival)

    with pytest.raises(ValueError, match="has no parameters; declare each"):
        get_model(Empty)


@pytest.mark.parametrize("wrong", [3, TwoRateSI(1.0, 0.1, 0.5), int])
def test_fit_says_so_too(wrong):
    data = spread(random_regular(100, degree=4, seed=1), [[0.3]], rounds=5, replicates=1, seed=2)
    with pytest.raises(InputError, match="give"):
        fit(wrong, data)


def with_if(exposure, time, parameters, xp=np):
    return -parameters["beta"] * exposure if parameters["beta"] > 0 else 0.0 * exposure


def with_numpy(exposure, time, parameters, xp=np):
    return -np.asarray(parameters["beta"] * exposure, dtype=float)


def one_number_of_pytensor(exposure, time, parameters, xp=np):
    log_g = -parameters["beta"] * exposure
    return log_g if xp is np else log_g.sum()


@pytest.mark.parametrize("formula", [with_if, with_numpy, one_number_of_pytensor])
def test_a_formula_that_cannot_be_compiled_is_refused(formula):
    mine = model(formula=staticmethod(formula))
    message = r"Mine: the formula cannot be compiled .*; use arithmetic and functions of xp"
    with pytest.raises(InputError, match=message):
        model_class(mine)
    data = spread(random_regular(100, degree=4, seed=1), [[0.3]], rounds=5, replicates=1, seed=2)
    with pytest.raises(InputError, match=message):
        fit(mine, data)
    for models in (mine, ["one-rate", mine]):
        with pytest.raises(InputError, match=message):
            compare(data, models=models)


def test_whole_models_pass():
    assert get_model(mine := model()) is mine
    for built_in in all_models().values():
        assert get_model(built_in) is built_in
        for structure in all_structures().values():
            if not set(built_in.parameters()) & set(structure.parameters()):
                both = with_structure(built_in, structure)
                assert get_model(both) is both


def test_a_subclass_may_change_the_name_only():
    class Renamed(TwoRateSI):
        name: ClassVar[str] = "renamed"

    assert get_model(Renamed) is Renamed
