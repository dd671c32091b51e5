"""What the chat template of a tokenizer writes around messages, and around the answer of the model.

The template is rendered with placeholders, once as the beginning of the model's turn and once with a finished turn.
What a finished turn has between that beginning and its answer is written by the model, or put there for it: an answer
stands after it.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import jinja2

from ..errors import InputError
from .prompts import Conversation
from .thought_marks import THOUGHTS, closing_of, opened_at_end

TODAY = datetime(2024, 7, 26)
"""Date given to chat templates that ask for the current date: a prompt is then the same on every day."""

# transformers takes no functions for templates from a caller, but a macro in the template overrides its clock.
_STOPPED_CLOCK = (
    "{% macro strftime_now(format) %}{{ format"
    + "".join(f" | replace('%{code}', '{TODAY.strftime('%' + code)}')" for code in "aAbBcdfHIjmMpSuUVwWxXyY")
    + "".join(f" | replace('%-{code}', '{TODAY.strftime('%' + code).lstrip('0') or 0}')" for code in "dmHIMSj")
    + " }}{% endmacro %}"
)
PLACEHOLDER = "tworate{}content"
_FEWEST = 4
"""Characters by which the end of the beginning of a turn is found in a finished one."""
_ARGUMENTS: tuple[Mapping[str, Any], ...] = ({}, {"tools": []}, {"tools": [], "documents": []})
"""Arguments that templates may need: some go through `tools` or `documents` without a look whether there are any."""


class ChatTemplateError(InputError):
    """A chat template stopped with an error.

    Parameters
    ----------
    error : Exception
        What stopped it.
    """

    def __init__(self, error: Exception) -> None:
        message = " ".join(str(error).split()) or "no message"
        self.reason = message if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {message}"
        super().__init__(
            f"the tokenizer's chat template stopped with an error ({self.reason}); use another chat template for the "
            "model"
        )


class Skeleton(NamedTuple):
    """Text that a chat template itself writes before, between and after the messages, and around an answer."""

    parts: tuple[str, ...]
    """The parts of the text; there is one more than messages."""
    lead: str
    """Whitespace between the last part and an answer."""
    answer_mark: str = ""
    """Text that a model that thinks writes between its thoughts and its answer."""


class ChatTemplate:
    """The chat template of a tokenizer.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        The tokenizer, which has a chat template.
    think : bool
        Whether a reasoning model may think.
    """

    def __init__(self, tokenizer: Any, *, think: bool) -> None:
        self.tokenizer, self.think = tokenizer, think
        self._arguments = 0

    def skeleton(self, roles: Sequence[str]) -> Skeleton:
        """Return what the template writes around messages with these roles.

        Raises
        ------
        InputError
            When the template does not write every message, or a finished turn cannot be reconciled with the beginning
            of one.
        """
        names = [PLACEHOLDER.format(chr(ord("a") + index)) for index in range(len(roles))]
        messages = [{"role": role, "content": name} for role, name in zip(roles, names, strict=True)]
        text = self._apply(messages)
        positions = [text.find(name) for name in names]
        if any(text.count(name) != 1 for name in names) or any(a > b for a, b in pairwise(positions)):
            raise InputError(
                "the tokenizer's chat template does not write every message once and in order; "
                "use another chat template for the model"
            )
        parts = re.split("|".join(names), text)
        opening, lead, answer_mark = self._opening(parts[-1], self._finished(messages)[0])
        return Skeleton((*parts[:-1], opening), lead, answer_mark)

    @cached_property
    def after_answer(self) -> str:
        """Text that the template writes after an answer; empty if it cannot render one."""
        return self._finished([{"role": "user", "content": PLACEHOLDER.format("u")}])[1]

    def takes_system_role(self) -> bool:
        """Return whether the template writes a system message.

        Raises
        ------
        InputError
            When the template can render neither form.
        """
        probe = [{"role": "system", "content": PLACEHOLDER.format("s")}, {"role": "user", "content": "b"}]
        try:
            # Some templates drop a system message without an error.
            if probe[0]["content"] in self._apply(probe):
                return True
        except ChatTemplateError:
            pass
        try:
            self._apply(fold_system(probe))
        except ChatTemplateError as error:
            raise InputError(f"the tokenizer's chat template cannot render a user message ({error.reason})") from error
        return False

    def thoughts_in(self, text: str) -> tuple[str, str] | None:
        """Return the mark that first opens thoughts in a text, and the one that closes them; None if none does."""
        opened = THOUGHTS.search(text)
        return (opened[0], closing_of(opened[0], self._known)) if opened else None

    def _finished(self, messages: Conversation) -> tuple[str | None, str]:
        """Return what a finished turn has before its answer, from the last message on, and all text after the answer.

        The first is None if the template does not render a finished turn, or not its text.
        """
        answer, last = PLACEHOLDER.format("m"), messages[-1]["content"]
        try:
            text = self._apply([*messages, {"role": "assistant", "content": answer}], answered=True)
        except ChatTemplateError:
            return None, ""
        before, found, after = text.partition(answer)
        if not found or last not in before:
            return None, after
        return before[before.rindex(last) + len(last) :], after

    def _opening(self, begun: str, finished: str | None) -> tuple[str, str, str]:
        """Return the text before an answer, the whitespace that belongs to the answer, and what follows thoughts.

        Parameters
        ----------
        begun, finished : str
            What the template writes after the last message: at the beginning of a turn, and before a finished answer.
        """
        if finished is None or begun.startswith(finished):
            added = "" if finished is None else begun[len(finished) :]
            return self._without_thoughts(begun, opened_at_end(added, self._known)), "", ""
        if finished.startswith(begun):
            prefix = finished[len(begun) :]
            if not prefix.strip():
                return self._without_thoughts(begun), prefix, ""
        else:
            n_common = next(at for at, (a, b) in enumerate(zip(begun, finished, strict=False)) if a != b)
            # A mark is common only as a whole.
            cut = re.search(r"[<\[◁][^<>\[\]◁▷]*$", begun[:n_common])
            n_common = cut.start() if cut else n_common
            instead, prefix = begun[n_common:], finished[n_common:]
            if not prefix.strip():
                return self._without_thoughts(begun), "", ""
            if not instead.strip():
                # The finished turn shows where answers stand.
                begun = begun[:n_common]
            elif self._without_blocks(instead).strip():
                prefix = self._after_same_end(begun, finished)
                if not prefix.strip():
                    return self._without_thoughts(begun), prefix, ""
        if self.think:
            for closing in self._closing_in(begun):
                prefix = prefix.partition(closing)[2] if closing in prefix else prefix
            return begun, "", self._without_blocks(prefix).strip()
        if not prefix.lstrip().startswith(self._closing_in(begun)):
            begun = self._without_thoughts(begun)
        whole = self._without_thoughts(begun + prefix)
        lead = whole[len(whole.rstrip()) :]
        return (whole, "", "") if "\n" in lead else (whole.rstrip(), lead, "")

    def _after_same_end(self, begun: str, finished: str) -> str:
        """Return what a finished turn has after the end of its beginning, where the text before that end differs.

        Raises
        ------
        InputError
            When no end of the beginning of the turn is in the finished one.
        """
        end = next(begun[at:] for at in range(len(begun) + 1) if begun[at:] in finished)
        if len(end.strip()) < _FEWEST:
            raise InputError(
                f"the tokenizer's chat template begins the model's turn with {begun.strip()[-60:]!r}, but writes "
                f"{finished.strip()[-60:]!r} before a finished answer, so it is not known where the model answers; "
                "use another chat template for the model"
            )
        return finished[finished.rindex(end) + len(end) :]

    def _closing_in(self, text: str) -> tuple[str, ...]:
        """Return the mark that closes the last thoughts that a text opens."""
        return tuple(closing_of(match[0], self._known) for match in list(THOUGHTS.finditer(text))[-1:])

    def _without_blocks(self, text: str) -> str:
        """Return a text without blocks of thoughts."""
        while opened := self.thoughts_in(text):
            before, _, rest = text.partition(opened[0])
            text = before + rest.partition(opened[1])[2]
        return text

    def _without_thoughts(self, opening: str, mark: str | None = None) -> str:
        """Return the beginning of the model's turn; if it opens a block of thoughts, close the block."""
        opened = [match[0] for match in THOUGHTS.finditer(opening)] or ([mark] if mark else [])
        if self.think or not opened:
            return opening
        closing = closing_of(opened[-1], self._known)
        if closing in opening[opening.rindex(opened[-1]) + len(opened[-1]) :]:
            return opening
        line_break = "" if opening.endswith("\n") else "\n"
        return f"{opening}{line_break}\n{closing}\n\n"

    @cached_property
    def _known(self) -> str:
        """The text of the template and the tokenizer's own marks, among which are those that close thoughts."""
        marks = [str(token) for token in self.tokenizer.added_tokens_decoder.values()]
        return "\n".join([str(self.tokenizer.chat_template), *marks])

    @cached_property
    def _clock(self) -> dict[str, str]:
        """Template options with a fixed date, if the template asks for the date."""
        template = self.tokenizer.get_chat_template()
        return {"chat_template": _STOPPED_CLOCK + template} if "strftime_now" in template else {}

    def _apply(self, messages: Conversation, *, answered: bool = False) -> str:
        """Render messages.

        Raises
        ------
        ChatTemplateError
            When the template stops with an error of any kind.
        """
        fault: Exception | None = None
        for number in range(self._arguments, len(_ARGUMENTS)):
            try:
                text: str = self.tokenizer.apply_chat_template(
                    messages,
                    tokenize=False,
                    add_generation_prompt=not answered,
                    enable_thinking=self.think,
                    thinking=self.think,
                    **_ARGUMENTS[number],
                    **self._clock,
                )
            except Exception as error:  # A template is a program: it can stop with any error.
                fault = fault or error
                if isinstance(error, jinja2.TemplateError) and not isinstance(error, jinja2.UndefinedError):
                    break
            else:
                self._arguments = number
                return text
        assert fault is not None
        raise ChatTemplateError(fault) from fault


def fold_system(messages: Conversation) -> Conversation:
    """Return messages whose system message begins the user's message."""
    if messages[0]["role"] != "system":
        return messages
    system, user, *rest = messages
    return [{"role": "user", "content": f"{system['content']}\n\n{user['content']}"}, *rest]
