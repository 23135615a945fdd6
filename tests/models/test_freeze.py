"""frozen() restores every flag; coupling_layers() names what makes datapoints depend on each other."""

import functools

import pytest
import torch
from torch import nn

from gapkit.models.freeze import coupling_layers, frozen
from gapkit.models.pair import from_pair


def mixed_net():
    """A net with flags that differ between layers."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.BatchNorm1d(2))
    net[1].eval()
    net[0].bias.requires_grad_(False)
    return net


class Plain:
    """A user's object that is no module."""

    def __init__(self):
        self.nets = {"encoder": [mixed_net()]}
        self.scale = nn.Parameter(torch.zeros(()))
        net = mixed_net()
        self.hidden = lambda z: net(z)


def flags(model):
    with frozen(model):
        pass
    return [m.training for m in model.modules()], [p.requires_grad for p in model.parameters()]


def test_everything_is_off_inside_and_as_before_outside():
    net = mixed_net()
    before = flags(net)
    with frozen(net) as same:
        assert same is net
        assert not any(m.training for m in net.modules())
        assert not any(p.requires_grad for p in net.parameters())
    assert flags(net) == before == ([True, True, False, True], [True, False, True, True])


def test_flags_come_back_after_an_exception_and_after_nesting():
    net = mixed_net()
    before = flags(net)
    with pytest.raises(RuntimeError, match="inside"), frozen(net), frozen(net):
        raise RuntimeError("inside")
    assert flags(net) == before


def test_modules_of_a_plain_object_are_found_in_containers_and_closures():
    model = Plain()
    net = model.nets["encoder"][0]
    hidden = model.hidden.__closure__[0].cell_contents
    with frozen(model):
        for module in (net, hidden):
            assert not any(m.training for m in module.modules())
            assert not any(p.requires_grad for p in module.parameters())
        assert not model.scale.requires_grad
    assert net.training
    assert hidden.training
    assert model.scale.requires_grad


@pytest.mark.parametrize("wrap", [lambda f: f.forward, lambda f: functools.partial(f), lambda f: lambda x: f(x)])
def test_modules_behind_plain_callables_of_a_pair_are_found(wrap):
    net = mixed_net()
    with frozen(from_pair(wrap(net), nn.Linear(1, 2), encoder_output="chunk_logvar")):
        assert not net[0].weight.requires_grad
        assert not net.training
    assert net.training


def test_batch_statistics_do_not_move_while_frozen():
    net = mixed_net()
    before = net[2].running_mean.clone()
    with frozen(net):
        net(torch.randn(5, 2))
    assert torch.equal(net[2].running_mean, before)


def test_coupling_layers_are_named_by_their_paths():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.2))
            self.norm = nn.BatchNorm1d(2, track_running_stats=False)
            self.fine = nn.BatchNorm1d(2)
            self.per_datapoint = nn.InstanceNorm1d(2)

    assert [line.partition(" ")[0] for line in coupling_layers(Net())] == ["norm"]
    assert coupling_layers(nn.Linear(2, 2)) == []
