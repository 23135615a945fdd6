"""MetaELBO against the ELBO, and what set encoders must not see: the order of the elements, the rest of the batch."""

import pytest
import torch
from torch import nn

from gapkit.core.errors import InputError
from gapkit.meta import MetaData, MetaTrainConfig, fit_decoders, fit_each_dataset, meta_elbo, train_meta
from gapkit.models.meta_vae import of_each_dataset
from gapkit.models.pair import from_pair
from gapkit.models.reference import build
from gapkit.models.sets import POOLINGS, make_set_encoder
from gapkit.models.stacked import StackedMlp
from gapkit.training import elbo
from tests.fast import only

SMALL = {"x_shape": (6,), "latent": 2, "hidden": (8,), "summary": 5, "set_hidden": (7,)}


def model_of(count, **changes):
    torch.manual_seed(0)
    return build("meta_vae", **{**SMALL, "num_datasets": count, **changes})


def bits(*shape, seed=0):
    return torch.bernoulli(torch.full(shape, 0.4), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("posterior", ["mean_field", "full_rank", "flow"])
def test_of_one_data_set_and_a_fixed_context_it_is_the_elbo_bit_by_bit(posterior, samples):
    meta, x, support = model_of(1, posterior=posterior), bits(1, 30, 6), bits(1, 10, 6, seed=1)
    with torch.no_grad():
        context = meta.encoder.summarise(support)
    decoder = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 6))
    with torch.no_grad():
        for layer, weight, bias in zip(decoder[::2], meta.decoder.net.weights, meta.decoder.net.biases, strict=True):
            layer.weight.copy_(weight[0])
            layer.bias.copy_(bias[0])
    net, head = meta.encoder.net, meta.encoder.head
    plain = from_pair(
        lambda rows: head(net(torch.cat([rows, context.expand(len(rows), -1)], 1))),
        decoder,
        encoder_output=head.encoder_output,
    )
    torch.manual_seed(1)
    ours = meta_elbo(meta, x, torch.tensor([0]), support, samples)
    torch.manual_seed(1)
    theirs = elbo(plain, x[0], samples)
    assert torch.equal(ours[0], theirs)


def test_of_several_data_sets_each_has_its_own_decoder():
    meta, x, support = model_of(3), bits(2, 5, 6), bits(2, 4, 6, seed=1)
    datasets = torch.tensor([2, 0])
    torch.manual_seed(1)
    both = meta_elbo(meta, x, datasets, support, 400)
    for row, number in enumerate(datasets.tolist()):
        c = {
            "dataset": torch.full((5,), number),
            "support": support[row].expand(5, -1, -1),
        }
        alone = elbo(meta, x[row], 400, condition=c)
        assert ((both[row] - alone).abs() < 0.3).all()  # 400 draws each, with a standard deviation of about 1


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("with_size", [False, True])
def test_the_order_of_the_elements_and_the_rest_of_the_batch_do_not_matter(pooling, with_size):
    torch.manual_seed(0)
    encoder = make_set_encoder(pooling, (6,), 5, (7,), "elu", with_size=with_size).double()
    sets = torch.randn(64, 20, 6, dtype=torch.float64)
    found = encoder(sets)
    assert found.std() > 0.01
    torch.testing.assert_close(encoder(sets[:, torch.randperm(20)]), found, rtol=0, atol=1e-13)
    torch.testing.assert_close(encoder(sets[:3]), found[:3], rtol=0, atol=1e-13)
    assert encoder(sets[:4, :0]).shape == (4, 5)  # an empty set is no error


def test_a_set_twice_has_the_same_mean():
    encoder = make_set_encoder("mean", (6,), 5, (), "elu").double()
    sets = torch.randn(3, 4, 6, dtype=torch.float64)
    torch.testing.assert_close(encoder(torch.cat([sets, sets], 1)), encoder(sets), rtol=0, atol=1e-13)


def test_stacked_networks_are_the_single_ones_in_any_order_and_group_size():
    torch.manual_seed(0)
    stacked = StackedMlp(4, (3, 5, 2), "elu").double()
    nets = [nn.Sequential(nn.Linear(3, 5), nn.ELU(), nn.Linear(5, 2)).double() for _ in range(4)]
    for number, net in enumerate(nets):
        stacked.copy_from(net, number)
    for numbers in ([0, 3, 3, 1, 0, 3], [2, 0, 1, 3, 3, 1, 2, 0], [1]):
        x = torch.randn(len(numbers), 3, dtype=torch.float64)
        single = torch.stack([nets[number](row) for number, row in zip(numbers, x, strict=True)])
        torch.testing.assert_close(stacked(x, torch.tensor(numbers)), single, rtol=0, atol=1e-13)
    with pytest.raises(InputError, match="networks for 0 to 3"):
        stacked(torch.zeros(1, 3).double(), torch.tensor([4]))


def test_a_support_set_has_the_shape_of_the_data():
    meta = model_of(2)
    with pytest.raises(InputError, match="support of shape"):
        meta.encode(bits(3, 6), {"dataset": torch.zeros(3, dtype=torch.long), "support": bits(3, 4, 5)})
    with pytest.raises(InputError, match="none in the condition"):
        meta.encode(bits(3, 6), {"dataset": torch.zeros(3, dtype=torch.long)})


def three():
    x = bits(3, 40, 6)
    return MetaData(x[:, :30], x[:, 30:], torch.tensor([True, True, False]))


SHORT = MetaTrainConfig(steps=5, queries=10, context_size=5)


def test_training_leaves_the_given_model_and_what_is_not_trained():
    data, given = three(), model_of(3)
    before = {name: value.clone() for name, value in given.state_dict().items()}
    state = torch.get_rng_state()
    trained = train_meta(given, data, SHORT).model.state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in given.state_dict().items())
    weight = "decoder.net.weights.0"
    assert not torch.equal(trained[weight][:2], before[weight][:2])
    assert torch.equal(trained[weight][2], before[weight][2])  # held out
    known = train_meta(given, data, MetaTrainConfig(**{**SHORT.as_dict(), "known": True})).model.state_dict()
    assert torch.equal(known[weight], before[weight])
    assert not torch.equal(known["encoder.net.0.weight"], before["encoder.net.0.weight"])
    refitted = fit_decoders(given, data, SHORT).model.state_dict()
    assert torch.equal(refitted[weight][:2], before[weight][:2])
    assert not torch.equal(refitted[weight][2], before[weight][2])
    assert torch.equal(refitted["encoder.net.0.weight"], before["encoder.net.0.weight"])


def test_the_encoder_of_each_data_set_begins_at_the_doubly_amortized_one():
    data, given = three(), model_of(3)
    data = MetaData(data.train[:, :1].expand(-1, 30, -1).contiguous(), data.test, data.seen)  # every support is alike
    still = MetaTrainConfig(**{**SHORT.as_dict(), "steps": 1, "learning_rate": 1e-12})
    found = fit_each_dataset(given, data, still).model
    dataset = torch.arange(3)
    c = {"dataset": dataset, "support": data.train[:, :5]}
    x = data.test[:, 0]
    one, other = found.encode(x, c), of_each_dataset(found).encode(x, c)
    torch.testing.assert_close(one.mean, other.mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(one.mean, given.encode(x, c).mean, rtol=0, atol=1e-6)


@pytest.mark.parametrize("trainer", only([train_meta, fit_decoders, fit_each_dataset], train_meta))
def test_a_model_of_another_number_of_data_sets_is_refused(trainer):
    with pytest.raises(InputError, match="3 data sets"):
        trainer(model_of(2), three(), SHORT)
    with pytest.raises(InputError, match="data sets"):
        trainer(build("mlp_vae", x_shape=(6,), latent=2, hidden=(4,)), three(), SHORT)
