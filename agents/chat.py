"""From a conversation to token ids, through a tokenizer's own chat template.

Text that came from users or events must not be able to open or close a turn. The template is rendered once with
placeholders, so that it is known which text is the template's own; where a message spells one of the tokenizer's marks
(`<|im_end|>`, `</s>`, `<think>` and the like), the whole is encoded with the marks of the template under other names,
and what the message spells is plain text. The ids of every prompt are compared with those of a prompt that says
nothing: they hold exactly the template's own marks. A template that marks its turns with ordinary words cannot be
protected in this way.
"""

import json
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import jinja2

from ..errors import InputError
from .prompts import Conversation

BASE_MODEL_ANSWER = "\n\nAnswer:"
"""What a model without a chat template continues."""
BASE_MODEL_END = "\n"
"""Where the answer of a model without a chat template ends."""

TODAY = datetime(2024, 7, 26)
"""The day that a chat template is told when it asks for today's, so that a prompt is the same on every day."""

# A caller can give templates no function, but a macro of their own goes before the clock that transformers gives.
_STOPPED_CLOCK = (
    "{% macro strftime_now(format) %}{{ format"
    + "".join(f" | replace('%{code}', '{TODAY.strftime('%' + code)}')" for code in "aAbBcdfHIjmMpSuUVwWxXyY")
    + "".join(f" | replace('%-{code}', '{TODAY.strftime('%' + code).lstrip('0') or 0}')" for code in "dmHIMSj")
    + " }}{% endmacro %}"
)

_THINKING = re.compile(r"<think>|<thinking>|<reasoning>|<\|thinking\|>|\[THINK\]")
_PLACEHOLDER = "tworate{}content"
# Answers that show which of a prompt's last tokens would merge with one.
_WORDS = ("yes", "no")
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
# No text has a meaning to lose by a neighbour of this kind: it is in no alphabet.
_PRIVATE = "\ue000"


class Encoded(NamedTuple):
    """Token ids of a prompt, and of each answer to it."""

    prompt: list[int]
    answers: list[list[int]]


class Skeleton(NamedTuple):
    """What a chat template itself writes before, between and after the messages, and around an answer."""

    parts: tuple[str, ...]
    """One more than there are messages."""
    lead: str
    """White space between the last part and an answer."""


class ChatEncoder:
    """Encodes conversations for one tokenizer.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        The tokenizer; without a chat template (a base model) conversations become plain text, and where the template
        has no place for a system message its text begins the user's.
    think : bool
        Whether a reasoning model is let think. Otherwise templates are asked not to open a block of thoughts
        (`enable_thinking` and `thinking` are false), and one that is opened all the same is closed at once.

    Raises
    ------
    InputError
        When the chat template can render neither form.
    """

    def __init__(self, tokenizer: Any, *, think: bool = False) -> None:
        self.tokenizer = tokenizer
        self.think = think
        self.has_template = bool(getattr(tokenizer, "chat_template", None))
        self.has_system_role = self.has_template and self._takes_system_role()
        self._skeletons: dict[tuple[str, ...], Skeleton] = {}
        self._own_marks: dict[tuple[str, ...], list[int]] = {}
        self._tails: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[int, list[list[int]]]] = {}
        # Some tokenizers have runs of spaces, single characters or bytes among the added tokens: they open no turn.
        added = {str(token): number for number, token in tokenizer.added_tokens_decoder.items()}
        added |= dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=True))
        marks = {
            text: number
            for text, number in added.items()
            if len(text.replace("▁", " ").strip()) > 1 and not _BYTE.fullmatch(text)
        }
        self._spelled = re.compile("|".join(map(re.escape, sorted(marks, key=len, reverse=True)))) if marks else None
        self._mark_ids = set(marks.values()) - {self._unknown_token()}

    def encode(self, conversation: Conversation, options: Sequence[str]) -> Encoded:
        """Token ids of a conversation up to where the answer begins, and of each option as the answer.

        Options have the tokens that they have within the whole text. Where the last tokens of the prompt would merge
        with an answer, they belong to the answers. Where the tokens of one option begin those of another, the end of
        the turn is put after each of them, so that they are told apart.

        Raises
        ------
        InputError
            When a message or an option cannot be told from the tokens that mark turns.
        """
        roles, contents = self._messages(conversation)
        prompt = self._prompt_ids(roles, contents)
        cut, answers = self._answers(roles, contents, tuple(options))
        for option, answer in zip(options, answers, strict=True):
            if self._marks_in(answer) or not answer:
                raise InputError(f"option '{option}': spells a token that marks turns; word it otherwise")
        if any(a is not b and b[: len(a)] == a for a in answers for b in answers):
            answers = [[*answer, *self.end] for answer in answers]
            if any(a is not b and a == b for a in answers for b in answers):
                raise InputError(f"options {', '.join(options)}: the model's tokens do not tell them apart")
        return Encoded(prompt[: len(prompt) - cut], answers)

    def prompt(self, conversation: Conversation) -> list[int]:
        """Token ids of a conversation up to where the model begins to write its answer."""
        roles, contents = self._messages(conversation)
        prompt = self._prompt_ids(roles, contents)
        return prompt[: len(prompt) - self._answers(roles, contents, _WORDS)[0]]

    def render(self, conversation: Conversation) -> str:
        """The text that the model is given."""
        roles, contents = self._messages(conversation)
        return _fill(self._skeleton(roles).parts, contents)

    def text(self, answer: Sequence[int]) -> str:
        """What the model wrote, without its thoughts; thoughts that did not end are shown as such."""
        text: str = self.tokenizer.decode(list(answer))
        opened = _THINKING.search(self._opening + text) if self.think else None
        if not opened:
            return text
        _, closed, after = text.rpartition(_closing(opened.group()))
        return after if closed else f"{opened.group()} {after}"

    @cached_property
    def end(self) -> list[int]:
        """Tokens that end an answer: those that the template writes after one, up to the first mark."""
        if not self.has_template:
            return self._plain(BASE_MODEL_END)
        after = self._around_answer()[1]
        ids = self._plain(after)
        marks = [place for place, number in enumerate(ids) if number in self._mark_ids]
        if marks:
            return ids[: marks[0] + 1]
        end = self.tokenizer.eos_token_id
        return ids or ([] if end is None else [end])

    def _messages(self, conversation: Conversation) -> tuple[tuple[str, ...], tuple[str, ...]]:
        messages = conversation if self.has_system_role or not self.has_template else _fold_system(conversation)
        return tuple(m["role"] for m in messages), tuple(m["content"].strip() for m in messages)

    def _prompt_ids(self, roles: tuple[str, ...], contents: tuple[str, ...]) -> list[int]:
        parts = self._skeleton(roles).parts
        if roles not in self._own_marks:
            self._own_marks[roles] = self._marks_in(self._whole(parts, ["a"] * len(roles)))
        spells_mark = self._spelled and any(self._spelled.search(content) for content in contents)
        for way in (self._renamed, self._broken) if spells_mark else (self._whole, self._renamed, self._broken):
            ids = way(parts, contents)
            if ids is not None and self._marks_in(ids) == self._own_marks[roles]:
                return [*self._beginning, *ids]
        raise InputError(
            f"the text {max(contents, key=len)[:80]!r}… cannot be told from the tokens that mark the model's turns; "
            "take such marks out of the events and personas"
        )

    def _answers(
        self, roles: tuple[str, ...], contents: tuple[str, ...], options: tuple[str, ...]
    ) -> tuple[int, list[list[int]]]:
        """How many of the prompt's last tokens belong to the answers, and the answers."""
        skeleton = self._skeleton(roles)
        tail = skeleton.parts[-1]
        # What follows a mark is encoded apart from what precedes it, so that one prompt speaks for all.
        alike = bool(self._spelled and self._spelled.search(tail))
        if alike and (roles, options) in self._tails:
            return self._tails[roles, options]
        before = tail if alike else self._harmless(_fill(skeleton.parts, contents))
        prompt = self._plain(before)
        wholes = [self._plain(f"{before}{skeleton.lead}{option}") for option in options]
        kept = min(_common(prompt, whole) for whole in wholes)
        answers = [whole[kept:] for whole in wholes]
        result = len(prompt) - kept, answers
        if alike:
            self._tails[roles, options] = result
        return result

    def _marks_in(self, ids: Sequence[int]) -> list[int]:
        return [number for number in ids if number in self._mark_ids]

    def _plain(self, text: str) -> list[int]:
        # A chat template writes its own beginning-of-sequence token; adding a second one would shift the model.
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def _whole(self, parts: Sequence[str], contents: Sequence[str]) -> list[int]:
        return self._plain(_fill(parts, contents))

    def _broken(self, parts: Sequence[str], contents: Sequence[str]) -> list[int]:
        """Put a space after the first character of every mark in a message: the last resort, which changes the text."""
        return self._plain(_fill(parts, [self._harmless(content) for content in contents]))

    def _renamed(self, parts: Sequence[str], contents: Sequence[str]) -> list[int] | None:
        """Encode with other names for the marks, which only the template knows; None where that cannot be done."""
        if self._renaming is None or self._spelled is None:
            return None
        tokenizer, names, original = self._renaming
        own = [self._spelled.sub(lambda match: names[match.group()], part) for part in parts]

        def encoded(contents: Sequence[str]) -> list[int]:
            ids = tokenizer.encode(_fill(own, contents), add_special_tokens=False).ids
            return [original.get(number, number) for number in ids]

        # Other names must make no difference where there is nothing to protect from.
        nothing = ["a"] * len(contents)
        return encoded(contents) if encoded(nothing) == self._whole(parts, nothing) else None

    @property
    def _opening(self) -> str:
        """How the template begins the model's turn."""
        return self._skeleton(("user",)).parts[-1] if self.has_template else BASE_MODEL_ANSWER

    @cached_property
    def _renaming(self) -> tuple[Any, dict[str, str], dict[int, int]] | None:
        """A copy of the tokenizer whose marks have unguessable names; the names; the marks' own ids."""
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
        # Where the vocabulary has the marks as words, they are renamed there too, or plain text could still become one.
        words, unknown = content["model"]["vocab"], content["model"].get("unk_token")
        other = {word: name for word, name in names.items() if word != unknown}
        if isinstance(words, dict):
            content["model"]["vocab"] = {other.get(word, word): number for word, number in words.items()}
        else:
            content["model"]["vocab"] = [[other.get(word, word), score] for word, score in words]
        copy = Tokenizer.from_str(json.dumps(content))
        for _, token in added:
            if token.special:
                copy.add_special_tokens([token])
            else:
                copy.add_tokens([token])
        original = {copy.token_to_id(token.content): number for number, token in added}
        return copy, names, {number: own for number, own in original.items() if number is not None}

    def _harmless(self, text: str) -> str:
        while self._spelled and self._spelled.search(text):
            text = self._spelled.sub(lambda match: f"{match.group()[0]} {match.group()[1:]}", text)
        return text

    def _unknown_token(self) -> int | None:
        """The token that stands for text without one, where there is such text: it marks nothing then."""
        unknown = getattr(self.tokenizer, "unk_token_id", None)
        return unknown if unknown is not None and unknown in self._plain("\U000e0fff\uabff") else None

    @cached_property
    def _beginning(self) -> list[int]:
        """What the tokenizer puts before plain text: a base model expects it, a template writes it itself."""
        if self.has_template:
            return []
        plain, whole = self._plain("a"), self.tokenizer.encode("a")
        starts = [i for i in range(len(whole)) if whole[i : i + len(plain)] == plain]
        return list(whole[: starts[0]]) if starts else []

    def _skeleton(self, roles: tuple[str, ...]) -> Skeleton:
        if roles not in self._skeletons:
            self._skeletons[roles] = self._rendered_skeleton(roles)
        return self._skeletons[roles]

    def _rendered_skeleton(self, roles: tuple[str, ...]) -> Skeleton:
        if not self.has_template:
            return Skeleton(("", *["\n\n"] * (len(roles) - 1), BASE_MODEL_ANSWER), lead=" ")
        names = [_PLACEHOLDER.format(chr(ord("a") + place)) for place in range(len(roles))]
        text = self._apply([{"role": role, "content": name} for role, name in zip(roles, names, strict=True)])
        places = [text.find(name) for name in names]
        if any(text.count(name) != 1 for name in names) or any(a > b for a, b in pairwise(places)):
            raise InputError(
                "the tokenizer's chat template does not write every message once and in order; "
                "give the model another chat template"
            )
        parts = re.split("|".join(names), text)
        parts[-1] = self._without_thoughts(parts[-1])
        return Skeleton(tuple(parts), self._around_answer()[0])

    def _without_thoughts(self, opening: str) -> str:
        """The beginning of the model's turn, with a block of thoughts that it opens closed again."""
        opened = list(_THINKING.finditer(opening))
        if self.think or not opened:
            return opening
        closing = _closing(opened[-1].group())
        if closing in opening[opened[-1].end() :]:
            return opening
        line_break = "" if opening.endswith("\n") else "\n"
        return f"{opening}{line_break}\n{closing}\n\n"

    def _around_answer(self) -> tuple[str, str]:
        """White space that the template writes before an answer of the model, and all that it writes after it."""
        user, answer = _PLACEHOLDER.format("u"), _PLACEHOLDER.format("m")
        asked = [{"role": "user", "content": user}]
        try:
            prompt = self._apply(asked)
            whole = self._apply([*asked, {"role": "assistant", "content": answer}], answered=True)
        except jinja2.TemplateError:
            return "", ""
        before, _, after = whole.partition(answer)
        lead = before[len(prompt) :] if before.startswith(prompt) else ""
        return ("" if lead.strip() else lead), after

    def _takes_system_role(self) -> bool:
        probe = [{"role": "system", "content": _PLACEHOLDER.format("s")}, {"role": "user", "content": "b"}]
        try:
            # Some templates leave a system message out without a word.
            if probe[0]["content"] in self._apply(probe):
                return True
        except jinja2.TemplateError:
            pass
        try:
            self._apply(_fold_system(probe))
        except jinja2.TemplateError as error:
            raise InputError(f"the tokenizer's chat template renders no user message ({error})") from error
        return False

    @cached_property
    def _clock(self) -> dict[str, str]:
        """The template with a clock that stands still, where it asks for the day."""
        template = self.tokenizer.get_chat_template()
        return {"chat_template": _STOPPED_CLOCK + template} if "strftime_now" in template else {}

    def _apply(self, messages: Conversation, *, answered: bool = False) -> str:
        text: str = self.tokenizer.apply_chat_template(
            messages,
            tokenize=False,
            add_generation_prompt=not answered,
            enable_thinking=self.think,
            thinking=self.think,
            **self._clock,
        )
        return text


def _closing(mark: str) -> str:
    return mark.replace("<|", "<|/") if mark.startswith("<|") else f"{mark[0]}/{mark[1:]}"


def _fold_system(messages: Conversation) -> Conversation:
    if messages[0]["role"] != "system":
        return messages
    system, user, *rest = messages
    return [{"role": "user", "content": f"{system['content']}\n\n{user['content']}"}, *rest]


def _fill(parts: Sequence[str], contents: Sequence[str]) -> str:
    return parts[0] + "".join(content + part for content, part in zip(contents, parts[1:], strict=True))


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Length of what two sequences have in common at their beginning."""
    for place, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return place
    return min(len(first), len(second))
