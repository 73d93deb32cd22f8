"""What must hold before a card is worth measuring for."""

import os

import zoo
from zoo import cards


def check_card(
    preset: str, data: str, split: str, resume: str | os.PathLike | None = None
) -> None:
    """Raises an error if what is to be measured could not become a card.

    Args:
        preset: Name of the preset.
        data: Name of the data set to measure on.
        split: Its split.
        resume: Folder of the run that is gone on with, if one is.

    Raises:
        ValueError: If the data set is not the preset's own, the split not
            its test split, or the sources are not committed, or were not when
            the run began.
        PermissionError: If the folder of cards cannot be written.
    """
    from training.evaluation import provenance
    from training.evaluation.journal import Journal

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
    begun = resume and Journal.begun(resume)
    if begun:
        try:
            cards.check_commit(begun["commit"])
        except ValueError as error:
            raise ValueError(
                f"The run in --resume {resume} was not begun for a card; begin "
                f"one in another folder. {error}"
            ) from error
    if not os.access(cards.FOLDER, os.W_OK):
        raise PermissionError(f"Cards cannot be written to {cards.FOLDER}.")
