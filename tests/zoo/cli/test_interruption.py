"""Ctrl-C or SIGTERM ends a command within seconds, whatever it is doing."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.paths import ROOT

CODE = """
import hashlib, signal, sys, time, zoo
from zoo.cli import interruption, main
from zoo.cli.commands import list_command

def work(options):
    print("begun", flush=True)
    {body}

# A shell's background processes begin deaf to it.
signal.signal(signal.SIGINT, signal.default_int_handler)
interruption._PATIENCE = 0.5
list_command.run = work
list_command.work_folder = lambda options: "runs/one"
sys.exit(main())
"""
MESSAGE = "error: interrupted; the same command goes on from runs/one\n"


@pytest.mark.parametrize(
    "body",
    [
        "time.sleep(60)",
        # Minutes in C, with the GIL released: as one long graph.
        "hashlib.pbkdf2_hmac('sha256', b'x', b'y', 10**9)",
        "\n    while True:\n        try:\n            time.sleep(60)\n"
        "        except KeyboardInterrupt:\n            pass",
    ],
    ids=["python", "native", "swallowed"],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_is_obeyed(body, number, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", CODE.format(body=body), "list"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "begun\n"
        begun = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert time.monotonic() - begun < 5
    assert process.returncode == 128 + number
    assert said == MESSAGE
