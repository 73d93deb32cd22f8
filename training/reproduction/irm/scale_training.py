"""Trains the networks of tables 1 and 2, one for each scale."""

import contextlib
import sys

import keras

import zoo
from zoo.layers import MultiScaleEnsemble
from zoo.loading import dtype_policy
from zoo.training import attacks
from zoo.training import datasets
from zoo.training.reproduction.irm.evaluation_cache import BASELINE
from zoo.training.reproduction.irm.settings import Settings
from zoo.training.trainers.adversarial import AdversarialTrainer
from zoo.training.trainers.run_folder import Backup
from zoo.training.trainers.run_folder import check_same_config
from zoo.training.trainers.time_left import TimeLeft
from zoo.weights import load_weights
from zoo.weights import save_weights


def read_at(
    classifier: keras.Model, scale: int, image_shape: tuple[int, int, int]
) -> keras.Model:
    """Returns a model that resizes images to one scale and classifies them.

    Args:
        classifier: Takes images of any size. The result shares its weights.
        scale: Side length in pixels.
        image_shape: `(height, width, channels)` of the images.
    """
    images = keras.Input(image_shape, name="image")
    log_confidences = MultiScaleEnsemble(classifier, (scale,), (1.0,))(images)
    return keras.Model(images, log_confidences, name=f"at_{scale}")


def train_at(scale: int, settings: Settings) -> keras.Model:
    """Trains the undefended network further at one scale, with DDN.

    As in the paper it starts from clean training (section III), here the
    shipped weights. The loss is half the clean and half the adversarial one
    (equation 2). DDN sees the image before it is resized and takes two steps
    from L2 norm 1.3. After an interruption the same call continues after the
    last epoch. The weights of a finished training are read.

    Args:
        scale: Side length in pixels.
        settings: The reproduction's.

    Returns:
        The network, in float32, for images of any size.

    Raises:
        ValueError: If the folder holds a training with other settings.
    """
    name = (
        f"scale{scale}-{settings.epochs}x{settings.train_limit}"
        f"-seed{settings.seed}"
    )
    check_same_config(
        settings.workdir / f"{name}.json",
        {
            "start": zoo.info(BASELINE).sha256,
            "data": settings.data,
            "batch_size": settings.batch_size,
            "training_policy": settings.training_policy,
        },
    )
    weights = settings.workdir / f"{name}.weights.h5"
    backup = Backup(settings.workdir / name)
    if not weights.exists():
        keras.utils.set_random_seed(settings.seed)
        with dtype_policy(settings.training_policy):
            trained = _train(scale, settings, backup)
        save_weights(trained, weights, dtype="float32", max_shard_size=None)
    backup.delete()
    channels = zoo.info(BASELINE).image_shape[-1]
    network = zoo.load(
        BASELINE, weights=None, image_shape=(None, None, channels)
    )
    load_weights(network, weights)
    return network


def _train(scale, settings, backup):
    images = datasets.load(
        settings.data,
        f"train[:{settings.train_limit}]",
        shuffle=True,
        seed=settings.seed,
        data_dir=settings.data_dir,
    ).batch(settings.batch_size, drop_remainder=True)
    image_shape = zoo.info(BASELINE).image_shape
    network = zoo.load(BASELINE, image_shape=(None, None, image_shape[-1]))
    trainer = AdversarialTrainer(
        read_at(network, scale, image_shape),
        attacks.ddn(steps=2, init_norm=1.3, max_norm=1.45),
        clean_weight=0.5,
    )
    trainer.compile(
        keras.optimizers.SGD(
            keras.optimizers.schedules.CosineDecay(
                0.05, settings.epochs * len(images), alpha=0.01
            ),
            momentum=0.9,
            nesterov=True,
            weight_decay=5e-4,
        )
    )
    # Keras reports epochs on standard output, which is for the results.
    with contextlib.redirect_stdout(sys.stderr):
        trainer.fit(
            images,
            epochs=settings.epochs,
            initial_epoch=backup.restore(trainer),
            callbacks=[backup, TimeLeft(f"training at {scale} pixels")],
            shuffle=False,  # Keras cannot shuffle a data set, and warns.
            verbose=2,
        )
    return network
