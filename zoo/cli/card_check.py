"""What must hold before a card is worth measuring for."""

import os

import zoo
from zoo import cards


def check_card(preset: str, data: str, split: str) -> None:
    """Raises an error if what is to be measured could not become a card.

    Args:
        preset: Name of the preset.
        data: Name of the data set to measure on.
        split: Its split.

    Raises:
        ValueError: If the data set is not the preset's own, the split not
            its test split, or the sources are not committed.
        PermissionError: If the folder of cards cannot be written.
    """
    from training.evaluation import provenance

    dataset = zoo.info(preset).dataset
    if data != dataset:
        raise ValueError(
            f"--write-card takes numbers on the preset's own data set, --data "
            f"{dataset}. Received: --data {data}"
        )
    if split != "test":
        raise ValueError(
            "--write-card takes numbers on the whole of --split test or its "
            f"first images. Received: --split {split}"
        )
    cards.check_commit(provenance.commit())
    if not os.access(cards.FOLDER, os.W_OK):
        raise PermissionError(f"Cards cannot be written to {cards.FOLDER}.")
