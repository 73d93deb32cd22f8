"""Configuration of TensorFlow Serving, Docker Compose and Kubernetes."""

import hashlib
import re

from zoo.exports.saved_model.picture_headers import BYTES_A_PIXEL
from zoo.exports.saved_model.picture_headers import MAX_PIXELS
from zoo.exports.saved_model.signatures import DECODED_AT_ONCE

IMAGE = "tensorflow/serving:2.21.0-gpu"
BUNDLE = "serving"
"""Folder beside the versions; servers load numbered folders alone."""

REQUEST_BYTES = DECODED_AT_ONCE * BYTES_A_PIXEL * MAX_PIXELS
"""That a request of picture files takes at most while it is decoded."""
_REQUESTS = 2
"""As large as that, which a server must survive at once."""
_SERVER_BYTES = 2 * 2**30
"""Of the server, CUDA's libraries and what else a request holds."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_LONGEST_LABEL = 51
_METRICS = "/monitoring/prometheus/metrics"


def check_name(name: str) -> None:
    """Refuses a model's name that a URL or a file would have to quote.

    Raises:
        ValueError: If it has other than letters, digits, `.`, `_` and `-`.
    """
    if not _NAME.fullmatch(name) or len(name) > 60:
        raise ValueError(
            "The folder of a served model names it, so it must be 1 to 60 "
            "letters, digits, dots, dashes and underscores. "
            f"Received: {name!r}"
        )


def application(name: str) -> str:
    """Returns a model's name as Kubernetes and Compose take names.

    It begins with a letter and has lower-case letters, digits and dashes, 51
    at most (RFC 1035), so that what is added to it fits 63. A name that had to
    be cut ends with its hash.
    """
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not label[0].isalpha():
        label = f"model-{label}"
    if len(label) > _LONGEST_LABEL:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        label = f"{label[: _LONGEST_LABEL - 9].rstrip('-')}-{digest}"
    return label


def models_config(name: str, version: int) -> str:
    """Returns `ModelServerConfig`: what the server loads."""
    return f"""\
# Versions that the server loads, and their labels. The server reads this file
# every 30 seconds; a version is rolled out, and back, by its number here.
model_config_list {{
  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
    model_version_policy {{ specific {{ versions: {version} }} }}
    version_labels {{ key: "stable" value: {version} }}
  }}
}}
"""


def monitoring_config() -> str:
    """Returns `MonitoringConfig`: where Prometheus finds the metrics."""
    return f"""\
prometheus_config {{
  enable: true
  path: "{_METRICS}"
}}
"""


def compose(name: str, *, merging: bool = True) -> str:
    """Returns a Docker Compose file of one server with one GPU.

    Args:
        name: The model's.
        merging: Whether the server merges callers' requests.
    """
    arguments = _arguments(name, merging, 6)
    return f"""\
# One server of {name} on one GPU: docker compose up --detach --wait
# REST and metrics on HTTP_PORT (8501), gRPC on GRPC_PORT (8500), of this
# machine alone. Two models on one machine need ports of their own.
name: "{application(name)}"
services:
  serving:
    image: {IMAGE}
    command:
{arguments}
    ports:
      - "127.0.0.1:${{GRPC_PORT:-8500}}:8500"
      - "127.0.0.1:${{HTTP_PORT:-8501}}:8501"
    volumes:
      - type: bind
        source: ..
        target: /models/{name}
        read_only: true
    healthcheck:
      # The image has no HTTP client, so bash speaks to the port itself.
      test:
        - CMD
        - bash
        - -c
        - >-
          exec 3<>/dev/tcp/127.0.0.1/8501 &&
          printf 'GET /v1/models/{name}/metadata HTTP/1.0\\r\\n\\r\\n' >&3 &&
          head -n 1 <&3 | grep -q ' 200 '
      interval: 10s
      timeout: 5s
      retries: 3
      start_period: 120s
    restart: unless-stopped
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: 1
              capabilities: [gpu]
"""


def kubernetes(name: str, size_bytes: int, *, merging: bool = True) -> str:
    """Returns manifests of a Deployment with all that belongs to it.

    Args:
        name: The model's.
        size_bytes: Of the version's files; the volume holds ten of them, and
            the memory two and two requests of `REQUEST_BYTES`.
        merging: Whether the server merges callers' requests.
    """
    app = application(name)
    arguments = _arguments(name, merging, 12)
    gibibytes = max(1, -(-10 * size_bytes // 2**30))
    # Two versions are in memory while one replaces the other.
    models = _SERVER_BYTES + 2 * size_bytes
    most = models + _REQUESTS * REQUEST_BYTES
    request, limit = (-(-size // 2**30) for size in (models, most))
    return f"""\
# Serves {name} on GPUs: kubectl apply --filename kubernetes.yaml
# The volume must hold the export's folder, as {name}/1 and {name}/{BUNDLE}.
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: "{app}-models"
  labels: {{app: "{app}"}}
spec:
  accessModes: [ReadWriteMany]
  resources:
    requests:
      storage: {gibibytes}Gi
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: "{app}"
  labels: {{app: "{app}"}}
spec:
  # The HorizontalPodAutoscaler sets the number of replicas.
  selector:
    matchLabels: {{app: "{app}"}}
  strategy:
    rollingUpdate:
      maxSurge: 1  # Takes a spare GPU; with none, 0 and maxUnavailable 1.
      maxUnavailable: 0
  template:
    metadata:
      labels: {{app: "{app}"}}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "8501"
        prometheus.io/path: {_METRICS}
    spec:
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        runAsUser: 65534
        seccompProfile: {{type: RuntimeDefault}}
      containers:
        - name: serving
          image: {IMAGE}
          args:
{arguments}
          ports:
            - {{name: grpc, containerPort: 8500}}
            - {{name: http, containerPort: 8501}}
          resources:
            requests: {{cpu: "2", memory: {request}Gi}}
            limits: {{memory: {limit}Gi, nvidia.com/gpu: 1}}
          startupProbe:  # Loading and warming up may take five minutes.
            httpGet: {{path: /v1/models/{name}/metadata, port: http}}
            periodSeconds: 5
            failureThreshold: 60
          readinessProbe:  # Metadata are there once a version is.
            httpGet: {{path: /v1/models/{name}/metadata, port: http}}
            periodSeconds: 5
          livenessProbe:
            tcpSocket: {{port: grpc}}
            periodSeconds: 10
          lifecycle:
            preStop:  # Lets the Service forget this pod first.
              exec: {{command: [sleep, "10"]}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {{drop: [ALL]}}
          volumeMounts:
            - {{name: models, mountPath: /models, readOnly: true}}
            - {{name: temporary, mountPath: /tmp}}
      terminationGracePeriodSeconds: 45
      volumes:
        - name: models
          persistentVolumeClaim: {{claimName: "{app}-models"}}
        - name: temporary
          emptyDir: {{}}
---
apiVersion: v1
kind: Service
metadata:
  name: "{app}"
  labels: {{app: "{app}"}}
spec:
  clusterIP: None  # gRPC clients balance over all pods' addresses themselves.
  selector: {{app: "{app}"}}
  ports:
    - {{name: grpc, port: 8500, targetPort: grpc}}
    - {{name: http, port: 8501, targetPort: http}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: "{app}"
spec:
  minAvailable: 1
  selector:
    matchLabels: {{app: "{app}"}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: "{app}"
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: "{app}"}}
  minReplicas: 2
  maxReplicas: 8
  metrics:  # Of the CPU, which every cluster measures; better is the GPU's.
    - type: Resource
      resource:
        name: cpu
        target: {{type: Utilization, averageUtilization: 70}}
  behavior:
    scaleDown: {{stabilizationWindowSeconds: 300}}
"""


def _arguments(name: str, merging: bool, indent: int) -> str:
    """Returns the server's options, which the image's entry point adds to."""
    folder = f"/models/{name}/{BUNDLE}"
    lines = [
        f"--model_config_file={folder}/models.config",
        "--model_config_file_poll_wait_seconds=30",
        "--allow_version_labels_for_unavailable_models=true",
        f"--monitoring_config_file={folder}/monitoring.config",
        "--rest_api_timeout_in_ms=30000",
    ]
    if merging:
        lines += [
            "--enable_batching=true",
            f"--batching_parameters_file={folder}/batching.config",
        ]
    lines = [f"- {line}" for line in lines]
    if not merging:
        lines += [
            "# No --enable_batching: images of one call share this model's",
            "# random draws, and strangers' requests must not be merged.",
        ]
    return "\n".join(f"{' ' * indent}{line}" for line in lines)
