"""Forward passes of a causal model over trees of tokens: batches, cached keys and values, memory."""

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
"""Initial number of tokens in a batch, including cached ones: this limits memory."""
CPU_TOKENS_PER_BATCH = 4096
"""The same on a CPU: a few hundred tokens keep it busy, and a process may be killed before an out-of-memory error."""

Visit = Callable[[Node, torch.Tensor], list[Node]]
"""Takes a node and the log-probabilities at its `reads`, shape (n_reads, vocabulary); returns more children."""


@dataclass
class Work:
    """Amount of computation so far.

    Parameters
    ----------
    calls : int
        Number of forward passes.
    tokens : int
        Number of tokens that went through the model, without padding.
    padded : int
        Number of tokens with padding.
    """

    calls: int = 0
    tokens: int = 0
    padded: int = 0


class Past(NamedTuple):
    """Cached keys and values of the preceding tokens, one row per node."""

    cache: DynamicCache
    mask: torch.Tensor
    """1 where a column of the cache is not padding, shape (rows, columns)."""
    lengths: torch.Tensor
    """Number of tokens in each row."""


class Row(NamedTuple):
    """A node to compute, and the row of the cache that it follows."""

    node: Node
    parent: int
    length: int
    """Number of tokens up to the end of the node, including those before it."""


class Forward:
    """Forward passes of one model.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        A causal language model.
    tokens_per_batch : int, optional
        Number of tokens in a batch; halved whenever memory runs out.
    """

    def __init__(self, model: Any, tokens_per_batch: int | None = None) -> None:
        self.model = model
        self.device = model.device
        on_cpu = self.device.type == "cpu"
        self.tokens_per_batch = tokens_per_batch or (CPU_TOKENS_PER_BATCH if on_cpu else TOKENS_PER_BATCH)
        self.work = Work()
        self._parameters = inspect.signature(model.forward).parameters

    def walk(self, roots: Sequence[Node], visit: Visit) -> None:
        """Compute each node of the trees once, and call `visit` for every node with reads, parents first.

        When memory runs out, the computation is repeated in smaller batches, so a node may be visited twice.

        Raises
        ------
        JobError
            When a single sequence needs too much memory, or the numbers of the model overflow.
        """
        try:
            self._run([Row(node, 0, len(node.tokens)) for node in roots], None, visit)
        except Exception as error:
            if not out_of_memory(error):
                raise
            raise JobError(
                f"out of memory on {self.device} with a single prompt: use a smaller model, a smaller --dtype such as "
                "bfloat16, or another --device"
            ) from error

    def can_share(self, roots: Sequence[Node], further: int = 0) -> bool:
        """Return whether nodes of these trees, and `further` tokens after them, can use cached keys of their parents.

        A sliding window does not matter as long as every row is shorter than the window.
        """
        return self._can_share and (self._window is None or padded_length(roots) + further < self._window)

    def is_causal(self) -> bool:
        """Return whether probabilities are independent of later tokens, for two sequences with the same prefix."""
        tokens = self._random_tokens(24)
        rows = [Row(Node((*tokens[:8], *rest), reads=list(range(8))), 0, 16) for rest in (tokens[8:16], tokens[16:])]
        work, self.work = self.work, Work()
        (first, second), _ = self._forward(rows, None)
        self.work = work
        # The rounding of sums may depend on the rest of the batch. NaN passes here: scoring reports it.
        first, second = (self._log_p(logits) for logits in (first, second))
        return not bool((first - second).abs().mean() > self._tolerance(1e-4) * first.std())

    @property
    def longest(self) -> int | None:
        """Largest number of tokens that the model takes; None if its configuration has no limit."""
        config = self.model.config.get_text_config()
        limit = getattr(config, "max_position_embeddings", None)
        if not isinstance(limit, int) or limit <= 0:
            return None
        # RoPE scaling extends the limit beyond the positions of training.
        rope = getattr(config, "rope_parameters", None) or {}
        factor, original = rope.get("factor"), rope.get("original_max_position_embeddings", limit)
        return max(limit, int(factor * original)) if factor and original else limit

    @property
    def vocabulary(self) -> int:
        """Number of tokens in the vocabulary of the model."""
        size: int = self.model.config.get_text_config().vocab_size
        return size

    def overflow(self) -> JobError:
        """Return the error for a log-probability that is not finite."""
        if self.model.dtype == torch.float16:
            return JobError(
                "the model's log-probabilities are not finite: overflow in float16; use --dtype bfloat16 or float32"
            )
        dtype = str(self.model.dtype).removeprefix("torch.")
        return JobError(
            f"the model's log-probabilities are not finite in {dtype}: its weights are damaged, or it never writes a "
            "word of the options; use other weights, or other words for the options (--wording)"
        )

    def _run(self, rows: list[Row], past: Past | None, visit: Visit) -> None:
        rows = sorted(rows, key=lambda row: -row.length)
        while rows:
            n_rows = max(1, min(len(rows), self.tokens_per_batch // rows[0].length))
            result = self._tried(rows[:n_rows], past, visit, is_last=n_rows == len(rows))
            if result is None:
                continue
            following, following_past = result
            if following:
                rows, past = sorted(following, key=lambda row: -row.length), following_past
            else:
                rows = rows[n_rows:]

    def _tried(
        self, rows: list[Row], past: Past | None, visit: Visit, is_last: bool
    ) -> tuple[list[Row], Past | None] | None:
        """Compute rows and all nodes below them; return None when memory ran out and the batch size was reduced.

        For the last rows of a level, the caller computes the following rows, if there are no more of those than rows
        here. The memory of a long answer is then only that of its last state.
        """
        try:
            following, following_past = self._step(rows, past, visit)
            if is_last and len(following) <= len(rows):
                return following, following_past
            self._run(following, following_past, visit)
            return [], None
        except Exception as error:
            if not out_of_memory(error) or len(rows) == 1:
                raise
        # Not in the exception handler: it would keep the computed tensors in memory.
        self.tokens_per_batch = max(1, min(self.tokens_per_batch, len(rows) * rows[0].length // 2))
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _step(self, rows: Sequence[Row], past: Past | None, visit: Visit) -> tuple[list[Row], Past | None]:
        """Compute rows and visit them; return the rows that follow them and their cache."""
        logits, following_past = self._forward(rows, past)
        following = []
        for index, row in enumerate(rows):
            further = visit(row.node, self._finite(self._log_p(logits[index]))) if row.node.reads else []
            for child in (*row.node.children, *further):
                n_before = 0 if following_past is None else row.length
                following.append(Row(child, index, n_before + len(child.tokens)))
        return following, following_past

    @torch.inference_mode()
    def _forward(self, rows: Sequence[Row], past: Past | None) -> tuple[list[torch.Tensor], Past | None]:
        """Return the logits at the reads of each row, and the cache for its children."""
        segments = [row.node.tokens for row in rows]
        longest = max(map(len, segments))
        # In a causal model, padding on the right does not change the values on its left.
        ids = torch.zeros((len(rows), longest), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for index, segment in enumerate(segments):
            ids[index, : len(segment)] = torch.tensor(segment)
            mask[index, : len(segment)] = 1
        ids, mask = ids.to(self.device), mask.to(self.device)
        arguments: dict[str, Any] = {"input_ids": ids}
        uses_cache = past is not None or any(row.node.children or row.node.extends for row in rows)
        if uses_cache:
            lengths = torch.zeros(len(rows), dtype=torch.long, device=self.device)
            cache = DynamicCache()
            if past is not None:
                cache, past_mask, lengths = _selected(past, [row.parent for row in rows])
                mask = torch.cat([past_mask, mask], dim=1)
            ends = lengths + torch.tensor([len(segment) for segment in segments], device=self.device)
            # Position ids of padding stay within the row: the model may not support larger ones.
            positions = torch.minimum(lengths[:, None] + torch.arange(longest, device=self.device), ends[:, None] - 1)
            arguments |= {"position_ids": positions, "past_key_values": cache}
        # Compute logits only at the positions that are read: those of a whole batch would need gigabytes.
        reads = sorted({read for row in rows for read in row.node.reads}) or [0]
        read_positions = torch.tensor(reads, device=self.device)
        arguments |= {"attention_mask": mask, "use_cache": uses_cache}
        if "logits_to_keep" in self._parameters:
            logits = self.model(**arguments, logits_to_keep=read_positions).logits
        else:
            logits = self.model(**arguments).logits[:, read_positions]
        self.work.calls += 1
        self.work.tokens += sum(map(len, segments))
        self.work.padded += ids.numel()
        column_of = {read: column for column, read in enumerate(reads)}
        row_logits = [logits[index, [column_of[read] for read in row.node.reads]] for index, row in enumerate(rows)]
        if not uses_cache:
            return row_logits, None
        return row_logits, Past(cache, mask, ends)

    def _log_p(self, logits: torch.Tensor) -> torch.Tensor:
        # MPS does not support float64.
        return (logits.cpu() if self.device.type == "mps" else logits).double().log_softmax(-1)

    def _finite(self, log_p: torch.Tensor) -> torch.Tensor:
        # A logit of NaN or +inf, or logits that are all -inf, make the log-probabilities of all tokens NaN.
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
        """Whether keys and values can be cached: the model accepts them and gives the same result with and without."""
        if not {"position_ids", "past_key_values", "attention_mask"} <= set(self._parameters):
            return False
        try:
            layers = DynamicCache(config=self.model.config).layers
            plain = {DynamicLayer, DynamicSlidingWindowLayer}
            return {type(layer) for layer in layers} <= plain and self._agrees()
        except Exception as error:  # models without cache support raise different exceptions; they work without a cache
            if out_of_memory(error):
                raise
            return False

    def _agrees(self) -> bool:
        """Compare results with and without the cache on a few tokens, with rows of unequal length at each level."""
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
        log_probabilities: dict[int, torch.Tensor] = {}

        def visit(node: Node, log_p: torch.Tensor) -> list[Node]:
            log_probabilities[id(node)] = log_p[0]
            return []

        if self._window is not None and padded_length(trees) >= self._window:
            return False
        work, self.work = self.work, Work()
        self._run([Row(tree, 0, len(tree.tokens)) for tree in trees], None, visit)
        for _, node in alone:
            self._run([Row(node, 0, len(node.tokens))], None, visit)
        self.work = work
        pairs = [(log_probabilities[id(leaf)], log_probabilities[id(node)]) for leaf, node in alone]
        return all(
            bool((cached - direct).abs().mean() <= self._tolerance(1e-3) * direct.std()) for cached, direct in pairs
        )


def _selected(past: Past, parents: Sequence[int]) -> tuple[DynamicCache, torch.Tensor, torch.Tensor]:
    """Select the rows of a cache that some nodes follow, and drop the columns that are padding in all of them."""
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
    """Return whether an error means that memory ran out, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        words in text for words in ("out of memory", "can't allocate memory", "not enough memory")
    )
