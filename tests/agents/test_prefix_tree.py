"""Prefix trees contain exactly the sequences that they were built from."""

from hypothesis import given
from hypothesis import strategies as st

from tworate.agents.prefix_tree import chains, padded_length, prefix_tree

SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8).map(tuple), min_size=1, max_size=20)


def tokens_in(roots):
    return sum(len(path[-1].tokens) for root in roots for path in root.walk())


@given(SEQUENCES, st.integers(0, 10))
def test_every_sequence_ends_once_on_a_path_that_spells_it(sequences, least_shared):
    ended = []
    roots = prefix_tree(sequences, least_shared)
    for path in (path for root in roots for path in root.walk()):
        spelled = sum((node.tokens for node in path), ())
        assert path[-1].tokens
        for sequence in path[-1].ends:
            assert spelled[: len(sequence)] == sequence
            assert len(sequence) > len(spelled) - len(path[-1].tokens)
            ended.append(sequence)
    assert sorted(ended) == sorted(set(sequences))
    assert padded_length(roots) >= max(map(len, sequences))


@given(SEQUENCES)
def test_full_sharing_has_one_token_per_distinct_prefix_and_chains_share_nothing(sequences):
    beginnings = {sequence[:n] for sequence in sequences for n in range(1, len(sequence) + 1)}
    assert tokens_in(prefix_tree(sequences, 0)) == len(beginnings)
    apart = chains(sequences)
    assert not any(root.children for root in apart)
    longest = {s for s in sequences if not any(t != s and t[: len(s)] == s for t in sequences)}
    assert {root.tokens for root in apart} == longest
    assert len(apart) == len(longest)


@given(SEQUENCES, st.integers(0, 10))
def test_nodes_with_children_save_enough_tokens(sequences, least_shared):
    for path in (path for root in prefix_tree(sequences, least_shared) for path in root.walk()):
        node = path[-1]
        if node.children:
            assert len(node.tokens) * (len(node.children) - 1) >= least_shared
