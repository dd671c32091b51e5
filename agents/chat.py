"""Encode a conversation as token ids with the chat template of a tokenizer.

Text from users or events must not open or close a turn. The template is rendered once with placeholders, which shows
the text that the template itself writes. If a message contains one of the tokenizer's marks (`<|im_end|>`, `</s>`,
`<think>` and the like), the marks of the template get other names before encoding, and the mark in the message is plain
text. The marks in every prompt are compared with those in a prompt without content: they must be equal. A template that
marks its turns with ordinary words cannot be protected in this way.
"""

import json
import re
import secrets
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from ..errors import InputError
from .chat_template import ChatTemplate, Skeleton, fold_system
from .prompts import Conversation

BASE_MODEL_ANSWER = "\n\nAnswer:"
"""End of the prompt for a model without a chat template."""
BASE_MODEL_END = "\n"
"""End of the answer of a model without a chat template."""

# Answers for finding the last tokens of a prompt that would merge with an answer.
_WORDS = ("yes", "no")
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
# A private-use character belongs to no alphabet: it cannot change the meaning of the text next to it.
_PRIVATE = "\ue000"


class Encoded(NamedTuple):
    """Token ids of a prompt and of each answer to it."""

    prompt: list[int]
    answers: list[list[int]]


class ChatEncoder:
    """Encodes conversations for one tokenizer.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        The tokenizer. If it has no chat template (a base model), conversations become plain text. If the template has
        no system role, the system message begins the user's message.
    think : bool
        Whether a reasoning model may think. If not, templates are asked not to open a block of thoughts
        (`enable_thinking` and `thinking` are false), and a block that a template still opens is closed at once.

    Raises
    ------
    InputError
        When the chat template can render neither form.
    """

    def __init__(self, tokenizer: Any, *, think: bool = False) -> None:
        self.tokenizer = tokenizer
        self.think = think
        self.has_template = bool(getattr(tokenizer, "chat_template", None))
        self._template = ChatTemplate(tokenizer, think=think) if self.has_template else None
        self.has_system_role = self._template is not None and self._template.takes_system_role()
        self._skeletons: dict[tuple[str, ...], Skeleton] = {}
        self._own_marks: dict[tuple[str, ...], list[int]] = {}
        self._tails: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[int, list[list[int]]]] = {}
        # Some tokenizers add tokens for runs of spaces, single characters or bytes: these never mark a turn.
        added = {str(token): token_id for token_id, token in tokenizer.added_tokens_decoder.items()}
        added |= dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
        marks = {
            text: token_id
            for text, token_id in added.items()
            if len(text.replace("▁", " ").strip()) > 1 and not _BYTE.fullmatch(text)
        }
        self._spelled = re.compile("|".join(map(re.escape, sorted(marks, key=len, reverse=True)))) if marks else None
        self._mark_ids = set(marks.values()) - {self._unknown_token()}

    def encode(self, conversation: Conversation, options: Sequence[str]) -> Encoded:
        """Return the token ids of a conversation up to the answer, and of each option as the answer.

        Options are encoded as part of the whole text. If the last tokens of the prompt would merge with an answer, they
        are moved to the answers. If the tokens of one option begin those of another, the end of the turn is appended
        to every option, so that the options differ.

        Raises
        ------
        InputError
            When a message or an option cannot be distinguished from the tokens that mark turns.
        """
        roles, contents = self._messages(conversation)
        prompt = self._prompt_ids(roles, contents)
        cut, answers = self._answers(roles, contents, tuple(options))
        for option, answer in zip(options, answers, strict=True):
            if self._marks_in(answer) or not answer:
                raise InputError(f"option '{option}': contains a token that marks turns; use other words")
        if any(a is not b and b[: len(a)] == a for a in answers for b in answers):
            answers = [[*answer, *self.end] for answer in answers]
            if any(a is not b and a == b for a in answers for b in answers):
                raise InputError(
                    f"options {', '.join(options)}: they have the same tokens in this model; use other words"
                )
        return Encoded(prompt[: len(prompt) - cut], answers)

    def prompt(self, conversation: Conversation) -> list[int]:
        """Return the token ids of a conversation up to the beginning of the answer."""
        roles, contents = self._messages(conversation)
        prompt = self._prompt_ids(roles, contents)
        return prompt[: len(prompt) - self._answers(roles, contents, _WORDS)[0]]

    def render(self, conversation: Conversation) -> str:
        """Return the text of the prompt."""
        roles, contents = self._messages(conversation)
        return _fill(self._skeleton(roles).parts, contents)

    def text(self, answer: Sequence[int]) -> str:
        """Decode an answer without its thoughts; unfinished thoughts keep their opening mark."""
        text: str = self.tokenizer.decode(list(answer))
        if not self.think or self._template is None:
            return text
        if self.answer_mark:
            # Without the mark the thoughts are unfinished; they begin with another mark and so are no answer.
            text = text.rpartition(self.answer_mark)[2].partition(self.tokenizer.decode(self.end))[0]
        opened = None if self.answer_mark else self._template.thoughts_in(self._opening + text)
        if not opened:
            return text
        _, closed, after = text.rpartition(opened[1])
        return after if closed else f"{opened[0]} {after}"

    @property
    def answer_mark(self) -> str:
        """Text that a model that thinks writes between its thoughts and its answer."""
        return self._skeleton(("user",)).answer_mark

    @cached_property
    def end(self) -> list[int]:
        """Tokens that end an answer: the tokens that the template writes after it, up to the first mark."""
        if self._template is None:
            return self._plain(BASE_MODEL_END)
        ids = self._plain(self._template.after_answer)
        marks = [position for position, token_id in enumerate(ids) if token_id in self._mark_ids]
        if marks:
            return ids[: marks[0] + 1]
        end = self.tokenizer.eos_token_id
        return ids or ([] if end is None else [end])

    def _messages(self, conversation: Conversation) -> tuple[tuple[str, ...], tuple[str, ...]]:
        messages = conversation if self.has_system_role or not self.has_template else fold_system(conversation)
        return tuple(m["role"] for m in messages), tuple(m["content"].strip() for m in messages)

    def _prompt_ids(self, roles: tuple[str, ...], contents: tuple[str, ...]) -> list[int]:
        parts = self._skeleton(roles).parts
        if roles not in self._own_marks:
            self._own_marks[roles] = self._marks_in(self._whole(parts, ["a"] * len(roles)))
        spells_mark = self._spelled and any(self._spelled.search(content) for content in contents)
        for encode in (self._renamed, self._broken) if spells_mark else (self._whole, self._renamed, self._broken):
            ids = encode(parts, contents)
            if ids is not None and self._marks_in(ids) == self._own_marks[roles]:
                return [*self._beginning, *ids]
        raise InputError(
            f"the text {max(contents, key=len)[:80]!r}… cannot be distinguished from the tokens that mark the model's "
            "turns; remove such marks from the events and personas"
        )

    def _answers(
        self, roles: tuple[str, ...], contents: tuple[str, ...], options: tuple[str, ...]
    ) -> tuple[int, list[list[int]]]:
        """Return the number of last prompt tokens that belong to the answers, and the tokens of the answers."""
        skeleton = self._skeleton(roles)
        tail = skeleton.parts[-1]
        # Text after a mark is encoded independently of the text before it: one prompt gives the result for all.
        ends_with_mark = bool(self._spelled and self._spelled.search(tail))
        if ends_with_mark and (roles, options) in self._tails:
            return self._tails[roles, options]
        before = tail if ends_with_mark else self._harmless(_fill(skeleton.parts, contents))
        prompt = self._plain(before)
        with_answers = [self._plain(f"{before}{skeleton.lead}{option}") for option in options]
        n_shared = min(_common(prompt, ids) for ids in with_answers)
        answers = [ids[n_shared:] for ids in with_answers]
        result = len(prompt) - n_shared, answers
        if ends_with_mark:
            self._tails[roles, options] = result
        return result

    def _marks_in(self, ids: Sequence[int]) -> list[int]:
        return [token_id for token_id in ids if token_id in self._mark_ids]

    def _plain(self, text: str) -> list[int]:
        # A chat template writes its own beginning-of-sequence token; a second one would change the model's answers.
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def _whole(self, parts: Sequence[str], contents: Sequence[str]) -> list[int]:
        return self._plain(_fill(parts, contents))

    def _broken(self, parts: Sequence[str], contents: Sequence[str]) -> list[int]:
        """Put a space after the first character of every mark in a message: the last resort, as it changes the text."""
        return self._plain(_fill(parts, [self._harmless(content) for content in contents]))

    def _renamed(self, parts: Sequence[str], contents: Sequence[str]) -> list[int] | None:
        """Encode with new names for the marks of the template; return None if that is not possible."""
        if self._renaming is None or self._spelled is None:
            return None
        tokenizer, names, original = self._renaming
        renamed_parts = [self._spelled.sub(lambda match: names[match.group()], part) for part in parts]

        def encoded(contents: Sequence[str]) -> list[int]:
            ids = tokenizer.encode(_fill(renamed_parts, contents), add_special_tokens=False).ids
            return [original.get(token_id, token_id) for token_id in ids]

        # Without marks in the messages, the new names must not change the ids.
        harmless = ["a"] * len(contents)
        return encoded(contents) if encoded(harmless) == self._whole(parts, harmless) else None

    @property
    def _opening(self) -> str:
        """Text with which the template begins the model's turn."""
        return self._skeleton(("user",)).parts[-1] if self.has_template else BASE_MODEL_ANSWER

    @cached_property
    def _renaming(self) -> tuple[Any, dict[str, str], dict[int, int]] | None:
        """A copy of the tokenizer whose marks have secret names, the names, and the original ids of the marks."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None:
            return None
        from tokenizers import AddedToken, Tokenizer

        content = json.loads(backend.to_str())
        secret = secrets.token_hex(8)
        names: dict[str, str] = {}
        added = []
        for number, token in enumerate(content.pop("added_tokens") or []):
            name = token["content"]
            if self._spelled and self._spelled.fullmatch(name):
                names[name] = f"{_PRIVATE}{secret}x{number}{_PRIVATE}"
            flags = {key: token[key] for key in ("single_word", "lstrip", "rstrip", "normalized", "special")}
            added.append((token["id"], AddedToken(names.get(name, name), **flags)))
        content["added_tokens"], content["post_processor"] = [], None
        # If the vocabulary also has the marks as words, rename them there: otherwise plain text could become a mark.
        words, unknown = content["model"]["vocab"], content["model"].get("unk_token")
        new_names = {word: name for word, name in names.items() if word != unknown}
        if isinstance(words, dict):
            content["model"]["vocab"] = {new_names.get(word, word): number for word, number in words.items()}
        else:
            content["model"]["vocab"] = [[new_names.get(word, word), score] for word, score in words]
        copy = Tokenizer.from_str(json.dumps(content))
        for _, token in added:
            if token.special:
                copy.add_special_tokens([token])
            else:
                copy.add_tokens([token])
        original = {copy.token_to_id(token.content): token_id for token_id, token in added}
        return copy, names, {new_id: token_id for new_id, token_id in original.items() if new_id is not None}

    def _harmless(self, text: str) -> str:
        while self._spelled and self._spelled.search(text):
            text = self._spelled.sub(lambda match: f"{match.group()[0]} {match.group()[1:]}", text)
        return text

    def _unknown_token(self) -> int | None:
        """Return the id of the token for unknown text, if the tokenizer uses it: then it does not mark a turn."""
        unknown = getattr(self.tokenizer, "unk_token_id", None)
        return unknown if unknown is not None and unknown in self._plain("\U000e0fff\uabff") else None

    @cached_property
    def _beginning(self) -> list[int]:
        """Tokens that the tokenizer puts before plain text: a base model expects them, a template writes its own."""
        if self.has_template:
            return []
        plain, full = self._plain("a"), self.tokenizer.encode("a")
        starts = [i for i in range(len(full)) if full[i : i + len(plain)] == plain]
        return list(full[: starts[0]]) if starts else []

    def _skeleton(self, roles: tuple[str, ...]) -> Skeleton:
        if roles not in self._skeletons:
            if self._template is None:
                plain = ("", *["\n\n"] * (len(roles) - 1), BASE_MODEL_ANSWER)
                self._skeletons[roles] = Skeleton(plain, lead=" ")
            else:
                self._skeletons[roles] = self._template.skeleton(roles)
        return self._skeletons[roles]


def _fill(parts: Sequence[str], contents: Sequence[str]) -> str:
    return parts[0] + "".join(content + part for content, part in zip(contents, parts[1:], strict=True))


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the length of the longest common prefix of two sequences."""
    for position, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return position
    return min(len(first), len(second))
