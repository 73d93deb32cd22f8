import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
from google.protobuf import text_format
from google.protobuf import wrappers_pb2

from tests.paths import ROOT
from zoo import exports
from zoo.exports.serving import golden
from zoo.exports.serving import write_bundle
from zoo.exports.serving.batching import BatchTime
from zoo.exports.serving.batching import batching_config
from zoo.exports.serving.batching import choose
from zoo.exports.serving.batching import plan_batches
from zoo.exports.serving.manifests import REQUEST_BYTES
from zoo.exports.serving.manifests import application
from zoo.exports.serving.manifests import compose
from zoo.exports.serving.manifests import kubernetes
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


@pytest.fixture(scope="module")
def bundle(folder):
    return write_bundle(folder, most=4, roll_out=True)


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
    plan = choose(measured, "GPU", 2, pad=True)
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
    assert choose(measured, "CPU", 2, pad=False).sizes == ()


def test_sizes_take_turns():
    """What slows the machine for a while slows all sizes alike."""

    class Session:
        asked = []

        def run(self, signature, inputs):
            self.asked.append(len(inputs["image"]))

    plan = plan_batches(
        Session(), np.zeros((1, 1, 1), "float32"), most=4, seconds=0.0
    )
    assert Session.asked == [1, 2, 4] * 4
    assert all(one.slowest >= one.seconds for one in plan.measured)


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


def interpolated(text):
    """Puts the defaults of variables in, as Compose does before it reads."""
    return re.sub(r"\$\{\w+:-(\w+)\}", r"\1", text)


def test_compose(bundle, folder):
    compose_spec = pytest.importorskip("compose_spec")
    yaml = pytest.importorskip("yaml")
    text = interpolated((bundle.path / "compose.yaml").read_text())
    parsed = compose_spec.PyCompose.from_yaml(text)  # Refuses unknown keys.
    parsed.validate()
    service = yaml.safe_load(text)["services"]["serving"]
    (volume,) = service["volumes"]
    assert (bundle.path / volume["source"]).resolve() == folder
    check_flags(service["command"], volume["target"], folder)
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_compose_is_checked(bundle):
    compose_spec = pytest.importorskip("compose_spec")
    text = interpolated((bundle.path / "compose.yaml").read_text())
    with pytest.raises(ValueError, match="imagine"):
        compose_spec.PyCompose.from_yaml(text.replace("image:", "imagine:"))


def test_health_check(bundle, server):
    """Bash's own request to the server, as Compose makes it."""
    yaml = pytest.importorskip("yaml")
    parsed = yaml.safe_load((bundle.path / "compose.yaml").read_text())
    kind, *command = parsed["services"]["serving"]["healthcheck"]["test"]
    assert kind == "CMD"
    port = server[1]["http"].rpartition(":")[2]
    healthy = [part.replace("8501", port) for part in command]
    sick = [part.replace("tiny", "huge") for part in healthy]
    assert subprocess.run(healthy, timeout=20).returncode == 0
    assert subprocess.run(sick, timeout=20).returncode != 0


def test_kubernetes(bundle, folder):
    validate = pytest.importorskip("kubernetes_validate")
    yaml = pytest.importorskip("yaml")
    text = (bundle.path / "kubernetes.yaml").read_text()
    objects = {one["kind"]: one for one in yaml.safe_load_all(text)}
    for one in objects.values():
        validate.validate(one, validate.latest_version(), strict=True)
    deployment = objects["Deployment"]["spec"]
    pod = deployment["template"]
    (container,) = pod["spec"]["containers"]
    limits = container["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == 1
    # Four pictures of 40 megapixels, decoded at once, beside the model.
    size = sum(
        file.stat().st_size
        for file in (folder / "3").rglob("*")
        if file.is_file()
    )
    assert REQUEST_BYTES == 4 * 25 * 40_000_000
    limit = int(limits["memory"].removesuffix("Gi")) * 2**30
    assert limit >= 2 * REQUEST_BYTES + size
    mount = container["volumeMounts"][0]["mountPath"]
    check_flags(container["args"], f"{mount}/tiny", folder)
    claim = pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert claim == objects["PersistentVolumeClaim"]["metadata"]["name"]
    labels = pod["metadata"]["labels"]
    assert objects["Service"]["spec"]["selector"] == labels
    assert deployment["selector"]["matchLabels"] == labels
    ports = {port["name"] for port in container["ports"]}
    used = [port["targetPort"] for port in objects["Service"]["spec"]["ports"]]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        check = container[probe].get("httpGet") or container[probe]["tcpSocket"]
        used.append(check["port"])
    assert set(used) == ports
    scaled = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert scaled["name"] == objects["Deployment"]["metadata"]["name"]


def test_kubernetes_is_checked():
    validate = pytest.importorskip("kubernetes_validate")
    yaml = pytest.importorskip("yaml")
    text = kubernetes("Big_Model.tag", 3 * 2**30)
    assert "storage: 30Gi" in text
    # 6 GiB of two versions and 7.5 of two requests, beside the server.
    assert "memory: 16Gi" in text
    objects = list(yaml.safe_load_all(text))
    # Kubernetes' names have small letters, digits and dashes.
    assert objects[1]["metadata"]["name"] == "big-model-tag"
    objects[1]["spec"]["template"]["spec"]["containers"][0]["imagine"] = "x"
    with pytest.raises(validate.ValidationError):
        validate.validate(objects[1], validate.latest_version(), strict=True)


@pytest.mark.parametrize(
    "name", ["yes", "null", "1e3", "0x1F", "A", "-".join("a" * 30), "9" * 60]
)
def test_names_that_yaml_reads_otherwise(name):
    validate = pytest.importorskip("kubernetes_validate")
    yaml = pytest.importorskip("yaml")
    label = application(name)
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,49}[a-z0-9])?", label)
    for one in yaml.safe_load_all(kubernetes(name, 1)):
        validate.validate(one, validate.latest_version(), strict=True)
        assert one["metadata"]["name"].startswith(label)
    composed = yaml.safe_load(compose(name))
    assert composed["name"] == label
    (volume,) = composed["services"]["serving"]["volumes"]
    assert volume["target"] == f"/models/{name}"


def test_long_names_differ():
    assert application("a" * 59 + "b") != application("a" * 60)
    assert application("Big_Model.tag") == "big-model-tag"


def test_two_models_on_one_machine():
    """Each has a project of its own, and ports that can be set."""
    yaml = pytest.importorskip("yaml")
    composed = yaml.safe_load(compose("tiny"))
    assert composed["services"]["serving"]["ports"] == [
        "127.0.0.1:${GRPC_PORT:-8500}:8500",
        "127.0.0.1:${HTTP_PORT:-8501}:8501",
    ]


def check_flags(flags, mounted, folder):
    """Each file that an option names must be there, through the volume."""
    files = 0
    for flag in flags:
        _, _, value = flag.partition("=")
        if value.startswith("/"):
            assert value.startswith(mounted)
            assert (folder / value.removeprefix(f"{mounted}/")).is_file()
            files += 1
    assert files == 3


def test_smoke_test(bundle, server):
    """The script itself, by both protocols, then with a wrong golden."""
    _, hosts = server
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "HTTP_PORT": hosts["http"].rpartition(":")[2],
        "GRPC_PORT": hosts["grpc"].rpartition(":")[2],
    }

    def run():
        return subprocess.run(
            [bundle.path / "smoke_test.sh", "127.0.0.1"],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

    done = run()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ok ") == 2
    assert done.stdout.count("/versions/3") == 2
    path = bundle.path / "golden" / "3.json"
    kept = path.read_text()
    wrong = json.loads(kept)
    wrong["response"]["logits"]["highest"][0][0] += 2
    wrong["response"]["logits"]["lowest"][0][0] += 2
    path.write_text(json.dumps(wrong))
    try:
        done = run()
    finally:
        path.write_text(kept)
    assert done.returncode == 1
    assert done.stdout.count("FAILED") == 2
    path.write_text("{}")
    try:
        done = run()
    finally:
        path.write_text(kept)
    assert done.returncode == 2
    assert "must hold a golden request" in done.stderr
    assert "Traceback" not in done.stderr


def test_smoke_test_without_a_server(bundle):
    """Its status says that no answer was compared."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "zoo.exports.serving.golden"),
            bundle.path / "golden" / "3.json",
            *("http://127.0.0.1:9/v1/models/tiny", "--timeout", "0.3"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout.startswith("FAILED")


def predictions(logits):
    return [
        exports.serving.Prediction(0, "", 0.0, np.zeros(2), np.array(row))
        for row in logits
    ]


@pytest.mark.parametrize(
    ("logits", "good", "outside"),
    [
        ([[1.0, 2.0]], True, 0.0),
        ([[1.0, 2.015]], True, 0.015),  # 1 % of the largest is allowed.
        ([[1.0, 2.03]], False, 0.03),
        ([[3.9, 2.0]], True, 0.9),  # It has been 1 to 3, and may be -1 to 5.
        ([[5.5, 2.0]], False, 2.5),
        ([[np.nan, 2.0]], False, np.nan),
        ([[1.0, 2.0], [1.0, 2.0]], False, np.inf),
    ],
)
def test_golden_range(logits, good, outside):
    runs = np.array([[[1.0, 2.0]], [[3.0, 2.0]]])
    recorded = golden.record({}, runs, version=1)
    found = golden.compare(recorded, predictions(logits))
    assert found[0] == good
    assert found[1] == pytest.approx(outside, abs=1e-5, nan_ok=True)


def test_golden_of_masked_classes():
    recorded = golden.record({}, np.array([[[-np.inf, 1.0]]]), version=1)
    recorded = json.loads(json.dumps(recorded))
    assert golden.compare(recorded, predictions([[-np.inf, 1.0]]))[0]
    assert not golden.compare(recorded, predictions([[0.0, 1.0]]))[0]
    assert not golden.compare(recorded, predictions([[-np.inf, -np.inf]]))[0]


def test_randomised_model(tmp_path):
    """The golden answer is a range, wide enough for other draws."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            Noise(),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    path = exports.save(
        model, tmp_path / "noisy", signatures=["serving_default"]
    ).path
    bundle = write_bundle(tmp_path / "noisy", most=1)
    assert bundle.stochastic
    recorded = golden.read_golden(bundle.path / "golden" / "1.json")
    logits = recorded["response"]["logits"]
    assert np.all(np.less(logits["lowest"], logits["highest"]))
    batch = golden.images(recorded["request"])
    with exports.SavedModelSession(path) as session:
        for _ in range(20):
            outputs = session.run("serving_default", {"image": batch})
            assert golden.compare(recorded, predictions(outputs["logits"]))[0]


@keras.saving.register_keras_serializable(package="tests_bundle")
class Noise(keras.layers.Layer):
    stochastic = True

    def build(self, _):
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, images):
        return images + keras.random.uniform(
            keras.ops.shape(images), -0.1, 0.1, seed=self.seed_generator
        )


def test_shared_draws_are_not_merged(shared_folder, noisy_folder, folder):
    """Else a stranger's answer tells what the neighbour's noise was."""
    for path, expected in (
        (shared_folder, True),
        (noisy_folder, False),
        (folder, False),
    ):
        with exports.SavedModelSession(newest_version(path)) as session:
            assert shares_draws(session) == expected
    (shared_folder / "serving").mkdir()
    (shared_folder / "serving" / "batching.config").write_text(
        "of an older bundle"
    )
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


def test_an_operators_models_config_stays(tmp_path, folder):
    """A roll-back by hand isn't undone by the next bundle."""
    ignored = shutil.ignore_patterns("serving")
    shutil.copytree(folder, tmp_path / "tiny", ignore=ignored)
    first = write_bundle(tmp_path / "tiny", version=1, most=1)
    assert first.live and first.merging
    config = first.path / "models.config"
    assert "versions: 1 " in config.read_text()
    config.write_text(config.read_text() + "# by hand\n")
    kept = config.read_text()
    second = write_bundle(tmp_path / "tiny", version=3, most=1)
    assert config.read_text() == kept and not second.live
    assert (second.path / "golden" / "3.json").exists()
    third = write_bundle(tmp_path / "tiny", version=3, most=1, roll_out=True)
    assert "versions: 3 " in config.read_text() and third.live
    assert write_bundle(tmp_path / "tiny", version=3, most=1).live


def test_an_operators_edits_stay(tmp_path, folder):
    path = tmp_path / "tiny"
    shutil.copytree(folder / "3", path / "3")
    bundle = write_bundle(path, most=1)
    assert not bundle.edited
    served = bundle.path / "compose.yaml"
    mine = served.read_text() + "# Of another network.\n"
    served.write_text(mine)
    (bundle.path / "monitoring.config").write_text("")
    shutil.copytree(folder / "3", path / "4")
    bundle = write_bundle(path, most=1)
    assert set(bundle.edited) == {"compose.yaml", "monitoring.config"}
    assert served.read_text() == mine
    new = bundle.path / "compose.yaml.new"
    assert new.read_text() == mine.replace("# Of another network.\n", "")
    assert "golden/4.json" in (bundle.path / "smoke_test.sh").read_text()
    served.write_text(new.read_text())  # The operator took it over.
    assert write_bundle(path, most=1).edited == ("monitoring.config",)


def test_models_config_is_written_last(tmp_path, folder, monkeypatch):
    """Else a server would load a version whose files aren't there yet."""
    path = tmp_path / "tiny"
    shutil.copytree(folder / "3", path / "3")
    replaced = []
    replace = os.replace

    def recorded(source, target):
        replaced.append(Path(target).name)
        replace(source, target)

    monkeypatch.setattr("os.replace", recorded)
    write_bundle(path, most=1)
    names = [name for name in replaced if name != "written.json"]
    assert names[-1] == "models.config"
    assert len(names) == 7


def test_wrong_bundles(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="exports.save"):
        write_bundle(folder, version=7)
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
