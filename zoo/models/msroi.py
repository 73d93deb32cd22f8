"""MSROI: a classifier whose maps show all that is salient in an image."""

import keras
from keras import layers

from zoo.defenses.surgery.copying import copy_graph
from zoo.defenses.surgery.ends import copy_to_logits
from zoo.defenses.surgery.features import Features
from zoo.defenses.surgery.graph import classifier_graph
from zoo.defenses.surgery.noisy_activations import add_noise
from zoo.defenses.surgery.noisy_activations import flattened
from zoo.inspection import HEAD
from zoo.inspection import producer
from zoo.layers.saliency_map import SaliencyMap
from zoo.models.wide_resnet import wide_resnet

PREPROCESSINGS = ("none", "raw", "tf", "torch", "caffe")
"""Of `keras.applications`, as its `imagenet_utils.preprocess_input` names them.

`"none"` leaves pixels in [0, 1], `"raw"` gives 0 to 255 to models that rescale
themselves, such as EfficientNet.
"""

_CAFFE_MEAN = (103.939, 116.779, 123.68)
_TORCH_MEAN = (0.485, 0.456, 0.406)
_TORCH_STD = (0.229, 0.224, 0.225)
_DROPOUT = (layers.Dropout, layers.SpatialDropout2D)


def msroi(
    *,
    depth: int = 16,
    width: int = 2,
    num_classes: int = 257,
    image_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    strides: int = 1,
    squeeze: int = 32,
    multiplier: int = 32,
    channels: int = 1024,
    dropout: float = 0.3,
    name: str = "msroi",
) -> keras.Model:
    """Builds an MSROI network on a Wide ResNet.

    The network up to its last ReLU, then MSROI's head: a 3×3 convolution, a
    depthwise one that makes several channels of each, and another 3×3
    convolution, all linear; then global average pooling and a classifying
    layer without bias. The head's sizes and the dropout's rate are the released
    code's. That code drops at every convolution, those of the backbone
    included, and when it predicts, too. Here only the head drops, and only in
    training.

    Args:
        depth: Convolutional layers of the Wide ResNet; must be `6n + 4`.
        width: Its multiplier on the base widths 16, 32 and 64.
        num_classes: Logits. The paper's 257 are presumably Caltech-256's.
        image_shape: `(height, width, channels)`; `None` for a size left open.
        strides: Of its first layers, as for `wide_resnet`.
        squeeze: Channels of the head's first convolution.
        multiplier: Channels that its depthwise convolution makes of each.
        channels: Channels of its last convolution.
        dropout: Rate on the outputs of the head's convolutions in training,
            in [0, 1).
        name: The model's name.

    Returns:
        A `keras.Model` from `(batch, *image_shape)` float pixels in [0, 1]
        to `(batch, num_classes)` float32 logits. `saliency_model` makes maps
        of it.

    Raises:
        ValueError: If an argument is out of its range.

    References: [Prakash et al., 2017](https://arxiv.org/abs/1612.08712);
        `model.py` of `iamaaditya/image-compression-cnn`, commit fb2bda7.
    """
    network = wide_resnet(
        depth=depth,
        width=width,
        num_classes=num_classes,
        image_shape=image_shape,
        strides=strides,
        name=name,
    )
    logits = _head(
        network.get_layer("pooling").input,
        num_classes,
        squeeze=squeeze,
        multiplier=multiplier,
        channels=channels,
        dropout=dropout,
    )
    return keras.Model(network.inputs[0], logits, name=name)


def msroi_on(
    model: keras.Model,
    *,
    num_classes: int,
    image_shape: tuple[int, int, int] | None = None,
    features: str | None = None,
    preprocessing: str = "none",
    squeeze: int = 32,
    multiplier: int = 32,
    channels: int = 1024,
    dropout: float = 0.3,
) -> keras.Model:
    """Puts MSROI's head on the features of a classifier, to be trained.

    The paper's network is this on `keras.applications.VGG16`, whose features
    are `"block5_conv3"` and whose preprocessing is `"caffe"`; the dropout
    differs as for `msroi`.

    Args:
        model: Functional or Sequential model of images, such as those of
            `keras.applications`, with or without its classifying layers. It
            isn't modified: its layers and weights are copied.
        num_classes: Logits.
        image_shape: `(height, width, channels)` of the images; `None` for
            the model's own.
        features: Name of the layer whose output the head reads; `None` for
            the last feature map before the model's own head.
        preprocessing: What the model expects of its pixels, one of
            `PREPROCESSINGS`. The new model takes pixels in [0, 1] and does
            this itself.
        squeeze: As for `msroi`, as are `multiplier`, `channels` and
            `dropout`.

    Returns:
        A `keras.Model` from float pixels in [0, 1] to `(batch, num_classes)`
        float32 logits.

    Raises:
        ValueError: If an argument is out of its range, or the model has no
            such features.
    """
    graph = classifier_graph(model)
    shape = graph.input_shape[1:] if image_shape is None else image_shape
    if preprocessing not in PREPROCESSINGS:
        raise ValueError(
            f"preprocessing must be one of {PREPROCESSINGS}. "
            f"Received: preprocessing={preprocessing!r}"
        )
    if preprocessing in ("torch", "caffe") and shape[-1] != 3:
        raise ValueError(
            f"preprocessing={preprocessing!r} is of three channels. "
            f"Received: images of shape {tuple(shape)}"
        )
    images = keras.Input(tuple(shape), name="image")
    extractor = _features(graph, features)
    logits = _head(
        extractor(_preprocessed(images, preprocessing)),
        num_classes,
        squeeze=squeeze,
        multiplier=multiplier,
        channels=channels,
        dropout=dropout,
    )
    return keras.Model(images, logits, name=f"msroi_{graph.name}")


def saliency_model(
    classifier: keras.Model,
    *,
    augmented: bool = False,
    draws: int = 10,
    noise: float = 0.4,
    distribution: str = "gaussian",
    fold: str = "top5",
    threshold: float | None = None,
    seed: int | None = None,
    name: str = "saliency",
) -> keras.Model:
    """Makes a model of saliency maps of an MSROI network.

    A class's map is the head's last features, weighted by the class's row of
    the classifying layer; `zoo.layers.SaliencyMap` folds the maps of many
    classes into one. Aug-MSROI adds random noise to the activations that each
    layer reads, and averages the maps of several draws:

        M = mean over draws of sum_c sum_l a_l^c,  a_{l+1} = f_l(a_l + noise)

    Here l is read as the channels of the last layer, so that `sum_l a_l^c` is
    the map of class c. The sum over all classes is `fold="threshold"` without
    a threshold. The default keeps the released code's fold of five classes.
    All draws are one batch; the layers before the first noise run once an
    image, and the images of a call share the noise
    (`zoo.layers.ActivationNoise`).

    Gradient: exact, through maps and noise.
    Randomness: none, or that of `zoo.layers.ActivationNoise` if `augmented`.

    Args:
        classifier: `msroi`'s, or any other that ends in global average pooling
            and one dense layer: its class activation maps.
        augmented: Whether to make Aug-MSROI's map. If not, `draws`, `noise`,
            `distribution` and `seed` have no effect.
        draws: Number of maps to average, each with fresh noise.
        noise: Standard deviation of the noise over that of the activations
            of an image.
        distribution: `"gaussian"` or `"uniform"`.
        fold: `"top5"` as in the released code, or `"threshold"` as in the
            slides; see `zoo.layers.SaliencyMap`.
        threshold: Logit that a class must exceed for `"threshold"`: the
            slides' T divided by the number of cells of a map, as their Z is a
            sum over the cells. `None` takes all classes, as Aug-MSROI's
            formula does.
        seed: Seed of the noise; `None` draws one from Python's global
            `random`.
        name: The model's name.

    Returns:
        A model from `(batch, height, width, channels)` pixels in [0, 1] to
        maps `(batch, height, width)`, float32 in [0, 1], min-max normalised
        for each image. Its layers and weights are copies.

    Raises:
        ValueError: If an option is out of its range, or the classifier ends
            in something else.

    Reference: "Protecting JPEG images against adversarial attacks", Prakash
        et al., 2018.
    """
    graph = flattened(copy_to_logits(classifier_graph(classifier)))
    maps, dense = _maps_and_weights(graph)
    images = graph.inputs[0]
    network = keras.Model(images, maps)
    if augmented:
        network = add_noise(
            network,
            scale=noise,
            distribution=distribution,
            draws=draws,
            seed=seed,
        )
    # Without a bias, a class's logit is the mean of its map.
    weigh = layers.Dense.from_config(dense.get_config() | {"name": "classes"})
    class_maps = weigh(network.outputs[0])
    weigh.set_weights(dense.get_weights())
    folding = SaliencyMap(
        fold,
        threshold,
        draws=draws if augmented else 1,
        dtype="float32",
        name="map",
    )
    (images,) = network.inputs
    return keras.Model(images, folding(class_maps, images), name=name)


def _head(maps, num_classes, *, squeeze, multiplier, channels, dropout):
    """Returns the logits of MSROI's head on a feature map."""
    sizes = {
        "num_classes": num_classes,
        "squeeze": squeeze,
        "multiplier": multiplier,
        "channels": channels,
    }
    for name, size in sizes.items():
        if int(size) != size or size < 1:
            raise ValueError(
                f"{name} must be a whole number above 0. "
                f"Received: {name}={size}"
            )
    if not 0 <= dropout < 1:
        raise ValueError(
            f"dropout must be in [0, 1). Received: dropout={dropout}"
        )
    options = {"padding": "same", "data_format": "channels_last"}
    for layer in (
        layers.Conv2D(squeeze, 3, name="msroi_squeeze", **options),
        layers.DepthwiseConv2D(
            3, depth_multiplier=multiplier, name="msroi_expand", **options
        ),
        layers.Conv2D(channels, 3, name="msroi_maps", **options),
    ):
        maps = layer(maps)
        if dropout:
            maps = layers.Dropout(dropout, name=f"{layer.name}_dropout")(maps)
    pooled = layers.GlobalAveragePooling2D(
        data_format="channels_last", name="pooling"
    )(maps)
    return layers.Dense(
        num_classes, use_bias=False, dtype="float32", name=HEAD
    )(pooled)


def _features(graph: keras.Model, layer: str | None) -> keras.Model:
    """Copies a model up to a layer, for images of any size."""
    if layer is None:
        return Features.from_graph(graph).extractor
    names = [operation.name for operation in graph.layers]
    if layer not in names:
        raise ValueError(
            f"features must be a layer of {graph.name}, one of "
            f"{', '.join(names)}. Received: features={layer!r}"
        )
    maps = graph.get_layer(layer).output
    if len(maps.shape) != 4:
        raise ValueError(
            "features must be maps, (batch, height, width, channels). "
            f"Received: features={layer!r} of shape {maps.shape}"
        )
    return copy_graph(
        keras.Model(graph.inputs[0], maps, name="features"), any_size=True
    )


def _preprocessed(images, preprocessing):
    """Turns pixels in [0, 1] into what a model was trained on."""
    if preprocessing == "none":
        return images
    scale, offset = {
        "raw": (255.0, 0.0),
        "tf": (2.0, -1.0),
        "torch": (
            [1 / std for std in _TORCH_STD],
            [-m / s for m, s in zip(_TORCH_MEAN, _TORCH_STD, strict=True)],
        ),
        "caffe": (255.0, [-mean for mean in _CAFFE_MEAN]),
    }[preprocessing]
    if preprocessing == "caffe":
        images = keras.ops.flip(images, axis=-1)
    return layers.Rescaling(scale, offset=offset, name="preprocessing")(images)


def _maps_and_weights(graph):
    """Returns the last maps of a classifier and its classifying layer."""
    dense, inputs = producer(graph.outputs[0])
    if isinstance(dense, layers.Dense):
        pooling, inputs = producer(inputs[0])
        while isinstance(pooling, _DROPOUT):
            pooling, inputs = producer(inputs[0])
        if isinstance(pooling, layers.GlobalAveragePooling2D):
            return inputs[0], dense
    raise ValueError(
        "Saliency needs a classifier that ends in global average pooling and "
        "one dense layer, such as zoo.models.msroi's. "
        f"Received: {graph.name}, whose last layer is {dense.name} of "
        f"{type(dense).__name__}"
    )
