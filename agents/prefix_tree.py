"""Sequences of tokens that begin alike, as a tree whose nodes need to be computed once."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Tokens = tuple[int, ...]

LEAST_SHARED = 8
"""Tokens that a node must save, or its children compute them themselves: one call less is worth a few tokens."""


@dataclass(eq=False)
class Node:
    """A run of tokens that follows its parent's.

    Parameters
    ----------
    tokens : tuple of int
        The run, at least one token.
    children : list of Node
        What follows it.
    reads : list of int
        Places within the run, ascending, where the next token's probabilities are needed.
    content : Any
        What the one that reads needs to know.
    ends : list of tuples of int
        Sequences that end within the run.
    extends : bool
        Whether reading may add children.
    """

    tokens: Tokens
    children: list["Node"] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    content: Any = None
    ends: list[Tokens] = field(default_factory=list)
    extends: bool = False

    def walk(self, before: tuple["Node", ...] = ()) -> Iterator[tuple["Node", ...]]:
        """Yield the path from the root to every node below, to this one first."""
        path = (*before, self)
        yield path
        for child in self.children:
            yield from child.walk(path)


def prefix_tree(sequences: Iterable[Tokens], least_shared: int = LEAST_SHARED) -> list[Node]:
    """Trees that spell the sequences, from a root to any node's end or middle.

    Parameters
    ----------
    sequences : iterable of tuples of int
        Not empty ones; one that begins another may end in the middle of a run.
    least_shared : int
        Tokens that a node must save by being computed once.

    Examples
    --------
    >>> [root] = prefix_tree([(1, 2, 3, 4), (1, 2, 3, 5), (1, 2)], least_shared=3)
    >>> root.tokens, [child.tokens for child in root.children]
    ((1, 2, 3), [(4,), (5,)])
    """
    return _merged(_branches(sorted(set(sequences)), 0), least_shared)


def chains(sequences: Iterable[Tokens]) -> list[Node]:
    """The same without sharing: each sequence apart, save one that begins another."""
    return _merged(_branches(sorted(set(sequences)), 0), least_shared=sys.maxsize)


def padded_length(roots: Sequence[Node]) -> int:
    """Longest row that any batch of these trees can have, with the padding between levels."""
    length, level = 0, list(roots)
    while level:
        length += max(len(node.tokens) for node in level)
        level = [child for node in level for child in node.children]
    return length


def _branches(ordered: Sequence[Tokens], depth: int) -> list[Node]:
    nodes = []
    start = 0
    while start < len(ordered):
        if len(ordered[start]) == depth:  # ends where its parent does
            start += 1
            continue
        end = start + 1
        while end < len(ordered) and ordered[end][depth] == ordered[start][depth]:
            end += 1
        # In order, the first and the last share what all share.
        first, last = ordered[start], ordered[end - 1]
        shared = depth + 1
        while shared < min(len(first), len(last)) and first[shared] == last[shared]:
            shared += 1
        ends = [first] if len(first) == shared else []
        node = Node(first[depth:shared], _branches(ordered[start:end], shared), ends=ends)
        if len(node.children) == 1:  # one sequence ends here and all others go on alike
            (child,) = node.children
            node = Node(node.tokens + child.tokens, child.children, ends=ends + child.ends)
        nodes.append(node)
        start = end
    return nodes


def _merged(nodes: Sequence[Node], least_shared: int) -> list[Node]:
    """Join with their children the nodes that save too little."""
    kept = []
    for node in nodes:
        node.children = _merged(node.children, least_shared)
        saved = len(node.tokens) * (len(node.children) - 1)
        if node.children and saved < least_shared:
            node.children[0].ends = node.ends + node.children[0].ends
            kept += [Node(node.tokens + child.tokens, child.children, ends=child.ends) for child in node.children]
        else:
            kept.append(node)
    return kept
