"""Grow the answers to prompts token by token; equal beginnings are computed once."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from .forward import Forward
from .prefix_tree import Node, Tokens, prefix_tree

_State = TypeVar("_State")


def grow(
    forward: Forward,
    prompts: Sequence[Tokens],
    first: Callable[[int], _State],
    step: Callable[[_State, torch.Tensor], list[tuple[int, _State]]],
    further: int,
) -> None:
    """Call `step` at the end of each prompt, and after each token that it returns.

    Parameters
    ----------
    forward : Forward
        The model.
    prompts : sequence of tuples of int
        Distinct prompts.
    first : callable
        Takes the index of a prompt; returns the state at its end.
    step : callable
        Takes a state and the log-probabilities of the next token, shape (vocabulary,). Returns the tokens to continue
        with, each with its state. It may be called twice for one state, since a batch is repeated when memory runs out.
    further : int
        Largest number of tokens after a prompt.
    """
    index = {prompt: position for position, prompt in enumerate(prompts)}
    roots = prefix_tree(prompts)
    paths = [path for root in roots for path in root.walk()]
    ends_within_node = any(len(end) < sum(len(node.tokens) for node in path) for path in paths for end in path[-1].ends)
    shared = forward.can_share(roots, further)
    if ends_within_node or not shared:
        roots = [Node(prompt, ends=[prompt]) for prompt in prompts]
        paths = [(root,) for root in roots]
    for *_, node in paths:
        if node.ends:
            (prompt,) = node.ends
            node.reads, node.content, node.extends = [len(node.tokens) - 1], first(index[prompt]), shared

    def visit(node: Node, log_p: torch.Tensor) -> list[Node]:
        children = []
        for token, state in step(node.content, log_p[-1]):
            run = (token,) if shared else (*node.tokens, token)
            children.append(Node(run, reads=[len(run) - 1], content=state, extends=shared))
        return children

    forward.walk(roots, visit)
