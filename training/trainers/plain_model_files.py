"""The files that a trainer writes: those of the plain model."""

import os

import keras

from zoo.training.trainers.run_folder import add_state
from zoo.training.trainers.run_folder import is_weights_of
from zoo.training.trainers.run_folder import read_state


class PlainModelFiles:
    """Saves the plain model `self.model` in place of the trainer around it.

    For a `keras.Model` that trains `self.model` by `self.attack` and owns no
    weights. A weights file also holds the state of the training: the
    optimiser's, and that of the seed generators of the model and the attack.
    """

    model: keras.Model

    def save(self, filepath, *args, **kwargs):
        """Saves the plain model, for `keras.saving.load_model`."""
        self.model.save(filepath, *args, **kwargs)

    def save_weights(self, filepath, overwrite=True, **kwargs):
        """Saves the plain model's weights, and the state of the training.

        Shards, by `max_shard_size`, hold the plain model's weights alone.

        Raises:
            FileExistsError: If the file exists and `overwrite` is false.
        """
        if not overwrite and os.path.exists(filepath):
            raise FileExistsError(
                "The file must not exist, or overwrite must be true. "
                f"Received: filepath={filepath}"
            )
        self.model.save_weights(filepath, overwrite, **kwargs)
        if kwargs.get("max_shard_size") is None:
            add_state(filepath, self._training_state())

    def load_weights(self, filepath, **kwargs):
        """Loads weights, and the state of the training if the file has it.

        Args:
            filepath: What `save_weights` wrote, of a trainer or of the plain
                model.
        """
        if is_weights_of(filepath, self.name):
            # Earlier versions wrote the trainer's layers around the model's.
            return super().load_weights(filepath, **kwargs)
        self.model.load_weights(filepath, **kwargs)
        state = read_state(filepath)
        if "optimizer" in state and self.optimizer is not None:
            self.optimizer.load_own_variables(state["optimizer"])
        if "seeds" in state:
            self.load_own_variables(state["seeds"])

    def load_own_variables(self, store):
        for index, variable in enumerate(self._training_state()["seeds"]):
            if str(index) in store:
                variable.assign(store[str(index)])

    def _training_state(self):
        """Returns variables that the plain model doesn't save, by group."""
        generators = getattr(self.attack, "generators", ())
        return {
            "optimizer": self.optimizer.variables if self.optimizer else [],
            "seeds": [
                *(
                    v
                    for v in self.variables
                    if v.name == "seed_generator_state"
                ),
                *(generator.state for generator in generators),
            ],
        }

    def get_config(self):
        raise NotImplementedError(
            "A trainer has no config; call trainer.save, which saves "
            "trainer.model."
        )
