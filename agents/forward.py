"""Forward passes of a causal model over trees of tokens: batches, kept keys and values, memory."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from ..errors import JobError
from .prefix_tree import Node, padded_length

TOKENS_PER_BATCH = 16384
"""Tokens that a batch holds at first, those kept from before included: bounds memory."""
CPU_TOKENS_PER_BATCH = 4096
"""The same on a CPU, which a few hundred tokens keep busy and which may be killed before it runs out of memory."""

Visit = Callable[[Node, torch.Tensor], list[Node]]
"""Given a node and the log-probabilities at its `reads`, shape (n_reads, vocabulary); returns further children."""


@dataclass
class Work:
    """What was computed so far.

    Parameters
    ----------
    calls : int
        Forward passes.
    tokens : int
        Tokens that went through the model, without padding.
    padded : int
        The same with padding.
    """

    calls: int = 0
    tokens: int = 0
    padded: int = 0


class Past(NamedTuple):
    """Keys and values of the tokens before, one row a node."""

    cache: DynamicCache
    mask: torch.Tensor
    """Which columns of the cache are no padding, shape (rows, columns)."""
    lengths: torch.Tensor
    """Tokens of each row."""


class Row(NamedTuple):
    """A node to compute, and the row of the past that it follows."""

    node: Node
    parent: int
    length: int
    """Tokens up to its end, those before it included."""


class Forward:
    """Forward passes of one model.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        A causal language model.
    tokens_per_batch : int, optional
        Tokens that a batch holds; halved whenever memory runs out.
    """

    def __init__(self, model: Any, tokens_per_batch: int | None = None) -> None:
        self.model = model
        self.device = model.device
        on_cpu = self.device.type == "cpu"
        self.tokens_per_batch = tokens_per_batch or (CPU_TOKENS_PER_BATCH if on_cpu else TOKENS_PER_BATCH)
        self.work = Work()
        self._parameters = inspect.signature(model.forward).parameters

    def walk(self, roots: Sequence[Node], visit: Visit) -> None:
        """Compute trees, each node once, and show every node that has reads to `visit`, parents first.

        Where memory runs out, work is done again in smaller batches, so a node may be visited twice.

        Raises
        ------
        JobError
            When memory does not suffice for a single sequence, or the model's numbers overflow.
        """
        try:
            self._run([Row(node, 0, len(node.tokens)) for node in roots], None, visit)
        except Exception as error:
            if not out_of_memory(error):
                raise
            raise JobError(
                f"out of memory on {self.device} with a single prompt: take a smaller model, a smaller --dtype such as "
                "bfloat16, or another --device"
            ) from error

    def can_share(self, roots: Sequence[Node], further: int = 0) -> bool:
        """Whether nodes of these trees, and `further` tokens after them, can follow the kept keys of their parents.

        A sliding window is harmless while no row is longer than it.
        """
        return self._can_share and (self._window is None or padded_length(roots) + further < self._window)

    def is_causal(self) -> bool:
        """Whether no probability depends on the tokens after it: two sequences that begin alike must begin alike."""
        tokens = self._random_tokens(24)
        rows = [Row(Node((*tokens[:8], *rest), reads=list(range(8))), 0, 16) for rest in (tokens[8:16], tokens[16:])]
        work, self.work = self.work, Work()
        (first, second), _ = self._forward(rows, None)
        self.work = work
        # Some sums depend in their rounding on what is computed beside them. NaN, of which scoring complains, passes.
        first, second = (self._log_p(logits) for logits in (first, second))
        return not bool((first - second).abs().mean() > self._tolerance(1e-4) * first.std())

    @property
    def longest(self) -> int | None:
        """Tokens that the model can be given, where its configuration says so."""
        config = self.model.config.get_text_config()
        limit = getattr(config, "max_position_embeddings", None)
        if not isinstance(limit, int) or limit <= 0:
            return None
        # Positions that are stretched reach further than those that were learned.
        rope = getattr(config, "rope_parameters", None) or {}
        factor, original = rope.get("factor"), rope.get("original_max_position_embeddings", limit)
        return max(limit, int(factor * original)) if factor and original else limit

    @property
    def vocabulary(self) -> int:
        """Tokens that the model knows."""
        size: int = self.model.config.get_text_config().vocab_size
        return size

    def overflow(self) -> JobError:
        """Error for a log-probability that is no finite number."""
        if self.model.dtype == torch.float16:
            return JobError(
                "the model's log-probabilities are not finite: overflow in float16; use --dtype bfloat16 or float32"
            )
        dtype = str(self.model.dtype).removeprefix("torch.")
        return JobError(
            f"the model's log-probabilities are not finite in {dtype}: its weights are damaged, or it never writes a "
            "word of the options; take other weights, or word the options otherwise (--wording)"
        )

    def _run(self, rows: list[Row], past: Past | None, visit: Visit) -> None:
        rows = sorted(rows, key=lambda row: -row.length)
        while rows:
            n_rows = max(1, min(len(rows), self.tokens_per_batch // rows[0].length))
            outcome = self._tried(rows[:n_rows], past, visit, is_last=n_rows == len(rows))
            if outcome is None:
                continue
            following, kept = outcome
            if following:
                rows, past = sorted(following, key=lambda row: -row.length), kept
            else:
                rows = rows[n_rows:]

    def _tried(
        self, rows: list[Row], past: Past | None, visit: Visit, is_last: bool
    ) -> tuple[list[Row], Past | None] | None:
        """Compute rows and all below them; None when memory ran out and batches have been made smaller.

        The last rows of their level leave to the caller what follows, if that is no more than they are: a long answer
        then keeps only its own last state.
        """
        try:
            following, kept = self._step(rows, past, visit)
            if is_last and len(following) <= len(rows):
                return following, kept
            self._run(following, kept, visit)
            return [], None
        except Exception as error:
            if not out_of_memory(error) or len(rows) == 1:
                raise
        # Outside of the handler, which would keep what was computed alive.
        self.tokens_per_batch = max(1, min(self.tokens_per_batch, len(rows) * rows[0].length // 2))
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _step(self, rows: Sequence[Row], past: Past | None, visit: Visit) -> tuple[list[Row], Past | None]:
        """Compute rows and show them; return what follows them."""
        logits, kept = self._forward(rows, past)
        following = []
        for place, row in enumerate(rows):
            further = visit(row.node, self._finite(self._log_p(logits[place]))) if row.node.reads else []
            for child in (*row.node.children, *further):
                before = 0 if kept is None else row.length
                following.append(Row(child, place, before + len(child.tokens)))
        return following, kept

    @torch.inference_mode()
    def _forward(self, rows: Sequence[Row], past: Past | None) -> tuple[list[torch.Tensor], Past | None]:
        """Logits at the reads of each row, and what its children follow."""
        segments = [row.node.tokens for row in rows]
        longest = max(map(len, segments))
        # Padding on the right of a causal model changes nothing to its left.
        ids = torch.zeros((len(rows), longest), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for place, segment in enumerate(segments):
            ids[place, : len(segment)] = torch.tensor(segment)
            mask[place, : len(segment)] = 1
        ids, mask = ids.to(self.device), mask.to(self.device)
        arguments: dict[str, Any] = {"input_ids": ids}
        follows = past is not None or any(row.node.children or row.node.extends for row in rows)
        if follows:
            lengths = torch.zeros(len(rows), dtype=torch.long, device=self.device)
            cache = DynamicCache()
            if past is not None:
                cache, before, lengths = _selected(past, [row.parent for row in rows])
                mask = torch.cat([before, mask], dim=1)
            ends = lengths + torch.tensor([len(segment) for segment in segments], device=self.device)
            # Padding has no place beyond its row's end, where the model may know none.
            places = torch.minimum(lengths[:, None] + torch.arange(longest, device=self.device), ends[:, None] - 1)
            arguments |= {"position_ids": places, "past_key_values": cache}
        # Only the positions that are read go through the vocabulary, or a batch would fill gigabytes.
        kept = sorted({read for row in rows for read in row.node.reads}) or [0]
        at = torch.tensor(kept, device=self.device)
        arguments |= {"attention_mask": mask, "use_cache": follows}
        if "logits_to_keep" in self._parameters:
            logits = self.model(**arguments, logits_to_keep=at).logits
        else:
            logits = self.model(**arguments).logits[:, at]
        self.work.calls += 1
        self.work.tokens += sum(map(len, segments))
        self.work.padded += ids.numel()
        place_of = {read: place for place, read in enumerate(kept)}
        read = [logits[place, [place_of[read] for read in row.node.reads]] for place, row in enumerate(rows)]
        if not follows:
            return read, None
        return read, Past(cache, mask, ends)

    def _log_p(self, logits: torch.Tensor) -> torch.Tensor:
        # Not every accelerator has 64 bits.
        return (logits.cpu() if self.device.type == "mps" else logits).double().log_softmax(-1)

    def _finite(self, log_p: torch.Tensor) -> torch.Tensor:
        # One logit that is NaN or +inf, or all at -inf, make the log-probabilities of all tokens NaN.
        if log_p[:, 0].isnan().any():
            raise self.overflow()
        return log_p

    def _random_tokens(self, number: int) -> list[int]:
        return np.random.default_rng(0).integers(1, self.vocabulary, number).tolist()

    def _tolerance(self, single: float) -> float:
        return single if self.model.dtype in (torch.float32, torch.float64) else 100 * single

    @cached_property
    def _window(self) -> int | None:
        config = self.model.config.get_text_config()
        windows = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
        return min((window for window in windows if window), default=None)

    @cached_property
    def _can_share(self) -> bool:
        """Whether keys and values can be kept: the model takes them, and gives the same with them and without."""
        if not {"position_ids", "past_key_values", "attention_mask"} <= set(self._parameters):
            return False
        try:
            layers = DynamicCache(config=self.model.config).layers
            plain = {DynamicLayer, DynamicSlidingWindowLayer}
            return {type(layer) for layer in layers} <= plain and self._agrees()
        except Exception as error:  # whatever a model says to what it cannot do, it can be asked without
            if out_of_memory(error):
                raise
            return False

    def _agrees(self) -> bool:
        """Compare on a few tokens, with rows of unequal length at each level."""
        tokens = self._random_tokens(24)
        trees, alone = [], []
        for prefix, ends in (
            (tokens[:7], (tokens[7:11], tokens[11:13])),
            (tokens[13:16], (tokens[16:19], tokens[19:])),
        ):
            leaves = [Node(tuple(end), reads=[len(end) - 1]) for end in ends]
            trees.append(Node(tuple(prefix), leaves))
            alone += [
                (leaf, Node((*prefix, *leaf.tokens), reads=[len(prefix) + len(leaf.tokens) - 1])) for leaf in leaves
            ]
        found: dict[int, torch.Tensor] = {}

        def visit(node: Node, log_p: torch.Tensor) -> list[Node]:
            found[id(node)] = log_p[0]
            return []

        if self._window is not None and padded_length(trees) >= self._window:
            return False
        work, self.work = self.work, Work()
        self._run([Row(tree, 0, len(tree.tokens)) for tree in trees], None, visit)
        for _, node in alone:
            self._run([Row(node, 0, len(node.tokens))], None, visit)
        self.work = work
        return all(
            bool((found[id(leaf)] - found[id(node)]).abs().mean() <= self._tolerance(1e-3) * found[id(node)].std())
            for leaf, node in alone
        )


def _selected(past: Past, parents: Sequence[int]) -> tuple[DynamicCache, torch.Tensor, torch.Tensor]:
    """The rows of a past that some nodes follow, without the columns that are padding in all of them."""
    device = past.mask.device
    rows = torch.tensor(parents, device=device)
    columns = past.mask[rows].any(dim=0).nonzero()[:, 0]
    cache = DynamicCache()
    for number, layer in enumerate(past.cache.layers):
        keys, values = layer.keys[rows], layer.values[rows]
        if len(columns) < past.mask.shape[1]:
            keys, values = keys[:, :, columns], values[:, :, columns]
        cache.update(keys, values, number)
    return cache, past.mask[rows][:, columns], past.lengths[rows]


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        words in text for words in ("out of memory", "can't allocate memory", "not enough memory")
    )
