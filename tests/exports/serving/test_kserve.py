"""The client by KServe's protocol, in the dialects of two servers."""

import numpy as np
import pytest
import tensorflow as tf

from tests.exports.serving.conftest import CLASSES
from zoo.exports.serving import Client
from zoo.exports.serving import ModelNotFoundError
from zoo.exports.serving import RefusedError
from zoo.exports.serving import ServingError
from zoo.exports.serving import VersionNotFoundError


@pytest.fixture(params=[True, False], ids=["binary", "plain"])
def hosts(request, server):
    from tests.exports.serving.kserve_double import serving_kserve

    with serving_kserve(server[0], binary=request.param) as hosts:
        yield hosts


@pytest.fixture(params=["http", "grpc"])
def url(request, hosts):
    return f"{request.param}://{hosts[request.param]}/v2/models/tiny"


def test_pixels_and_files(url, server, images):
    session, _ = server[0].sessions[3]
    logits = session.run("serving_default", {"image": images})["logits"]
    files = [tf.io.encode_png(np.uint8(x * 255)).numpy() for x in images]
    with Client(url, classes=CLASSES) as client:
        assert client.versions() == {"1": "AVAILABLE", "3": "AVAILABLE"}
        for value, tolerance in ((images, 1e-6), (files, 0.02)):
            predictions = client.predict(value)
            assert len(predictions) == 2
            for row, prediction in enumerate(predictions):
                np.testing.assert_allclose(
                    prediction.logits, logits[row], atol=tolerance
                )
                assert prediction.name == CLASSES[prediction.index]


def test_errors(url, server, images):
    with Client(f"{url}/versions/7") as client:
        with pytest.raises(VersionNotFoundError, match="served, 1, 3"):
            client.predict(images)
    with Client(url.replace("tiny", "huge")) as client:
        with pytest.raises(ModelNotFoundError, match="huge"):
            client.predict(images)
    with Client(url) as client:
        with pytest.raises(RefusedError):
            client.predict([b"junk"])
        with pytest.raises(ValueError, match="fit the model"):
            client.predict(images[:, :7])
        with pytest.raises(ServingError, match="explain"):
            client.explain(images)
        server[0].faults = ["UNAVAILABLE"]
        assert len(client.predict(images)) == 2
