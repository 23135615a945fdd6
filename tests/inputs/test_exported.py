"""Files of torch.export are checked without being loaded: real programs pass, whatever else there is does not."""

import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gapkit.inputs.exported import exported
from gapkit.inputs.sizes import is_size
from tests.checkpoints.written import export


class Encoder(nn.Module):
    """What encoders of pictures are made of."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.GELU(), nn.GroupNorm(2, 8), nn.SiLU()
        )
        self.attention, self.norm = nn.MultiheadAttention(8, 2, batch_first=True), nn.LayerNorm(8)
        self.out = nn.Linear(8 * 16, 8)
        self.register_buffer("places", torch.randn(16, 8))

    def forward(self, flat):
        x = (flat.reshape(-1, 1, 8, 8) - torch.tensor([0.1])) / 0.3
        parts = self.conv(x).flatten(2).transpose(1, 2) + self.places
        parts = self.norm(parts + self.attention(parts, parts, parts, need_weights=False)[0])
        return self.out(parts.flatten(1)).chunk(2, -1)


class Decoder(nn.Module):
    """What decoders are made of, with a name of a parameter that is none of Python."""

    def __init__(self):
        super().__init__()
        self.start, self.up = nn.Linear(4, 32), nn.ConvTranspose2d(4, 4, 2, stride=2)
        self.conv, self.gru = nn.Conv2d(8, 4, 3, padding=1), nn.GRU(4, 4, batch_first=True)
        self.parts = nn.ModuleDict({"x-y": nn.Linear(8, 8)})

    def forward(self, z):
        rows = z.shape[0]
        h = F.interpolate(self.start(z).view(rows, 8, 2, 2), scale_factor=2, mode="nearest")
        h = self.up(F.leaky_relu(self.conv(h))) + self.gru(z.unsqueeze(1))[0].reshape(rows, 4, 1, 1)
        steps = torch.arange(8.0)
        h = self.parts["x-y"](h.mean(1, keepdim=True)) + torch.where(steps > 3, steps, 0 * steps)
        return h + torch.logsumexp(z, 1).view(rows, 1, 1, 1)


@pytest.mark.parametrize(("module", "size"), [pytest.param(Encoder, 64, marks=pytest.mark.slow), (Decoder, 4)])
def test_real_programs_pass_as_they_are(module, size, tmp_path):
    torch.manual_seed(0)
    own = module().eval()
    export(own, size, tmp_path / "a.pt2")
    outline = exported(tmp_path / "a.pt2")
    assert outline.inputs == ((None, size),)
    assert outline.dynamic
    graph = torch.export.load(io.BytesIO(outline.content)).module()
    x = torch.randn(5, size)
    torch.testing.assert_close(graph(x), own(x), rtol=0, atol=0)


@pytest.mark.parametrize(
    "text",
    [
        "[s0][0]",
        "s0.real",
        "s0()",
        "open('canary', 'w')",
        "Symbol('open(1)')",
        "Symbol(Symbol.__init__)",
        "lambda: 1",
        "(s0 for s0 in s1)",
        "f'{s0}'",
        "s0 if s1 else s2",
        "2**s0",
        "1 << 9999999999",
        "9" * 40,
        "Symbol('s0'",
        "__builtins__",
        "Function('f')(s0)",
        "s0 + " * 1000 + "s0",
        "(" * 1500 + ")" * 1500,
        "",
        "\x00",
    ],
)
def test_what_is_no_arithmetic_of_sizes(text):
    assert not is_size(text)


@pytest.mark.parametrize(
    "text",
    [
        "s77",
        "4*s77",
        "s0*s1//2 - 1",
        "Max(1, s0)",
        "Eq(s0, 3)",
        "s0 >= 2",
        "Symbol('s77', positive=True, integer=True)",
    ],
)
def test_arithmetic_of_sizes(text):
    assert is_size(text)
