"""Does the second rate come from a group of agents? Error rates of the answer. Takes minutes; `make calibrate` runs it.

The truths differ in where the second rate is from: groups of one probability each, sightings that persuade less and
less in groups that are alike, and both.
"""

import numpy as np
import pytest

from tworate import compare, explain, random_regular, spread
from tworate.analysis.group_answer import answer_groups
from tworate.inference.mechanisms.decomposition import Exposure, decompose, split_who

pytestmark = pytest.mark.calibration

N_DATA_SETS = 12
# Rows: two personas of people, which are alike, and bots; columns: sightings.
TRUTHS = {
    "bots": [[0.3] * 4, [0.3] * 4, [0.03] * 4],
    "fading": [[0.4, 0.15, 0.06, 0.03]] * 3,
    "bots and fading": [[0.4, 0.15, 0.06, 0.03], [0.4, 0.15, 0.06, 0.03], [0.03] * 4],
}


def answered(truth, seed):
    """Return the answer for one data set, and the explanation by who or when."""
    network = random_regular(500, 8, seed=seed)
    members = np.random.default_rng(seed).permutation(500) % 3
    data = spread(
        network, TRUTHS[truth], members, rounds=30, replicates=4, seed=seed, histories=True,
        persona_labels=["people: a", "people: b", "bots"], persona_groups=["people", "people", "bots"],
    )  # fmt: skip
    comparison = compare(data, seed=seed)
    explanations = explain(data, seed=seed)
    (answer,) = answer_groups(comparison, explanations)
    return answer, explanations[0]


@pytest.mark.parametrize(
    ("truth", "expected"), [("bots", "between"), ("fading", "within"), ("bots and fading", "within")]
)
def test_the_second_rate_comes_from_groups_where_it_does_and_only_there(truth, expected):
    made = [answered(truth, seed) for seed in range(N_DATA_SETS)]
    answers = [answer.answer for answer, _ in made]
    assert {answer.verdict for answer, _ in made} <= {"two-rate", "heterogeneous"}
    # The verdicts ask for two standard errors or rule a gain out, so the wrong answer should never come, and an
    # undecided one seldom: with a chance of 10%, more than 3 of 12 have a probability of 2.6%.
    wrong = {"between": "within", "within": "between"}[expected]
    assert wrong not in answers
    assert answers.count(expected) >= N_DATA_SETS - 3, answers
    # The parts of the fall are those of the true table. Of 24 parts an error of four sd is implausible;
    # a part of who is never much below zero, so its estimate is a little above zero where it is absent.
    table = np.array([TRUTHS[truth]])
    shares, groups = np.full(3, 1 / 3), ("people", "people", "bots")
    for answer, explanation in made:
        exposure = Exposure(explanation.sightings, explanation.visibility)
        exact = split_who(decompose(table, shares, exposure), table, shares, exposure, groups)
        for part, value in (("between", exact.between), ("within", exact.within)):
            row = explanation.decomposition.loc[part]
            assert abs(row["mean"] - value[0]) < 4 * row["sd"] + 0.02
        assert ("between groups" in answer.sentence) == bool(answer.between)
