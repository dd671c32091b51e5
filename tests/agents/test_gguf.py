"""GGUF files: the embedded model is written to one, and must give the same answers after it is read again."""

import hashlib
import itertools
import json
import random
import shutil
import sys
import threading
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
import torch

from tworate.agents import Question, all_personas, embedded, gguf_model, load_language_model, shipped_events
from tworate.agents.gguf_header import DamagedFileError, read_header
from tworate.errors import InputError, JobError

BLOCKS = {int(kind): sizes for kind, sizes in gguf.GGML_QUANT_SIZES.items()}


def as_llama_cpp_orders(weight, n_heads):
    """Reorder the rows of a query or key matrix: llama.cpp rotates neighbouring rows, transformers the two halves."""
    n_rows, n_columns = weight.shape
    return weight.reshape(n_heads, 2, n_rows // n_heads // 2, n_columns).swapaxes(1, 2).reshape(n_rows, n_columns)


def write_gguf(model, path, kind=gguf.GGMLQuantizationType.F32, *, parts=None, architecture="llama"):
    """Write a model of the Llama architecture with a byte-level tokenizer, as llama.cpp's converter does."""
    config, tokenizer = model.model.config, json.loads(model.tokenizer.backend_tokenizer.to_str())
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("a test")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    if parts:
        writer.add_uint16("split.count", parts)
    vocabulary = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    marks = {token["content"] for token in tokenizer["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(vocabulary)
    writer.add_token_types([gguf.TokenType.CONTROL if t in marks else gguf.TokenType.NORMAL for t in vocabulary])
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(config.eos_token_id)
    writer.add_pad_token_id(config.pad_token_id)
    writer.add_chat_template(model.tokenizer.chat_template)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, weight in model.model.state_dict().items():
        if name == "lm_head.weight":
            continue  # it is the embedding
        array = weight.numpy()
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            is_query = name.endswith("q_proj.weight")
            n_heads = config.num_attention_heads if is_query else config.num_key_value_heads
            array = as_llama_cpp_orders(array, n_heads)
        of_tensor = kind if array.ndim == 2 else gguf.GGMLQuantizationType.F32
        array = gguf.quants.quantize(array, of_tensor)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), array, raw_dtype=of_tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def original():
    return load_language_model("embedded")


@pytest.fixture(scope="module")
def whole(original, tmp_path_factory):
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    write_gguf(original, path)
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TWORATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def questions():
    return [Question(p, e, s) for p in all_personas()[::11] for e in shipped_events()[::8] for s in (1, 3)]


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    # Eight bits keep each weight to 1/254 of the largest in its block; the mean effect on log-odds was 0.01.
    [("F32", 1e-5), ("F16", 5e-3), ("Q8_0", 0.2)],
)
def test_a_gguf_file_gives_the_answers_of_the_model_that_it_was_made_of(
    original, questions, tmp_path, cache, kind, tolerance
):
    path = tmp_path / "model.gguf"
    write_gguf(original, path, gguf.GGMLQuantizationType[kind])
    model = load_language_model(str(path))
    assert model.model.dtype == torch.float32
    assert model.tokenizer.chat_template == original.tokenizer.chat_template
    expected, got = original.share_probability(questions), model.share_probability(questions)
    log_odds = [np.log(p / (1 - p)) for p in (expected.p_share, got.p_share)]
    np.testing.assert_allclose(log_odds[1], log_odds[0], atol=tolerance)
    np.testing.assert_allclose(got.option_mass, expected.option_mass, atol=tolerance)
    # On an accelerator "auto" is the type of the file's floats; a quantised file is unpacked to bfloat16.
    dtypes = {"F32": torch.float32, "F16": torch.float16, "Q8_0": torch.bfloat16}
    assert load_language_model(str(path), dtype="auto").model.dtype == dtypes[kind]


def test_a_second_start_uses_the_converted_weights(whole, tmp_path, cache, monkeypatch):
    first = load_language_model(str(whole))
    monkeypatch.setattr(gguf_model, "_convert", lambda *_: pytest.fail("converted again"))
    # Ollama names files without an ending, and a folder may hold the file: it is the same model.
    blob = tmp_path / "blobs" / f"sha256-{'0' * 64}"
    blob.parent.mkdir()
    shutil.copy(whole, blob)
    fingerprints = {load_language_model(str(name)).fingerprint for name in (whole, whole.parent, blob, blob.parent)}
    assert fingerprints == {first.fingerprint}
    digest = hashlib.sha256(whole.read_bytes()).hexdigest()
    assert first.fingerprint == f"sha256:{digest[:16]}:float32"
    (folder,) = (path for path in (cache / "gguf-v1").iterdir() if path.is_dir())
    assert {path.suffix for path in folder.iterdir()} <= {".safetensors", ".json", ".jinja", ".model"}


def test_a_half_written_conversion_is_not_used(whole, questions, cache, monkeypatch):
    convert = gguf_model._convert

    def cut(file, name, header, folder):
        convert(file, name, header, folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(gguf_model, "_convert", cut)
    with pytest.raises(KeyboardInterrupt):
        load_language_model(str(whole))
    assert [path for path in (cache / "gguf-v1").iterdir() if path.is_dir()] == []
    monkeypatch.setattr(gguf_model, "_convert", convert)
    model = load_language_model(str(whole))
    (folder,) = (path for path in (cache / "gguf-v1").iterdir() if path.is_dir())
    expected = model.share_probability(questions[:3]).p_share
    # A process that was killed leaves a temporary folder, and a full disk may cut a file.
    (folder.parent / f"{folder.name}.partial-x").mkdir()
    for damage in (lambda file: file.write_bytes(file.read_bytes()[:-9]), lambda file: file.unlink()):
        for name in ("model.safetensors", "tokenizer.json", "conversion.json"):
            damage(folder / name)
            np.testing.assert_array_equal(
                load_language_model(str(whole)).share_probability(questions[:3]).p_share, expected
            )
    assert [path for path in folder.parent.iterdir() if path.is_dir()] == [folder]


def test_processes_that_start_together_convert_once(whole, cache, monkeypatch):
    convert, made = gguf_model._convert, []
    monkeypatch.setattr(gguf_model, "_convert", lambda *args: (made.append(1), convert(*args)))
    threads = [threading.Thread(target=gguf_model.converted, args=(whole, "m")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_folders_with_several_files_or_parts_are_refused(original, whole, tmp_path, cache):
    for name in ("a-q4.gguf", "b-q8.GGUF"):
        shutil.copy(whole, tmp_path / name)
    with pytest.raises(InputError, match=r"contains 2 GGUF files: a-q4\.gguf, b-q8\.GGUF; name one of them"):
        load_language_model(str(tmp_path))
    parts = tmp_path / "parts"
    parts.mkdir()
    for number in (1, 2, 3):
        shutil.copy(whole, parts / f"model-{number:05}-of-00003.gguf")
    for name in (parts, parts / "model-00001-of-00003.gguf"):
        with pytest.raises(InputError, match=r"split into several files .*llama-gguf-split --merge"):
            load_language_model(str(name))
    # A part that was renamed says in its header that it is one.
    write_gguf(original, tmp_path / "renamed.bin", parts=3)
    with pytest.raises(InputError, match="split into several files"):
        load_language_model(str(tmp_path / "renamed.bin"))
    # A folder that has safetensors weights too is read as before.
    shutil.copytree(embedded.FOLDER, tmp_path / "both")
    shutil.copy(whole, tmp_path / "both" / "model.gguf")
    assert load_language_model(str(tmp_path / "both")).warning == embedded.WARNING


def test_damaged_files_are_refused_with_one_line(whole, tmp_path, cache):
    content = whole.read_bytes()
    path = tmp_path / "cut.gguf"
    for damaged, message in [
        (content[:-1], rf"it has {len(content) - 1} of at least {len(content)} bytes"),
        (content[: len(content) // 2], r"it has \d+ of at least"),
        (content[:3000], "its header is cut short"),
        (b"GGUF", "its header is cut short"),
        (content[:4] + b"\x01" + content[5:], "its GGUF version is 1"),
        (b"PK\x03\x04 a pickle in a zip file", "it does not begin like a GGUF file"),
        (b"", "it does not begin like a GGUF file"),
    ]:
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"is not a complete GGUF file \({message}.*download it again") as caught:
            load_language_model(str(path))
        assert "\n" not in str(caught.value)
    assert not list(cache.glob("gguf-v1/*/"))


def test_any_damage_to_the_header_is_found_or_harmless(whole, tmp_path):
    content, path, rng = whole.read_bytes(), tmp_path / "flipped.gguf", random.Random(5)
    n_found = 0
    for number in range(300):
        damaged = bytearray(content)
        # Most of the header is a list of tokens: half of the changes are before it.
        for _ in range(3):
            damaged[rng.randrange(4, 700 if number % 2 else 30000)] = rng.randrange(256)
        path.write_bytes(damaged[: len(content) if number % 3 else rng.randrange(5, len(content))])
        try:
            read_header(path, BLOCKS)
        except DamagedFileError:
            n_found += 1
    assert n_found > 50


def test_an_unknown_architecture_is_one_line(original, tmp_path, cache):
    write_gguf(original, tmp_path / "odd.gguf", architecture="perceptron")
    with pytest.raises(InputError, match="architecture perceptron") as caught:
        load_language_model(str(tmp_path / "odd.gguf"))
    assert "\n" not in str(caught.value)
    assert "llama.cpp or Ollama" in str(caught.value)
    assert not list(cache.glob("gguf-v1/*/"))


@pytest.mark.parametrize("missing", ["gguf", "accelerate"])
def test_without_the_packages_the_extra_is_named(whole, cache, monkeypatch, missing):
    for name in [module for module in sys.modules if module.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=r"needs two more packages: pip install 'tworate\[gguf\]'$"):
        load_language_model(str(whole))


def test_no_room_for_the_weights_is_one_line(whole, tmp_path, monkeypatch):
    monkeypatch.setenv("TWORATE_CACHE", str(tmp_path / "full"))
    monkeypatch.setattr(gguf_model.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(JobError, match=r"0\.0 GB are free\).*TWORATE_CACHE"):
        load_language_model(str(whole))
    monkeypatch.undo()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TWORATE_CACHE", str(tmp_path / "file"))
    with pytest.raises(JobError, match=r"cannot be written to .*TWORATE_CACHE"):
        load_language_model(str(whole))


def test_other_files_are_still_refused(tmp_path):
    (tmp_path / "weights.bin").write_bytes(b"not a model")
    with pytest.raises(InputError, match="is not a GGUF file"):
        load_language_model(str(tmp_path / "weights.bin"))
    with pytest.raises(InputError, match=r"no config\.json"):
        load_language_model(str(tmp_path))


def test_the_header_names_the_kinds_of_weights(original, whole, tmp_path):
    header = read_header(whole, BLOCKS)
    n_weights = sum(p.numel() for p in original.model.parameters())
    assert (header.architecture, header.n_weights, header.is_quantised, header.n_parts) == (
        "llama",
        n_weights,
        False,
        1,
    )
    write_gguf(original, tmp_path / "q.gguf", gguf.GGMLQuantizationType.Q8_0, parts=2)
    header = read_header(tmp_path / "q.gguf", BLOCKS)
    assert (header.n_weights, header.is_quantised, header.n_parts) == (n_weights, True, 2)
    for cut in itertools.chain(range(5, 2000, 97), [whole.stat().st_size - 1]):
        (tmp_path / "cut").write_bytes(whole.read_bytes()[:cut])
        with pytest.raises(DamagedFileError):
            read_header(tmp_path / "cut", BLOCKS)
