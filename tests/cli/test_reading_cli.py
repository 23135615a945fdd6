"""Models as people save and write them, on the command line: read as they are meant, or refused with what to do."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from tests.cli import plain_models

BRIEF = ["--effort", "quick", "--limit", 3, "--format", "none"]
BINARY = ["--data", "bin.npz", *BRIEF]


@pytest.fixture
def state(tmp_path):
    _, state = plain_models.write(tmp_path)
    generator = np.random.default_rng(0)
    np.savez(tmp_path / "bin.npz", x=generator.integers(0, 2, (12, 9)).astype(np.uint8))
    np.savez(tmp_path / "grey.npz", x=generator.random((12, 9)).astype(np.float32))
    np.savez(tmp_path / "u8.npz", x=generator.integers(0, 256, (12, 9)).astype(np.uint8))
    return state


def model(kind):
    return ["--model", f"plain_models_of_test.py:{kind}"]


def numbers(tmp_path, out):
    frame = pd.read_parquet(tmp_path / out / "datapoints.parquet")
    return frame[["elbo", "elbo_star", "log_px"]].to_numpy()


def run_of(tmp_path, out):
    return json.loads((tmp_path / out / "run.json").read_text())


@pytest.fixture
def want(gapkit, state, tmp_path):
    """What the plain model gives."""
    torch.save(state, tmp_path / "ex.pt")
    code, _, err = gapkit("analyze", "ex.pt", *model("Logits"), "--likelihood", "bernoulli", *BINARY, "--out", "want")
    assert code == 0, err
    return numbers(tmp_path, "want")


def test_other_ways_to_write_the_same_model_give_the_same_numbers(gapkit, want, tmp_path):
    for name, words in {
        "probs": [*model("Sigmoid"), "--likelihood", "bernoulli:probs"],
        "std": [*model("Std"), "--likelihood", "bernoulli:logits", "--encoder-output", "mean_std"],
        "mixed": [*model("Mixed"), "--likelihood", "bernoulli", "--encoder-output", "distribution"],
    }.items():
        code, _, err = gapkit("analyze", "ex.pt", *words, *BINARY, "--out", name)
        assert code == 0, err
        np.testing.assert_allclose(numbers(tmp_path, name), want, rtol=1e-4, atol=1e-4)
    run = run_of(tmp_path, "std")
    assert run["likelihood"] == "bernoulli:logits"
    assert run["model_options"] == {"encoder_output": "mean_std"}


@pytest.mark.slow
def test_state_dicts_as_people_save_them(gapkit, want, state, tmp_path):
    parts = {
        "encoder": {n: t for n, t in state.items() if n.startswith(("fc1", "mu", "lv"))},
        "decoder": {n: t for n, t in state.items() if n.startswith(("fc3", "fc4"))},
    }
    files = {
        "two": (parts, [*model("Two")], ""),
        "epoch": ({**state, "epoch": 7}, [*model("Logits")], "no tensors: epoch (int)"),
        "extra": (
            {"state_dict": {**state, "fid.w": torch.ones(1)}},
            [*model("Logits"), "--ignore-keys", "fid.*"],
            "fid.w",
        ),
        "inf": ({**state, "best_loss": torch.tensor(float("inf"))}, [*model("InfBuf")], ""),
        "named": (
            {"a": parts["encoder"], "b": parts["decoder"]},
            [*model("Two"), "--state-key", "encoder=a", "--state-key", "decoder=b"],
            "",
        ),
        "scalar": ({"model": state, "best_loss": np.float64(3.5)}, [*model("Logits")], ""),
        "lightning": ({"state_dict": {f"vae.{n}": t for n, t in state.items()}}, [*model("Logits")], "'vae.'"),
    }
    for name, (payload, words, said) in files.items():
        torch.save(payload, tmp_path / f"{name}.pt")
        code, _, err = gapkit("analyze", f"{name}.pt", *words, "--likelihood", "bernoulli", *BINARY, "--out", name)
        assert code == 0, err
        np.testing.assert_array_equal(numbers(tmp_path, name), want)
        checkpoint = run_of(tmp_path, name)["checkpoint"]
        assert said in " ".join(checkpoint.get("notes", []))
    assert run_of(tmp_path, "named")["model_options"]["state_keys"] == ["encoder=a", "decoder=b"]


def test_leftovers_are_refused_with_the_option_that_then_works(gapkit, state, tmp_path):
    torch.save({"state_dict": {**state, "fid.w": torch.ones(1), "loss_weight": torch.ones(1)}}, tmp_path / "a.ckpt")
    words = ["analyze", "a.ckpt", *model("Logits"), "--likelihood", "bernoulli", *BINARY, "--out", "out"]
    code, _, err = gapkit(*words)
    assert code == 2
    assert "pass --ignore-keys 'fid.*' --ignore-keys 'loss_weight'" in err
    assert gapkit(*words, "--ignore-keys", "fid.*", "--ignore-keys", "loss_weight")[0] == 0


def test_a_trained_scale_in_the_checkpoint_is_named(gapkit, state, tmp_path):
    torch.save({**state, "log_scale": torch.tensor([-0.5])}, tmp_path / "ls.pt")
    words = ["analyze", "ls.pt", "--data", "grey.npz", *BRIEF]
    code, _, err = gapkit(*words, *model("LogScale"), "--likelihood", "gaussian:scale=global")
    assert code == 2
    assert "--likelihood-param NUMBER" in err
    results = []
    for name, kind, value in (("a", "LogScale", "log_scale"), ("b", "Logits", "log_scale"), ("c", "LogScale", "-0.5")):
        options = ["--likelihood", "gaussian:scale=global", "--likelihood-param", value, "--out", name]
        code, _, err = gapkit(*words, *model(kind), *options)
        assert code == 0, err
        results.append(numbers(tmp_path, name))
    sigma = ["--likelihood", f"gaussian:sigma={np.exp(-0.5)}", "--ignore-keys", "log_scale", "--out", "d"]
    assert gapkit(*words, *model("Logits"), *sigma)[0] == 0
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])
    np.testing.assert_allclose(numbers(tmp_path, "d"), results[0], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_pixels_on_the_scale_of_training(gapkit, state, tmp_path):
    torch.save(state, tmp_path / "ex.pt")
    pixels = np.load(tmp_path / "u8.npz")["x"]
    np.savez(tmp_path / "by_hand.npz", x=(pixels / 127.5 - 1).astype(np.float32))
    common = [*model("Logits"), "--likelihood", "gaussian:sigma=0.5", *BRIEF]
    code, _, err = gapkit(
        "analyze", "ex.pt", *common, "--data", "u8.npz", "--scale", "-1,1", "--out", "a", "--format", "html"
    )
    assert code == 0, err
    assert "(pixels from 0..255 to [-1, 1])" in err
    assert gapkit("analyze", "ex.pt", *common, "--data", "by_hand.npz", "--out", "b")[0] == 0
    np.testing.assert_allclose(numbers(tmp_path, "a"), numbers(tmp_path, "b"), rtol=1e-4, atol=1e-4)
    told = run_of(tmp_path, "a")["data"]
    assert told["scale"] == "-1,1"
    assert told["splits"]["test"]["scaling"] == "pixels from 0..255 to [-1, 1]"
    assert "pixels from 0..255 to [-1, 1]" in (tmp_path / "a" / "report.html").read_text()
    assert run_of(tmp_path, "b")["data"]["splits"]["test"]["scaling"] == "none"


def test_a_csv_of_pixels_with_labels(gapkit, state, tmp_path):
    torch.save(state, tmp_path / "ex.pt")
    pixels = np.load(tmp_path / "u8.npz")["x"]
    frame = pd.DataFrame(pixels, columns=[f"pixel{i}" for i in range(9)])
    frame.insert(0, "class", np.arange(12) % 3)
    frame.to_csv(tmp_path / "kaggle.csv", index=False)
    common = [*model("Logits"), "--likelihood", "gaussian:sigma=0.5", *BRIEF]
    code, _, err = gapkit("analyze", "ex.pt", *common, "--data", "kaggle.csv", "--out", "a")
    assert code == 0, err
    assert "data: kaggle.csv, 3 datapoints, values from" in err
    assert "(pixels divided by 255); labels from the column class" in err
    assert gapkit("analyze", "ex.pt", *common, "--data", "u8.npz", "--out", "b")[0] == 0
    np.testing.assert_array_equal(numbers(tmp_path, "a"), numbers(tmp_path, "b"))
    assert pd.read_parquet(tmp_path / "a" / "datapoints.parquet")["label"].tolist() == [0, 1, 2]


def test_counts_of_eight_bits_stay_counts(gapkit, state, tmp_path):
    torch.save(state, tmp_path / "ex.pt")
    counts = np.random.default_rng(0).poisson(2.0, (12, 9)).astype(np.uint8)
    np.savez(tmp_path / "counts.npz", x=counts)
    common = ["--data", "counts.npz", *BRIEF]
    code, _, err = gapkit("analyze", "ex.pt", *model("Logits"), "--likelihood", "poisson", *common, "--out", "a")
    assert code == 0, err
    assert "(as stored)" in err
    words = [*model("Rates"), "--likelihood", "poisson:rate", *common, "--out", "b"]
    assert gapkit("analyze", "ex.pt", *words)[0] == 0
    np.testing.assert_allclose(numbers(tmp_path, "a"), numbers(tmp_path, "b"), rtol=1e-3, atol=1e-3)


def test_tokens_stay_integers(gapkit, state, tmp_path):
    space: dict = {}
    exec(plain_models.MODELS, space)
    torch.save(space["Tokens"]().state_dict(), tmp_path / "t.pt")
    np.savez(tmp_path / "tokens.npz", x=np.random.default_rng(0).integers(0, 5, (4, 6)))
    words = [
        *model("Tokens"),
        "--likelihood",
        "categorical:num_classes=5",
        "--data",
        "tokens.npz",
        "--effort",
        "quick",
        "--format",
        "none",
    ]
    code, _, err = gapkit("analyze", "t.pt", *words, "--limit", 2)
    assert code == 0, err


def test_discrete_latents_are_refused_with_the_reason(gapkit, want, tmp_path):
    code, _, err = gapkit("analyze", "ex.pt", *model("Codes"), "--likelihood", "bernoulli", *BINARY, "--out", "a")
    assert code == 2
    assert "discrete latents are not analysed, because" in err


def test_priors_of_the_model(gapkit, want, tmp_path):
    code, _, err = gapkit("analyze", "ex.pt", *model("HiddenPrior"), "--likelihood", "bernoulli", *BINARY)
    assert code == 2
    assert "hides the method prior()" in err
    code, _, err = gapkit("analyze", "ex.pt", *model("OwnPrior"), "--likelihood", "bernoulli", *BINARY, "--out", "b")
    assert code == 0, err
    assert not np.allclose(numbers(tmp_path, "b"), want, atol=0.01)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--encoder-output", "mean_std"], "no --likelihood"),
        (["--likelihood-param", "0.1"], "no --likelihood"),
        (["--likelihood", "bernoulli", "--encoder-output", "mean_sd"], "mean_logvar, mean_std, mean_logstd, mean_var"),
        (["--likelihood", "bernoulli", "--likelihood-param", "0.1"], "--likelihood-param"),
        (["--likelihood", "gaussian:scale=global", "--likelihood-param", "sigma"], "pass the number itself"),
        (["--likelihood", "bernoulli", "--scale", "2"], "--scale"),
        (["--likelihood", "bernoulli", "--latent-shape", "2x"], "write whole numbers"),
        (["--likelihood", "bernoulli", "--latent-shape", "3"], "correct the latent shape"),
        (["--latent-shape", "2"], "no --likelihood"),
        (["--likelihood", "bernoulli", "--label-column", "a"], "a source without columns"),
    ],
)
def test_options_that_do_not_go_together(gapkit, state, tmp_path, words, said):
    torch.save(state, tmp_path / "ex.pt")
    code, _, err = gapkit("analyze", "ex.pt", *model("Logits"), *BINARY, *words)
    assert code == 2
    assert said in err
    assert not (tmp_path / "gapkit-ex").exists()


def test_certify_takes_a_model_of_plain_tensors(gapkit, state, tmp_path):
    torch.save(state, tmp_path / "ex.pt")
    words = ["--datapoints", 3, "--effort", "quick", "--out", "a.json"]
    words += [*model("Sigmoid"), "--likelihood", "bernoulli:probs"]
    code, _, err = gapkit("certify", "ex.pt", *words)
    assert code == 2
    assert "--latent-shape 50" in err
    code, _, err = gapkit("certify", "ex.pt", *words, "--latent-shape", 2)
    assert code == 0, err
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["likelihood"] == "bernoulli:probs"


MISTAKES = {
    "syntax": ("import torch\nclass A(\n", "broken.py:A", "SyntaxError: '(' was never closed, in broken.py line 2"),
    "missing": ("", "nowhere.py:A", "no such file"),
    "name": ("import torch\nclass Model: pass\n", "broken.py:Modle", "did you mean Model?"),
    "case": ("import torch\nclass VAE: pass\n", "broken.py:vae", "did you mean VAE?"),
    "no name": ("import torch\n", "broken.py", "no name after a colon"),
}


@pytest.mark.parametrize("command", ["analyze", "refit", "score", "certify"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_in_the_model_file_are_told_before_anything_is_read(gapkit, tmp_path, command, mistake):
    source, spec, said = MISTAKES[mistake]
    (tmp_path / "broken.py").write_text(source)
    words = {"refit": ["--data", "x", "--out", "out"], "score": ["--data", "x"]}.get(command, [])
    code, _, err = gapkit(command, "nothing.pt", "--model", spec, *words)  # a checkpoint that is missing as well
    assert code == 2
    assert f"import '{spec}'" in err
    assert said in err


def test_such_a_mistake_does_not_wait_for_torch(tmp_path):
    (tmp_path / "broken.py").write_text("class A(\n")
    code = (
        "import sys\nfrom gapkit.cli import main\nsys.argv = ['gapkit', 'analyze', 'a.pt', '--model', 'broken.py:A']\n"
        "try:\n    main()\nfinally:\n    print('torch' in sys.modules, 'numpy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout.strip() == "False False"


def test_a_data_function_s_file_is_looked_at_first_too(gapkit, tmp_path):
    (tmp_path / "source.py").write_text("def make(: pass\n")
    code, _, err = gapkit("analyze", "nothing.pt", "--data", "source.py:make")
    assert code == 2
    assert "SyntaxError" in err


def test_a_refit_is_read_back_by_the_command_that_it_prints(gapkit, state, tmp_path):
    torch.save({**state, "log_scale": torch.tensor([-0.5])}, tmp_path / "ls.pt")
    grey = np.load(tmp_path / "grey.npz")["x"]
    np.savez(tmp_path / "both.npz", x_train=grey, x_test=grey)
    words = ["--likelihood", "gaussian:scale=global", "--likelihood-param", "log_scale", "--encoder-output", "mean_std"]
    code, out, err = gapkit(
        "refit", "ls.pt", *model("Std"), *words, "--data", "both.npz", "--out", "new", "--epochs", 1, "--evaluate", 3
    )
    assert code == 0, err
    command = out.rpartition("gapkit analyze ")[2].partition(" --data")[0].split()
    assert "--encoder-output" in command
    given = ["--data", "both.npz", "--effort", "quick", "--limit", 2, "--format", "none"]
    code, _, err = gapkit("analyze", *command, *given, "--out", "read")
    assert code == 0, err
    told = json.loads((tmp_path / "new" / "refit.json").read_text())
    assert told["model_options"] == {"encoder_output": "mean_std", "likelihood_param": "log_scale"}
