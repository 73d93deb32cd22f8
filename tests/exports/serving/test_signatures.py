"""The client asks for `explain` and `seeded` by each protocol."""

import numpy as np
import pytest

from zoo.exports.serving import Client
from zoo.exports.serving import ServingError


@pytest.fixture(scope="module")
def served(noisy_folder):
    pytest.importorskip("tensorflow_serving")
    from tests.exports.serving.double import Served

    return Served("noisy", noisy_folder)


@pytest.fixture(scope="module")
def hosts(served):
    """Of TensorFlow Serving's double, and of both dialects of KServe's."""
    from tests.exports.serving.double import serving
    from tests.exports.serving.kserve_double import serving_kserve

    with (
        serving(served) as plain,
        serving_kserve(served, binary=True) as triton,
        serving_kserve(served, binary=False) as mlserver,
    ):
        yield {"v1": plain, "triton": triton, "mlserver": mlserver}


@pytest.fixture(params=["v1", "triton", "mlserver"])
def server(request):
    return request.param


@pytest.fixture(params=["http", "grpc"])
def url(request, server, hosts):
    """Returns a function from a signature to the address of its model."""
    host = f"{request.param}://{hosts[server][request.param]}"

    def address(signature):
        if server == "v1":
            return f"{host}/v1/models/noisy"
        return f"{host}/v2/models/noisy{signature}"

    return address


def test_seeds_pin_the_noise(url, served, images):
    """Of each image, whatever its batch, as the C++ loader does."""
    session, _ = served.sessions[1]
    both = session.run("seeded", {"image": images, "seed": np.array([5, 6])})
    with Client(url("_seeded")) as client:
        for seeds in ([5, 6], np.array([5, 6], "uint8")):
            predictions = client.predict(images, seeds=seeds)
            for row, prediction in zip(
                both["logits"], predictions, strict=True
            ):
                np.testing.assert_allclose(prediction.logits, row, rtol=1e-5)
        (alone,) = client.predict(images[1:], seeds=6)
        np.testing.assert_allclose(alone.logits, both["logits"][1], rtol=1e-5)
        (other,) = client.predict(images[1:], seeds=7)
        assert np.max(np.abs(other.logits - alone.logits)) > 1e-3
    with Client(url("")) as client:
        first, second = (client.predict(images)[0].logits for _ in range(2))
    assert np.max(np.abs(first - second)) > 1e-3


def test_explanations_are_the_models(url, images):
    with Client(url("_explain")) as client:
        first, second = (client.explain(images) for _ in range(2))
    assert first.keys() == {"mean", "seen"}
    assert first["seen"].shape == images.shape
    assert first["seen"].dtype == np.float32
    np.testing.assert_allclose(first["mean"], images.mean((1, 2)), rtol=1e-5)
    assert np.max(np.abs(first["seen"] - second["seen"])) > 1e-3
    noise = first["seen"] - images
    assert 0.7 < noise.std() < 1.3


@pytest.mark.parametrize(
    "seeds", [[1], [1, 2, 3], [1.5, 2], 1.0, "1", [[1, 2]]]
)
def test_wrong_seeds(url, images, seeds):
    with Client(url("_seeded")) as client:
        with pytest.raises(ValueError, match="a whole number for each image"):
            client.predict(images, seeds=seeds)


def test_files_have_no_seed(url):
    with Client(url("_seeded")) as client:
        with pytest.raises(ValueError, match="for files"):
            client.predict([b"file"], seeds=[1])


def test_a_model_without_the_signature(server, url, images):
    """A classifier isn't asked to explain, nor to ignore a seed."""
    if server == "v1":
        pytest.skip("one model has all signatures")
    with Client(url("")) as client:
        with pytest.raises(ServingError, match="signature `explain`"):
            client.explain(images)
        with pytest.raises(ServingError, match="`image` and `seed`"):
            client.predict(images, seeds=1)
    with Client(url("_explain")) as client:
        with pytest.raises(ServingError, match="signature `serving_default`"):
            client.predict(images)
