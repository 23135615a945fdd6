"""State dicts as people save them: found and loaded whole, or refused with an option that then works."""

import copy

import pytest
import torch
from torch import nn

from gapkit.checkpoints import fill
from gapkit.checkpoints.places import place_at, places
from gapkit.core.errors import InputError


class Vae(nn.Module):
    def __init__(self, hidden=3):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(4, hidden), nn.Linear(hidden, 4))
        self.decoder = nn.Linear(2, 4)


class Twins(nn.Module):
    """Parts that look alike."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4, 4), nn.Linear(4, 4)


class Inside(nn.Module):
    def __init__(self):
        super().__init__()
        self.vae = Vae()


def trained(kind=Vae, seed=1):
    torch.manual_seed(seed)
    return kind()


def state_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def filled(payload, module=None, **options):
    """The module's state after loading, and what was said."""
    module = module or Vae()
    notes = fill([module], payload, **options)
    return state_of(module), " | ".join(notes)


def refusal(payload, module=None, **options):
    module = module or Vae()
    before = state_of(module)
    with pytest.raises(InputError) as caught:
        fill([module], payload, **options)
    torch.testing.assert_close(state_of(module), before)  # a refused load changes nothing
    return str(caught.value)


VAE = trained()
STATE, ENCODER, DECODER = state_of(VAE), state_of(VAE.encoder), state_of(VAE.decoder)
OTHER = state_of(trained(seed=2))


def test_weights_alone_need_no_words():
    for payload in (
        STATE,
        {"epoch": 3, "model": STATE},
        {"state_dict": {f"module.{n}": t for n, t in STATE.items()}},
        VAE,
    ):
        state, notes = filled(payload)
        torch.testing.assert_close(state, STATE)
        assert not notes


@pytest.mark.parametrize(
    "names",
    [
        ("encoder", "decoder"),
        ("encoder_state_dict", "decoder_state_dict"),
        ("model", "variational"),
        ("enc", "dec"),
        ("generative_net", "inference"),
    ],
)
def test_a_dict_for_each_part_is_found_by_its_fit(names):
    for first, second in ((names[0], names[1]), (names[1], names[0])):
        state, notes = filled({"epoch": 3, first: ENCODER, second: DECODER, "optimizer": {"state": {}}})
        torch.testing.assert_close(state, STATE)
        assert f"encoder from {first}" in notes
        assert f"decoder from {second}" in notes


def test_parts_that_look_alike_are_told_by_their_names():
    twins = trained(Twins)
    one, two = state_of(twins.encoder), state_of(twins.decoder)
    for names in (("decoder", "encoder"), ("dec_state_dict", "enc_state_dict"), ("DecoderNet", "encoder_weights")):
        state, notes = filled({names[0]: two, names[1]: one}, Twins())
        torch.testing.assert_close(state, state_of(twins))
        assert f"encoder from {names[1]}" in notes


def test_parts_that_nothing_tells_apart_are_named_with_the_option_that_works():
    twins = trained(Twins)
    payload = {"a": state_of(twins.encoder), "b": state_of(twins.decoder)}
    text = refusal(payload, Twins())
    assert "the dicts a, b" in text
    assert "--state-key encoder=a --state-key decoder=b" in text
    state, _ = filled(payload, Twins(), keys=["encoder=a", "decoder=b"])
    torch.testing.assert_close(state, state_of(twins))
    swapped, _ = filled(payload, Twins(), keys=["decoder=a", "encoder=b"])
    torch.testing.assert_close(swapped["encoder.weight"], payload["b"]["weight"])


def test_dicts_with_whole_names_are_joined():
    first = {name: t for name, t in STATE.items() if name.startswith("encoder")}
    second = {name: t for name, t in STATE.items() if name.startswith("decoder")}
    state, notes = filled({"model": first, "variational": second})
    torch.testing.assert_close(state, STATE)
    assert "model and variational together" in notes


def test_a_dict_that_is_missing_or_of_other_size_is_not_filled_in():
    text = refusal({"encoder": ENCODER, "other": state_of(nn.Linear(7, 7))})
    assert "encoder (4 tensors)" in text
    assert "other (2 tensors)" in text
    assert "--state-key PART=PLACE (parts: encoder, decoder)" in text
    text = refusal({"encoder": ENCODER, "decoder": DECODER}, keys=["encoder=encoder"])
    assert "missing decoder.weight, decoder.bias" in text
    assert "has no part encodr" in refusal({"encoder": ENCODER}, keys=["encodr=encoder"])
    assert "name one of its parts: encoder, decoder" in refusal({"encoder": ENCODER}, keys=["encodr=encoder"])
    assert "there is no 'x' there" in refusal({"encoder": ENCODER}, keys=["encoder=x"])


def test_parts_of_a_model_inside_an_object():
    class Plain:
        def __init__(self):
            self.net = Vae()

    from gapkit.checkpoints import weights_of

    holder = weights_of(Plain())
    fill([holder, holder.net], {"enc": ENCODER, "dec": DECODER})
    torch.testing.assert_close(state_of(holder.net), STATE)


def test_entries_that_are_no_tensors_are_left_out_and_named():
    state, notes = filled({"epoch": 12, **STATE, "config": {"latent": 2}})
    torch.testing.assert_close(state, STATE)
    assert "no tensors: epoch (int), config (dict of 1)" in notes
    assert "epoch (int)" in filled({"state_dict": {**STATE, "epoch": 3}})[1]
    assert "no tensors: decoder.bias (float)" in refusal({**STATE, "decoder.bias": 0.5})


def test_leftovers_have_a_remedy_that_works():
    extra = {**STATE, "loss.net.weight": torch.ones(2), "loss.net.bias": torch.ones(1), "metric": torch.ones(1)}
    text = refusal({"state_dict": extra})
    assert "--ignore-keys 'loss.*' --ignore-keys 'metric'" in text
    state, notes = filled({"state_dict": extra}, ignore=["loss.*", "metric"])
    torch.testing.assert_close(state, STATE)
    assert "left out as --ignore-keys says: loss.net.weight, loss.net.bias, metric (3 in all)" in notes
    within = {**STATE, "encoder.extra.weight": torch.ones(2)}
    text = refusal(within)
    assert "--ignore-keys 'encoder.extra.weight'" in text
    torch.testing.assert_close(filled(within, ignore=["encoder.extra.weight"])[0], STATE)


def test_messages_stay_short_whatever_the_names():
    odd = {f"n{i}" + "x" * 10_000: torch.ones(1) for i in range(50)}
    for text in (refusal({**STATE, **odd}), refusal({"a": odd, "b": {"c": torch.ones(1)}})):
        assert len(text) < 5000
    assert "patterns for all of them, such as" in refusal({**STATE, **{f"n{i}": torch.ones(1) for i in range(50)}})


def test_a_pattern_that_matches_nothing_is_told_and_one_that_takes_too_much_refused():
    assert "no name in the file is like that" in filled(STATE, ignore=["los.*"])[1]
    assert "missing decoder.weight, decoder.bias" in refusal(STATE, ignore=["dec*"])


def test_a_prefix_of_all_names_is_dropped_and_said():
    for prefix in ("model.", "vae.", "net.model.", "_orig_mod.model."):
        state, notes = filled({prefix + name: t for name, t in STATE.items()})
        torch.testing.assert_close(state, STATE)
        assert f"begin with {prefix.removeprefix('_orig_mod.')!r}" in notes
    state, notes = filled(STATE, Inside())
    assert "lack 'vae.'" in notes
    torch.testing.assert_close(state, {f"vae.{name}": t for name, t in STATE.items()})


def test_averaged_copies_beside_the_weights_are_named():
    state, notes = filled({"ema": OTHER, "model": STATE})
    torch.testing.assert_close(state, STATE)
    assert "not loaded: ema (6 tensors)" in notes
    assert "--state-key ema" in notes
    torch.testing.assert_close(filled({"ema": OTHER, "model": STATE}, keys=["ema"])[0], OTHER)
    text = refusal({"averaged": OTHER, "live": STATE})
    assert "several dicts that fit: averaged, live" in text
    assert "--state-key averaged or --state-key live" in text
    torch.testing.assert_close(filled({"averaged": OTHER, "live": STATE}, keys=["live"])[0], STATE)


def test_averaged_copies_in_the_same_dict_are_chosen_by_their_prefix():
    both = {**{f"model.{n}": t for n, t in STATE.items()}, **{f"ema.{n}": t for n, t in OTHER.items()}}
    text = refusal({"state_dict": both})
    assert "fit behind 'model.' and behind 'ema.': pass --state-key model" in text
    torch.testing.assert_close(filled({"state_dict": both}, keys=["state_dict.ema"])[0], OTHER)
    torch.testing.assert_close(filled(both, keys=["model"])[0], STATE)
    torch.testing.assert_close(filled({"state_dict": both}, keys=["model"])[0], STATE)


def test_another_network_in_the_file_is_not_passed_over_in_silence():
    _, notes = filled({"model": STATE, "variational": state_of(nn.Linear(2, 2)), "optimizer": {"w": torch.ones(3)}})
    assert "not loaded: variational (2 tensors)" in notes
    assert "optimizer" not in notes


class Buffers(Vae):
    def __init__(self):
        super().__init__()
        self.register_buffer("best_loss", torch.tensor(float("inf")))
        self.register_buffer("mask", torch.full((2, 2), float("-inf")))


def test_infinite_buffers_are_no_fault_and_infinite_parameters_are():
    payload = state_of(Buffers())
    state, notes = filled(payload, Buffers())
    assert state["best_loss"].isinf()
    assert not notes
    payload["decoder.bias"][0] = float("inf")
    assert "NaN or infinite values in decoder.bias (1 in all)" in refusal(payload, Buffers())


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight


def test_tied_weights_may_be_saved_once_or_twice_but_not_differently():
    state = state_of(trained(Tied))
    torch.testing.assert_close(filled(state, Tied())[0], state)
    once = {name: t for name, t in state.items() if name != "second.weight"}
    torch.testing.assert_close(filled(once, Tied())[0], state)
    assert "differ in the file" in refusal({**state, "second.weight": torch.ones(3, 3)}, Tied())


@pytest.mark.parametrize("saved", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_loaded(saved):
    state, _ = filled({name: t.to(saved) for name, t in STATE.items()})
    torch.testing.assert_close(state, STATE, rtol=1e-2, atol=1e-2)


def test_shapes_that_differ_are_named_with_the_sizes():
    text = refusal({"encoder_state_dict": state_of(Vae(7).encoder), "decoder_state_dict": DECODER})
    assert "decoder_state_dict (2 tensors)" in text
    assert "(7, 4) in the file, (3, 4) in the module" in refusal(state_of(Vae(7)))


def test_places_are_found_down_to_a_depth_and_by_name():
    deep = {"a": {"b": {"c": STATE}}}
    assert [place.name for place in places(deep)] == ["a.b.c"]
    torch.testing.assert_close(filled(deep)[0], STATE)
    assert len(place_at(deep, "a.b.c.encoder").state) == 4
    with pytest.raises(InputError, match="at 'a' a dict with b"):
        place_at(deep, "a.x")


def test_a_copy_is_not_needed_to_look():
    payload = {"model": copy.deepcopy(STATE)}
    filled(payload)
    torch.testing.assert_close(payload["model"], STATE)
