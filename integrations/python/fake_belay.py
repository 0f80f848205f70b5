"""A Belay for unit tests that can also be slow, refuse, hang or be gone: what the real one seldom is."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = tuple[int, Any, dict[str, str]]


class FakeBelay:
    """`answers` maps a path's beginning to what answers it: a function of (path, headers, body)."""

    def __init__(self) -> None:
        self.events: list[dict] = []
        self.asked: list[tuple[str, str, dict, Any]] = []
        self.answers: dict[str, Callable[[str, dict, Any], Answer]] = {
            "/v1/events": self._events,
            "/v1/decisions": lambda *_: (200, {"action": "allow", "ttl": 2}, {"etag": '"allow"'}),
        }
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.reply(None)

            def do_POST(self) -> None:
                self.reply(json.loads(self.rfile.read(int(self.headers["content-length"]))))

            def reply(self, body: Any) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                fake.asked.append((self.command, self.path, headers, body))
                known = [path for path in fake.answers if self.path.startswith(path)]
                answer = fake.answers[max(known, key=len)] if known else lambda *_: (404, {}, {})
                status, told, more = answer(self.path, headers, body)
                data = told if isinstance(told, bytes) else b"" if status == 304 else json.dumps(told).encode()
                self.send_response(status)
                for name, value in {"content-length": str(len(data)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass  # a client that gave up is what these tests are about

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _events(self, _path: str, _headers: dict, body: Any) -> Answer:
        self.events += body
        return 202, {"accepted": len(body), "rejected": []}, {}

    def asks(self, path: str) -> int:
        return sum(asked.startswith(path) for _, asked, _, _ in self.asked)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def documented(word: str, url: str) -> dict[str, Any]:
    """Runs the example of docs/pep-python.md that has `word` in it, against this Belay, and gives its names."""
    page = (Path(__file__).parent / "../../docs/pep-python.md").read_text()
    (example,) = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if word in code]
    names: dict[str, Any] = {"__name__": "documented"}
    exec(example.replace("http://127.0.0.1:7300", url), names)
    return names


def wait_until(holds: Callable[[], Any], seconds: float = 30.0) -> Any:
    """What `holds` gives once it is true; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (value := holds()):
        if time.monotonic() > end:
            raise AssertionError(f"not so within {seconds} s")
        time.sleep(0.01)
    return value
