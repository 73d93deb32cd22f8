"""What TFDS' builders of rendered sets share."""

import dataclasses
import re
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import tensorflow_datasets as tfds
from absl import logging


class RenderedBuilder(tfds.core.GeneratorBasedBuilder):
    """Renders the splits of its configuration, or some of them alone.

    The configuration has `examples`, how many each split has by its name;
    `_generate_examples` takes a split and its number.
    """

    def only(self, split: str) -> Self:
        """Returns a builder of no other splits than are asked for.

        It keeps them in a folder of their own, in the order that they have
        among all.

        Args:
            split: As TFDS takes it, such as `"test[:10]"`.

        Raises:
            ValueError: If it names no split.
        """
        config = self.builder_config
        examples = {
            name: count
            for name, count in config.examples.items()
            if re.search(rf"\b({name}|all)\b", split)
        }
        if not examples:
            raise ValueError(
                f"{self.name}'s splits are {', '.join(config.examples)}. "
                f"Received: split={split!r}"
            )
        if examples == config.examples:
            return self
        config = dataclasses.replace(
            config,
            name="-".join([config.name, *examples]),
            examples=examples,
        )
        root = Path(self.data_dir).parents[2]
        verbosity = logging.get_verbosity()
        logging.set_verbosity(logging.ERROR)  # TFDS warns of new names.
        try:
            return type(self)(config=config, data_dir=root)
        finally:
            logging.set_verbosity(verbosity)

    def _split_generators(self, dl_manager) -> dict[str, Iterable]:
        del dl_manager
        return {
            split: _Counted(self._generate_examples(split, count), count)
            for split, count in self.builder_config.examples.items()
        }


@dataclass(frozen=True)
class _Counted(Iterable):
    """Examples, whose end TFDS' progress bar then knows."""

    examples: Iterator[tuple[int, dict]]
    count: int

    def __iter__(self) -> Iterator[tuple[int, dict]]:
        return self.examples

    def __len__(self) -> int:
        return self.count
