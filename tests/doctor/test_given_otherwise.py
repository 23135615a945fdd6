"""Models given a little otherwise than expected: the refusal names what was found, and its remedy works."""

import pytest
import torch
from torch import nn

import gapkit
from gapkit.core.errors import InputError
from gapkit.doctor import prepare
from gapkit.models.freeze import coupling_layers


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(16, 4), nn.Linear(2, 16)

    def elements(self, x):
        return self.enc(x.flatten(1)).chunk(2, -1)

    def encode(self, x):
        return self.elements(x)

    def decode(self, z):
        return self.dec(z)


class DrawFirst(Plain):
    def encode(self, x):
        mean, logvar = self.elements(x)
        return mean + (0.5 * logvar).exp() * torch.randn_like(mean), mean, logvar


class Named(Plain):
    def encode(self, x):
        mean, logvar = self.elements(x)
        return {"mu": mean, "logvar": logvar}


class Images(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, 2, 3, padding=1)
        self.enc = nn.Linear(2 * 16, 4)
        self.dec = nn.Linear(2, 16 * channels)
        self.channels = channels

    def encode(self, x):
        return self.enc(self.conv(x).flatten(1)).chunk(2, -1)

    def decode(self, z):
        return self.dec(z).reshape(-1, self.channels, 4, 4)


def pair(encode, decode):
    return gapkit.from_pair(encode, decode, "bernoulli")


def refusal(model, x):
    with pytest.raises(InputError) as caught:
        prepare(model, x)
    return caught.value


def test_a_draw_before_mean_and_spread():
    x, net = torch.ones(3, 16), DrawFirst()
    told = refusal(pair(net.encode, net.decode), x)
    assert "[1:] where a draw of z comes first" in told.do
    assert prepare(pair(lambda x: net.encode(x)[1:], net.decode), x).shape == (3, 16)


def test_mean_and_spread_by_name():
    x, net = torch.ones(3, 16), Named()
    told = refusal(pair(net.encode, net.decode), x)
    assert "a dict with 'mu' (2, 2), 'logvar' (2, 2)" in told.found
    assert "out['mu'], out['logvar']" in told.do

    def encode(x):
        out = net.encode(x)
        return out["mu"], out["logvar"]

    assert prepare(pair(encode, net.decode), x).shape == (3, 16)


@pytest.mark.parametrize("channels", [1, 3])
def test_flat_data_for_a_model_of_images(channels):
    x, net = torch.ones(3, 16 * channels), Images(channels)
    told = refusal(pair(net.encode, net.decode), x)
    assert told.do.endswith(f"x = x.reshape(-1, {channels}, 4, 4) first in encode")
    model = pair(lambda x: net.encode(x.reshape(-1, channels, 4, 4)), net.decode)
    assert prepare(model, x).shape == (3, channels, 4, 4)


def test_flat_data_that_no_image_mends():
    net = Images(1)
    assert "reshape" not in refusal(pair(net.encode, net.decode), torch.ones(3, 15)).do


def test_layers_are_named_as_in_the_user_s_model():
    net = Plain()
    net.norm = nn.BatchNorm1d(16, track_running_stats=False)
    assert coupling_layers(pair(net.encode, net.decode)) == ["norm (BatchNorm1d without running statistics)"]
