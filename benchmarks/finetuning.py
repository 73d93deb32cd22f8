"""Fine-tunes `irm_wrn16_2` on few handwritten digits, or trains from scratch.

    pip install scikit-learn
    python -m benchmarks.finetuning --output docs/results/finetuning.json

scikit-learn's digits are 8x8 scans of handwriting, unlike Fashion-MNIST. Of
each digit from 5 to 9, 50 images (`--images`) are for training and the rest are
held out.
`zoo finetune` starts from the shipped weights with a new head, or from random
weights (`--from-scratch`). Data, attack, seed, number of epochs (the command's
default unless given here) and learning rates are the same. From the shipped
weights the first epochs train the head alone; from scratch all epochs train the
whole model. An interrupted run continues.

    python -m benchmarks.finetuning --frozen irm_wrn16_2 irm_wrn28_10
        --images 10 --head-epochs 20 --attack-limit 64
        --output docs/results/finetuning_frozen.json

compares presets on ten images of each digit: new heads on frozen features, in
bfloat16. Seconds of training count loading and tracing, too.
"""

import argparse
import contextlib
import io
import json
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import provenance
from zoo.cli import main as run_zoo
from zoo.training.reproduction.exhibit import verdict

MODEL = "irm_wrn16_2"
DIGITS = (5, 6, 7, 8, 9)
LEARNING_RATES = ("0.02", "0.05")
SEED = 0


def write_digits(folder: Path, trained_on: int) -> int:
    """Writes the folders `train` and `test` of 8x8 pictures, light on black.

    Returns:
        The number of test pictures.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.round(digits.images * (255 / 16)).astype("uint8")
    rng = np.random.default_rng(SEED)
    for digit in DIGITS:
        own = rng.permutation(np.flatnonzero(digits.target == digit))
        for split, indices in (
            ("train", own[:trained_on]),
            ("test", own[trained_on:]),
        ):
            place = folder / split / str(digit)
            place.mkdir(parents=True, exist_ok=True)
            for index in indices:
                Image.fromarray(pixels[index]).save(place / f"{index}.png")
    return len(list((folder / "test").rglob("*.png")))


def finetune(
    workdir: Path, start: str, options: list[str], model: str = MODEL
) -> dict:
    """Runs `zoo finetune` and returns what it prints, and its seconds."""
    command = [
        *("finetune", model, "--data", f"{workdir}/train"),
        *("--validation", f"{workdir}/test"),
        *("--policy", "mixed_bfloat16", "--output", f"{workdir}/{start}"),
        *("--seed", str(SEED), *options, "--json"),
    ]
    printed = io.StringIO()
    began = time.time()
    with contextlib.redirect_stdout(printed):
        status = run_zoo(command)
    if status:
        raise SystemExit(status)
    written = workdir / start / "model.keras"  # At the end of the training.
    return {
        "command": " ".join(("zoo", *command)),
        "seconds": round(time.time() - began, 1),
        "training_seconds": round(written.stat().st_mtime - began, 1),
        **json.loads(printed.getvalue()),
    }


def compare_starts(workdir: Path, shared: list[str], held_out: int) -> dict:
    """Fine-tunes from the shipped weights and from random ones."""
    runs = {
        f"{start}, {rate}": finetune(
            workdir,
            f"{start}-{rate}",
            [*shared, *options, "--learning-rate", rate],
        )
        for start, options in (
            ("pretrained", ()),
            ("from scratch", ("--from-scratch",)),
        )
        for rate in LEARNING_RATES
    }
    summary = summarise(runs)
    verdicts = [
        verdict(
            f"Shipped weights are better, {measured}, learning rate {rate}",
            summary[f"from scratch, {rate}"][measured],
            summary[f"pretrained, {rate}"][measured],
            images=held_out,
        )
        for measured in ("clean", "robust")
        for rate in LEARNING_RATES
    ]
    return {
        "benchmark": "finetuning",
        "summary": summary,
        "claims": verdicts,
        **runs,
    }


def compare_models(workdir: Path, shared: list[str], models: list[str]) -> dict:
    """Trains new heads on the frozen features of presets."""
    runs = {
        name: finetune(
            workdir, f"frozen-{name}", [*shared, "--epochs", "0"], name
        )
        for name in models
    }
    return {
        "benchmark": "finetuning frozen features",
        "summary": summarise(runs),
        **runs,
    }


def summarise(runs: dict[str, dict]) -> dict[str, dict]:
    """Returns both accuracies and the times of each run."""
    return {
        name: {
            "clean": run["report"]["clean"]["mean"],
            "robust": run["report"]["attacks"][0]["robust"]["mean"],
            "seconds": run["seconds"],
            "training_seconds": run["training_seconds"],
        }
        for name, run in runs.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--frozen",
        nargs="+",
        metavar="PRESET",
        help="compare these presets' frozen features",
    )
    parser.add_argument(
        "--images", type=int, default=50, help="training images of a digit"
    )
    parser.add_argument("--head-epochs", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--attack-limit", type=int)
    parser.add_argument("--workdir", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.frozen and options.epochs:
        parser.error("--frozen trains the heads alone, for --head-epochs")
    workdir = options.workdir or Path(f"runs/finetuning-{options.images}")
    held_out = write_digits(workdir, options.images)
    shared = ["--attack-limit", str(options.attack_limit or held_out)]
    for name in ("head_epochs", "epochs"):
        if (count := getattr(options, name)) is not None:
            shared += [f"--{name.replace('_', '-')}", str(count)]
    if options.frozen:
        result = compare_models(workdir, shared, options.frozen)
    else:
        result = compare_starts(workdir, shared, held_out)
    shown = {key: result[key] for key in ("summary", "claims") if key in result}
    print(json.dumps(shown, indent=2))
    if options.output:
        provenance.write(options.output, result)


if __name__ == "__main__":
    main()
