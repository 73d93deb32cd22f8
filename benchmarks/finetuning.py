"""Fine-tunes `irm_wrn16_2` on few handwritten digits, or trains from scratch.

    pip install scikit-learn
    python -m benchmarks.finetuning --output docs/results/finetuning.json

scikit-learn's digits are 8x8 scans of handwriting, unlike Fashion-MNIST. Of
each digit from 5 to 9, 50 images are for training and the rest are held out.
`zoo finetune` starts from the shipped weights with a new head, or from random
weights (`--from-scratch`). Data, attack, seed, number of epochs (the command's
default unless given here) and learning rates are the same. From the shipped
weights the first epochs train the head alone; from scratch all epochs train the
whole model. An interrupted run continues.
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
TRAINED_ON = 50
LEARNING_RATES = ("0.02", "0.05")
SEED = 0


def write_digits(folder: Path) -> None:
    """Writes the folders `train` and `test` of 8x8 pictures, light on black."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.round(digits.images * (255 / 16)).astype("uint8")
    rng = np.random.default_rng(SEED)
    for digit in DIGITS:
        own = rng.permutation(np.flatnonzero(digits.target == digit))
        for split, indices in (
            ("train", own[:TRAINED_ON]),
            ("test", own[TRAINED_ON:]),
        ):
            place = folder / split / str(digit)
            place.mkdir(parents=True, exist_ok=True)
            for index in indices:
                Image.fromarray(pixels[index]).save(place / f"{index}.png")


def finetune(workdir: Path, start: str, options: list[str]) -> dict:
    """Runs `zoo finetune` and returns what it prints, and its seconds."""
    command = [
        *("finetune", MODEL, "--data", f"{workdir}/train"),
        *("--validation", f"{workdir}/test"),
        *("--policy", "mixed_bfloat16", "--output", f"{workdir}/{start}"),
        *("--seed", str(SEED), *options, "--json"),
    ]
    printed = io.StringIO()
    began = time.monotonic()
    with contextlib.redirect_stdout(printed):
        status = run_zoo(command)
    if status:
        raise SystemExit(status)
    return {
        "command": " ".join(("zoo", *command)),
        "seconds": round(time.monotonic() - began, 1),
        **json.loads(printed.getvalue()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--head-epochs", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--workdir", type=Path, default=Path("runs/finetuning"))
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    write_digits(arguments.workdir)
    epochs = {
        "--head-epochs": arguments.head_epochs,
        "--epochs": arguments.epochs,
    }
    held_out = len(list((arguments.workdir / "test").rglob("*.png")))
    shared = [
        *("--attack-limit", str(held_out)),
        *(
            text
            for option, count in epochs.items()
            if count is not None
            for text in (option, str(count))
        ),
    ]
    runs = {
        f"{start}, {rate}": finetune(
            arguments.workdir,
            f"{start}-{rate}",
            [*shared, *options, "--learning-rate", rate],
        )
        for start, options in (
            ("pretrained", ()),
            ("from scratch", ("--from-scratch",)),
        )
        for rate in LEARNING_RATES
    }
    summary = {
        name: {
            "clean": run["report"]["clean"]["mean"],
            "robust": run["report"]["attacks"][0]["robust"]["mean"],
            "seconds": run["seconds"],
        }
        for name, run in runs.items()
    }
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
    print(json.dumps({**summary, "claims": verdicts}, indent=2))
    if arguments.output:
        result = {
            "benchmark": "finetuning",
            "summary": summary,
            "claims": verdicts,
            **runs,
        }
        provenance.write(arguments.output, result)


if __name__ == "__main__":
    main()
