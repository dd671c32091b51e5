"""The backend for OpenAI-compatible servers, tested with an HTTP server that runs the embedded model."""

import json
import logging
import math
import signal
import subprocess
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

from tworate.agents import (
    AnswerStore,
    CachedLanguageModel,
    Elicitation,
    Question,
    all_personas,
    load_language_model,
    shipped_events,
)
from tworate.agents.answer_paths import AnswerPaths, Place
from tworate.agents.base_url import read_address
from tworate.agents.elicitation import SamplingSettings
from tworate.agents.greedy import OPEN_QUESTION
from tworate.agents.language_model import NoLogProbabilitiesError
from tworate.agents.openai_compatible import EXPLORING_ANSWERS, OpenAICompatibleModel
from tworate.agents.prompts import OPTIONS, default_templates
from tworate.analysis.cli import main
from tworate.errors import InputError, JobError

KEY = "sk-secret-0123456789"


class EmbeddedServer(ThreadingHTTPServer):
    """Chat completions of the embedded model; `mode` is the behaviour of the server."""

    daemon_threads = True

    def __init__(self, model):
        super().__init__(("127.0.0.1", 0), Handler)
        self.model = model
        self.guard = threading.Lock()
        self.released = threading.Event()
        self.next_log_p = {}
        self.under_way = 0
        self.reset()

    def reset(self, mode="logprobs", *, healthy=0, listed=20, refuses_several=None):
        """Set the mode after `healthy` requests, the number of listed tokens, and the status that refuses n > 1."""
        self.mode, self.healthy, self.listed, self.refuses_several = mode, healthy, listed, refuses_several
        self.requests, self.most_under_way = [], self.under_way

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def next_tokens(self, ids):
        """Return the log-probability of each next token; each prefix is computed once."""
        with self.guard:
            if ids not in self.next_log_p:
                with torch.inference_mode():
                    logits = self.model.model(torch.tensor([ids], device=self.model.device)).logits[0, -1]
                self.next_log_p[ids] = logits.double().log_softmax(-1).cpu().numpy()
            return self.next_log_p[ids]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.guard:
            server.requests.append(body)
            self.is_under_way = True
            server.under_way += 1
            server.most_under_way = max(server.most_under_way, server.under_way)
            mode = server.mode if len(server.requests) > server.healthy else "logprobs"
        try:
            self.answer(body, mode)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client stopped waiting
        finally:
            self.leave()

    def leave(self):
        """Leave the count before the answer is sent: a client with an answer must not see its request as running."""
        with self.server.guard:
            self.server.under_way -= self.is_under_way
            self.is_under_way = False

    def answer(self, body, mode):
        echo = self.headers["Authorization"]
        if mode == "hanging":
            self.server.released.wait(20)
        elif mode == "in threes":
            # The embedded model is fast: without this wait, requests might never overlap.
            wait_until(lambda: self.server.most_under_way >= 3)
            self.send(self.completion(body, mode, echo), 200)
        elif mode == "busy for long":
            self.send({"error": {"message": "slow down"}}, 429, {"retry-after": "50"})
        elif mode == "busy":
            self.send({"error": {"message": f"slow down, {echo}"}}, 429, {"retry-after-ms": "20"})
        elif mode == "busy at first":
            self.server.mode = "logprobs" if len(self.server.requests) >= 2 else mode
            self.send({"error": {"message": "slow down"}}, 429, {"retry-after-ms": "20"})
        elif mode == "failing":
            self.send({"error": {"message": f"out of order, {echo}"}}, 500, {"retry-after-ms": "20"})
        elif self.server.refuses_several and body.get("n", 1) > 1:
            message = {"message": "only one completion choice is allowed"}
            self.send({"error": message}, self.server.refuses_several, {"retry-after-ms": "20"})
        elif mode == "unauthorised":
            self.send({"error": {"message": f"Incorrect API key provided: {echo}"}}, 401)
        elif mode == "unknown":
            self.send({"error": {"message": f"no model for {echo}"}}, 404)
        elif mode == "strict" and body.get("top_logprobs", 0) > 5:
            self.send({"error": {"message": "top_logprobs must be at most 5"}}, 400)
        elif mode == "rejecting log-probabilities" and "logprobs" in body:
            self.send({"error": {"message": f"logprobs are not supported, {echo}"}}, 400)
        elif mode == "rejecting":
            self.send({"error": {"message": f"no such parameter, {echo}"}}, 400)
        elif mode == "prompt filter":
            self.send({"error": {"message": "filtered", "code": "content_filter"}}, 400)
        elif mode == "page":
            self.send_bytes(b"<html>welcome</html>", 200, {"Content-Type": "text/html"})
        elif mode == "broken":
            self.send_bytes(b'{"choices": [', 200, {"Content-Type": "application/json"})
        elif mode == "empty":
            self.send({"choices": []}, 200)
        else:
            self.send(self.completion(body, mode, echo), 200)

    def completion(self, body, mode, echo):
        tokenizer = self.server.model.tokenizer
        text = tokenizer.apply_chat_template(body["messages"], tokenize=False, add_generation_prompt=True)
        prompt = tuple(tokenizer.encode(text, add_special_tokens=False))
        rng = np.random.default_rng(0 if mode == "one seed" else body.get("seed"))
        n = 1 if mode == "one answer" else body.get("n", 1)
        choices = [self.choice(prompt, rng, body, mode) for _ in range(n)]
        for choice in choices:
            if mode == "refusing":
                choice["message"] = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
            if mode == "filtering":
                choice["finish_reason"] = "content_filter"
            if mode == "silent":
                choice["message"]["content"] = None
            if mode == "parrot":
                choice["message"]["content"] = f"share {echo}"
            if mode == "nonsense":
                choice["logprobs"]["content"][0]["logprob"] = 3.0
        return {"id": "1", "object": "chat.completion", "system_fingerprint": "fp_test", "choices": choices}

    def choice(self, prompt, rng, body, mode):
        tokenizer = self.server.model.tokenizer
        end = tokenizer.convert_tokens_to_ids("<|im_end|>")
        places, ids, finish, piece = [], prompt, "length", None
        for _ in range(body["max_tokens"]):
            log_p = self.server.next_tokens(ids)
            weights = np.exp(log_p / body["temperature"] if body.get("temperature") else log_p)
            if mode == "split" and ids == prompt:
                # Behave like a tokenizer that splits the first word after its second character.
                texts = [tokenizer.decode([i]) for i in range(len(log_p))]
                if piece is None:
                    heads = {}
                    for token, value in zip(texts, weights, strict=True):
                        heads[token[:2]] = heads.get(token[:2], 0.0) + value
                    piece, place = self.draw(heads, rng, body)
                    places.append(place)
                    continue
                tails = {t[2:]: w for t, w in zip(texts, weights, strict=True) if t[:2] == piece and len(t) > 2}
                if not tails:
                    break
                tail, place = self.draw(tails, rng, body)
                places.append(place)
                ids = (*ids, texts.index(piece + tail))
                continue
            drawn = int(rng.choice(len(weights), p=weights / weights.sum()))
            if mode == "greedy":
                drawn = int(np.argmax(log_p))
            if drawn == end:
                finish = "stop"
                break
            n_listed = min(body.get("top_logprobs", 0), self.server.listed)
            text = body["messages"][-1]["content"]
            if mode == "one order" and text.rfind(OPTIONS[0]) > text.rfind(OPTIONS[1]):
                n_listed = 0
            most = np.argsort(-log_p)[:n_listed]
            listed = [self.place(tokenizer.decode([i]), log_p[i]) for i in most]
            places.append({**self.place(tokenizer.decode([drawn]), log_p[drawn]), "top_logprobs": listed})
            ids = (*ids, drawn)
        message = {"role": "assistant", "content": "".join(place["token"] for place in places)}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        if body.get("logprobs") and mode != "no log-probabilities":
            choice["logprobs"] = {"content": places}
        return choice

    def draw(self, weights, rng, body):
        total = sum(weights.values())
        drawn = list(weights)[rng.choice(len(weights), p=np.array(list(weights.values())) / total)]
        most = sorted(weights, key=weights.get, reverse=True)[: body.get("top_logprobs", 0)]
        listed = [self.place(text, math.log(weights[text] / total)) for text in most]
        return drawn, {**self.place(drawn, math.log(weights[drawn] / total)), "top_logprobs": listed}

    @staticmethod
    def place(text, log_p):
        return {"token": text, "bytes": list(text.encode()), "logprob": float(log_p)}

    def send(self, content, status, headers=None):
        self.send_bytes(json.dumps(content).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    def send_bytes(self, content, status, headers):
        self.leave()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture(scope="module")
def embedded():
    return load_language_model("embedded")


@pytest.fixture(scope="module")
def running_server(embedded):
    with EmbeddedServer(embedded) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def server(running_server, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    running_server.reset()
    return running_server


def connect(server, **options):
    return load_language_model("openai:embedded", base_url=server.url, **{"timeout": 10.0, "retries": 2, **options})


@pytest.fixture(scope="module")
def questions():
    personas, events = all_personas()[::11], shipped_events()[::8]
    return [Question(persona, event, sighting) for persona in personas for event in events for sighting in (1, 3)]


@pytest.mark.parametrize(
    ("mode", "refuses_several"), [("logprobs", None), ("strict", None), ("split", None), ("split", 400), ("split", 500)]
)
def test_share_probability_equals_that_of_the_local_model(server, embedded, questions, mode, refuses_several):
    if mode == "split":
        # Options have two tokens, and no list shows both: each option must be likely enough to be sampled.
        likely = [0.25 < p < 0.75 for p in embedded.share_probability(questions).p_share]
        questions = [question for question, is_likely in zip(questions, likely, strict=True) if is_likely][:4]
        assert len(questions) == 4
    server.reset(mode, refuses_several=refuses_several)
    model = connect(server)
    assert model.gives_log_probabilities
    assert model.notice is None
    local, remote = embedded.share_probability(questions), model.share_probability(questions)
    np.testing.assert_allclose(remote.p_share, local.p_share, atol=1e-4)
    np.testing.assert_allclose(remote.option_mass, local.option_mass, atol=1e-4)
    np.testing.assert_allclose(remote.order_effect, local.order_effect, atol=1e-2)
    if mode == "split":
        numbers = [body["n"] for body in server.requests]
        assert max(numbers) == EXPLORING_ANSWERS
        if refuses_several:
            # The question at loading shows that n > 1 is refused; status 500 is tried 3 times.
            assert numbers.count(EXPLORING_ANSWERS) == (1 if refuses_several == 400 else 3)
            seeds = [body["seed"] for body in server.requests if body["max_tokens"] > 1 and body["n"] == 1]
            assert len(set(seeds)) > len(questions)
    else:
        assert {body["max_tokens"] for body in server.requests} == {1}


@pytest.mark.parametrize("mode", ["logprobs", "one answer", "no log-probabilities"])
def test_sampled_answers_have_the_probabilities_of_the_local_model(server, embedded, questions, mode):
    conversations = [default_templates().conversation(question) for question in questions[:3]]
    probability = np.exp(embedded.option_log_probabilities(conversations, OPTIONS))
    server.reset(mode)
    n = 60 if mode == "one answer" else 600
    answers = connect(server).sample_answers(conversations, samples=n, temperature=1.0, seed=7, max_tokens=1)
    assert [len(texts) for texts in answers] == [n] * 3
    for texts, p in zip(answers, probability, strict=True):
        counts = np.array([texts.count(option) for option in OPTIONS])
        # Four standard errors of a binomial proportion: exceeded once in some thousand runs; the seed is fixed.
        assert np.all(np.abs(counts / n - p) < 4 * np.sqrt(p * (1 - p) / n) + 1e-3)


@pytest.mark.parametrize("status", [400, 422, 500, 501])
def test_a_server_that_refuses_to_give_several_answers_is_asked_for_one_at_a_time(server, questions, status):
    conversations = [default_templates().conversation(question) for question in questions[:3]]
    settings = {"samples": 20, "temperature": 1.0, "max_tokens": 1}
    server.reset("one answer")
    expected = connect(server).sample_answers(conversations, seed=3, **settings)
    server.reset(refuses_several=status)
    model = connect(server, concurrency=1)
    assert model.sample_answers(conversations, seed=3, **settings) == expected
    numbers = [body["n"] for body in server.requests if "logprobs" not in body]
    tried = 1 if status < 500 else 3
    assert numbers == [20] * tried + [1] * 60
    # A server that refuses a single answer too does not refuse because of n: n > 1 is tried again later.
    server.reset()
    model = connect(server)
    server.reset("rejecting")
    with pytest.raises(InputError, match="refuses the request"):
        model.sample_answers(conversations[:1], seed=3, **settings)
    assert [body["n"] for body in server.requests] == [20, 1]
    server.reset()
    model.sample_answers(conversations[:1], seed=3, **settings)
    assert [body["n"] for body in server.requests] == [20]


def test_answers_depend_only_on_the_seed_and_the_question(server, questions):
    model = connect(server)
    conversations = [default_templates().conversation(question) for question in questions[:4]]
    settings = {"samples": 20, "temperature": 1.0, "max_tokens": 3}
    together = model.sample_answers(conversations, seed=1, **settings)
    assert model.sample_answers(conversations[2:], seed=1, **settings) == together[2:]
    assert model.sample_answers(conversations, seed=2, **settings) != together
    cold = model.sample_answers(conversations, samples=20, temperature=0.005, seed=1, max_tokens=1)
    assert all(len(set(texts)) == 1 for texts in cold)


@pytest.mark.parametrize("mode", ["no log-probabilities", "rejecting log-probabilities"])
def test_a_server_without_log_probabilities_is_recognised(server, questions, mode):
    server.reset(mode)
    model = connect(server)
    assert not model.gives_log_probabilities
    assert "gives no log-probabilities" in model.notice
    assert not CachedLanguageModel(model, AnswerStore()).gives_log_probabilities
    conversation = default_templates().conversation(questions[0])
    with pytest.raises(NoLogProbabilitiesError, match="sample answers instead"):
        model.option_log_probabilities([conversation], OPTIONS)


@pytest.mark.parametrize("change", [{"mode": "no log-probabilities"}, {"listed": 0}])
def test_answers_are_sampled_if_there_are_no_log_probabilities(server, embedded, questions, change):
    server.reset(**change)
    settings = Elicitation(samples=200, max_tokens=1)
    sampled = connect(server).share_probability(questions[:3], elicitation=settings)
    assert sampled.method == "sample"
    exact = embedded.share_probability(questions[:3])
    assert exact.method == "logits"
    assert np.all(np.abs(sampled.p_share - exact.p_share) < 4 * sampled.standard_error + 1e-3)


@pytest.mark.parametrize(("mode", "n"), [("greedy", 1), ("greedy", 8), ("one seed", 1)])
def test_a_server_whose_answers_never_vary_gives_no_probabilities(server, questions, tmp_path, mode, n):
    server.reset(mode, refuses_several=400 if n == 1 else None)
    model = CachedLanguageModel(connect(server), AnswerStore(tmp_path))
    server.reset(mode, refuses_several=400 if n == 1 else None)
    settings = Elicitation("sample", samples=n, max_tokens=1)
    with pytest.raises(JobError, match=r"gave the same text 20 times to an open question .* decodes greedily"):
        model.share_probability(questions, elicitation=settings)
    # It is noticed before the decisions are asked.
    assert {body["messages"][-1]["content"] for body in server.requests} == {OPEN_QUESTION}
    # At a temperature near 0, all servers always give the likeliest answer.
    model.share_probability(questions[:2], elicitation=Elicitation("sample", samples=n, max_tokens=1, temperature=0.01))


def test_a_certain_model_on_a_server_that_samples_is_not_refused(server, embedded, questions):
    conversations = [default_templates().conversation(question) for question in questions]
    p = np.exp(embedded.option_log_probabilities(conversations, OPTIONS)).max(axis=1)
    certain = [questions[index] for index in np.argsort(-p)[:2]]
    elicited = connect(server).share_probability(certain, elicitation=Elicitation("sample", samples=1, max_tokens=1))
    # With one answer to each prompt, every prompt has equal answers.
    assert np.all(elicited.option_mass == 1)
    texts = [body["messages"][-1]["content"] for body in server.requests]
    assert texts.count(OPEN_QUESTION) == 1


def test_missing_log_probabilities_are_asked_once_and_not_stored(server, questions, tmp_path):
    store = AnswerStore(tmp_path)
    model = CachedLanguageModel(connect(server), store)
    settings = Elicitation(samples=20, max_tokens=1)
    server.reset(listed=0)
    assert model.gives_log_probabilities
    first = model.share_probability(questions[:3], elicitation=settings)
    assert first.method == "sample"
    n_requests = len(server.requests)
    second = model.share_probability(questions[:3], elicitation=settings)
    assert len(server.requests) == n_requests
    np.testing.assert_array_equal(second.p_share, first.p_share)
    # Other questions are scored as usual, and another process scores the same questions.
    server.reset()
    assert model.share_probability(questions[3:5], elicitation=settings).method == "logits"
    anew = CachedLanguageModel(connect(server), store)
    assert anew.share_probability(questions[:3], elicitation=settings).method == "logits"


def test_an_option_outside_all_lists_is_an_error_or_gets_its_bound(server, embedded, questions):
    server.reset(listed=0)
    model = connect(server)
    assert not model.gives_log_probabilities
    assert "do not cover the options" in model.notice
    with pytest.raises(NoLogProbabilitiesError, match=r"do not cover the option '\w+' \(its probability is between"):
        model.option_log_probabilities([default_templates().conversation(question) for question in questions], OPTIONS)
    # If all likely tokens are listed, an option that the model hardly ever gives gets its upper bound.
    server.reset()
    conversations = [default_templates().conversation(question) for question in questions[:2]]
    options = (*OPTIONS, "zebra")
    remote = connect(server).option_log_probabilities(conversations, options)
    local = embedded.option_log_probabilities(conversations, options)
    np.testing.assert_allclose(remote[:, :2], local[:, :2], atol=1e-4)
    assert np.all(local[:, 2] <= remote[:, 2])
    assert np.all(remote[:, 2] < math.log(1e-4))


def test_an_order_that_the_lists_do_not_cover_is_noticed_at_the_start(server, questions, tmp_path):
    server.reset("one order")
    model = CachedLanguageModel(connect(server), AnswerStore(tmp_path))
    assert not model.gives_log_probabilities
    assert model.notice.endswith("do not cover the options; answers can only be sampled")
    # Nothing is scored any more: several answers come with one request, and each prompt is kept.
    server.reset("one order", healthy=0)
    elicited = model.share_probability(questions[:3], elicitation=Elicitation(samples=20, max_tokens=1))
    assert elicited.method == "sample"
    assert [body["n"] for body in server.requests] == [20] * 7
    assert not any("logprobs" in body for body in server.requests)
    assert model.store.models()[0].entries == 7


def test_a_cut_run_of_sampled_answers_goes_on_from_there(server, questions, tmp_path):
    server.reset("no log-probabilities")
    settings = Elicitation(samples=20, max_tokens=1)
    model = CachedLanguageModel(connect(server, concurrency=1, retries=0), AnswerStore(tmp_path))
    server.reset("failing", healthy=6)
    with pytest.raises(JobError, match="5 answers are stored, and the same command continues"):
        model.share_probability(questions, elicitation=settings)
    server.reset("no log-probabilities")
    n_prompts = 2 * len(questions)
    model.share_probability(questions, elicitation=settings)
    # The check that answers vary is one more prompt, and it is kept too.
    assert len(server.requests) == n_prompts - 5
    server.reset("no log-probabilities")
    again = CachedLanguageModel(connect(server), AnswerStore(tmp_path))
    n_before = len(server.requests)
    again.share_probability(questions, elicitation=settings)
    assert len(server.requests) == n_before


def test_simultaneous_requests_stay_within_the_limit(server, questions):
    model = connect(server, concurrency=3)
    server.reset("in threes")
    seen = []
    model.option_log_probabilities(
        [default_templates().conversation(question) for question in questions], OPTIONS, lambda *step: seen.append(step)
    )
    assert server.most_under_way == 3
    assert len(server.requests) == len(questions)
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert seen[-1] == (len(questions), len(questions))


def test_a_busy_server_is_asked_again(server, embedded, questions):
    server.reset("busy at first")
    model = connect(server)
    np.testing.assert_allclose(
        model.share_probability(questions[:2]).p_share, embedded.share_probability(questions[:2]).p_share, atol=1e-4
    )


FAILURES = [
    ("busy", JobError, "the server is busy or a quota is used up (status 429, tried 3 times: "),
    ("failing", JobError, "the server failed (status 500, tried 3 times: "),
    ("unauthorised", InputError, "the server refuses the key (status 401); set OPENAI_API_KEY"),
    ("unknown", InputError, "there is no such model or address ("),
    ("rejecting", InputError, "the server refuses the request (status 400: "),
    ("refusing", JobError, "the server refused to answer (content filter) to: "),
    ("filtering", JobError, "the server refused to answer (content filter) to: "),
    ("prompt filter", JobError, "the server refused to answer (content filter) to: "),
    ("page", JobError, "gave a response without an answer; is it an OpenAI-compatible server?"),
    ("broken", JobError, "gave a response that cannot be read; is it"),
    ("empty", JobError, "gave a response without an answer; is it"),
    ("nonsense", JobError, "gave invalid log-probabilities; is it"),
]


@pytest.mark.parametrize(("mode", "kind", "message"), FAILURES, ids=[case[0] for case in FAILURES])
def test_failures_name_the_cause_keep_other_answers_and_hide_the_key(
    server, questions, tmp_path, caplog, mode, kind, message
):
    caplog.set_level(logging.DEBUG)
    server.reset(mode)
    with pytest.raises(kind) as caught:
        connect(server)
    assert f"openai:embedded at 127.0.0.1:{server.server_address[1]}: {message}" in str(caught.value)
    assert "\n" not in str(caught.value)
    tracebacks = "".join(traceback.format_exception(caught.value))

    server.reset()
    model = CachedLanguageModel(connect(server, concurrency=2), AnswerStore(tmp_path, say=pytest.fail))
    server.reset(mode, healthy=7)
    with pytest.raises(kind) as caught:
        model.share_probability(questions)
    tracebacks += "".join(traceback.format_exception(caught.value))
    (stored,) = model.store.models()
    # Two requests run at the same time, so failing requests may come between healthy ones.
    assert 5 <= stored.entries <= 7
    if kind is JobError:
        assert f"{stored.entries} answers are stored, and the same command continues from there" in str(caught.value)
    server.reset()
    model.share_probability(questions)
    assert len(server.requests) == 2 * len(questions) - stored.entries
    model.store.close()
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert KEY not in tracebacks + caplog.text
    assert KEY.encode() not in content


def test_a_silent_server_times_out_and_earlier_answers_are_kept(server, questions, tmp_path):
    model = CachedLanguageModel(connect(server, timeout=0.5, retries=1, concurrency=2), AnswerStore(tmp_path))
    server.reset("hanging", healthy=5)
    started = time.perf_counter()
    with pytest.raises(JobError, match=r"no answer within 0.5 s \(tried 2 times\); \d answers are stored"):
        model.share_probability(questions)
    assert time.perf_counter() - started < 10
    assert model.store.models()[0].entries >= 4
    server.released.set()
    server.released = threading.Event()


INTERRUPTED = """
import signal
from tworate.analysis.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


def wait_until(holds):
    until = time.perf_counter() + 60
    while not holds():
        assert time.perf_counter() < until
        time.sleep(0.02)


@pytest.mark.parametrize("mode", ["hanging", "busy for long"])
def test_ctrl_c_ends_a_command_whose_server_is_silent_or_busy(server, tmp_path, mode):
    server.reset(mode, healthy=6)
    command = ["decide", "--model", "openai:embedded", "--base-url", server.url, "--concurrency", "3"]
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *command, "--cache", str(tmp_path), "--out", str(tmp_path / "out.csv")],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            # Six requests are answered, three of them at loading. Later requests get no answer.
            wait_until(lambda: len(server.requests) >= 9)
            time.sleep(0.2)
            started = time.perf_counter()
            process.send_signal(signal.SIGINT)
            printed = process.communicate(timeout=15)[1]
            assert time.perf_counter() - started < 5
        finally:
            process.kill()
            let_go(server)
    assert process.returncode == 130
    assert "Traceback" not in printed
    (stored,) = AnswerStore(tmp_path).models()
    assert stored.entries == 3


def let_go(server):
    """End the hanging requests."""
    server.released.set()
    wait_until(lambda: server.under_way == 0)
    server.released = threading.Event()


def test_closed_parts_are_neither_awaited_nor_repeated(server, embedded, questions):
    conversations = [default_templates().conversation(question) for question in questions]
    model = connect(server, concurrency=2)
    server.reset("hanging", healthy=1)
    parts = model.drawn_in_parts(conversations, SamplingSettings(samples=1, temperature=1.0, seed=0))
    next(parts)
    wait_until(lambda: server.under_way >= 1)
    started = time.perf_counter()
    parts.close()
    assert time.perf_counter() - started < 2
    assert server.under_way >= 1
    n_requests = len(server.requests)
    let_go(server)
    # A failed request would be repeated after half a second to a second.
    time.sleep(1.5)
    assert len(server.requests) == n_requests
    # The model can be asked again.
    server.reset()
    np.testing.assert_allclose(
        model.option_log_probabilities(conversations, OPTIONS),
        embedded.option_log_probabilities(conversations, OPTIONS),
        atol=1e-4,
    )


def test_an_unreachable_server(server):
    with pytest.raises(JobError, match=r"127.0.0.1:9: the server cannot be reached \(tried 1 times\)"):
        load_language_model("openai:m", base_url="http://127.0.0.1:9/v1", retries=0)


def test_the_key_is_removed_from_answers(server, questions, tmp_path):
    server.reset("parrot")
    model = CachedLanguageModel(connect(server), AnswerStore(tmp_path))
    conversations = [default_templates().conversation(questions[0])]
    answers = model.sample_answers(conversations, samples=2, temperature=1.0, seed=0)
    assert answers == [["share Bearer [secret]"] * 2]
    model.store.close()
    assert KEY.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    server.reset("silent")
    assert connect(server).sample_answers(conversations, samples=2, temperature=1.0, seed=0) == [["", ""]]


def test_fingerprint_contains_address_model_and_system_fingerprint(server):
    host = f"127.0.0.1:{server.server_address[1]}"
    expected = f"openai:http://{host}/v1#embedded@fp_test"
    for url in (server.url, f"{server.url}/", f"http://me:hidden@{host}/v1", f"HTTP://{host}/v1"):
        assert OpenAICompatibleModel("embedded", base_url=url).fingerprint == expected
    # Two models with the same name and port, but different paths.
    assert OpenAICompatibleModel("embedded", base_url=f"http://{host}/b/v1").fingerprint != expected


def test_answers_from_another_address_are_not_used(server, questions, tmp_path):
    store = AnswerStore(tmp_path)
    for path, requests in (("/a/v1", 4), ("/b/v1", 4), ("/a/v1/", 0)):
        url = f"http://127.0.0.1:{server.server_address[1]}{path}"
        model = CachedLanguageModel(OpenAICompatibleModel("embedded", base_url=url), store)
        server.reset()
        model.share_probability(questions[:2])
        assert len(server.requests) == requests


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Host.Example:80/v1/", "http://host.example/v1"),
        ("https://host:443", "https://host"),
        ("https://host:80/v1", "https://host:80/v1"),
        ("http://me:hidden@[::1]:8000/A/v1", "http://[::1]:8000/A/v1"),
    ],
)
def test_addresses_are_normalised(url, expected):
    assert read_address(url).url == expected


BAD_URLS = [
    ("http://host/v 1", "a space or a control character"),
    ("http://host/v1 ", "a space or a control character"),
    ("http://host\n/v1", "a space or a control character"),
    ("\thttp://host/v1", "a space or a control character"),
    ("http://host/v1\x00", "a space or a control character"),
    ("http://me:hidden@host/v1?version=2", "a query or a fragment"),
    ("http://host/v1#", "a query or a fragment"),
    ("http://me:hidden@-é./v1", "the base URL, or a proxy named in the environment, cannot be used"),
]


@pytest.mark.parametrize(("url", "message"), BAD_URLS)
@pytest.mark.parametrize("in_environment", [True, False])
def test_an_invalid_base_url_is_refused_at_once(server, monkeypatch, url, message, in_environment):
    if in_environment and "\x00" not in url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        url = None
    with pytest.raises(InputError, match=f"{message}.*; write it as in http://localhost:8000/v1") as caught:
        load_language_model("openai:m", base_url=url)
    assert "hidden" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("key", ["sk-sécret", "sk-sec\nret", "sk-sec\rret", "sk-sec\x7fret", "sk-sec\udcffret"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(server, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(InputError, match="OPENAI_API_KEY cannot be sent: it has line breaks or characters") as caught:
        connect(server)
    text = "".join(traceback.format_exception(caught.value))
    assert "sk-s" not in text
    assert "ret" not in text.replace("secret", "").split("InputError")[-1]
    assert not server.requests
    # Control: a line break at the end comes from a file and is not part of the key.
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    assert connect(server).gives_log_probabilities


def test_sources_of_the_server_and_the_key(server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    assert load_language_model("openai:embedded").name == "openai:embedded"
    monkeypatch.delenv("OPENAI_API_KEY")
    assert load_language_model("openai:embedded").gives_log_probabilities
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(InputError, match="set the environment variable OPENAI_API_KEY"):
        load_language_model("openai:embedded")
    for url in ("localhost:8000", "ftp://host/v1", "http://host:port/v1"):
        with pytest.raises(InputError, match="write it as in http://localhost:8000/v1"):
            load_language_model("openai:m", base_url=url)
    with pytest.raises(InputError, match="the model name is missing"):
        load_language_model("openai:")
    with pytest.raises(InputError, match="concurrency = 0"):
        load_language_model("openai:m", concurrency=0)


def test_without_the_client_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "tworate.agents.openai_compatible")
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(InputError, match=r"openai:m: needs the openai client: pip install 'tworate\[openai\]'"):
        load_language_model("openai:m")


def test_the_command_asks_the_server_and_hides_the_key(server, embedded, tmp_path, monkeypatch, capsys):
    out = tmp_path / "decisions.csv"
    arguments = ["decide", "--model", "openai:embedded", "--base-url", server.url, "--personas", "OCEAN,ocean"]
    monkeypatch.setattr(
        sys, "argv", ["tworate", *arguments, "--cache", str(tmp_path), "--out", str(out), "--force", "--json"]
    )
    for _ in range(2):
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 0
        printed = capsys.readouterr()
        shown = json.loads(printed.out)
    # 2 personas, 5 sightings, 2 orders; each of the two runs starts with three requests.
    assert len(server.requests) == 20 + 2 * 3
    assert shown["model"] == "openai:embedded"
    assert shown["fingerprint"].endswith("/v1#embedded@fp_test")
    personas = [all_personas()[0], all_personas()[-1]]
    questions = [Question(p, shipped_events()[0], s, is_last=s == 5) for p in personas for s in range(1, 6)]
    expected = embedded.share_probability(questions).p_share
    np.testing.assert_allclose([row["p_share"] for row in shown["decisions"]], expected, atol=1e-4)
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert KEY not in printed.out + printed.err
    assert KEY.encode() not in files


def place(written, **listed):
    log_p = {text.encode(): math.log(value) for text, value in listed.items()}
    return Place(written, log_p.get(written, math.log(0.001)), log_p)


def test_probabilities_of_several_tokens_multiply_and_unlisted_ends_are_bounded():
    paths = AnswerPaths()
    paths.add([place(b"sh", sh=0.5, ig=0.3, no=0.1)])
    before = paths.reach(["share"])[0]
    assert (before.listed, before.unexplored) == (-math.inf, True)
    assert before.hidden == pytest.approx(math.log(0.5))
    paths.add([place(b"sh", sh=0.5, ig=0.3, no=0.1), place(b"are", are=0.8, out=0.2)])
    after = paths.reach(["share"])[0]
    assert after.listed == pytest.approx(math.log(0.4))
    # At the first position, unlisted tokens have at most the remainder 0.1, which is also the last listed value.
    assert after.hidden == pytest.approx(math.log(0.1))
    assert not after.unexplored
    assert paths.reach(["ignore"])[0].unexplored
    assert paths.reach(["zebra"])[0].hidden == pytest.approx(math.log(0.1))


def test_a_rare_written_token_gives_no_bound():
    paths = AnswerPaths()
    paths.add([place(b"rare", sh=0.5, ig=0.3)])
    assert paths.reach(["rare"])[0].listed == pytest.approx(math.log(0.001))
    assert paths.reach(["zebra"])[0].hidden == pytest.approx(math.log(0.199))
    alone = AnswerPaths()
    alone.add([place(b"rare")])
    assert alone.reach(["zebra"])[0].hidden == pytest.approx(math.log(0.999))


def test_space_before_an_answer_is_ignored_and_a_token_may_be_part_of_a_character():
    paths = AnswerPaths()
    paths.add([Place(b" share", math.log(0.6), {b"share": math.log(0.2), b"\xc3": math.log(0.2)})])
    # Both spellings count.
    assert paths.reach(["share"])[0].listed == pytest.approx(math.log(0.8))
    paths.add([Place(b"\xc3", math.log(0.2), {}), Place(b"\xa9", math.log(0.5), {})])
    assert paths.reach(["é"])[0].listed == pytest.approx(math.log(0.1))
