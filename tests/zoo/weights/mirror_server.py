"""A mirror of one file on this machine that can misbehave."""

import contextlib
import gzip
import hashlib
import re
import time
from http.server import BaseHTTPRequestHandler

from zoo.weights import WeightFile
from zoo.weights import Weights

NAME = "net.weights.h5"
CONTENT = bytes(range(256)) * 3200


class Handler(BaseHTTPRequestHandler):
    """Serves `server.files`, cut, slowed or without ranges as it is told."""

    def do_GET(self):
        server = self.server
        server.ranges.append(self.headers.get("Range"))
        server.tokens.append(self.headers.get("Authorization"))
        time.sleep(server.delay)
        content = server.files.get(self.path.lstrip("/"))
        if content is None:
            self.send_error(404)
            return
        start = 0
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if wanted and server.accepts_ranges:
            start = int(wanted[1])
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            last = len(content) - 1
            self.send_header(
                "Content-Range", f"bytes {start}-{last}/{len(content)}"
            )
        else:
            self.send_response(200)
        if server.encoding == "gzip":
            self.send_header("Content-Encoding", "gzip")
            content, start = gzip.compress(content), 0
        elif server.encoding == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            content, start = chunked(content[start:]), 0
        elif server.tells_length:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(content[start:][: server.cut])
            for byte in content[start:][server.cut or len(content) :]:
                # The other side may have gone.
                if server.drip is None or server.stopped.wait(server.drip):
                    break
                self.wfile.write(bytes([byte]))

    def log_message(self, *_):
        pass


def chunked(content: bytes) -> bytes:
    """Returns the body of an answer in two chunks."""
    parts = content[:1000], content[1000:], b""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


def described(name: str, content: bytes) -> WeightFile:
    return WeightFile(name, hashlib.sha256(content).hexdigest(), len(content))


def published(uri=None, content=CONTENT, name=NAME) -> Weights:
    return Weights((described(name, content),), uri=uri)
