"""The compiled density: it equals PyMC's density, and is cached on disk while its sources stay the same."""

import ast
import ctypes
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pymc as pm
import pytest

from tworate.inference.data.observations import observe
from tworate.inference.likelihood import compiled_density as program
from tworate.inference.likelihood.compiled_density import (
    compiled_density,
    data_buffer,
)
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.likelihood.pymc_model import build_model, prior_variable
from tworate.inference.likelihood.specification import Specification
from tworate.inference.posterior.fit_target import FitTarget
from tworate.models import OneRateSI, RandomRegular, SIModel, TwoRateSI
from tworate.models.parameters import RATE_PRIOR, Beta, Exponential, LogNormal, Parameter, parameter
from tworate.simulate import Trajectories

DOUBLES = ctypes.POINTER(ctypes.c_double)


@dataclass(frozen=True)
class OutsideSI(SIModel):
    """A model outside the package."""

    name: ClassVar[str] = "outside"
    summary: ClassVar[str] = "one rate under another name"
    reference: ClassVar[str] = "none"

    pace: float = parameter("transmission rate", unit="1/time", prior=RATE_PRIOR)

    @staticmethod
    def log_survival(exposure: Any, time: Any, parameters: Mapping[str, Any], xp: Any = np) -> Any:
        return -parameters["pace"] * exposure


def observed(make_trajectories, specification, *, seed, replicates=2):
    table = make_trajectories(
        OneRateSI(0.5), RandomRegular(8), seed=seed, degree=8, replicates=replicates, rounds=10 + seed
    )
    is_curve = specification.likelihood.kind == "trajectory"
    return observe(Trajectories(table), "edge-based", specification.clock, whole_curve=is_curve)


def call(function, point, buffer):
    """Return status, value and gradient of a compiled density, called as the sampler calls it."""

    def pointer(array):
        return array.ctypes.data_as(DOUBLES)

    gradient, value = np.empty(point.size), np.empty(1)
    status = function.ctypes(
        point.size, pointer(point), pointer(gradient), pointer(value), (DOUBLES * 1)(pointer(buffer))
    )
    return status, value[0], gradient


@pytest.fixture(
    scope="module",
    params=[
        Specification(TwoRateSI, LIKELIHOODS["beta-binomial"]),
        Specification(OneRateSI, LIKELIHOODS["negative-binomial"], replicate_effects=True),
    ],
    ids=["two-rate", "one-rate-curve-effects"],
)
def specification(request):
    return request.param


def test_compiled_density_equals_that_of_pymc_on_data_that_differ_from_those_at_compilation(
    specification, make_trajectories
):
    compiled = compiled_density(specification, observed(make_trajectories, specification, seed=1))
    data = observed(make_trajectories, specification, seed=9, replicates=3)
    model = build_model(specification, data)
    density, slope = (make(mode="FAST_COMPILE") for make in (model.compile_logp, model.compile_dlogp))
    buffer = data_buffer(specification, data)
    n_scalars = len(specification.scalars)
    rng = np.random.default_rng(1)
    for _ in range(5):
        point = rng.normal(size=n_scalars + 3 * specification.replicate_effects)
        parts = [*point[:n_scalars], point[n_scalars:]]
        named = {v.name: np.asarray(part) for v, part in zip(model.value_vars, parts, strict=False)}
        status, value, gradient = call(compiled, point, buffer)
        assert status == 0
        # The sums have up to a thousand terms and another order.
        assert value == pytest.approx(float(density(named)), rel=1e-12)
        np.testing.assert_allclose(gradient, slope(named), rtol=1e-10, atol=1e-9)
    # The status tells the sampler that the density is not finite.
    assert call(compiled, np.full(point.size, 800.0), buffer)[0] == 1


def test_a_density_that_was_compiled_once_is_read_from_disk(specification, make_trajectories, monkeypatch):
    data = observed(make_trajectories, specification, seed=1)
    program._load_or_compile(specification, data)

    def refuse(*_):
        raise AssertionError("compiled again")

    monkeypatch.setattr(program, "_numba_density", refuse)
    loaded = program._load_or_compile(specification, data)
    assert loaded.cache_hits == 1
    point = np.zeros(FitTarget(specification, data).sampler_model().n_dim)
    assert call(loaded, point, data_buffer(specification, data))[0] == 0


WITHOUT_PYMC = """
import sys
from tworate import read_trajectories
from tworate.inference.likelihood import compiled_density as program
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.data.observations import observe
from tworate.inference.likelihood.specification import Specification
from tworate.models import TwoRateSI

specification = Specification(TwoRateSI, LIKELIHOODS["beta-binomial"])
read = program.compiled_density(specification, observe(read_trajectories(sys.argv[1]), "edge-based"))
print(read.cache_hits, "pymc" in sys.modules)
"""


def test_a_density_from_disk_needs_no_pymc(make_trajectories, tmp_path):
    # Importing PyMC would take a fifth of a second in every comparison.
    specification = Specification(TwoRateSI, LIKELIHOODS["beta-binomial"])
    program._load_or_compile(specification, observed(make_trajectories, specification, seed=1))
    table = make_trajectories(TwoRateSI(1.0, 0.2, 0.5), RandomRegular(8), seed=3, degree=8)
    Trajectories(table).save(tmp_path / "data.csv")
    script = [sys.executable, "-c", WITHOUT_PYMC, tmp_path / "data.csv"]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.stdout.split() == ["1", "False"], done.stderr


def test_a_model_from_outside_is_compiled_though_not_kept(make_trajectories):
    likelihood = LIKELIHOODS["binomial"]
    outside, inside = Specification(OutsideSI, likelihood), Specification(OneRateSI, likelihood)
    assert program._key(outside) is None
    data = observed(make_trajectories, inside, seed=1)
    point, buffer = np.array([2.0]), data_buffer(inside, data)
    compiled = program._load_or_compile(outside, data)
    assert compiled.cache_hits == 0
    status, value, gradient = call(compiled, point, buffer)
    assert status == 0
    # The two models differ only in names.
    expected = call(compiled_density(inside, data), point, buffer)
    assert (value, gradient[0]) == pytest.approx((expected[1], expected[2][0]), rel=1e-13)


def test_key_changes_with_what_is_compiled_and_with_its_sources(monkeypatch):
    transition, curve = LIKELIHOODS["beta-binomial"], LIKELIHOODS["normal"]
    keys = [
        program._key(Specification(*arguments))
        for arguments in (
            (OneRateSI, transition),
            (TwoRateSI, transition),
            (OneRateSI, LIKELIHOODS["binomial"]),
            (OneRateSI, curve),
            (OneRateSI, transition, "continuous"),
            (OneRateSI, transition, "rounds", True),
        )
    ]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert program._key(Specification(OneRateSI, transition)) == keys[0]
    with monkeypatch.context() as patch:
        patch.setattr(program, "source_digest", lambda *folders: "other sources")
        assert program._key(Specification(OneRateSI, transition)) != keys[0]
    with monkeypatch.context() as patch:
        patch.setattr(program, "version", lambda name: "0")
        assert program._key(Specification(OneRateSI, transition)) != keys[0]


AT_MANY_POINTS = """
import hashlib, sys
import numpy as np
from tworate import read_trajectories
from tworate.inference.likelihood import compiled_density as program
from tworate.inference.likelihood.likelihoods import LIKELIHOODS
from tworate.inference.data.observations import observe
from tworate.inference.likelihood.specification import Specification
from tworate.models import OneRateSI
from tworate.tests.inference.likelihood.test_compiled_density import call

specification = Specification(OneRateSI, LIKELIHOODS["beta-binomial"])
data = observe(read_trajectories(sys.argv[1]), "edge-based")
function, buffer = program.compiled_density(specification, data), program.data_buffer(specification, data)
points = np.random.default_rng(1).normal([2.0, -5.0], 0.5, (20_000, 2))
results = [np.append(value, gradient) for _, value, gradient in (call(function, point, buffer) for point in points)]
print(hashlib.sha256(np.array(results).tobytes()).hexdigest())
"""


@pytest.mark.calibration
def test_the_first_and_a_later_compilation_on_a_machine_round_alike(make_trajectories, tmp_path):
    table = make_trajectories(TwoRateSI(1.0, 0.2, 0.5), RandomRegular(8), seed=3, degree=8, replicates=5)
    Trajectories(table).save(tmp_path / "data.csv")
    # PyTensor's cache is empty at first and filled later. The cache of the density is empty both times.
    digests = []
    for run in ("first", "second"):
        environment = {
            **os.environ,
            "PYTENSOR_FLAGS": f"base_compiledir={tmp_path / 'pytensor'}",
            "NUMBA_CACHE_DIR": str(tmp_path / run),
        }
        done = subprocess.run(
            [sys.executable, "-c", AT_MANY_POINTS, tmp_path / "data.csv"],
            capture_output=True, text=True, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        digests.append(done.stdout)
    assert digests[0] == digests[1]


def test_only_its_folder_and_the_models_determine_the_density():
    # The key hashes these two folders. Observations are data, and the predictor names their arrays.
    folder = Path(program.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level > 1:
                assert node.module.split(".")[0] in {"models", "data", "errors", "common"}, (
                    f"{path.name} imports {node.module}"
                )


@pytest.mark.parametrize(
    ("prior", "support"),
    [
        (LogNormal(10.0, 1.5), (0.0, np.inf)),
        (Exponential(0.5), (0.0, np.inf)),
        (Beta(1.0, 1.0), (0.0, 1.0)),
        (Beta(2.0, 2.0), (0.0, 1.0)),
        (Beta(1.0, 100.0), (0.0, 1.0)),
    ],
    ids=str,
)
def test_scale_of_sampling_is_that_of_pymc(prior, support):
    spec = Parameter("something", "", support, prior)
    with pm.Model() as model:
        variable = prior_variable("x", spec)
    transform = model.rvs_to_transforms[variable]
    at = np.array([1e-6, 0.01, 0.3, 0.9, 0.999])
    unbounded = spec.unconstrained(at)
    np.testing.assert_allclose(transform.forward(at, *variable.owner.inputs).eval(), unbounded, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(transform.backward(unbounded, *variable.owner.inputs).eval(), at, rtol=1e-12)
    np.testing.assert_allclose(spec.constrained(unbounded), at, rtol=1e-12)


def test_a_buffer_holds_the_offsets_of_the_arrays_and_then_the_arrays(make_trajectories):
    specification = Specification(OneRateSI, LIKELIHOODS["binomial"], replicate_effects=True)
    data = observed(make_trajectories, specification, seed=1)
    buffer, arrays = data_buffer(specification, data), program.predictor(specification).arrays(data)
    assert buffer[0] == buffer.size == buffer[len(arrays) + 1]
    for start, end, values in zip(buffer[1:], buffer[2:], arrays.values(), strict=False):
        np.testing.assert_array_equal(buffer[int(start) : int(end)], values)


def test_chains_start_around_the_medians_of_the_priors(specification, make_trajectories):
    data = observed(make_trajectories, specification, seed=1)
    model = FitTarget(specification, data).sampler_model()
    n_effects = len(data.paths) * specification.replicate_effects
    assert model.n_dim == len(specification.scalars) + n_effects
    starts = np.array([model.initial_point(seed) for seed in range(200)])
    np.testing.assert_array_equal(starts[3], model.initial_point(3))
    medians = [s.unconstrained(s.prior.distribution.median()) for s in specification.scalars.values()]
    gaps = starts - [*medians, *[0.0] * n_effects]
    assert np.all(np.abs(gaps) <= 1)
    assert np.all(np.ptp(gaps, axis=0) > 1.5)


def test_no_other_cache_keeps_the_likelihood():
    # PyTensor's cache would link an old likelihood under our new key.
    from tworate.inference.likelihood.likelihood_node import LogLikelihood, _numba_log_likelihood

    assert _numba_log_likelihood(LogLikelihood(0), None)[1] is None


def test_a_prior_must_fit_its_support():
    # Transforms follow from the prior. A prior that disagrees with the support would transform values wrongly.
    with pytest.raises(ValueError, match="does not fit the support"):
        parameter("share", prior=Beta(8.0, 2.0))
    with pytest.raises(ValueError, match="does not fit the support"):
        parameter("rate", support=(0.0, 1.0), prior=Exponential(1.0))
