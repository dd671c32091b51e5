"""Prefix trees of token sequences: a shared prefix is one node, which is computed once."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Tokens = tuple[int, ...]

LEAST_SHARED = 8
"""Tokens that a shared node must save, or it is merged into its children: one call costs more than a few tokens."""


@dataclass(eq=False)
class Node:
    """A run of tokens that follows the run of its parent.

    Parameters
    ----------
    tokens : tuple of int
        The run, at least one token.
    children : list of Node
        The nodes that follow it.
    reads : list of int
        Positions within the run, ascending, at which the probabilities of the next token are needed.
    content : Any
        Data for the code that reads the probabilities.
    ends : list of tuples of int
        Sequences that end within the run.
    extends : bool
        Whether children may be added after the probabilities are read.
    """

    tokens: Tokens
    children: list["Node"] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)
    content: Any = None
    ends: list[Tokens] = field(default_factory=list)
    extends: bool = False

    def walk(self, before: tuple["Node", ...] = ()) -> Iterator[tuple["Node", ...]]:
        """Yield the path from the root to this node, then to every node below it."""
        path = (*before, self)
        yield path
        for child in self.children:
            yield from child.walk(path)


def prefix_tree(sequences: Iterable[Tokens], least_shared: int = LEAST_SHARED) -> list[Node]:
    """Return trees that contain the sequences: each is a path from a root to the end or middle of a node.

    Parameters
    ----------
    sequences : iterable of tuples of int
        Sequences of at least one token. A sequence that begins another one may end in the middle of a run.
    least_shared : int
        Smallest number of tokens that a shared node must save.

    Examples
    --------
    >>> [root] = prefix_tree([(1, 2, 3, 4), (1, 2, 3, 5), (1, 2)], least_shared=3)
    >>> root.tokens, [child.tokens for child in root.children]
    ((1, 2, 3), [(4,), (5,)])
    """
    return _merged(_branches(sorted(set(sequences)), 0), least_shared)


def chains(sequences: Iterable[Tokens]) -> list[Node]:
    """Return one separate node per sequence; a sequence that begins another one shares its node."""
    return _merged(_branches(sorted(set(sequences)), 0), least_shared=sys.maxsize)


def padded_length(roots: Sequence[Node]) -> int:
    """Return the length of the longest row in any batch of these trees, with the padding between levels."""
    length, level = 0, list(roots)
    while level:
        length += max(len(node.tokens) for node in level)
        level = [child for node in level for child in node.children]
    return length


def _branches(ordered: Sequence[Tokens], depth: int) -> list[Node]:
    nodes = []
    start = 0
    while start < len(ordered):
        if len(ordered[start]) == depth:  # the sequence ends with its parent
            start += 1
            continue
        end = start + 1
        while end < len(ordered) and ordered[end][depth] == ordered[start][depth]:
            end += 1
        # The sequences are sorted: a prefix of the first and the last is a prefix of all.
        first, last = ordered[start], ordered[end - 1]
        shared = depth + 1
        while shared < min(len(first), len(last)) and first[shared] == last[shared]:
            shared += 1
        ends = [first] if len(first) == shared else []
        node = Node(first[depth:shared], _branches(ordered[start:end], shared), ends=ends)
        if len(node.children) == 1:  # one sequence ends here, and all others continue in the same way
            (child,) = node.children
            node = Node(node.tokens + child.tokens, child.children, ends=ends + child.ends)
        nodes.append(node)
        start = end
    return nodes


def _merged(nodes: Sequence[Node], least_shared: int) -> list[Node]:
    """Merge the nodes that save too few tokens into their children."""
    merged = []
    for node in nodes:
        node.children = _merged(node.children, least_shared)
        n_saved = len(node.tokens) * (len(node.children) - 1)
        if node.children and n_saved < least_shared:
            node.children[0].ends = node.ends + node.children[0].ends
            merged += [Node(node.tokens + child.tokens, child.children, ends=child.ends) for child in node.children]
        else:
            merged.append(node)
    return merged
