import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tworate.agents import (
    Mixture,
    Persona,
    all_personas,
    as_mixture,
    assign_personas,
    parse_mixture,
    read_mixture,
)
from tworate.errors import InputError

WEIGHTS = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=32)


def mixture_of(weights):
    return Mixture(tuple(all_personas()[: len(weights)]), tuple(weights))


@settings(deadline=None)
@given(weights=WEIGHTS, n_agents=st.integers(0, 5000))
def test_counts_add_up_and_keep_within_one_of_their_share(weights, n_agents):
    mixture = mixture_of(weights)
    counts = mixture.counts(n_agents)
    assert counts.sum() == n_agents
    assert mixture.shares.sum() == pytest.approx(1)
    assert np.all(np.abs(counts - mixture.shares * n_agents) < 1 + 1e-6)
    # A persona with a larger weight never has fewer agents.
    order = np.argsort(weights, kind="stable")
    assert np.all(np.diff(counts[order])[np.diff(np.array(weights)[order]) > 0] >= 0)


@pytest.mark.parametrize(
    ("weights", "n_agents", "counts"),
    [
        # Shares 47, 16, 15.8, 12, 6.1 and 3.1 of 100: one agent is left and goes to the third persona.
        ((47000, 16000, 15800, 12000, 6100, 3100), 10, [5, 2, 1, 1, 1, 0]),
        ((0.1, 0.3, 0.6), 5, [1, 1, 3]),
        ((0.3, 0.1, 0.6), 5, [2, 0, 3]),
        ((1, 1, 1), 5, [2, 2, 1]),
        ((1e-300, 1e300), 7, [0, 7]),
    ],
)
def test_largest_remainder_by_hand(weights, n_agents, counts):
    assert mixture_of(weights).counts(n_agents).tolist() == counts


def test_assignment_has_exactly_the_counts_and_is_seeded():
    mixture = mixture_of((5, 3, 2))
    members = mixture.assign(1001, seed=1)
    np.testing.assert_array_equal(np.bincount(members), mixture.counts(1001))
    np.testing.assert_array_equal(members, mixture.assign(1001, seed=1))
    assert not np.array_equal(members, mixture.assign(1001, seed=2))


def test_equal_numbers_are_dealt_and_shuffled():
    members = assign_personas(1000, all_personas(), seed=1)
    # Direct formula for equal weights: the trajectories of a seed depend on it.
    np.testing.assert_array_equal(members, np.random.default_rng(1).permutation(np.arange(1000) % 32))


def test_a_mixture_from_a_file(tmp_path):
    path = tmp_path / "village.csv"
    path.write_text(
        'name,persona,weight,biography\ndriver,OCEAN,5,"Born in Okhad.\nDrives a ""big"" lorry."\n'
        ",ocean,3,\n,O-e--,2e0,\n",
        encoding="utf-8-sig",
    )
    mixture = parse_mixture(str(path))
    assert mixture.personas == (
        Persona("OCEAN", 'Born in Okhad. Drives a "big" lorry.', "driver"), Persona("ocean"), Persona("O-e--"),
    )  # fmt: skip
    np.testing.assert_allclose(mixture.shares, [0.5, 0.3, 0.2])
    assert mixture.describe() == "driver 0.5, ocean 0.3, O-e-- 0.2"
    assert [record["agents"] for record in mixture.to_records(1000)] == [500, 300, 200]


def test_codes_and_all_are_mixtures_in_equal_numbers():
    assert parse_mixture("all") == as_mixture(None)
    assert parse_mixture("all").describe() == "all 32 Big Five profiles"
    assert parse_mixture("OCEAN,ocean").counts(10).tolist() == [5, 5]
    assert parse_mixture("OCEAN,ocean").describe() == "OCEAN, ocean"
    every = ["".join(code) for code in itertools.product("Oo-", "Cc-", "Ee-", "Aa-", "Nn-")]
    assert parse_mixture(",".join(every)).counts(243).tolist() == [1] * 243
    assert as_mixture(mixture_of((1, 2))) == mixture_of((1, 2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("persona,weight\n", "holds no personas"),
        ("persona\nOCEAN\n", "line 1: missing weight; it needs the columns persona, weight"),
        ("persona,weight,biograhpy\nOCEAN,1,x\n", "line 1: unknown column 'biograhpy'"),
        ("persona,weight\nOCEAN,1\nOCEAM,1\n", "line 3: persona 'OCEAM': write the letters OCEAN"),
        ("persona,weight\nOCEAN,0\n", "line 2: weight '0' must be a number above 0"),
        ("persona,weight\nOCEAN,-1\n", "line 2: weight '-1' must be"),
        ("persona,weight\nOCEAN,nan\n", "line 2: weight 'nan' must be"),
        ("persona,weight\nOCEAN,inf\n", "line 2: weight 'inf' must be"),
        ("persona,weight\nOCEAN,\n", "line 2: weight '' must be"),
        ('persona,weight\nOCEAN,"0,5"\n', "line 2: weight '0,5' must be"),
        ("persona,weight,name\nOCEAN,1,\nocean,1,OCEAN\n", "line 3: persona OCEAN was used on line 2 already"),
        ("persona,weight,biography\nOCEAN,1,a\nOCEAN,1,b\n", "line 3: persona OCEAN was used on line 2 already"),
        ("persona,weight,biography\nOCEAN,1," + "a" * 501 + "\n", "line 2: persona OCEAN: its biography has 501"),
        ("persona;weight\nOCEAN;1\n", "use commas"),
    ],
)
def test_bad_files_are_refused_by_line(tmp_path, content, message):
    path = tmp_path / "mix.csv"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read_mixture(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_a_file_that_is_not_there_is_not_taken_for_a_code():
    with pytest.raises(InputError, match=r"vilage\.csv: cannot be read"):
        parse_mixture("vilage.csv")


@pytest.mark.parametrize(
    ("personas", "weights", "message"),
    [
        ((), (), "at least one persona"),
        ((Persona("OCEAN"),), (1, 2), "1 personas with 2 weights"),
        ((Persona("OCEAN"),), (0,), "weight = 0 must be a number above 0"),
        ((Persona("OCEAN"), Persona("OCEAN", "x")), (1, 1), "OCEAN comes twice"),
    ],
)
def test_impossible_mixtures_are_refused(personas, weights, message):
    with pytest.raises(InputError, match=message):
        Mixture(personas, weights)
