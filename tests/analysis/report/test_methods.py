"""The methods text of real comparisons: its numbers are those of the run, and what it cites is there."""

import dataclasses
import json
import re

import numpy as np
import pytest

from tworate import compare
from tworate.analysis.report.methods import bibliography_file, counted, listed, methods, methods_file
from tworate.analysis.report.provenance import provenance
from tworate.analysis.report.references import REFERENCES, cited_keys, in_words, key_of
from tworate.inference import Comparison
from tworate.inference.comparison.verdict import GAIN, STANDARD_ERRORS
from tworate.models import RandomRegular, TwoRateSI, all_models
from tworate.models.structures import all_structures
from tworate.simulate import Trajectories


@pytest.fixture(scope="module")
def comparison(make_trajectories):
    table = make_trajectories(TwoRateSI(1.2, 0.2, 0.5), RandomRegular(16), seed=2, degree=16, replicates=3, rounds=30)
    return compare(Trajectories(table.assign(time_unit="day")), structures="unreachable", seed=7)


@pytest.fixture(scope="module")
def text(comparison):
    return "\n".join(methods(comparison))


def test_numbers_are_those_of_the_run(comparison, text):
    (result,) = comparison.conditions
    table = comparison.trajectories.table
    new = table.groupby("trajectory")["infected"].agg(lambda path: path.iloc[-1] - path.iloc[0]).sum()
    assert f"{table['trajectory'].nunique()} trajectories of populations of 1,000 agents each" in text
    assert "observed at times 0 to 30 days" in text
    assert f"{new:,} agents began to share" in text
    assert f"{result.n_observations:,} increments entered it" in text
    sampled = {name: model for name, model in result.models.items() if model.importance_k is None}
    worst = max(model.parameters["r_hat"].max() for model in sampled.values())
    least = min(model.parameters["ess_bulk"].min() for model in sampled.values())
    assert f"Over {len(sampled)} sampled fits" in text
    assert f"at most {worst:.3f} and the bulk effective sample size at least {least:,.0f}" in text
    total = sum(result.posteriors[name].sample_stats["diverging"].size for name in sampled)
    assert f"of {total:,} transitions diverged" in text
    used = json.loads(result.posteriors["one-rate"].attrs["sampler"])
    assert f"{used['chains']} chains of {used['draws']:,} draws after {used['tune']:,} of warm-up" in text
    highest = max(float(np.max(model.elpd.pareto_k)) for model in result.models.values())
    assert f"Pareto k was at most {highest:.2f}" in text
    assert f"d > {GAIN:g} and d > {STANDARD_ERRORS:g} dse" in text
    assert "seed 7" in text
    versions = json.loads(result.posteriors["one-rate"].attrs["versions"])
    assert all(f"{name} {number}" in text for name, number in versions.items())
    assert f"The comparison was made on {comparison.made['date']}." in text


def test_models_priors_level_and_structures_are_named(comparison, text):
    (result,) = comparison.conditions
    for name in ("one-rate", "two-rate"):
        assert f"{name} ({result.models[name].specification.model.summary}" in text
        for spec in result.models[name].specification.scalars.values():
            assert spec.stated_prior in text
    assert "unreachable (a part of the agents never shares" in text
    assert "ageing" not in text
    assert "the edge-based closure" in text
    assert "the count level" in text
    assert "beta-binomial" in text


def test_what_is_cited_is_in_the_bibliography(text):
    keys, bibliography = cited_keys(text), bibliography_file([text])
    assert set(re.findall(r"@(\w+)\{(\w+),", bibliography)) == {(REFERENCES[key].kind, key) for key in keys}
    assert len(keys) > 10
    # Every brace of BibTeX is closed.
    assert bibliography.count("{") == bibliography.count("}")
    assert "[@" not in in_words(text)
    assert "(Vehtari et al. 2017; Vehtari et al. 2024)" in in_words(text)
    assert methods_file(["One.", "Two."]) == "# Methods\n\nOne.\n\nTwo.\n"


def test_sources_of_all_models_and_structures_are_known():
    for described in (*all_models().values(), *all_structures().values()):
        key = key_of(described.reference)
        assert key is not None, described.name
        year = re.search(r"\((\d{4})\)", described.reference)[1]
        assert REFERENCES[key].fields["year"] == year
        # The first author is the same.
        assert REFERENCES[key].fields["author"].split()[0].strip(",") in described.reference
    assert key_of("Somebody (2020), doi:10.1/1") is None


def test_a_simulated_run_is_described_without_advice_to_the_user(comparison):
    warning = "It was used. Its behaviour is synthetic: evidence of nothing. Use a real model: with --model."
    run = {
        "model": "m", "fingerprint": "sha256:1", "personas": "all", "events": "E1", "network": "ring", "agents": 500,
        "degree": 7.5, "replicates": 1, "rounds": 20, "visibility": 0.25, "seed": 4, "warning": warning,
        "versions": {"torch": "2.0"},
    }  # fmt: skip
    first, *_, last = methods(comparison, run)
    assert "a network (ring) of 500 agents with 7.5 neighbours on average, in 1 replicate of 20 rounds" in first
    assert "Its behaviour is synthetic" in first
    assert "--model" not in first
    assert "torch 2.0" in last


def test_conditions_without_fits_have_a_text_too(comparison):
    (result,) = comparison.conditions
    bare = dataclasses.replace(result, models={}, verdict="undecided", selected="", adequacy={})
    made = Comparison([bare], comparison.trajectories, [], seed=1)
    assert methods(made)[-1].startswith("Software: tworate")


def test_words():
    assert (counted(1, "trajectory"), counted(1200, "trajectory")) == ("1 trajectory", "1,200 trajectories")
    assert (listed([]), listed(["a"]), listed(["a", "b", "c"], "or")) == ("none", "a", "a, b or c")


def test_groups_of_agents_and_their_language_models_are_named(comparison):
    asked = {"wordings": ["share/ignore"], "option_mass": 0.99, "method": "logits", "method_asked": "logits"}
    run = {
        "model": "a; b",
        "personas": "people 0.5: …",
        "groups": [
            {"group": "people", "agents": 50, "model": "a", "fingerprint": "1", "decides": "OCEAN, decided by a"},
            {"group": "others", "agents": 40, "model": "b", "fingerprint": "2", "decides": "ocean, decided by b"},
            {"group": "bots", "agents": 1, "model": None, "fingerprint": None, "decides": "P(share) = 0.1"},
        ],
        "models": [{"model": name, "elicitation": asked} for name in "ab"],
    }
    text = methods(comparison, run)[0]
    assert (
        "people (50 agents; OCEAN, decided by a), others (40 agents; ocean, decided by b) and bots (1 agent; P" in text
    )
    assert "The language model a has the fingerprint 1 and b has the fingerprint 2." in text
    said = provenance(comparison, run)
    assert said["groups of agents"].endswith("bots: 1 agent, P(share) = 0.1")
    assert said["how decisions were elicited"].count("log-probabilities of whole options") == 2
    assert "personas" not in said
    # Without a language model, groups are named all the same.
    nobody = {**run, "model": None, "models": None, "groups": run["groups"][2:]}
    assert methods(comparison, nobody)[0].startswith("The trajectories were simulated. Agents belonged to groups: bots")
