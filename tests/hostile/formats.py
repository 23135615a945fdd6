"""Hostile folders and programs: damaged, incomplete, of a wrong class, absurd in size, or with code in them."""

import io
import json
import shutil
import zipfile

import torch
from safetensors.torch import save_file

from tests.checkpoints import written
from tests.hostile.cases import Canary, Case, poison

DATA = ("--data", "empty.npz")
LIKELIHOOD = ("--likelihood", "gaussian:sigma=0.5")
MODEL = "import torch\n\n\nclass Net(torch.nn.Module):\n    def __init__(self, hidden=3):\n        super().__init__()\n"
MODEL += "        self.encode = torch.nn.Linear(6, hidden)\n        self.decode = torch.nn.Linear(2, 6)\n"


def write(folder, case):
    """Good checkpoints of the kind that a case is about."""
    torch.manual_seed(0)
    kind = case.name.partition("-")[0]
    if kind in ("pythae", "inspect", "folder"):
        for name, settings in {"VAE": {}, "VAE_IAF": {"hidden_size": 4}, "VAMP": {"number_components": 3}}.items():
            written.pythae_vae(name, (6,), **settings).save(str(folder / name))
    if kind == "diffusers":
        written.autoencoder().save_pretrained(folder / "kl")
    if kind in ("exported", "inspect"):
        written.export(written.Encoder(), 6, folder / "enc.pt2")
        written.export(written.Decoder(), 2, folder / "dec.pt2")
    if kind == "scripted":
        written.script(written.Encoder().eval(), folder / "enc.pt")
        written.script(written.Decoder().eval(), folder / "dec.pt")
    if kind == "hub":
        (folder / "net.py").write_text(MODEL)
        (folder / "hub").mkdir()
        (folder / "hub/config.json").write_text('{"hidden": 4}')
        state = {"encode.weight": torch.ones(4, 6), "encode.bias": torch.ones(4)}
        state |= {"decode.weight": torch.ones(6, 2), "decode.bias": torch.ones(6)}
        save_file(state, folder / "hub/model.safetensors")


def _json(path, **changes):
    """Changes entries of a JSON file; None takes one out."""

    def make(folder):
        found = {**json.loads((folder / path).read_text()), **changes}
        (folder / path).write_text(json.dumps({key: value for key, value in found.items() if value is not None}))

    return make


def _text(path, text):
    return lambda folder: (folder / path).write_text(text)


def _gone(path):
    return lambda folder: (folder / path).unlink()


def _poisoned(path, **changes):
    def make(folder):
        if changes:
            _json("VAE/model_config.json", **changes)(folder)
        if path.endswith(".pkl"):
            (folder / path).write_bytes(poison())
        else:
            torch.save({"model_state_dict": Canary()}, folder / path)

    return make


def _pythae():
    config, iaf = "VAE/model_config.json", "VAE_IAF/model_config.json"
    deep = '{"name": ' + "[" * 50_000 + "]" * 50_000 + "}"
    for label, make, words in (
        ("json", _text(config, '{"name": "VAEConfig"'), "damaged JSON"),
        ("json-deep", _text(config, deep), "damaged JSON"),
        ("json-list", _text(config, "[]"), "no object"),
        ("json-large", _text(config, '{"name": "' + "x" * 5_000_000 + '"}'), "of JSON"),
        ("no-name", _json(config, name=None), "None in model_config.json"),
        ("other-name", _json(config, name="os.system"), "'os.system' in model_config.json"),
        ("odd-name", _json(config, name="\x1b[2J\u202e"), "in model_config.json"),
        ("no-weights", _gone("VAE/model.pt"), "no model.pt"),
        ("latent", _json(config, latent_dim=10**12), "1000000000000"),
        ("latent-huge", _json(config, latent_dim=10**40), "no model can be built"),
        ("latent-text", _json(config, latent_dim="many"), "no model can be built"),
        ("latent-negative", _json(config, latent_dim=-3), "no model can be built"),
        ("input", _json(config, input_dim=[10**9, 10**9]), "no model can be built"),
        ("input-many", _json(config, input_dim=[1] * 100_000), "100,000 entries"),
        ("unknown", _json(config, colour="red"), "empty.npz"),
        ("loss", _json(config, reconstruction_loss="hinge"), "no model can be built"),
        ("poison", _poisoned("VAE/model.pt"), "would run code"),
        ("encoder", _poisoned("VAE/encoder.pkl", uses_default_encoder=False), "would run code"),
        ("encoder-gone", _json(config, uses_default_encoder=False), "no encoder.pkl"),
    ):
        yield Case(f"pythae-{label}", make, ("analyze", "VAE", *DATA), words)
    for label, changes, words in (
        ("blocks", {"n_made_blocks": 10**9}, "n_made_blocks=1,000,000,000"),
        ("layers", {"n_hidden_in_made": 10**9}, "n_hidden_in_made=1,000,000,000"),
        ("hidden", {"hidden_size": 10**10}, "no model can be built"),
        ("one", {"latent_dim": 1}, "sizes that differ"),
    ):
        yield Case(f"pythae-iaf-{label}", _json(iaf, **changes), ("analyze", "VAE_IAF", *DATA), words)
    many = _json("VAMP/model_config.json", number_components=10**9)
    yield Case("pythae-vamp-components", many, ("analyze", "VAMP", *DATA), "VAMP")


def _diffusers():
    config, words = "kl/config.json", ("analyze", "kl", *DATA, *LIKELIHOOD)
    for label, make, told in (
        ("json", _text(config, "{"), "damaged JSON"),
        ("class", _json(config, _class_name="AutoencoderTiny"), "'AutoencoderTiny'"),
        ("class-odd", _json(config, _class_name=["os", "system"]), "['os', 'system']"),
        ("no-weights", _gone("kl/diffusion_pytorch_model.safetensors"), "no diffusion_pytorch_model"),
        ("layers", _json(config, layers_per_block=10**9), "layers_per_block=1,000,000,000"),
        ("channels", _json(config, block_out_channels=[2**40]), "kl"),
        ("channels-many", _json(config, block_out_channels=[4] * 10_000), "10,000 entries"),
        ("latents", _json(config, latent_channels=10**12), "kl"),
        ("unknown", _json(config, colour="red"), "no model can be built"),
        ("blocks", _json(config, down_block_types=["os.system"]), "no model can be built"),
        ("text", _json(config, block_out_channels="many"), "no model can be built"),
    ):
        yield Case(f"diffusers-{label}", make, words, told)
    yield Case("diffusers-poison", _poisoned_kl, words, "would run code")


def _poisoned_kl(folder):
    (folder / "kl/diffusion_pytorch_model.safetensors").unlink()
    torch.save(Canary(), folder / "kl/diffusion_pytorch_model.bin")


def _hub():
    config, words = "hub/config.json", ("analyze", "hub", *DATA, *LIKELIHOOD, "--model", "net.py:Net")
    for label, make, told in (
        ("json", _text(config, '{"hidden": '), "damaged JSON"),
        ("no-weights", _gone("hub/model.safetensors"), "no checkpoint in it"),
        ("hidden", _json(config, hidden=10**12), "hidden=1000000000000"),
        ("negative", _json(config, hidden=-5), "call net.py:Net"),
        ("text", _json(config, hidden="x" * 100_000), "call net.py:Net"),
        ("other", _json(config, hidden=5), "in the file"),
        ("code", _text("hub/net.py", "open('canary', 'w')\n"), "empty.npz"),
    ):
        yield Case(f"hub-{label}", make, words, told)


def _repacked(name, change, extra=None):
    """A program whose records pass through a function."""

    def make(folder):
        with zipfile.ZipFile(folder / name) as archive:
            records = {entry: archive.read(entry) for entry in archive.namelist()}
        root = next(iter(records)).partition("/")[0]
        with zipfile.ZipFile(folder / name, "w") as archive:
            for entry, content in records.items():
                archive.writestr(entry, change(entry.partition("/")[2], content))
            for entry, content in (extra or {}).items():
                archive.writestr(f"{root}/{entry}", content)

    return make


def _graph(change):
    """A program whose graph was changed as text."""
    return _repacked("dec.pt2", lambda name, part: change(part) if name == "models/model.json" else part)


def _same(_, content):
    return content


def _saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def _flag(name, content):
    return content.replace(b'"use_pickle": false', b'"use_pickle": true')


def _programs():
    words = ("analyze", "--encoder-file", "enc.pt2", "--decoder-file", "dec.pt2", *DATA, *LIKELIHOOD)
    size = b"Symbol('"
    evil = b"__import__('os').system('touch canary') or Symbol('"
    module = b'{\\"type\\": \\"collections.defaultdict\\", \\"context\\": \\"[\\\\\\"antigravity\\\\\\"]\\"'
    for label, make, told in (
        ("size", _graph(lambda text: text.replace(size, evil)), "no arithmetic of sizes"),
        ("size-power", _graph(lambda text: text.replace(size, b"9**9**9**9*Symbol('")), "no arithmetic of sizes"),
        ("target", _graph(lambda t: t.replace(b"torch.ops.aten.tanh.default", b"torch.os.system")), "torch.os.system"),
        (
            "target-file",
            _graph(lambda t: t.replace(b"torch.ops.aten.tanh.default", b"torch.ops.aten.from_file.default")),
            "from_file",
        ),
        (
            "target-absent",
            _graph(lambda t: t.replace(b"torch.ops.aten.tanh.default", b"torch.ops.aten.absent.default")),
            "cannot load it",
        ),
        ("name", _graph(lambda text: text.replace(b'"name": "z"', b'"name": "z): pass #"')), "which is no name"),
        (
            "container",
            _graph(lambda t: t.replace(b'{\\"type\\": \\"builtins.tuple\\", \\"context\\": \\"null\\"', module, 1)),
            "defaultdict",
        ),
        ("graph-json", _graph(lambda text: text[:-20]), "damaged JSON"),
        ("graph-empty", _graph(lambda text: b"{}"), "without a graph"),
        ("graph-inputs", _graph(lambda text: text.replace(b"user_input", b"user_inputs")), "to do:"),
        ("graph-weights", _graph(lambda text: text.replace(b'"net.0.weight"', b'"net.9.weight"')), "cannot load it"),
        ("pickled", _repacked("dec.pt2", _flag), "pickled"),
        (
            "absurd",
            _repacked(
                "dec.pt2",
                lambda name, part: (
                    part.replace(b'{"as_int": 5}', b'{"as_int": 5000000000000}') if "config" in name else part
                ),
            ),
            "bytes in the file",
        ),
        (
            "example",
            _repacked("dec.pt2", lambda name, part: _saved(Canary()) if "sample_inputs" in name else part),
            "example inputs that are more than tensors",
        ),
        ("compiled", _repacked("dec.pt2", _same, {"data/aotinductor/model/x.so": b"\x7fELF"}), "data/aotinductor"),
        ("twice", _repacked("dec.pt2", _same, {"Models/model.json": b"{}"}), "parts of the same name"),
        ("second", _repacked("dec.pt2", _same, {"models/other.json": b"{}"}), "models/other.json"),
        ("cut", lambda folder: (folder / "dec.pt2").write_bytes((folder / "dec.pt2").read_bytes()[:2000]), "dec.pt2"),
        ("text", _text("dec.pt2", "hello"), "no program"),
        ("folder", lambda folder: ((folder / "dec.pt2").unlink(), (folder / "dec.pt2").mkdir()), "dec.pt2"),
    ):
        yield Case(f"exported-{label}", make, words, told)


def _scripts():
    words = ("analyze", "--encoder-file", "enc.pt", "--decoder-file", "dec.pt", *DATA, *LIKELIHOOD)

    def code(change):
        return _repacked(
            "dec.pt", lambda name, part: change(part) if name.startswith("code/") and name.endswith(".py") else part
        )

    for label, make, told in (
        (
            "saves",
            code(lambda text: text.replace(b"return ", b'torch.save(z, "canary")\n    return ', 1)),
            "torch.save",
        ),
        ("reads", code(lambda text: text.replace(b"return ", b'ops.aten.from_file("x")\n    return ', 1)), "from_file"),
        ("foreign", code(lambda text: text + b"\n# ops.evil.run\n"), "ops.evil"),
        ("syntax", code(lambda text: text[:-30] + b"((("), "cannot load it"),
        ("poison", _repacked("dec.pt", lambda name, part: poison() if name == "data.pkl" else part), "cannot load it"),
        ("cut", lambda folder: (folder / "dec.pt").write_bytes((folder / "dec.pt").read_bytes()[:700]), "dec.pt"),
        ("weights", lambda folder: torch.save({"a": torch.ones(1)}, folder / "dec.pt"), "an archive without a program"),
    ):
        yield Case(f"scripted-{label}", make, words, told)


def _inspected():
    """The same by the door that opens nothing."""
    pickled = _poisoned("VAE/encoder.pkl", uses_default_encoder=False)
    yield Case("inspect-pythae", pickled, ("inspect", "VAE"), "", (0,))
    yield Case("inspect-json", _text("VAE/model_config.json", "{"), ("inspect", "VAE"), "damaged JSON")
    evil = _graph(lambda text: text.replace(b"Symbol('", b"open('canary', 'w') or Symbol('"))
    yield Case("inspect-program", evil, ("inspect", "dec.pt2"), "no arithmetic of sizes")
    yield Case("inspect-empty", lambda folder: (folder / "new").mkdir(), ("inspect", "new"), "no checkpoint in it")
    loop = lambda folder: (folder / "VAE/loop").symlink_to(folder / "VAE")  # noqa: E731
    yield Case("folder-loop", loop, ("analyze", "VAE", *DATA), "empty.npz")
    copied = lambda folder: shutil.copytree(folder / "VAE", folder / "a\x1b[2Jb")  # noqa: E731
    yield Case("folder-name", copied, ("analyze", "a\x1b[2Jb", *DATA), "empty.npz")


CASES = (*_pythae(), *_diffusers(), *_hub(), *_programs(), *_scripts(), *_inspected())
