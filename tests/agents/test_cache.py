"""The cache: exact answers, each asked once, with several processes, interruptions and damaged files."""

import hashlib
import json
import math
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tworate.agents import (
    AnswerStore,
    CachedLanguageModel,
    LanguageModel,
    Question,
    all_personas,
    load_language_model,
    shipped_events,
)
from tworate.agents import language_model as language_model_module
from tworate.agents.answer_store import store_folder
from tworate.analysis.cli import main
from tworate.errors import JobError

OPTIONS = ("share", "ignore")


@dataclass
class Oracle(LanguageModel):
    """A model whose answers depend only on the question; it records the questions."""

    name: str = "oracle"
    fingerprint: str = "sha256:oracle"
    chat_template_hash: str = "template"
    asked: list = field(default_factory=list)
    fails_after: float = math.inf

    def score_answers(self, conversations, options, progress=None):
        rows = []
        for done, (conversation, row_options) in enumerate(zip(conversations, options, strict=True)):
            if len(self.asked) >= self.fails_after:
                raise JobError("the oracle is silent")
            self.asked.append(conversation)
            digest = hashlib.sha256(json.dumps([conversation, row_options]).encode()).digest()
            rows.append(np.frombuffer(digest, dtype=np.uint32)[: len(row_options)] / -(2.0**30))
            if progress:
                progress(done + 1, len(conversations))
        return rows

    def draw_answers(self, conversations, sampling, progress=None):
        self.asked.extend(conversations)
        n, temperature, seed, _ = sampling
        return [[f"{c[-1]['content']} {temperature} {seed + k}\ud800\n" for k in range(n)] for c in conversations]


def conversation(text, persona="You are a person."):
    return [{"role": "system", "content": persona}, {"role": "user", "content": text}]


def talks(n):
    return [conversation(f"question {i}") for i in range(n)]


def remembering(folder, model=None, messages=None):
    """Return a model with a store; messages about the store go to a list, and without a list they fail the test."""
    say = pytest.fail if messages is None else messages.append
    return CachedLanguageModel(model or Oracle(), AnswerStore(folder, say=say))


def test_answers_come_back_bit_by_bit_and_are_asked_once(tmp_path):
    model = load_language_model("embedded")
    questions = [Question(p, e, 1) for p in all_personas()[:3] for e in shipped_events()[:2]]
    plain = model.share_probability(questions)
    first = remembering(tmp_path, model).share_probability(questions)
    second_model = load_language_model("embedded")
    second_model.option_log_probabilities = lambda *_: pytest.fail("asked again")
    second = remembering(tmp_path, second_model).share_probability(questions)
    for name in ("p_share", "option_mass", "order_effect"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
        # Batches differ from those without a cache, which changes the rounding of float32 sums.
        np.testing.assert_allclose(getattr(first, name), getattr(plain, name), atol=1e-5)


def test_every_float_and_every_text_survives(tmp_path):
    row = np.array([-0.0, 5e-324, -math.inf, -math.pi, -1e308, math.nextafter(-1, 0)])
    model = Oracle()
    model.score_answers = lambda conversations, options, progress=None: [row] * len(conversations)
    options = tuple("abcdef")
    remembering(tmp_path, model).option_log_probabilities(talks(2), options)
    again = remembering(tmp_path).option_log_probabilities(talks(2), options)
    assert again.tobytes() == np.array([row, row]).tobytes()
    settings = {"samples": 3, "temperature": 0.7, "seed": 4}
    first = remembering(tmp_path).sample_answers(talks(2), **settings)
    silent = Oracle()
    assert remembering(tmp_path, silent).sample_answers(talks(2), **settings) == first
    assert silent.asked == []
    assert first == Oracle().sample_answers(talks(2), **settings)


def test_only_missing_answers_are_asked_and_progress_counts_all(tmp_path, monkeypatch):
    monkeypatch.setattr(language_model_module, "CONVERSATIONS_AT_ONCE", 4)
    remembering(tmp_path).option_log_probabilities(talks(6), OPTIONS)
    model, seen = Oracle(), []
    conversations = [*talks(20), *talks(3)]
    scores = remembering(tmp_path, model).option_log_probabilities(
        conversations, OPTIONS, lambda *step: seen.append(step)
    )
    np.testing.assert_array_equal(scores, Oracle().option_log_probabilities(conversations, OPTIONS))
    assert sorted(map(str, model.asked)) == sorted(map(str, talks(20)[6:]))
    assert {total for _, total in seen} == {20}
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (6, 20)
    seen.clear()
    remembering(tmp_path).option_log_probabilities(talks(20), OPTIONS, lambda *step: seen.append(step))
    assert seen == [(20, 20)]
    assert remembering(tmp_path).option_log_probabilities([], OPTIONS).shape == (0, 2)


SAMPLING = {"samples": 2, "temperature": 1.0, "seed": 1, "max_tokens": 8}


@pytest.mark.parametrize(
    ("model", "ask"),
    [
        (Oracle(fingerprint="sha256:other"), lambda m: m.option_log_probabilities(talks(1), OPTIONS)),
        (Oracle(chat_template_hash="other"), lambda m: m.option_log_probabilities(talks(1), OPTIONS)),
        (Oracle(), lambda m: m.option_log_probabilities(talks(1), OPTIONS[::-1])),
        (Oracle(), lambda m: m.option_log_probabilities([conversation("question 0", "Other.")], OPTIONS)),
        (Oracle(), lambda m: m.option_log_probabilities([talks(1)[0][1:]], OPTIONS)),
        *[
            (Oracle(), lambda m, change=change: m.sample_answers(talks(1), **{**SAMPLING, **change}))
            for change in ({"samples": 3}, {"temperature": 0.5}, {"seed": 2}, {"max_tokens": 9})
        ],
    ],
)
def test_answers_to_another_question_are_not_used(tmp_path, model, ask):
    cached = remembering(tmp_path)
    cached.option_log_probabilities(talks(1), OPTIONS)
    cached.sample_answers(talks(1), **SAMPLING)
    model.asked.clear()
    ask(remembering(tmp_path, model))
    assert len(model.asked) == 1
    # Control: the earlier question is in the cache.
    model = Oracle(name="by another name")
    remembering(tmp_path, model).sample_answers(talks(1), **SAMPLING)
    assert model.asked == []


def test_answers_of_other_code_are_not_used(tmp_path, monkeypatch):
    remembering(tmp_path).option_log_probabilities(talks(1), OPTIONS)
    monkeypatch.setattr(Oracle, "sources", ("chat",))
    model = Oracle()
    remembering(tmp_path, model).option_log_probabilities(talks(1), OPTIONS)
    assert len(model.asked) == 1


def test_a_failure_keeps_earlier_answers_and_names_their_number(tmp_path, monkeypatch):
    monkeypatch.setattr(language_model_module, "CONVERSATIONS_AT_ONCE", 4)
    with pytest.raises(JobError, match="silent; 8 answers are stored, and the same command continues from there"):
        remembering(tmp_path, Oracle(fails_after=10)).option_log_probabilities(talks(12), OPTIONS)
    model = Oracle()
    remembering(tmp_path, model).option_log_probabilities(talks(12), OPTIONS)
    assert len(model.asked) == 4


KILLED = """
import os, signal, sys
from tworate.agents import (
    AnswerStore,
    CachedLanguageModel,
    Question,
    all_personas,
    load_language_model,
    shipped_events,
)
from tworate.agents import language_model as module
module.CONVERSATIONS_AT_ONCE = 8
def stop(done, total):
    print(done, total, flush=True)
    if done >= 24:
        os.kill(os.getpid(), signal.SIGKILL)
questions = [Question(p, shipped_events()[0], s) for p in all_personas()[:8] for s in (1, 2, 3)]
CachedLanguageModel(load_language_model("embedded"), AnswerStore(sys.argv[1])).share_probability(questions, None, stop)
"""


def test_a_killed_job_keeps_its_answers(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    store = AnswerStore(tmp_path, say=pytest.fail)
    (stored,) = store.models()
    # Batches of 8 are committed before the next one starts; the last one may have been incomplete.
    assert stored.entries in (16, 24)
    questions = [Question(p, shipped_events()[0], s) for p in all_personas()[:8] for s in (1, 2, 3)]
    totals = []
    model = CachedLanguageModel(load_language_model("embedded"), store)
    model.share_probability(questions, progress=lambda done, total: totals.append((done, total)))
    assert totals[0] == (stored.entries, 48)


WRITERS = """
import sys, time
import numpy as np
sys.path.insert(0, sys.argv[2])
import test_cache as t
from tworate.agents import AnswerStore, CachedLanguageModel, language_model
language_model.CONVERSATIONS_AT_ONCE = 3
messages = []
model = CachedLanguageModel(t.Oracle(), AnswerStore(sys.argv[1], say=messages.append))
time.sleep(max(0.0, float(sys.argv[3]) - time.time()))
scores = model.option_log_probabilities(t.talks(150), t.OPTIONS)
assert np.array_equal(scores, t.Oracle().option_log_probabilities(t.talks(150), t.OPTIONS))
assert model.store.in_use
print("|".join(messages))
"""


def writers(folder, number):
    """Run processes that start to write the same answers at the same time; return their messages."""
    start = str(time.time() + 4)
    script = [sys.executable, "-c", WRITERS, str(folder), str(Path(__file__).parent), start]
    running = [
        subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(number)
    ]
    messages = []
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        messages.append(out.strip())
    return messages


def test_processes_that_write_the_same_answers_at_once_agree(tmp_path):
    assert writers(tmp_path, 3) == ["", "", ""]
    store = AnswerStore(tmp_path, say=pytest.fail)
    assert [m.entries for m in store.models()] == [150]
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    connection.close()
    model = Oracle()
    remembering(tmp_path, model).option_log_probabilities(talks(150), OPTIONS)
    assert model.asked == []


def truncate(path):
    with path.open("r+b") as handle:
        handle.truncate(path.stat().st_size // 2)


def overwrite(path):
    path.write_bytes(b"this is no database " * 500)


def change_version(path):
    sql(path, "PRAGMA user_version = 7")


def drop_table(path):
    sql(path, "DROP TABLE answers")


def change_value(path):
    sql(path, "UPDATE answers SET value = zeroblob(16)")


def change_type(path):
    sql(path, "UPDATE answers SET value = 'text'")


def sql(path, statement):
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize("damage", [truncate, overwrite, change_version, drop_table, change_value, change_type])
def test_a_damaged_file_is_renamed_and_replaced(tmp_path, damage):
    before = remembering(tmp_path)
    before.option_log_probabilities(talks(400), OPTIONS)
    path = before.store.path
    before.store.close()
    damage(path)
    damaged = path.read_bytes()
    messages = []
    after = remembering(tmp_path, messages=messages)
    scores = after.option_log_probabilities(talks(400), OPTIONS)
    np.testing.assert_array_equal(scores, Oracle().option_log_probabilities(talks(400), OPTIONS))
    (message,) = messages
    (aside,) = tmp_path.glob("*.damaged-*.sqlite3")
    assert message.startswith(f"{path}: this cache is damaged (")
    assert message.endswith(f"it was renamed to {aside.name} and a new one started")
    if damage is not change_version:  # opening an undamaged file may change its header
        assert aside.read_bytes() == damaged
    model = Oracle()
    remembering(tmp_path, model).option_log_probabilities(talks(400), OPTIONS)
    assert model.asked == []


def test_processes_that_find_damage_at_once_rename_one_file(tmp_path):
    store = AnswerStore(tmp_path, say=pytest.fail)
    store.close()
    overwrite(store.path)
    messages = writers(tmp_path, 3)
    assert sum("is damaged" in text for text in messages) == 1
    assert len(list(tmp_path.glob("*.damaged-*.sqlite3"))) == 1
    assert [m.entries for m in AnswerStore(tmp_path, say=pytest.fail).models()] == [150]


def works_without(model, messages):
    """Check that the model answers, and that one message says that the cache is not used."""
    for _ in range(2):
        scores = model.option_log_probabilities(talks(400), OPTIONS)
        np.testing.assert_array_equal(scores, Oracle().option_log_probabilities(talks(400), OPTIONS))
    assert not model.store.in_use
    (message,) = messages
    assert "the cache cannot be used (" in message
    assert message.endswith("continuing without it")


def test_a_folder_that_cannot_be_created_does_not_stop_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    messages = []
    works_without(remembering(tmp_path / "file" / "cache", messages=messages), messages)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX permissions")
@pytest.mark.parametrize("existing", [False, True])
def test_a_read_only_folder_does_not_stop_the_work(tmp_path, existing, request):
    if existing:
        remembering(tmp_path).option_log_probabilities(talks(3), OPTIONS)
        for file in tmp_path.iterdir():
            file.chmod(0o444)
    tmp_path.chmod(0o555)
    if os.geteuid() == 0:  # root ignores file permissions
        request.addfinalizer(lambda: os.seteuid(0))
        os.seteuid(65534)
    messages = []
    works_without(remembering(tmp_path, messages=messages), messages)


def test_a_full_disk_does_not_stop_the_work(tmp_path):
    messages = []
    model = remembering(tmp_path, messages=messages)
    # SQLite's page limit gives the error of a full disk.
    pages = model.store._connection.execute("PRAGMA page_count").fetchone()[0]
    model.store._connection.execute(f"PRAGMA max_page_count = {pages}")
    works_without(model, messages)
    assert "full" in messages[0]


def test_problems_are_python_warnings_by_default(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="continuing without it"):
        AnswerStore(tmp_path / "file")


def test_location_of_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TWORATE_CACHE", str(tmp_path / "named"))
    assert store_folder() == tmp_path / "named"
    assert store_folder(tmp_path) == tmp_path
    monkeypatch.delenv("TWORATE_CACHE")
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert store_folder() == tmp_path / "tworate"


def test_nothing_in_the_file_is_a_pickle_or_a_prompt(tmp_path):
    model = remembering(tmp_path)
    model.option_log_probabilities([conversation("a very private question")], OPTIONS)
    model.sample_answers([conversation("another")], samples=1, temperature=1.0, seed=0)
    connection = sqlite3.connect(model.store.path)
    values = [value for (value,) in connection.execute("SELECT value FROM answers")]
    connection.close()
    (scores,) = [value for value in values if len(value) == 16]
    assert all(-4.0 <= value <= 0.0 for value in struct.unpack("<2d", scores))
    (samples,) = [value for value in values if value != scores]
    assert json.loads(samples) == ["another 1.0 0\ud800\n"]
    model.store.close()
    assert b"private" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def command(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tworate", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    printed = capsys.readouterr()
    return stopped.value.code, printed.out, printed.err


def test_commands_use_the_cache_show_it_and_clear_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TWORATE_CACHE", str(tmp_path / "cache"))
    ask = ["decide", "--personas", "OCEAN,ocean", "--sightings", 2]
    status, first, _ = command([*ask, "--no-cache"], monkeypatch, capsys)
    assert (status, (tmp_path / "cache").exists()) == (0, False)
    status, second, _ = command(ask, monkeypatch, capsys)
    assert (status, second) == (0, first)
    command([*ask, "--personas", "OCEAn", "--cache", tmp_path / "other"], monkeypatch, capsys)

    def info(*arguments):
        return json.loads(command(["cache", "info", "--json", *arguments], monkeypatch, capsys)[1])

    shown = info()
    assert shown["path"] == str(tmp_path / "cache" / "answers-v1.sqlite3")
    assert shown["entries"] == 8  # 2 personas, 2 sightings, 2 orders of the options
    assert shown["size_bytes"] > 0
    (model,) = shown["models"]
    assert (model["name"], model["entries"]) == ("embedded", 8)
    assert model["fingerprint"].startswith("sha256:")
    assert info("--cache", tmp_path / "other")["entries"] == 4
    assert "8  embedded" in command(["cache", "info"], monkeypatch, capsys)[1]

    from tworate.agents.huggingface import HuggingFaceModel

    monkeypatch.setattr(HuggingFaceModel, "option_log_probabilities", lambda *_: pytest.fail("asked again"))
    status, third, _ = command(ask, monkeypatch, capsys)
    assert (status, third) == (0, first)

    status, out, err = command(["cache", "clear", "--model", "nobody"], monkeypatch, capsys)
    assert (status, out) == (2, "")
    assert "has no answers of 'nobody'; it has answers of: embedded" in err
    assert "removed 8 answers" in command(["cache", "clear", "--model", "embedded"], monkeypatch, capsys)[2]
    assert info()["models"] == []
    assert json.loads(command(["cache", "clear", "--json"], monkeypatch, capsys)[1])["removed"] == 0


def test_clearing_one_model_leaves_the_others(tmp_path):
    for fingerprint in ("a", "b"):
        model = remembering(tmp_path, Oracle(name="same", fingerprint=fingerprint))
        model.option_log_probabilities(talks(5), OPTIONS)
    assert model.store.clear("a") == 5
    assert [(m.fingerprint, m.entries) for m in model.store.models()] == [("b", 5)]
    assert model.store.clear() == 5


def test_a_cache_that_cannot_be_cleared_is_an_error(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    status, _, err = command(["cache", "clear", "--cache", tmp_path / "file"], monkeypatch, capsys)
    assert status == 1
    assert "nothing was deleted" in err


@pytest.mark.parametrize("action", ["info", "clear"])
def test_commands_do_not_create_a_missing_cache(action, tmp_path, monkeypatch, capsys):
    status, _, err = command(["cache", action, "--cache", tmp_path / "nope"], monkeypatch, capsys)
    assert (status, (tmp_path / "nope").exists()) == (2, False)
    assert "there is no such folder" in err
