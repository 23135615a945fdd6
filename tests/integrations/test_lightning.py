"""The Lightning callback: what is logged is the analysis, and training is as without it."""

import ast
import copy
import inspect
import os
import pickle
import random
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.distributions import Bernoulli, Independent
from torch.utils.data import DataLoader, TensorDataset

from gapkit import GapkitWarning, InputError, analyze, from_pair
from gapkit.integrations.lightning import GapCallback, _refuse_spread_weights
from gapkit.ladder import STANDARD
from tests.engine.cheap import make_quick_quicker
from tests.fast import only
from tests.integrations.lightning_vae import DIGITS, HELD_OUT, PACKAGES, package, same_state, train, vae_class

# Warnings of lightning and pytorch_lightning.
pytestmark = [
    # "`isinstance(treespec, LeafSpec)` is deprecated": torch says so of what Lightning 2.6 does with data loaders.
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.* is deprecated:FutureWarning"),
    # "The 'train_dataloader' does not have many workers": Lightning's advice on speed.
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    # "You defined a `validation_step` but have no `val_dataloader`": on purpose, in training without validation.
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no `val_dataloader`"),
]


@pytest.fixture(autouse=True)
def _brief(request, monkeypatch):
    if not request.node.get_closest_marker("slow"):
        make_quick_quicker(monkeypatch)


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("validation", only([True, False], True), ids=["validation", "no validation"])
def test_what_is_logged_is_the_analysis_of_the_model_at_that_epoch(name, validation, tmp_path):
    base = package(name).Callback
    callback = GapCallback(HELD_OUT, every_n_epochs=2, limit=6)
    assert isinstance(callback, base)
    trainer, model = train([callback], name=name, validation=validation, folder=tmp_path)
    assert list(callback.history) == [1, 3]
    assert callback.history[3] is callback.result.summary_values
    now = analyze(model, HELD_OUT[:6], spec=callback.spec)
    pd.testing.assert_frame_equal(now.to_frame(), callback.result.to_frame())
    (file,) = tmp_path.rglob("metrics.csv")
    rows = pd.read_csv(file)
    rows = rows[rows["gapkit/test/total_gap"].notna()].set_index("epoch")
    assert list(rows.index) == [1, 3]
    logged = [column for column in rows if column.startswith("gapkit/")]
    assert len(logged) == 18
    for epoch, summary in callback.history.items():
        quantities = summary.quantities
        for name_ in STANDARD.names:
            for ending, key in (
                ("", "mean"),
                ("_se_monte_carlo", "se_monte_carlo"),
                ("_se_datapoints", "se_datapoints"),
            ):
                wanted = getattr(quantities[name_], key)
                assert np.float32(rows.loc[epoch, f"gapkit/test/{name_}{ending}"]) == np.float32(wanted)
    assert trainer.callback_metrics["gapkit/test/elbo"] == np.float32(quantities["elbo"].mean)


@pytest.mark.parametrize("validation", only([True, False], False), ids=["validation", "no validation"])
def test_training_is_bit_for_bit_the_same(validation):
    model = vae_class(package().LightningModule)(dropout=0.3)
    flags = [True] * 6 + [False] * 2
    for parameter, flag in zip(model.parameters(), flags, strict=False):
        parameter.requires_grad_(flag)
    twin = copy.deepcopy(model)
    callback = GapCallback(HELD_OUT, every_n_epochs=1, limit=8)
    train([callback], epochs=3, validation=validation, model=model)
    train([], epochs=3, validation=validation, model=twin)
    assert list(callback.history) == [0, 1, 2]
    assert same_state(model, twin)
    assert model.modes == twin.modes == [(True, True, True)] * 6
    assert [p.requires_grad for p in model.parameters()] == [p.requires_grad for p in twin.parameters()]
    for parameter, other in zip(model.parameters(), twin.parameters(), strict=True):
        assert (parameter.grad is None) == (other.grad is None)
        assert parameter.grad is None or torch.equal(parameter.grad, other.grad)
    start = vae_class(package().LightningModule)(dropout=0.3)
    assert not same_state(model, start)  # there was training


def test_without_the_guard_training_would_differ():
    """The comparison above can fail: a callback that draws one number changes the weights."""

    class Draws(package().Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            torch.rand(())

    one, other = (train(callbacks, epochs=2)[1] for callbacks in ([], [Draws()]))
    assert not same_state(one, other)


def test_random_states_are_kept_where_the_model_draws():
    class Draws(vae_class(package().LightningModule)):
        def prior(self):
            random.random(), np.random.rand(), torch.rand(())  # noqa: NPY002
            return super().prior()

    callback = GapCallback(HELD_OUT, every_n_epochs=1, limit=4)
    drawn = []
    for callbacks in ([callback], []):
        model = Draws()
        package().seed_everything(0, verbose=False)
        model.load_state_dict(vae_class(package().LightningModule)().state_dict())
        train(callbacks, epochs=2, model=model, validation=False)
        drawn.append((random.random(), np.random.rand(), torch.rand(()).item()))  # noqa: NPY002
    assert drawn[0] == drawn[1]
    assert len(callback.history) == 2


@pytest.mark.parametrize(
    "how",
    [{"likelihood": "bernoulli"}, {"to_model": lambda module: from_pair(module.encode, module.decode)}],
    ids=["likelihood", "to_model"],
)
def test_modules_that_return_tensors(how):
    model = vae_class(package().LightningModule)(tensors=True)
    callback = GapCallback({"train": DIGITS[:8], "val": HELD_OUT.numpy()}, 2, limit=4, prefix="gaps", **how)
    trainer, _ = train([callback], epochs=2, model=model)
    model.tensors = False
    now = analyze(model, {"train": DIGITS[:4], "val": HELD_OUT[:4]}, spec=callback.spec)
    pd.testing.assert_frame_equal(now.to_frame(), callback.result.to_frame())
    names = {name.rpartition("/")[0] for name in trainer.callback_metrics if name.startswith("gaps")}
    assert names == {"gaps/train", "gaps/val"}


def test_other_callbacks_can_monitor_the_gaps(tmp_path):
    from lightning.pytorch.callbacks import ModelCheckpoint

    gap = "gapkit/test/amortization_gap"
    keep = ModelCheckpoint(tmp_path, monitor=gap, every_n_epochs=2, save_top_k=-1, auto_insert_metric_name=False)
    callback = GapCallback(HELD_OUT, 2, limit=4)
    train([callback, keep], enable_checkpointing=True)
    kept = {float(value) for value in keep.best_k_models.values()}
    assert kept == {np.float32(s.quantities["amortization_gap"].mean) for s in callback.history.values()}


def test_epochs_with_validation_in_their_midst_are_analysed_once_at_the_end():
    callback = GapCallback(HELD_OUT, 1, limit=4)
    _, model = train([callback], epochs=2, val_check_interval=1, num_sanity_val_steps=2)
    assert list(callback.history) == [0, 1]
    now = analyze(model, HELD_OUT[:4], spec=callback.spec)
    pd.testing.assert_frame_equal(now.to_frame(), callback.result.to_frame())


def test_validation_alone_is_not_analysed_and_a_second_fit_counts_anew():
    callback = GapCallback(HELD_OUT, 1, limit=4)
    trainer, model = train([], epochs=1)
    trainer.callbacks.append(callback)
    trainer.validate(model, DataLoader(TensorDataset(HELD_OUT), 20), verbose=False)
    assert callback.history == {}
    train([callback], epochs=1)
    for seed_of_fit in (1, 2):
        train([callback], epochs=1)
        assert list(callback.history) == [0], seed_of_fit
        callback.history.clear()


def test_an_analysis_that_fails_is_one_warning_and_training_goes_on():
    callback = GapCallback(HELD_OUT[:, :10], every_n_epochs=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", GapkitWarning)
        trainer, model = train([callback], epochs=3)
    told = [str(w.message) for w in caught if w.category is GapkitWarning]
    assert len(told) == 1
    assert "no gaps of epoch 0: InputError" in told[0]
    assert "strict=True" in told[0]
    assert trainer.current_epoch == 3
    assert callback.result is None
    assert callback.history == {}
    assert same_state(model, train([], epochs=3)[1])


def test_a_strict_analysis_that_fails_stops_the_training():
    with pytest.raises(InputError, match="10"):
        train([GapCallback(HELD_OUT[:, :10], 1, strict=True)], epochs=3)


def test_what_is_not_finite_is_not_logged():
    class Broken(vae_class(package().LightningModule)):
        def decode(self, z):
            return Independent(Bernoulli(logits=self.decoder(z) * float("nan")), 1)

    callback = GapCallback(HELD_OUT, 1, limit=4)
    with pytest.warns(GapkitWarning, match="no gaps of epoch 0: .*a finite log p"):
        trainer, _ = train([callback], epochs=1, model=Broken())
    assert callback.history == {}
    assert [name for name in trainer.callback_metrics if name.startswith("gapkit")] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"every_n_epochs": 0}, "every_n_epochs=0"),
        ({"limit": 0}, "limit=0"),
        ({"effort": "huge"}, "no such effort"),
        ({"likelihood": "bernoulli", "to_model": lambda module: module}, "two ways"),
        ({"x": HELD_OUT[:0]}, "some datapoints"),
        ({"x": {}}, "none"),
        ({"x": np.float32(1.0)}, "some datapoints"),
    ],
)
def test_odd_arguments_are_refused_before_training(arguments, words):
    with pytest.raises(InputError, match=words):
        GapCallback(**{"x": HELD_OUT, **arguments})


def test_weights_that_no_process_has_are_refused():
    from lightning.pytorch.strategies import DDPStrategy, FSDPStrategy, SingleDeviceStrategy

    for strategy in (DDPStrategy(), SingleDeviceStrategy()):
        _refuse_spread_weights(strategy)
    with pytest.raises(InputError, match="FSDPStrategy spreads"):
        _refuse_spread_weights(FSDPStrategy())


def test_a_callback_survives_pickling_and_copying_and_subclassing():
    class Mine(GapCallback):
        pass

    callback = GapCallback(HELD_OUT, 3, limit=2, seed=5)
    for copied in (pickle.loads(pickle.dumps(callback)), copy.deepcopy(callback)):
        assert isinstance(copied, GapCallback)
        assert isinstance(copied, package().Callback)
        assert (copied.every_n_epochs, copied.spec) == (3, callback.spec)
        assert torch.equal(copied.x["test"], HELD_OUT[:2])
    assert isinstance(copy.deepcopy(Mine(HELD_OUT)), Mine)
    assert callback.state_key == "GapCallback"


def test_importing_the_module_does_not_import_lightning():
    tree = ast.parse(Path(inspect.getfile(GapCallback)).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {name.name for node in imports for name in node.names} | {getattr(node, "module", "") for node in imports}
    assert "gapkit.engine" in names
    assert not {name for name in names if "lightning" in name}


def test_a_missing_lightning_is_named_with_its_extra(monkeypatch):
    for name in ("lightning", *PACKAGES):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"pip install 'gapkit\[lightning\]'"):
        GapCallback(HELD_OUT)


@pytest.mark.slow
def test_of_two_processes_only_the_first_analyses_and_training_is_the_same(tmp_path):
    """Real data-parallel training on two processes; Lightning starts the second one with the same command."""
    script = tmp_path / "train.py"
    script.write_text(
        "import sys, torch\n"
        "from gapkit.integrations.lightning import GapCallback\n"
        "from tests.integrations.lightning_vae import HELD_OUT, train\n"
        "callback, kept = GapCallback(HELD_OUT, 2, limit=4), []\n"
        "for callbacks in ([callback], []):\n"
        "    trainer, model = train(callbacks, strategy='ddp', devices=2)\n"
        "    kept.append((trainer.global_rank, model.state_dict(), dict(trainer.callback_metrics)))\n"
        "torch.save((list(callback.history), kept), f'{sys.argv[1]}/{trainer.global_rank}.pt')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    assert [epochs for epochs, _ in ranks] == [[1, 3], []]
    for rank, (_, runs) in enumerate(ranks):
        (number, state, numbers), (_, without, others) = runs
        assert number == rank
        assert all(torch.equal(state[name], without[name]) for name in without)
        assert sorted(set(numbers) - set(others))[:1] == (["gapkit/test/amortization_gap"] if rank == 0 else [])
