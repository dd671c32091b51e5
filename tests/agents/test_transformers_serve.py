"""A real server: `transformers serve` on loopback, with the embedded model."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest

from tworate.agents import Elicitation, Question, all_personas, embedded, load_language_model, shipped_events
from tworate.errors import JobError

pytest.importorskip("fastapi", reason="needs the extra transformers[serving]")
pytest.importorskip("uvicorn", reason="needs the extra transformers[serving]")

pytestmark = pytest.mark.integration


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Return a function that starts the server with generation settings of the model and connects to it."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    servers, clients = [], []

    def start(**settings):
        folder = tmp_path / "model"
        shutil.copytree(embedded.FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 2, "pad_token_id": 0, **settings}))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        call = (
            "import sys; from transformers.cli.transformers import main; sys.argv[0] = 'transformers'; sys.exit(main())"
        )
        options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
        with (tmp_path / "log").open("w") as log:
            server = subprocess.Popen(
                [sys.executable, "-c", call, "serve", str(folder), *options],
                env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=log,
            )
        servers.append(server)
        until = time.monotonic() + 180
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < until, "the server did not start"
                time.sleep(0.2)
        model = load_language_model(f"openai:{folder}", base_url=f"http://127.0.0.1:{port}/v1", concurrency=1)
        clients.append(model._client)
        return model

    yield start
    for client in clients:
        client.close()
    for server in servers:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def questions():
    return [Question(persona, shipped_events()[0], 1) for persona in all_personas()[::16]]


def test_its_default_is_greedy_and_refused(serve, questions):
    model = serve()
    assert not model.gives_log_probabilities
    with pytest.raises(JobError, match="decodes greedily"):
        model.share_probability(questions, elicitation=Elicitation("sample", samples=5))


def test_where_the_model_asks_for_sampling_frequencies_are_probabilities(serve, questions):
    model = serve(do_sample=True, top_k=0)
    settings = Elicitation("sample", samples=60, max_tokens=4)
    sampled = model.share_probability(questions, elicitation=settings)
    exact = load_language_model("embedded").share_probability(questions)
    # Four standard errors: exceeded once in some thousand runs; the seeds are fixed.
    assert np.all(np.abs(sampled.p_share - exact.p_share) < 4 * sampled.standard_error)
    assert np.all(sampled.standard_error < 0.15)
