"""Population files, and groups of agents as one mixture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tworate.agents import Group, GroupMixture, Persona, all_personas, as_mixture, read_groups
from tworate.errors import InputError

TWO = as_mixture([Persona("OCEAN"), Persona("ocean")])


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "mix.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_file_names_models_bots_and_measured_rates(written):
    mixture = read_groups(
        written(
            "group,weight,model,personas,p_share\n"
            "people,6,,OCEAN ocean,\n"
            'others,2,./other,"oceaN,O-e--",\n'
            "everybody,1,,,\n"
            "bots,0.5,,,0.04\n"
            "measured,0.5,,,0.3; 0.1;0.05\n"
        )
    )
    people, others, everybody, bots, measured = mixture.groups
    assert [persona.code for persona in people.personas.personas] == ["OCEAN", "ocean"]
    assert [persona.code for persona in others.personas.personas] == ["oceaN", "O-e--"]
    assert list(everybody.personas.personas) == all_personas()
    assert (bots.p_share, bots.personas) == ((0.04,), None)
    assert measured.p_share == (0.3, 0.1, 0.05)
    assert mixture.model_names == ["", "./other"]
    labels = [persona.label for persona in mixture.personas]
    assert labels[:4] == ["people: OCEAN", "people: ocean", "others: oceaN", "others: O-e--"]
    assert labels[-2:] == ["bots", "measured"]
    assert mixture.describe().startswith("people 0.6: OCEAN, ocean, decided by the language model; others 0.2: oceaN")
    assert mixture.describe().endswith("measured 0.05: P(share) = 0.3, 0.1, 0.05 at the first sightings")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mix.csv: is empty; it needs the columns group, weight"),
        ("group,weight\n", "mix.csv: holds no groups; add at least one row"),
        ("group,model\nbots,\n", "mix.csv, line 1: missing weight"),
        ("group,weight,pshare\nbots,1,0.1\n", "mix.csv, line 1: unknown column 'pshare'; a population has group"),
        ("group,weight,p_share\nbots,1,0.1\nbots,1,0.2\n", "line 3: group bots was used on line 2 already"),
        ("group,weight,p_share\nbots,0,0.1\n", "line 2: group bots: weight = 0 must be a number above 0"),
        ("group,weight,p_share\nbots,inf,0.1\n", "line 2: group bots: weight = inf must be a number above 0"),
        ("group,weight,p_share\nbots,many,0.1\n", "line 2: weight 'many' must be a number above 0, such as 2 or 0.5"),
        ("group,weight,p_share\nbots,1,1.5\n", r"line 2: group bots: p_share = 1.5 must lie in \[0, 1\]"),
        ("group,weight,p_share\nbots,1,0.1;nan\n", r"line 2: group bots: p_share = nan must lie in \[0, 1\]"),
        ("group,weight,p_share\nbots,1,0.1;\n", "line 2: p_share '0.1;' must be a probability such as 0.05"),
        ("group,weight,model,p_share\nbots,1,embedded,0.1\n", "line 2: has model and p_share; give either"),
        ("group,weight,personas,p_share\nbots,1,OCEAN,0.1\n", "line 2: has personas and p_share; give either"),
        ("group,weight,personas\npeople,1,OCEANS\n", "line 2: persona 'OCEANS': write the letters OCEAN"),
        ("group,weight,personas\npeople,1,OCEAN OCEAN\n", "line 2: personas 'OCEAN,OCEAN': a profile is named twice"),
        ("group,weight\n,1\n", "line 2: a group has no name; give it one"),
        ("group,weight,personas,p_share\na,1,OCEAN,\na: OCEAN,1,,0.1\n", "persona a: OCEAN comes twice"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_in_one_line(written, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read_groups(written(text))
    assert len(str(caught.value).splitlines()) == 1


def test_groups_cannot_be_empty_or_named_twice():
    with pytest.raises(InputError, match="there are no groups"):
        GroupMixture([])
    with pytest.raises(InputError, match="group bots comes twice"):
        GroupMixture([Group("bots", 1, p_share=(0.1,)), Group("bots", 1, p_share=(0.2,))])
    with pytest.raises(InputError, match="group bots: has p_share, and model or personas too"):
        Group("bots", 1, personas=TWO, p_share=(0.1,))


def test_groups_get_their_agents_before_their_personas_do():
    # All 32 personas of 90 agents have 2.8 each: rounding persona by persona would take agents from the bots.
    mixture = GroupMixture([Group("people", 9), Group("bots", 1, p_share=(0.1,))])
    assert mixture.agents_of_groups(100) == [90, 10]
    assert mixture.counts(100)[-1] == 10
    assert set(mixture.counts(100)[:-1]) == {2, 3}


@settings(deadline=None, max_examples=50)
@given(weights=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=5), n_agents=st.integers(0, 500))
def test_numbers_add_up_and_are_within_one_of_each_share(weights, n_agents):
    groups = [
        Group(f"g{k}", weight, personas=TWO) if k % 2 else Group(f"g{k}", weight, p_share=(0.1,))
        for k, weight in enumerate(weights)
    ]
    mixture = GroupMixture(groups)
    numbers = np.array(mixture.agents_of_groups(n_agents))
    assert numbers.sum() == n_agents
    assert np.all(np.abs(numbers - np.array(weights) / sum(weights) * n_agents) < 1 + 1e-6)
    assert mixture.shares.sum() == pytest.approx(1.0)
    by_group = np.bincount(mixture.group_numbers, weights=mixture.shares)
    np.testing.assert_allclose(by_group, np.array(weights) / sum(weights))
    members = mixture.assign(n_agents, seed=1)
    np.testing.assert_array_equal(np.bincount(members, minlength=len(mixture.personas)), mixture.counts(n_agents))


def test_records_name_the_group_of_each_persona():
    mixture = GroupMixture([Group("people", 3, personas=TWO), Group("bots", 1, p_share=(0.1,))])
    records = mixture.to_records(8)
    assert [(record["group"], record["persona"], record["agents"]) for record in records] == [
        ("people", "OCEAN", 3), ("people", "ocean", 3), ("bots", "-----", 2),
    ]  # fmt: skip
    assert mixture.group_names == ("people", "people", "bots")
