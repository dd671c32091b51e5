"""The main job with groups of agents: what it records, what it answers, and the report."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tworate.analysis.group_answer import SEVERAL_RATES, saved_answers
from tworate.errors import InputError
from tworate.simulate import read_trajectories

pytestmark = pytest.mark.integration

TWORATE = Path(sys.executable).with_name("tworate")
SMALL = ("--agents", "400", "--replicates", "4", "--rounds", "25", "--structures", "none")
FILES = {
    # Personas of people differ a lot under the embedded rule, and sightings too.
    "model": "group,weight,model,personas,p_share\npeople,3,,OCEAN ocean,\nbots,1,,,0.02\n",
    "bots": "group,weight,p_share\nloud,1,0.35\nquiet,1,0.03\n",
}


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """Run two small jobs; return the folder and the finished process of each."""
    made = {}
    for name, text in FILES.items():
        folder = tmp_path_factory.mktemp(name)
        (folder / "mix.csv").write_text(text, encoding="utf-8")
        done = subprocess.run(
            [TWORATE, "run", "--population", "mix.csv", "--out", "out", *SMALL],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        made[name] = (folder / "out", done)
    return made


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_bots_of_two_kinds_need_no_language_model_and_explain_the_second_rate(jobs):
    folder, done = jobs["bots"]
    assert "embedded model was used" not in done.stderr
    record = read(folder / "run.json")
    assert record["model"] is None
    assert record["decisions"] == {}
    assert [group["agents"] for group in record["groups"]] == [200, 200]
    (answer,) = saved_answers(folder)
    assert (answer.verdict in SEVERAL_RATES, answer.answer) == (True, "between")
    assert answer.gain > 50 > 4 > answer.gain_with_groups + 2 * answer.dse_with_groups
    assert f"groups: {answer.sentence}" in done.stderr
    # One rate of each group: an agent escapes a showing, seen with probability 1/4, by 1 - p / 4.
    ratio = np.log1p(-0.35 / 4) / np.log1p(-0.03 / 4)
    rates = {row["group"]: row for row in answer.rates}
    assert rates["loud"]["factor"] / rates["quiet"]["factor"] == pytest.approx(ratio, rel=0.2)
    split = read(folder / "explanation.json")["conditions"][0]["split"]
    assert split["within"]["factor"] == 1.0
    assert split["between"]["factor"] == pytest.approx(split["who"]["factor"])
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "The second rate comes from the differences between groups" in report
    assert "of who: between groups" in report
    assert "loud: 200 agents, P(share) = 0.35; quiet: 200 agents, P(share) = 0.03" in report
    assert "Can the decisions be trusted?" not in report
    methods = (folder / "methods.md").read_text(encoding="utf-8")
    assert "Agents belonged to groups: loud (200 agents; P(share) = 0.35) and quiet" in methods


def test_people_and_bots_are_decided_recorded_and_judged_apart(jobs):
    folder, done = jobs["model"]
    assert "groups: people 300, bots 100" in done.stderr
    record = read(folder / "run.json")
    people, bots = record["groups"]
    assert (people["agents"], people["model"], people["fingerprint"]) == (300, "embedded", record["fingerprint"])
    assert (bots["agents"], bots["model"], bots["p_share"]) == (100, None, [0.02])
    # Only what the language model decided is judged.
    assert record["decisions"]["personas"] == ["OCEAN", "ocean"]
    decisions = pd.read_csv(folder / "decisions.csv", keep_default_na=False)
    assert decisions.groupby("group")["elicitation"].unique().map(list).to_dict() == {
        "people": ["logits"], "bots": ["given"],
    }  # fmt: skip
    assert set(decisions.loc[decisions["group"] == "bots", "p_share"]) == {0.02}
    data = read_trajectories(folder / "trajectories.parquet")
    assert data.histories.agents["group"].value_counts().to_dict() == {"people": 300, "bots": 100}
    (answer,) = saved_answers(folder)
    # Personas and sightings differ among people: groups are not all.
    assert answer.answer == "within"
    explained = read(folder / "explanation.json")["conditions"][0]
    parts = {name: np.log(row["factor"]) for name, row in explained["split"].items()}
    assert parts["between"] + parts["within"] == pytest.approx(parts["who"])
    assert parts["who"] + parts["when"] == pytest.approx(parts["fall"])
    assert [row["group"] for row in explained["groups"]] == ["people", "bots"]
    assert "between groups of agents" in explained["sentence"]


def test_explain_prints_the_split_and_a_line_for_each_group(jobs):
    folder, _ = jobs["model"]
    done = subprocess.run([TWORATE, "explain", folder, "--all"], capture_output=True, text=True, check=True)
    assert "Of who, a factor of" in done.stdout
    assert "  people: 75% of the agents at the start," in done.stdout
    assert "  bots: 25% of the agents at the start," in done.stdout


def test_answers_that_are_damaged_are_refused(jobs, tmp_path):
    (tmp_path / "groups.json").write_text('{"conditions": [{}]}', encoding="utf-8")
    with pytest.raises(InputError, match=r"groups.json: is damaged \('condition'\); run the job again"):
        saved_answers(tmp_path)
