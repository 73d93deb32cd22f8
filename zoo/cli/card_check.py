"""What must hold before a card is worth measuring for."""

import os

import zoo
from zoo.cards import card


def check_card(
    preset: str,
    data: str,
    split: str,
    resume: str | os.PathLike | None = None,
    *,
    images: int | None = None,
) -> None:
    """Raises an error if what is to be measured could not become a card.

    Args:
        preset: Name of the preset.
        data: Name of the data set to measure on.
        split: Its split.
        resume: Folder of the run that is gone on with, if one is.
        images: Most that will be attacked, if the card is not to be replaced
            by numbers on fewer than its own.

    Raises:
        ValueError: If the data set is not the preset's own, the split not
            its test split, or the sources are not committed, were not when
            the run began, or have changed since, or the card's numbers are
            on more images.
        PermissionError: If the folder of cards cannot be written.
    """
    from zoo.training.evaluation import provenance
    from zoo.training.evaluation.engine.resume import Journal

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
    attacked = [m.images for m in zoo.info(preset).measurements if m.threat]
    if images is not None and images < max(attacked, default=0):
        raise ValueError(
            f"--write-card takes numbers on as many images as the card's, "
            f"{max(attacked)}; --replace-card takes fewer. Received: {images}"
        )
    commit = provenance.commit()
    card.check_commit(commit)
    begun = resume and Journal.begun(resume)
    if begun:
        try:
            card.check_commit(begun["commit"])
        except ValueError as error:
            raise ValueError(
                f"The run in --resume {resume} was not begun for a card; begin "
                f"one in another folder. {error}"
            ) from error
        if begun["commit"] != commit:
            raise ValueError(
                f"The run in --resume {resume} was begun at another commit, "
                f"{begun['commit']}; go on at that one, or begin a run in "
                "another folder."
            )
    if not os.access(card.FOLDER, os.W_OK):
        raise PermissionError(f"Cards cannot be written to {card.FOLDER}.")
