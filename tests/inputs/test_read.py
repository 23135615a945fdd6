"""Reading checkpoints: all kinds open, nothing is executed, every failure has a name."""

import argparse
import io
import pickle
import sys
import types
import warnings
import zipfile

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.inputs.read import _warn_if_advisory_applies, file_sha256, read


class Canary:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def refusal(path, **options):
    with pytest.raises(InputError) as caught:
        read(path, **options)
    assert caught.value.do
    return str(caught.value)


@pytest.fixture
def state():
    return nn.Linear(3, 2).state_dict()


@pytest.mark.parametrize("zipped", [True, False])
def test_both_formats_of_torch(tmp_path, state, zipped):
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    payload = read(str(tmp_path / "a.pt"))
    assert payload["epoch"] == 3
    torch.testing.assert_close(dict(payload["state_dict"]), dict(state))


def test_legacy_file_saved_on_a_gpu(tmp_path, state):
    torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "a.pth").read_bytes()
    short, long = b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"
    assert content.count(short) >= 1
    (tmp_path / "a.pth").write_bytes(content.replace(short, long))
    loaded = read(tmp_path / "a.pth")
    assert {value.device.type for value in loaded.values()} == {"cpu"}
    torch.testing.assert_close(dict(loaded), dict(state))


def test_safetensors(tmp_path, state):
    save_file(dict(state), tmp_path / "a.safetensors")
    torch.testing.assert_close(read(tmp_path / "a.safetensors"), dict(state))
    content = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(content[:-5])
    assert "truncated or damaged" in refusal(tmp_path / "a.safetensors")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_is_refused_unless_trusted(tmp_path, zipped):
    canary, path = tmp_path / "canary", tmp_path / "a.pt"
    payload = {"w": torch.ones(1), "args": argparse.Namespace(z=2), "c": Canary(canary)}
    torch.save(payload, path, _use_new_zipfile_serialization=zipped)
    text = refusal(path)
    assert "argparse.Namespace" in text
    assert "open" in text
    assert "--trust-pickle" in text
    assert not canary.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the canary's file
        opened = read(path, trust_pickle=True)
        assert opened["args"].z == 2
        opened["c"].close()
    assert canary.exists()


def test_a_plain_pickle_is_not_opened_even_if_trusted(tmp_path):
    (tmp_path / "a.pt").write_bytes(pickle.dumps(Canary(tmp_path / "canary")))
    assert "plain pickle" in refusal(tmp_path / "a.pt", trust_pickle=True)
    assert not (tmp_path / "canary").exists()


def test_trusted_pickle_of_a_class_that_is_gone(tmp_path, monkeypatch):
    module = types.ModuleType("gone_module")
    module.Thing = type("Thing", (), {"__module__": "gone_module"})
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "gone_module", module)
        torch.save({"a": module.Thing()}, tmp_path / "a.pt")
    assert "No module named 'gone_module'" in refusal(tmp_path / "a.pt", trust_pickle=True)


def test_missing_folder_and_empty(tmp_path, state):
    torch.save(state, tmp_path / "model.pt")
    assert "did you mean model.pt?" in refusal(tmp_path / "modle.pt")
    assert "no such file" in refusal(tmp_path / "no" / "model.pt")
    assert "a folder, with model.pt in it" in refusal(tmp_path)
    (tmp_path / "empty.pt").touch()
    assert "empty (0 bytes)" in refusal(tmp_path / "empty.pt")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html></html>", "web page"),
        (b"hello, this is text", "not a checkpoint"),
        (b"\x89PNG\r\n", "not a checkpoint"),
    ],
)
def test_files_that_are_no_checkpoint(tmp_path, content, expected):
    (tmp_path / "a.pt").write_bytes(content)
    assert expected in refusal(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("m/constants.pkl", "TorchScript"),
        ("m/archive_format", "torch.export"),
        ("x.npy", "--data"),
        ("readme.txt", "zip archive without weights"),
    ],
)
def test_archives_that_are_no_checkpoint(tmp_path, record, expected):
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr(record, b"x")
    assert expected in refusal(tmp_path / "a.pt")


@pytest.mark.parametrize("zipped", [True, False])
def test_truncation_anywhere(tmp_path, zipped):
    buffer = io.BytesIO()
    torch.save({"a": torch.randn(100)}, buffer, _use_new_zipfile_serialization=zipped)
    content = buffer.getvalue()
    for size in (*range(40, len(content), 97), len(content) - 1):
        (tmp_path / "a.pt").write_bytes(content[:size])
        assert "damaged" in refusal(tmp_path / "a.pt"), size


def test_a_flipped_bit_in_the_weights_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1000)}, tmp_path / "a.pt")
    content = bytearray((tmp_path / "a.pt").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "a.pt").write_bytes(content)
    text = refusal(tmp_path / "a.pt")
    assert "checksum of its part" in text
    assert "copy or download it again" in text


def test_a_file_without_checksums_is_read_with_a_warning(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"a": torch.ones(3)}, tmp_path / "a.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    with pytest.warns(GapkitWarning, match="without checksums"):
        assert read(tmp_path / "a.pt")["a"].sum() == 3


def test_an_archive_that_swells_is_refused_before_it_is_read(tmp_path):
    torch.save({"a": torch.zeros(50_000_000, dtype=torch.uint8)}, tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as whole, zipfile.ZipFile(tmp_path / "b.pt", "w") as bomb:
        for entry in whole.infolist():
            bomb.writestr(entry.filename, whole.read(entry.filename), zipfile.ZIP_DEFLATED)
    assert read(tmp_path / "b.pt")["a"].shape == (50_000_000,)  # compressed, and not much
    torch.save({"a": torch.zeros(100_000_000, dtype=torch.uint8)}, tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as whole, zipfile.ZipFile(tmp_path / "b.pt", "w") as bomb:
        for entry in whole.infolist():
            bomb.writestr(entry.filename, whole.read(entry.filename), zipfile.ZIP_DEFLATED)
    assert "unpacks to 100 MB" in refusal(tmp_path / "b.pt")


def test_tensors_that_declare_more_than_the_file_has(tmp_path):
    torch.save({"a": torch.zeros(1).expand(50_000_000)}, tmp_path / "a.pt")
    assert "a of shape (50000000,) would take 200 MB" in refusal(tmp_path / "a.pt")
    torch.save({"a": [torch.zeros(1).expand(1000)]}, tmp_path / "a.pt")
    assert read(tmp_path / "a.pt")["a"][0].shape == (1000,)
    torch.save({"a": torch.zeros(3, device="meta")}, tmp_path / "a.pt")
    assert "without numbers" in refusal(tmp_path / "a.pt")


def test_old_torch_warns_once():
    _warn_if_advisory_applies.cache_clear()
    with pytest.warns(GapkitWarning, match="CVE-2026-24747"):
        _warn_if_advisory_applies("2.9.1+cu128")
    _warn_if_advisory_applies("2.9.1+cu128")
    _warn_if_advisory_applies("2.10.0")
    _warn_if_advisory_applies("2.13.0+cpu")


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
