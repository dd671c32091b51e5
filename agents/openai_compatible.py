"""Language models on servers with OpenAI's chat completions API: OpenAI, vLLM, llama.cpp, TGI and others."""

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote

import numpy as np
import openai
from numpy.typing import NDArray

from ..errors import InputError, JobError
from .answer_paths import AnswerPaths, Reach, read_place
from .base_url import EXAMPLE_URL, OPENAI_PREFIX, read_address
from .calls import in_order, in_parts
from .elicitation import SamplingSettings
from .events import shipped_events
from .language_model import LanguageModel, NoLogProbabilitiesError, Progress
from .personas import Persona
from .prompts import OPTIONS, Conversation, Question, default_templates

OPENAI_URL = "https://api.openai.com/v1"

CONCURRENCY = 8
"""Default number of simultaneous requests."""

LIST_LENGTHS = (20, 5)
"""Numbers of likely tokens to ask for: the usual maximum of servers, then the maximum of stricter ones."""

EXPLORING_ANSWERS = 32
"""Number of answers sampled to find the probability of an option of several tokens."""

NEGLIGIBLE = 1e-4
"""An option that no list shows gets its upper bound, if that is at most this fraction of the other options."""

_CHOICES_AT_ONCE = 128
"""Largest number of answers that servers give to one request."""

_Answer = TypeVar("_Answer")


class OpenAICompatibleModel(LanguageModel):
    """A model behind an OpenAI-compatible server.

    The key comes from the environment variable `OPENAI_API_KEY` and is used only in requests. The constructor asks one
    question in both orders, to check that the server answers and that its log-probabilities cover the options.

    Parameters
    ----------
    model : str
        The server's name for the model.
    base_url : str, optional
        Base URL of the server, as in `http://localhost:8000/v1`. The default is the environment variable
        `OPENAI_BASE_URL`, else the URL of OpenAI.
    concurrency : int
        Number of simultaneous requests, at least 1.
    timeout : float
        Seconds to wait for an answer.
    retries : int
        How often a request is repeated when the server is busy, fails or does not answer; the pauses grow.

    Raises
    ------
    InputError
        When there is no key for OpenAI, or the server refuses the key, the model or the request.
    JobError
        When the server cannot be reached, or its response is not an answer.

    Notes
    -----
    The server applies the chat template. The log-probability of an option is that of an answer that begins with it, in
    any spelling. :mod:`tworate.agents.answer_paths` describes how far a server shows it.
    """

    decodes_elsewhere = True
    sources = ("answer_paths", "answer_reading", "openai_compatible")

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        concurrency: int = CONCURRENCY,
        timeout: float = 60.0,
        retries: int = 5,
    ) -> None:
        if not model:
            raise InputError(
                "openai: the model name is missing; write openai: followed by the server's name for the model"
            )
        if concurrency < 1:
            raise InputError(f"concurrency = {concurrency}: must be at least 1")
        self.name = f"{OPENAI_PREFIX}{model}"
        self.concurrency = concurrency
        self._model = model
        self._timeout, self._retries = timeout, retries
        url = base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
        address = read_address(url)
        self._host = address.host
        self._is_openai = self._host == read_address(OPENAI_URL).host
        key = os.environ.get("OPENAI_API_KEY", "").strip()
        if not key and self._is_openai:
            raise InputError(f"{self.name}: set the environment variable OPENAI_API_KEY, or give a --base-url")
        if not (key.isascii() and key.isprintable()):
            raise InputError(
                f"{self.name}: OPENAI_API_KEY cannot be sent: it has line breaks or characters other than ASCII; "
                "set it to the key alone"
            )
        self._secrets = [secret for secret in (key, address.password, unquote(address.password)) if secret]
        try:
            # The client requires a key even for servers that need none.
            self._client = openai.OpenAI(api_key=key or "none", base_url=url, timeout=timeout, max_retries=retries)
        except Exception as error:  # the libraries below the client raise their own exceptions
            raise InputError(
                f"{self.name}: the base URL, or a proxy named in the environment, cannot be used "
                f"({self._scrubbed(str(error))}); write it as in {EXAMPLE_URL}"
            ) from None
        self._list_length: int | None = None
        self._choices_at_once = _CHOICES_AT_ONCE
        self._out_of_reach: dict[str, str] = {}
        self._system = self._try_out()
        self.fingerprint = f"openai:{address.url}#{model}" + (f"@{self._system}" if self._system else "")

    @property
    def notice(self) -> str | None:
        """A message for the user about how the model is asked, if there is one."""
        if self._list_length is None:
            return f"{self.name}: the server gives no log-probabilities; answers can only be sampled"
        if not self.gives_log_probabilities:
            return f"{self.name}: the server's log-probabilities do not cover the options; answers can only be sampled"
        return None

    def score_answers(  # noqa: D102
        self,
        conversations: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        progress: Progress | None = None,
    ) -> list[NDArray[np.float64]]:
        return in_order(self.scored_in_parts(conversations, options, progress))

    def draw_answers(  # noqa: D102
        self, conversations: Sequence[Conversation], sampling: SamplingSettings, progress: Progress | None = None
    ) -> list[list[str]]:
        return in_order(self.drawn_in_parts(conversations, sampling, progress))

    def scored_in_parts(  # noqa: D102
        self,
        conversations: Sequence[Conversation],
        options: Sequence[Sequence[str]],
        progress: Progress | None = None,
    ) -> Iterator[list[tuple[int, NDArray[np.float64]]]]:
        pairs = list(zip(conversations, options, strict=True))
        if self._out_of_reach:
            # These pairs failed before: asking again would fail in the same way.
            for pair in pairs:
                if message := self._out_of_reach.get(json.dumps(pair)):
                    raise NoLogProbabilitiesError(message)
        return self._in_parts([partial(self._score, *pair) for pair in pairs], progress)

    def drawn_in_parts(  # noqa: D102
        self, conversations: Sequence[Conversation], sampling: SamplingSettings, progress: Progress | None = None
    ) -> Iterator[list[tuple[int, list[str]]]]:
        return self._in_parts([partial(self._draw, conversation, sampling) for conversation in conversations], progress)

    def _in_parts(
        self, calls: Sequence[Callable[[Any], _Answer]], progress: Progress | None
    ) -> Iterator[list[tuple[int, _Answer]]]:
        """Make calls with the client at the same time; an interruption does not wait for them."""
        if self._client.is_closed():
            self._client = self._client.with_options(http_client=openai.DefaultHttpxClient())
        client = self._client
        try:
            yield from in_parts([partial(call, client) for call in calls], self.concurrency, progress)
        except BaseException:
            # After Ctrl-C, or when the caller stops early, threads still run: closing the client ends their requests.
            client.close()
            raise

    def _score(self, conversation: Conversation, options: Sequence[str], client: Any) -> NDArray[np.float64]:
        if self._list_length is None:
            raise NoLogProbabilitiesError(f"{self.name}: the server gives no log-probabilities; sample answers instead")
        paths = AnswerPaths()
        # Ask for the model's own probabilities: a server may have other defaults.
        settings = {"temperature": 1.0, "top_p": 1.0, "logprobs": True, "top_logprobs": self._list_length}
        self._learn(paths, self._ask(client, conversation, max_tokens=1, n=1, seed=_seed(0, conversation), **settings))
        reaches = paths.reach(options)
        if _needs_exploring(reaches):
            reaches = self._explore(client, conversation, options, paths, settings)
        certain = math.fsum(math.exp(reach.listed) for reach in reaches if reach.listed >= reach.hidden)
        for option, reach in zip(options, reaches, strict=True):
            if reach.hidden > reach.listed and math.exp(reach.hidden) > NEGLIGIBLE * certain:
                message = (
                    f"{self.name}: the server's log-probabilities do not cover the option {option!r} (its probability "
                    f"is between {math.exp(reach.listed):.2g} and {math.exp(reach.hidden):.2g}); sample answers instead"
                )
                self._out_of_reach[json.dumps([conversation, options])] = message
                raise NoLogProbabilitiesError(message)
        # An option that no list shows gets its upper bound, which is negligible here.
        return np.array([max(reach.listed, reach.hidden) for reach in reaches])

    def _explore(
        self,
        client: Any,
        conversation: Conversation,
        options: Sequence[str],
        paths: AnswerPaths,
        settings: dict[str, Any],
    ) -> list[Reach]:
        """Sample answers to find the probabilities of options of several tokens."""
        # A token has at least one byte, and a space may come first.
        length = 1 + max(len(option.encode()) for option in options)
        reaches, n_seen = [], 0
        while n_seen < EXPLORING_ANSWERS:
            seed, n_more = _seed(0, conversation, n_seen), EXPLORING_ANSWERS - n_seen
            response = self._ask_often(client, conversation, n_more, max_tokens=length, seed=seed, **settings)
            self._learn(paths, response)
            n_seen += len(response.choices)
            reaches = paths.reach(options)
            if not _needs_exploring(reaches):
                break
        return reaches

    def _draw(self, conversation: Conversation, sampling: SamplingSettings, client: Any) -> list[str]:
        answers: list[str] = []
        # Some servers give one answer, whatever number is requested.
        while len(answers) < sampling.samples:
            response = self._ask_often(
                client,
                conversation,
                sampling.samples - len(answers),
                max_tokens=sampling.max_tokens,
                temperature=sampling.temperature,
                top_p=1.0,
                seed=_seed(sampling.seed, conversation, len(answers)),
            )
            answers += [self._scrubbed(choice.message.content or "") for choice in response.choices]
        return answers[: sampling.samples]

    def _learn(self, paths: AnswerPaths, response: Any) -> None:
        for choice in response.choices:
            try:
                places = [read_place(token) for token in choice.logprobs.content]
            except (AttributeError, TypeError, ValueError):
                raise self._garbage("invalid log-probabilities") from None
            paths.add(places)

    def _try_out(self) -> str:
        """Ask one question, in both orders of the options, to see what the server supports.

        Returns
        -------
        str
            The system fingerprint of the server, or an empty string.
        """
        question = Question(Persona("OCEAN"), shipped_events()[0], 1)
        conversation, reversed_one = (
            default_templates().conversation(question, order) for order in (OPTIONS, OPTIONS[::-1])
        )
        for length in LIST_LENGTHS:
            try:
                settings = {"temperature": 1.0, "top_p": 1.0, "logprobs": True, "top_logprobs": length}
                response = self._ask(self._client, conversation, max_tokens=1, n=1, **settings)
            except _RequestRefusedError:
                continue
            if getattr(getattr(response.choices[0], "logprobs", None), "content", None):
                self._list_length = length
            break
        else:
            response = self._ask(self._client, conversation, max_tokens=1, n=1)
        try:
            # An option that is listed first may be in a list where it is missing when it comes second.
            self._score(conversation, OPTIONS, self._client)
            self._score(reversed_one, OPTIONS, self._client)
        except NoLogProbabilitiesError:
            self.gives_log_probabilities = False
        return str(getattr(response, "system_fingerprint", None) or "")

    def _ask_often(self, client: Any, conversation: Conversation, number: int, **settings: Any) -> Any:
        """Ask for several answers in one request; if the server refuses more than one, ask for one at a time."""
        n = min(number, self._choices_at_once)
        try:
            return self._ask(client, conversation, n=n, **settings)
        except (_RequestRefusedError, _ServerFailedError):
            # The llama.cpp server answers with status 500 when asked for more than one answer.
            if n == 1:
                raise
        response = self._ask(client, conversation, n=1, **settings)
        self._choices_at_once = 1
        return response

    def _ask(self, client: Any, conversation: Conversation, *, max_tokens: int, **settings: Any) -> Any:
        """Make one request and return the response, after checking that every choice has a message."""
        # OpenAI renamed this option; other servers use the old name.
        settings["max_completion_tokens" if self._is_openai else "max_tokens"] = max_tokens
        try:
            messages: Any = conversation
            response: Any = client.chat.completions.create(model=self._model, messages=messages, **settings)
        except (openai.OpenAIError, ValueError) as error:
            # `from None`: the client's errors contain parts of requests and responses, which must not be printed.
            raise self._explained(error, conversation) from None
        try:
            for choice in response.choices:
                if getattr(choice.message, "refusal", None) or choice.finish_reason == "content_filter":
                    raise self._refused(conversation)
                if not isinstance(choice.message.content, str | None):
                    raise TypeError
            if not response.choices:
                raise TypeError
        except (AttributeError, TypeError):
            raise self._garbage("a response without an answer") from None
        return response

    def _explained(self, error: Exception, conversation: Conversation) -> Exception:
        where, status = f"{self.name} at {self._host}", getattr(error, "status_code", None)
        server_message = self._scrubbed(" ".join(str(getattr(error, "message", error)).split()))[:200]
        tried = f"tried {self._retries + 1} times"
        if isinstance(error, openai.APITimeoutError):
            return JobError(f"{where}: no answer within {self._timeout:g} s ({tried})")
        if isinstance(error, openai.APIConnectionError):
            return JobError(f"{where}: the server cannot be reached ({tried}); check --base-url")
        if status in (401, 403):
            # The server's message may contain part of the key.
            return InputError(f"{where}: the server refuses the key (status {status}); set OPENAI_API_KEY")
        if status == 404:
            return InputError(
                f"{where}: there is no such model or address ({server_message}); most base URLs end in /v1"
            )
        if status == 429:
            return JobError(
                f"{where}: the server is busy or a quota is used up (status 429, {tried}: {server_message})"
            )
        if status is not None and 400 <= status < 500:
            if "content_filter" in str(getattr(error, "code", "")):
                return self._refused(conversation)
            return _RequestRefusedError(f"{where}: the server refuses the request (status {status}: {server_message})")
        if status is not None:
            return _ServerFailedError(f"{where}: the server failed (status {status}, {tried}: {server_message})")
        return self._garbage("a response that cannot be read")

    def _refused(self, conversation: Conversation) -> JobError:
        question = " ".join(conversation[-1]["content"].split())[:80]
        return JobError(f"{self.name} at {self._host}: the server refused to answer (content filter) to: {question} …")

    def _garbage(self, content: str) -> JobError:
        return JobError(f"{self.name} at {self._host}: gave {content}; is it an OpenAI-compatible server?")

    def _scrubbed(self, text: str) -> str:
        """Replace secrets in a text of the server."""
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text


class _RequestRefusedError(InputError):
    """The server refuses this request."""


class _ServerFailedError(JobError):
    """The server reports that it failed."""


def _needs_exploring(reaches: Iterable[Reach]) -> bool:
    """Return whether more answers could show more of some option."""
    return any(reach.unexplored and reach.hidden > reach.listed for reach in reaches)


def _seed(seed: int, conversation: Conversation, position: int = 0) -> int:
    """Return the seed of a request: it depends on the conversation, not on other requests of the call."""
    text = json.dumps([seed, position, conversation], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1
