"""The probe: statistics compared with independent formulas, and verdicts on models with and without personas."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from tworate.agents import TRAITS, all_personas, inventory_items, load_language_model, probe_model
from tworate.agents.embedded import FOLDER
from tworate.agents.inventory import InventoryAnswers
from tworate.agents.probe import cronbach_alpha, judge, separation

STEPS = np.arange(-2, 3)


def answers_of(slope, mass=1.0):
    """Return answers of all profiles; log-probabilities rise by slope(levels, item) per point of the scale."""
    personas, items = all_personas(), inventory_items()
    levels = [{trait: 1 if high else -1 for trait, high in persona.levels.items()} for persona in personas]
    weights = np.array(
        [[np.exp(item.keyed * slope(level, item) * STEPS - 0.3 * STEPS**2) for item in items] for level in levels]
    )
    shape = weights.shape[:2]
    return InventoryAnswers(
        tuple(personas), items, weights / weights.sum(-1, keepdims=True), np.full(shape, mass), np.zeros(shape)
    )


def certain_answers(point):
    """Return constant answers of all profiles: point(levels, item)."""
    personas, items = all_personas(), inventory_items()
    chosen = np.array([[point(persona.levels, item) for item in items] for persona in personas])
    ones = np.ones(chosen.shape)
    return InventoryAnswers(tuple(personas), items, np.eye(5)[chosen - 1], ones, 0 * ones)


def own_effect(level, item):
    return 1.2 * level[item.trait]


def test_d_is_that_of_the_t_test():
    rng = np.random.default_rng(5)
    high, low = rng.normal(4, 0.5, 16), rng.normal(2.5, 0.9, 16)
    t = stats.ttest_ind(high, low).statistic
    # t = d · √(n/2) with variances divided by n - 1; `separation` divides by n.
    expected = t * math.sqrt(2 / 16) * math.sqrt(16 / 15)
    assert separation((high, np.zeros(16)), (low, np.zeros(16))) == pytest.approx(expected)


def test_alpha_is_that_of_the_mean_covariance():
    scores = np.random.default_rng(6).normal(size=(32, 4)) + np.random.default_rng(7).normal(size=(32, 1))
    covariance = np.cov(scores.T, ddof=0)
    v, c = np.diag(covariance).mean(), covariance[np.triu_indices(4, 1)].mean()
    assert cronbach_alpha(scores, np.zeros((32, 4))) == pytest.approx(4 * c / (v + 3 * c))


def test_moments_are_those_of_answers_drawn_from_the_model():
    answers = answers_of(lambda level, item: 0.5 * level[item.trait] + 0.2 * level["openness"])
    result = {trait.trait: trait for trait in judge("drawn", answers).traits}["neuroticism"]
    rng, columns, n = np.random.default_rng(8), answers.of_trait("neuroticism"), 20_000
    cumulative = answers.probabilities[:, columns].cumsum(-1)[None]
    drawn = 1 + (rng.random((n, 32, 4, 1)) > cumulative).sum(-1)
    keyed = np.array([answers.items[column].keyed for column in columns])
    drawn = np.where(keyed == 1, drawn, 6 - drawn)
    high = np.array([persona.levels["neuroticism"] for persona in answers.personas])
    groups = [drawn[:, rows].mean(-1).ravel() for rows in (high, ~high)]
    d = (groups[0].mean() - groups[1].mean()) / math.sqrt((groups[0].var() + groups[1].var()) / 2)
    covariance = np.cov(drawn.reshape(-1, 4).T)
    alpha = 4 / 3 * (1 - np.trace(covariance) / covariance.sum())
    # 640,000 draws: the Monte-Carlo standard error of d is about √(4/640,000 + d²/1,280,000) = 0.003, of alpha less.
    assert result.d == pytest.approx(d, abs=0.012)
    assert result.alpha == pytest.approx(alpha, abs=0.012)


def test_effects_are_differences_of_means_and_cross_talk_is_named():
    answers = answers_of(
        lambda level, item: own_effect(level, item) + 0.3 * level["agreeableness"] * (item.trait == "openness")
    )
    probe = judge("cross", answers)
    scale = answers.scale_scores()[:, TRAITS.index("openness")]
    for row, trait in enumerate(TRAITS):
        means = [
            np.mean([s for s, p in zip(scale, answers.personas, strict=True) if p.levels[trait] is high])
            for high in (True, False)
        ]
        assert probe.effects[row, 0] == pytest.approx(means[0] - means[1])
    assert probe.traits[0].strongest_other == "agreeableness"
    assert probe.traits[0].strongest_effect == probe.effects[TRAITS.index("agreeableness"), 0]
    assert probe.verdict == "expressed"


@pytest.mark.parametrize(
    ("slope", "mass", "reason"),
    [
        (lambda level, item: 0.15 * level[item.trait], 1.0, "not far enough apart"),
        # Two items of each scale have the wrong sign.
        (lambda level, item: own_effect(level, item) * (1 if item.number > 10 else -0.6), 1.0, "do not agree"),
        (lambda level, item: own_effect(level, item) + 0.9 * level["openness"], 1.0, "openness changes its scale"),
        (own_effect, 0.2, "prefers other answers"),
    ],
)
def test_each_threshold_alone_rejects_a_trait(slope, mass, reason):
    probe = judge("flawed", answers_of(slope, mass))
    extraversion = probe.traits[TRAITS.index("extraversion")]
    assert not extraversion.expressed
    assert any(reason in text for text in extraversion.reasons)
    assert probe.verdict != "expressed"
    assert judge("sound", answers_of(own_effect)).verdict == "expressed"


def test_a_partial_verdict_names_the_traits():
    probe = judge(
        "half", answers_of(lambda level, item: own_effect(level, item) * (item.trait in ("openness", "neuroticism")))
    )
    assert probe.verdict == "partly"
    assert "in part: openness, neuroticism, but not conscientiousness" in probe.reading


def test_constant_answers_give_a_reason_and_null_in_json():
    probe = judge("constant", certain_answers(lambda *_: 4))
    assert probe.verdict == "not expressed"
    assert all(result.reasons == ("every profile gets the same answer",) for result in probe.traits)
    content = json.loads(json.dumps(probe.to_json(), allow_nan=False))
    assert content["traits"][0]["d"] is content["traits"][0]["d_low"] is content["traits"][0]["alpha"] is None


def test_results_name_the_method():
    answers = replace(answers_of(own_effect), method="sample", unparsable=np.full((32, 20), 2))
    probe = judge("sampled", answers)
    assert (probe.to_json()["method"], probe.to_json()["unparsable"]) == ("sample", 2 * 640)
    assert set(probe.to_frame()["elicitation"]) == {"sample"}
    assert judge("scored", answers_of(own_effect)).to_json()["method"] == "logits"


def test_sampling_adds_noise_that_the_interval_holds_and_no_bias():
    exact = answers_of(lambda level, item: own_effect(level, item) + 0.2 * level["openness"])
    rng, truth = np.random.default_rng(3), judge("exact", exact).traits[2]
    drawn = [
        judge("m", replace(exact, probabilities=rng.multinomial(25, exact.probabilities) / 25), n_resamples=100)
        for _ in range(60)
    ]
    d, alpha = (np.array([getattr(probe.traits[2], name) for probe in drawn]) for name in ("d", "alpha"))
    assert abs(d.mean() - truth.d) < 4 * d.std() / np.sqrt(60) + 0.01 * truth.d
    assert abs(alpha.mean() - truth.alpha) < 4 * alpha.std() / np.sqrt(60) + 0.002
    width = np.mean([probe.traits[2].d_high - probe.traits[2].d_low for probe in drawn])
    assert width > 2 * d.std()


def test_constant_answers_that_fit_the_profile_give_an_infinite_d():
    probe = judge("certain", certain_answers(lambda levels, item: 5 if levels[item.trait] == (item.keyed == 1) else 1))
    assert probe.verdict == "expressed"
    assert all(math.isinf(result.d) and result.alpha == pytest.approx(1) for result in probe.traits)
    assert json.loads(json.dumps(probe.to_json(), allow_nan=False))["traits"][0]["d"] is None


def test_interval_is_seeded_and_has_length_0_if_profiles_of_a_group_are_equal():
    mixed = answers_of(lambda level, item: own_effect(level, item) + 0.4 * level["openness"])
    first, again, other = (judge("m", mixed, seed=seed).traits[2] for seed in (1, 1, 2))
    assert first == again
    assert first.d_low != other.d_low
    assert first.d_low < first.d < first.d_high
    equal_profiles = judge("m", answers_of(own_effect)).traits[2]
    assert equal_profiles.d_low == pytest.approx(equal_profiles.d) == pytest.approx(equal_profiles.d_high)


def test_random_weights_do_not_express_the_profile(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, initializer_range=0.5,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    probe = probe_model(load_language_model(str(tmp_path)))
    assert probe.verdict == "not expressed"
    assert max(abs(result.d) for result in probe.traits) < 0.8
