"""Checkpoints whose content is not what a checkpoint holds."""

import torch

from tests.hostile.cases import changed_model, checkpoint_case

_VALUES = {
    "none": None,
    "text": "x",
    "escape": "\x1b[2J",
    "long": "y" * 10_000_000,
    "negative": -1,
    "zero": 0,
    "huge": 10**9,
    "enormous": 10**40,
    "fraction": 1.5,
    "nan": float("nan"),
    "true": True,
    "empty": [],
    "list": [8],
    "many": [8] * 100_000,
    "wide": [40_000, 40_000],
    "nested": [[[8]]],
    "dict": {"a": 1},
    "tensor": torch.zeros(2),
}
_SOME = ("none", "text", "negative", "huge", "enormous", "many", "dict")


def odd_payloads():
    config = ("x_shape", "latent", "hidden", "decoder_hidden", "activation", "likelihood", "posterior")
    for key in config:
        for label in _VALUES if key in ("latent", "hidden") else _SOME:

            def change(folder, key=key, label=label):
                changed_model(folder, lambda payload: payload["config"].update({key: _VALUES[label]}))

            yield checkpoint_case(f"config-{key}-{label}", change, "")
    for key in ("config", "state_dict", "extra", "builder", "version", "format"):
        for label in ("none", "text", "list", "huge", "long", "tensor", "dict"):

            def change(folder, key=key, label=label):
                changed_model(folder, lambda payload: payload.update({key: _VALUES[label]}))

            yield checkpoint_case(f"payload-{key}-{label}", change, "")
    options = {
        "rank": ("low_rank", {"rank": 10**9}),
        "layers": ("flow", {"num_layers": 10**9, "num_hidden": 4}),
        "wide": ("flow", {"num_layers": 2, "num_hidden": 10**9}),
        "auxiliary": ("auxiliary", {"num_layers": 2, "num_hidden": 10**6}),
        "text": ("flow", {"num_layers": "4"}),
        "list": ("flow", [1, 2]),
    }
    for label, (posterior, value) in options.items():

        def change(folder, posterior=posterior, value=value):
            changed_model(
                folder, lambda payload: payload["config"].update(posterior=posterior, posterior_options=value)
            )

        yield checkpoint_case(f"options-{label}", change)
    weights = {
        "text": "hello",
        "none": None,
        "list": [1.0],
        "dict": {},
        "number": 3,
        "nan": torch.full((8, 64), torch.nan),
        "shape": torch.zeros(3),
        "complex": torch.zeros(8, 64, dtype=torch.complex64),
        "float8": torch.zeros(8, 64).to(torch.float8_e4m3fn),
        "sparse": torch.zeros(8, 64).to_sparse(),
        "meta": torch.zeros(8, 64, device="meta"),
        "view": torch.zeros(1).expand(10**6, 10**6),
    }
    for label, value in weights.items():

        def change(folder, value=value):
            changed_model(folder, lambda payload: payload["state_dict"].update({"encoder.net.0.weight": value}))

        yield checkpoint_case(f"weight-{label}", change)
    for label, value in {"number": 3, "tuple": ("a",), "empty": "", "odd": "a\x1b[31m\n.b"}.items():

        def change(folder, value=value):
            changed_model(folder, lambda payload: payload["state_dict"].update({value: torch.zeros(1)}))

        yield checkpoint_case(f"weight-name-{label}", change)

    def deep(folder):
        inner = []
        for _ in range(400):
            inner = [inner]
        changed_model(folder, lambda payload: payload.update(config=inner))

    def itself(folder):
        loop = {}
        loop["config"] = loop
        changed_model(folder, lambda payload: payload.update(config=loop))

    yield checkpoint_case("config-deep", deep)
    yield checkpoint_case("config-itself", itself, "")
    for label, value in {"list": [1, 2], "text": "x", "tensor": torch.zeros(3), "number": 1.5, "none": None}.items():
        yield (
            checkpoint_case(
                f"not-a-dict-{label}",
                lambda folder, value=value: changed_model(folder, lambda _: value or [0]),
                "bad.pt",
            )
            if label != "tensor"
            else checkpoint_case("not-a-dict-tensor", lambda folder: torch.save(torch.zeros(3), folder / "bad.pt"))
        )
