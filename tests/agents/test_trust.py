"""The gate: personas that truly differ are told apart from effects of the prompt, noise, and lack of mass."""

import numpy as np
import pytest

from tworate.agents import Elicitation, LanguageModel, decide, load_language_model, probe_model, shipped_events
from tworate.agents.trust import judge_decisions

OPTIONS = ("share", "ignore")


class Made(LanguageModel):
    """A model whose log-odds are known effects of persona, order and wording."""

    name, fingerprint = "made", "none"

    def __init__(self, *, persona=1.0, order=0.0, wording=0.0, mass=1.0, disagrees=False):
        self.persona, self.order, self.wording, self.mass, self.disagrees = persona, order, wording, mass, disagrees

    def log_odds(self, conversation, answers):
        system, user = (message["content"] for message in conversation)
        first = user.rindex(answers[0]) < user.rindex(answers[1])
        sign = 1 if "very extraverted" in system else -1
        if self.disagrees and not first:
            sign = -1 if "very kind" in system else 1
        return -1 + self.persona * sign + self.order * (1 if first else -1) / 2 + self.wording * (answers[0] == "yes")

    def score_answers(self, conversations, options, progress=None):
        values = [self.log_odds(c, o) for c, o in zip(conversations, options, strict=True)]
        return [np.log(self.mass) - np.logaddexp(0, [-value, value]) for value in values]

    def draw_answers(self, conversations, sampling, progress=None):
        rng = np.random.default_rng(sampling.seed)
        p = [1 / (1 + np.exp(-self.log_odds(c, ("share", "ignore")))) for c in conversations]
        return [["share" if u < each else "ignore" for u in rng.random(sampling.samples)] for each in p]


def judged(model, **settings):
    settings = {"max_unparsable": 1.0, **settings}
    return judge_decisions(decide(model, shipped_events()[:2], elicitation=Elicitation(**settings)))


def test_personas_that_differ_are_trusted_and_their_effect_is_measured():
    trust = judged(Made(persona=0.8))
    assert trust.trustworthy
    assert trust.persona_sd == pytest.approx(0.8)
    assert trust.agreement == pytest.approx(1.0)
    assert all(check.passed for check in trust.checks)
    assert trust.to_json()["decisions"] == "trustworthy"
    assert judged(Made(persona=0.8), method="sample", samples=50).trustworthy


@pytest.mark.parametrize(
    ("model", "settings", "reason"),
    [
        (Made(mass=0.3), {}, "probability of 0.3 only"),
        (Made(persona=0.3, order=2.0), {}, "the order of the options changes the log-odds of sharing by 2"),
        (
            Made(persona=0.0, wording=1.5),
            {"wordings": (("share", "ignore"), ("yes", "no"))},
            "the wording of the options",
        ),
        (Made(persona=0.05), {}, "personas hardly differ"),
        (Made(persona=0.0), {"method": "sample", "samples": 20}, "sampling noise explains"),
        (Made(persona=1.0, disagrees=True), {}, "which personas share more depends on the order"),
    ],
    ids=["mass", "order", "wording", "nothing", "noise", "disagreement"],
)
def test_effects_of_the_prompt_and_noise_are_not_trusted(model, settings, reason):
    trust = judged(model, **settings)
    assert not trust.trustworthy
    assert any(reason in text for text in trust.reasons)
    assert reason in trust.sentence
    assert trust.to_json()["decisions"] == "not trustworthy"
    assert not all(check.passed for check in trust.checks)


def test_the_embedded_model_is_trusted_and_a_random_one_is_not(make_model):
    embedded = load_language_model("embedded")
    probe = probe_model(embedded, short=True)
    assert len(probe.answers.personas) == 16
    assert len(probe.answers.items) == 10
    trust = judge_decisions(decide(embedded, shipped_events()[:1]), probe)
    assert (trust.verdict, trust.probe) == ("trustworthy", "expressed")
    random = make_model()
    tables = decide(random, shipped_events()[:1], elicitation=Elicitation(max_unparsable=1.0))
    trust = judge_decisions(tables, probe_model(random, short=True))
    assert (trust.verdict, trust.probe) == ("not trustworthy", "not expressed")


def test_the_short_probe_keeps_traits_and_their_pairs_apart():
    personas = probe_model(load_language_model("embedded"), short=True).answers.personas
    signs = np.array([[1 if level else -1 for level in persona.levels.values()] for persona in personas])
    pairs = [signs[:, i] * signs[:, j] for i in range(5) for j in range(i)]
    columns = np.column_stack([np.ones(len(signs)), signs, *pairs])
    np.testing.assert_array_equal(columns.T @ columns, len(signs) * np.eye(columns.shape[1]))
