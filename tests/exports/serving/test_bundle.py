import json
import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
from google.protobuf import text_format
from google.protobuf import wrappers_pb2

from zoo import exports
from zoo.exports.serving import golden
from zoo.exports.serving import write_bundle
from zoo.exports.serving.batching import BatchTime
from zoo.exports.serving.batching import batching_config
from zoo.exports.serving.batching import choose
from zoo.exports.serving.batching import plan_batches
from zoo.exports.serving.shared_draws import shares_draws
from zoo.layers import Explained
from zoo.saved_model_folder import newest_version

# As session_bundle_config.proto and monitoring_config.proto number them,
# which `tensorflow-serving-api` leaves out.
CONFIGS = {
    "BatchingParameters": [
        ("max_batch_size", 1, "google.protobuf.Int64Value"),
        ("batch_timeout_micros", 2, "google.protobuf.Int64Value"),
        ("max_enqueued_batches", 3, "google.protobuf.Int64Value"),
        ("num_batch_threads", 4, "google.protobuf.Int64Value"),
        ("allowed_batch_sizes", 6, "int64"),
        ("enable_large_batch_splitting", 8, "google.protobuf.BoolValue"),
        ("max_execution_batch_size", 9, "google.protobuf.Int64Value"),
    ],
    "PrometheusConfig": [("enable", 1, "bool"), ("path", 2, "string")],
    "MonitoringConfig": [("prometheus_config", 1, "serving.PrometheusConfig")],
}


def config_class(name):
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="configs.proto",
        package="serving",
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto"],
    )
    for message, fields in CONFIGS.items():
        added = file.message_type.add(name=message)
        for key, number, kind in fields:
            added.field.add(
                name=key,
                number=number,
                label=field.LABEL_REPEATED
                if kind == "int64"
                else field.LABEL_OPTIONAL,
                type=field.TYPE_MESSAGE
                if "." in kind
                else getattr(field, f"TYPE_{kind.upper()}"),
                type_name=f".{kind}" if "." in kind else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName(f"serving.{name}")
    )


def test_files(bundle, folder):
    assert bundle.path == folder / "serving"
    assert not bundle.stochastic
    written = {
        str(file.relative_to(bundle.path))
        for file in bundle.path.rglob("*")
        if file.is_file()
    }
    assert written == set(bundle.files)
    assert json.loads(json.dumps(bundle.to_dict()))["path"] == str(bundle.path)
    assert os.access(bundle.path / "smoke_test.sh", os.X_OK)


def test_models_config(bundle):
    config = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2"
    )
    message = text_format.Parse(
        (bundle.path / "models.config").read_text(),
        config.ModelServerConfig(),
    )
    (model,) = message.model_config_list.config
    assert model.name == "tiny"
    assert model.base_path == "/models/tiny"
    assert list(model.model_version_policy.specific.versions) == [3]
    assert model.version_labels == {"stable": 3}


def test_batching_config(bundle):
    message = text_format.Parse(
        (bundle.path / "batching.config").read_text(),
        config_class("BatchingParameters")(),
    )
    plan = bundle.batches
    assert [one.images for one in plan.measured] == [1, 2, 4]
    assert all(one.seconds > 0 for one in plan.measured)
    assert message.max_batch_size.value == plan.limit == 4
    assert message.enable_large_batch_splitting.value
    assert message.max_execution_batch_size.value == plan.largest
    assert message.batch_timeout_micros.value == plan.wait_micros
    assert message.max_enqueued_batches.value == plan.queue
    assert message.num_batch_threads.value == plan.threads


def test_monitoring_config(bundle):
    message = text_format.Parse(
        (bundle.path / "monitoring.config").read_text(),
        config_class("MonitoringConfig")(),
    )
    assert message.prometheus_config.enable
    assert message.prometheus_config.path == ("/monitoring/prometheus/metrics")


def test_choice_of_batches():
    """16 images reach 95 % of the best throughput; they take 40 ms."""
    measured = [
        BatchTime(images, 1e-3 * milliseconds)
        for images, milliseconds in ((1, 8), (4, 16), (16, 40), (64, 156))
    ]
    plan = choose(measured, "GPU", 2, limit=64, pad=True)
    assert plan.largest == 16
    assert plan.limit == 64
    assert plan.sizes == (1, 4, 16)
    assert plan.wait_micros == 4000
    assert plan.queue == 50
    text = text_format.Parse(
        batching_config(plan), config_class("BatchingParameters")()
    )
    # The server wants the last to be the largest batch that it runs.
    assert list(text.allowed_batch_sizes) == [1, 4, 16]
    assert choose(measured, "CPU", 2, limit=64, pad=False).sizes == ()


def test_sizes_take_turns():
    """What slows the machine for a while slows all sizes alike."""

    class Session:
        asked = []

        def run(self, signature, inputs):
            self.asked.append(len(inputs["image"]))

    plan = plan_batches(
        Session(), np.zeros((1, 1, 1), "float32"), most=4, seconds=0.0
    )
    assert Session.asked == [1, 2, 4] * 6
    assert all(one.slowest >= one.seconds for one in plan.measured)


class Slow:
    """A model on a machine that other work slows down every third second.

    It needs 40 ms, and 10 for each image; ten times as long where it is slow.
    """

    def __init__(self, monkeypatch):
        self.now, self.asked = 0.0, []
        monkeypatch.setattr("time.perf_counter", lambda: self.now)

    def run(self, signature, inputs):
        images = len(inputs["image"])
        self.asked.append(images)
        busy = int(self.now) % 3 == 2
        self.now += (0.04 + 0.01 * images) * (10 if busy else 1)


def test_a_busy_machine(monkeypatch):
    """Medians of turns are those of the machine at rest."""
    image = np.zeros((1, 1, 1), "float32")
    plan = plan_batches(Slow(monkeypatch), image, seconds=10.0)
    for one in plan.measured:
        assert one.seconds == pytest.approx(0.04 + 0.01 * one.images)
        assert one.slowest >= one.seconds
        assert one.runs >= 5
    assert plan.largest == 64
    lines = batching_config(plan).splitlines()
    (line,) = [line for line in lines if line.startswith("#     64 ")]
    last = plan.measured[-1]
    assert line.split()[2:4] == [str(last.runs), "680.00"]


def test_measuring_takes_no_longer_than_it_must(monkeypatch):
    """No larger batch is tried than one that takes too long for a server."""
    session = Slow(monkeypatch)
    image = np.zeros((1, 1, 1), "float32")
    plan = plan_batches(session, image, seconds=0.0, longest=0.07)
    assert session.asked == [1, 2, 4, 4] + [1, 2, 4] * 5
    assert [one.images for one in plan.measured] == [1, 2, 4]
    assert plan.limit == 64


def test_sizes_of_batches(folder):
    """The largest that is asked for is tried, whether a power of two or not."""
    image = np.zeros((8, 6, 3), "float32")
    with exports.SavedModelSession(folder / "3") as session:
        for most, sizes in ((1, [1]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])):
            plan = plan_batches(session, image, most=most, seconds=0.01)
            assert [one.images for one in plan.measured] == sizes
            assert plan.limit == most
        for most in (0, -3, 2.0, True):
            with pytest.raises(ValueError, match="`most` must be a whole"):
                plan_batches(session, image, most=most)


def test_shared_draws_are_not_merged(
    shared_folder, noisy_folder, folder, monkeypatch
):
    """Else a stranger's answer tells what the neighbour's noise was."""
    for path, expected in (
        (shared_folder, True),
        (noisy_folder, False),
        (folder, False),
    ):
        with exports.SavedModelSession(newest_version(path)) as session:
            assert shares_draws(session) == expected
    # As if the draws hadn't been found by an older bundle.
    with monkeypatch.context() as patch:
        patch.setattr(
            "zoo.exports.serving.bundle.shares_draws", lambda _: False
        )
        bundle = write_bundle(shared_folder, most=2)
    assert bundle.merging and "batching.config" in bundle.files
    bundle = write_bundle(shared_folder, most=2)
    assert bundle.stochastic and not bundle.merging
    for name in ("compose.yaml", "kubernetes.yaml"):
        text = (bundle.path / name).read_text()
        assert "--enable_batching=true" not in text
        assert "batching.config" not in text
        assert "No --enable_batching" in text
    assert "batching.config" not in bundle.files
    assert not (bundle.path / "batching.config").exists()
    yaml = pytest.importorskip("yaml")
    parsed = yaml.safe_load((bundle.path / "compose.yaml").read_text())
    assert len(parsed["services"]["serving"]["command"]) == 5


def test_the_time_to_start_is_measured(tmp_path, folder, monkeypatch):
    shutil.copytree(folder / "3", tmp_path / "tiny" / "3")
    times = []

    def startup_seconds(loading):
        times.append(loading)
        return 660

    monkeypatch.setattr(
        "zoo.exports.serving.bundle.startup_seconds", startup_seconds
    )
    path = write_bundle(tmp_path / "tiny", most=1).path
    (loading,) = times
    assert 0 < loading < 60
    assert "start_period: 660s" in (path / "compose.yaml").read_text()
    assert "failureThreshold: 132" in (path / "kubernetes.yaml").read_text()


def test_wrong_bundles(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="exports.save"):
        write_bundle(folder, version=7)
    for version in (0, -1, 2**63, "3", 1.5, True):
        with pytest.raises(ValueError, match="from 1 to 2\\^63 - 1"):
            write_bundle(folder, version=version)
    zeros = tmp_path / "tiny" / "003"
    shutil.copytree(folder / "3", zeros)
    with pytest.raises(ValueError, match="without leading zeros"):
        write_bundle(zeros.parent)
    with pytest.raises(FileNotFoundError, match="exports.save"):
        write_bundle(folder / "3")
    with pytest.raises(FileNotFoundError, match="no SavedModel"):
        write_bundle(tmp_path)
    with pytest.raises(ValueError, match="letters, digits"):
        write_bundle(tmp_path / "two words")
    (tmp_path / "golden.json").write_text('{"request": {}}')
    with pytest.raises(ValueError, match="golden request"):
        golden.read_golden(Path(tmp_path, "golden.json"))


def test_golden_request_asks_for_logits(tmp_path):
    """Though `explain` comes first in the alphabet, and has none."""
    images = keras.Input((4, 4, 1))
    x = Explained("seen")(keras.layers.Rescaling(2)(images))
    model = keras.Model(images, keras.layers.Flatten()(x))
    names = ["explain", "serving_default"]
    exports.save(model, tmp_path / "model", signatures=names)
    bundle = write_bundle(tmp_path / "model", most=1)
    text = (bundle.path / "golden" / "1.json").read_text()
    request = json.loads(text)["request"]
    assert request["signature_name"] == "serving_default"
