import re
import subprocess

import pytest
from google.protobuf import text_format
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from zoo.exports.serving.manifests import REQUEST_BYTES
from zoo.exports.serving.manifests import application
from zoo.exports.serving.manifests import compose
from zoo.exports.serving.manifests import kubernetes
from zoo.exports.serving.manifests import models_config
from zoo.exports.serving.manifests import startup_seconds
from zoo.saved_model_folder import check_served_name


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
    text = kubernetes("Big_Model.tag", 3 * 2**30, 300)
    assert "storage: 30Gi" in text
    # 6 GiB of two versions and 7.5 of two requests, beside the server.
    assert "memory: 16Gi" in text
    objects = list(yaml.safe_load_all(text))
    # Kubernetes' names have small letters, digits and dashes.
    name = objects[1]["metadata"]["name"]
    assert re.fullmatch("big-model-tag-[0-9a-f]{8}", name)
    objects[1]["spec"]["template"]["spec"]["containers"][0]["imagine"] = "x"
    with pytest.raises(validate.ValidationError):
        validate.validate(objects[1], validate.latest_version(), strict=True)


NAMES = ("yes", "null", "1e3", "0x1F", "A", "-".join("a" * 30), "9" * 60)
"""That YAML reads otherwise, or are too long for Kubernetes."""


def given_names(test):
    for name in (*NAMES, "a-", "1.5", "0", "a__b", "z."):
        test = example(name)(test)
    names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", fullmatch=True)
    return settings(max_examples=20, deadline=None)(given(names)(test))


@given_names
def test_names_are_read_back(name):
    """What was written says the same name, and Kubernetes' is a label."""
    check_served_name(name)
    yaml = pytest.importorskip("yaml")
    label = application(name)
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,49}[a-z0-9])?", label)
    objects = list(yaml.safe_load_all(kubernetes(name, 1, 300)))
    for one in objects:
        assert one["metadata"]["name"].startswith(label)
    (container,) = objects[1]["spec"]["template"]["spec"]["containers"]
    path = container["readinessProbe"]["httpGet"]["path"]
    assert path == f"/v1/models/{name}/metadata"
    assert f"=/models/{name}/serving/models.config" in container["args"][0]
    composed = yaml.safe_load(compose(name, 300))
    assert composed["name"] == label
    (volume,) = composed["services"]["serving"]["volumes"]
    assert volume["target"] == f"/models/{name}"


@given_names
def test_names_are_read_back_from_models_config(name):
    config = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2"
    )
    message = text_format.Parse(
        models_config(name, 2**63 - 1), config.ModelServerConfig()
    )
    (model,) = message.model_config_list.config
    assert model.name == name
    assert model.base_path == f"/models/{name}"
    assert list(model.model_version_policy.specific.versions) == [2**63 - 1]


@pytest.mark.parametrize("name", NAMES)
def test_kubernetes_takes_names(name):
    validate = pytest.importorskip("kubernetes_validate")
    yaml = pytest.importorskip("yaml")
    for one in yaml.safe_load_all(kubernetes(name, 1, 300)):
        validate.validate(one, validate.latest_version(), strict=True)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a: b",
        "two words",
        'q"',
        "zebrä",
        "٣",
        "a/b",
        "..",
        "-a",
        "_a",
        "a\n",
    ]
    + ["$HOME", "a" * 61],
)
def test_names_that_would_have_to_be_quoted(name):
    with pytest.raises(ValueError, match="letters, digits"):
        check_served_name(name)


def test_labels():
    """Words stay readable; all else is told apart by a hash."""
    assert application("irm_wrn16_2") == "irm-wrn16-2"
    assert application("irm-wrn16-2") == "irm-wrn16-2"
    alike = ["Big_model", "big_Model", "big.model", "big_model-", "big__model"]
    alike += ["9", "model_9", "model-9.", "a" * 59 + "b", "a" * 60]
    labels = {application(name) for name in alike}
    assert len(labels) == len(alike)
    assert application("Big_model").startswith("big-model-")


def test_time_to_start():
    """Five minutes at least, else ten times what it took, in minutes."""
    assert startup_seconds(0.5) == 300
    assert startup_seconds(30.0) == 300
    assert startup_seconds(30.1) == 360
    text = kubernetes("tiny", 1, 360)
    assert "failureThreshold: 72" in text
    assert "start_period: 360s" in compose("tiny", 360)


def test_a_pod_ends_after_its_last_request():
    yaml = pytest.importorskip("yaml")
    objects = list(yaml.safe_load_all(kubernetes("tiny", 1, 300)))
    pod = objects[1]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (timeout,) = [
        int(flag.partition("=")[2]) / 1000
        for flag in container["args"]
        if flag.startswith("--rest_api_timeout_in_ms=")
    ]
    command = container["lifecycle"]["preStop"]["exec"]["command"]
    assert command[0] == "sleep"
    assert timeout < int(command[1]) < pod["terminationGracePeriodSeconds"]
    # `minAvailable: 1` would block the drain of a node with the one replica.
    budget = next(o for o in objects if o["kind"] == "PodDisruptionBudget")
    assert "minAvailable" not in budget["spec"]
    assert budget["spec"]["maxUnavailable"] == 1


def test_servers_are_nobody_and_write_nothing():
    yaml = pytest.importorskip("yaml")
    objects = list(yaml.safe_load_all(kubernetes("tiny", 1, 300)))
    pod = objects[1]["spec"]["template"]["spec"]
    user = pod["securityContext"]["runAsUser"]
    assert user == pod["securityContext"]["runAsGroup"] > 0
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    service = yaml.safe_load(compose("tiny", 300))["services"]["serving"]
    assert service["user"] == f"{user}:{user}"
    assert service["read_only"] and service["volumes"][0]["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["restart"] == "unless-stopped"


def test_two_models_on_one_machine():
    """Each has a project of its own, and ports that can be set."""
    yaml = pytest.importorskip("yaml")
    composed = yaml.safe_load(compose("tiny", 300))
    assert composed["name"] == "tiny"
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
