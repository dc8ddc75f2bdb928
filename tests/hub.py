"""A small hub of weights on the loopback address, with a tiny network; it stalls or lies when told to."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import timm
from safetensors.torch import save

NAME = "vit-tiny"
PLACE = re.compile(r"^/timm/[\w.]+/resolve/main/([\w.]+)$")
NETWORK: dict[str, Any] = {
    "img_size": 32, "patch_size": 8, "embed_dim": 192, "depth": 7, "num_heads": 3,
}  # fmt: skip
PIECE = 10 * 2**20
"""What the library writes at once."""


@dataclass
class Hub:
    """What it holds, where it sends no more, and what it was asked."""

    files: dict[str, bytes]
    stalls_after: int | None = None
    has_stalled: threading.Event = field(default_factory=threading.Event)
    lies: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, file, and the range that was asked for."""
    sent_tokens: list[str] = field(default_factory=list)
    address: str = ""


def answer(hub: Hub) -> type[BaseHTTPRequestHandler]:
    """As the real one answers, in what its library asks."""

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, *_: object) -> None:
            """Nothing."""

        def _answer(self, *, with_body: bool) -> None:
            found = PLACE.match(self.path.split("?")[0])
            part = self.headers.get("Range", "")
            hub.sent_tokens += self.headers.get_all("Authorization") or []
            if found is None or found[1] not in hub.files:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = hub.files[found[1]]
            hub.asked.append((self.command, found[1], part))
            etag = hashlib.sha256(body + b"!" * hub.lies).hexdigest()
            start = int(part.removeprefix("bytes=").split("-")[0]) if part else 0
            self.send_response(206 if part else 200)
            if part:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.send_header("ETag", f'"{etag}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Accept-Ranges", "bytes")
            self.end_headers()
            if not with_body:
                return
            rest = body[start:]
            if hub.stalls_after is not None and found[1].endswith(".safetensors"):
                self.wfile.write(rest[: hub.stalls_after])
                hub.has_stalled.set()
                # Until whoever asked is gone.
                self.connection.settimeout(60)
                self.connection.recv(1)
                return
            self.wfile.write(rest)

    return Answer


@contextmanager
def serving() -> Iterator[Hub]:
    """With a tiny ViT as timm writes one."""
    network = timm.models.VisionTransformer(**NETWORK, num_classes=0)
    settings = {
        "architecture": "vit_tiny_patch16_224",
        "num_classes": 0,
        "model_args": NETWORK,
        "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "input_size": [3, 32, 32]},
    }
    held = Hub({
        "config.json": json.dumps(settings).encode(), "model.safetensors": save(network.state_dict()),
    })  # fmt: skip
    server = ThreadingHTTPServer(("127.0.0.1", 0), answer(held))
    held.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield held
    server.shutdown()
    server.server_close()
    thread.join()
