"""Configuration of TensorFlow Serving, Docker Compose and Kubernetes."""

import hashlib
import math
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

_WORDS = re.compile(r"[a-z][a-z0-9]*((-[a-z0-9]+)*|(_[a-z0-9]+)*)")
_LONGEST_LABEL = 51
_USER = 65534
"""Nobody, as in most images; must be able to read the model."""
_LONGEST_CALL = 30
"""Seconds that a request by REST may take."""
_DRAIN = _LONGEST_CALL + 10
"""Seconds from a pod's end until its last request is answered; the Service
forgets it meanwhile. The server itself doesn't wait for requests."""
_METRICS = "/monitoring/prometheus/metrics"


def startup_seconds(loading: float) -> int:
    """Returns how long a server may take until it is ready.

    Args:
        loading: Seconds that loading and the first calls took here.

    Returns:
        Ten times as long, in whole minutes and five of them at least: the
        server's disk may be slow, and its GPU searches for kernels.
    """
    return 60 * max(5, math.ceil(10 * loading / 60))


def application(name: str) -> str:
    """Returns a model's name as Kubernetes and Compose take names.

    It begins with a letter and has lower-case letters, digits and dashes, 51
    at most (RFC 1035), so that what is added to it fits 63. Words between
    dashes stay, and words between underscores get dashes. What changes more
    than that ends with the name's hash, so that no two become one.
    """
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not label[0].isalpha():
        label = f"model-{label}"
    if _WORDS.fullmatch(name) and len(label) <= _LONGEST_LABEL:
        return label
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{label[: _LONGEST_LABEL - 9].rstrip('-')}-{digest}"


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


def compose(name: str, startup: int, *, merging: bool = True) -> str:
    """Returns a Docker Compose file of one server with one GPU.

    Args:
        name: The model's.
        startup: Seconds that the server may take until it is ready.
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
    user: "{_USER}:{_USER}"  # Nobody, who must be able to read the folder.
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
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
      start_period: {startup}s
    restart: unless-stopped
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: 1
              capabilities: [gpu]
"""


def kubernetes(
    name: str, size_bytes: int, startup: int, *, merging: bool = True
) -> str:
    """Returns manifests of a Deployment with all that belongs to it.

    Args:
        name: The model's.
        size_bytes: Of the version's files; the volume holds ten of them, and
            the memory two and two requests of `REQUEST_BYTES`.
        startup: Seconds that the server may take until it is ready.
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
        runAsUser: {_USER}  # Nobody, who must be able to read the volume.
        runAsGroup: {_USER}
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
          startupProbe:  # {startup} seconds for loading and warming up.
            httpGet: {{path: /v1/models/{name}/metadata, port: http}}
            periodSeconds: 5
            timeoutSeconds: 5
            failureThreshold: {startup // 5}
          readinessProbe:  # Metadata are there once a version is.
            httpGet: {{path: /v1/models/{name}/metadata, port: http}}
            periodSeconds: 5
            timeoutSeconds: 5
          livenessProbe:
            tcpSocket: {{port: grpc}}
            periodSeconds: 10
            timeoutSeconds: 5
          lifecycle:
            preStop:  # The Service forgets this pod; it ends its requests.
              exec: {{command: [sleep, "{_DRAIN}"]}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {{drop: [ALL]}}
          volumeMounts:
            - {{name: models, mountPath: /models, readOnly: true}}
            - {{name: temporary, mountPath: /tmp}}
      terminationGracePeriodSeconds: {_DRAIN + 10}
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
  maxUnavailable: 1  # Not minAvailable: one replica could never be moved.
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
        f"--rest_api_timeout_in_ms={1000 * _LONGEST_CALL}",
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
