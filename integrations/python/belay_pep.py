"""Belay's client for policy enforcement points (PEPs) in Python: one file, Python 3.10+, standard library only.

A PEP tells Belay of every MCP operation and holds back the calls of whatever Belay contains. Use it like this:

    pep = Pep(Options(url="https://belay.example", token=TOKEN, source="urn:pep:my-gateway")).start()
    call = Call(agent={"id": "invoice-bot", "role": "finance"}, session={"id": "run-7", "kind": "run"},
                server={"id": "files"}, tool={"name": "read_file"}, args={"path": "/a"})
    verdict = pep.before(call)                 # or: await pep.before_async(call)
    if verdict.allowed:
        pep.after(call, verdict, describe_result(result))
    else:
        ...                                    # the agent gets verdict.why; the event of the refusal is sent already
    pep.close()

What it promises a gateway: events leave off the request path and never fail or delay a call; a decision costs no
network while the stream of containments is open, and at most `decision_timeout` seconds otherwise, once per 5 s while
Belay does not answer; an unexpired containment that is known holds whatever happens to Belay.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import logging
import math
import os
import random
import re
import socket
import ssl
import threading
import time
import urllib.parse
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

log = logging.getLogger("belay")

# --- Digests: JSON by RFC 8785, so that every language gets the same SHA-256 -----------------------------------------

_ESCAPED_SURROGATE = re.compile("[\ud800-\udfff]")


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces and ECMAScript's numbers."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, str):
        return _ESCAPED_SURROGATE.sub(lambda lone: f"\\u{ord(lone[0]):x}", json.dumps(value, ensure_ascii=False))
    if isinstance(value, Mapping):
        names = sorted((str(name) for name in value), key=_utf16)
        return "{" + ",".join(f"{canonical_json(name)}:{canonical_json(value[name])}" for name in names) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(canonical_json, value)) + "]"
    return canonical_json(str(value))


def number_text(value: int | float) -> str:
    """A number as ECMAScript writes it (every number is a double there)."""
    if isinstance(value, int) and abs(value) <= 2**53:
        return str(value)
    try:
        double = float(value)
    except OverflowError:
        return "null"
    if double != double or double in (float("inf"), float("-inf")):
        return "null"
    if double == 0:
        return "0"
    if 1e-6 <= abs(double) < 1e21:
        text = format(Decimal(repr(double)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = repr(double).split("e")
    return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def sha256_hex(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def tool_of(name: str, description: str | None = None, input_schema: Any = None, annotations: Any = None) -> dict:
    """An event's `tool`, with the digests by which a changed definition is noticed. All as the upstream sent them."""
    tool: dict[str, Any] = {"name": name}
    if description is not None:
        tool["description_sha256"] = sha256_hex(description)
    if input_schema is not None:
        tool["schema_sha256"] = sha256_hex(canonical_json(input_schema))
    hints = {hint: is_set for hint, is_set in (annotations or {}).items() if isinstance(is_set, bool)}
    if hints:
        tool["annotations"] = hints
    return tool


def listed_tool(name: str, description: str | None = None, input_schema: Any = None, annotations: Any = None) -> dict:
    """The same for an answer to `tools/list`: with the texts themselves, as far as an event may hold them."""
    tool = tool_of(name, description, input_schema, annotations)
    if description is not None:
        tool["description"] = description[:8_192]
    if isinstance(input_schema, Mapping) and len(canonical_json(input_schema)) <= 16_384:
        tool["input_schema"] = input_schema
    return tool


# --- Redaction: secrets are taken out before an event leaves; Belay looks once more ----------------------------------

_SECRET_NAME = re.compile(
    r"(?:password|passwd|passphrase|pwd|secret|token|apikey|accesskey|secretkey|privatekey|accountkey|signingkey|"
    r"encryptionkey|authorization|cookies?|credentials?|connectionstring|secretaccesskey|secrets|passwords|otp|cvv2?|"
    r"cvc2?|bearer)$"
)
_NO_SECRET_NAME = re.compile(r"^(?:next|previous|prev)?(?:page|sync|continuation|continue|cursor|progress)token$")
_SEPARATORS = re.compile(r"[-_.\s]")
# Each pattern is linear: one run of characters, or a literal followed by one run.
_TOKEN_RUN = re.compile(r"[A-Za-z0-9._~-]{20,}")
_TOKEN = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{4,}\.|A(?:KIA|SIA)[A-Z2-7]{16}|AIza|ya29\.|gh[pousr]_|github_pat_|gl(?:pat|dt|rt)-|"
    r"xox[abeoprs]-|xapp-|[rs]k_(?:live|test)_|whsec_|sk-|npm_|pypi-|SG\.|hf_|do[opr]_v1_|shp(?:at|ca|pa|ss)_",
    re.ASCII,
)
_ASSIGNED = re.compile(
    r"""(?i:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)["'\\]{0,3}[ \t]{0,4}"""
    r"""[:=][ \t]{0,4}["'\\]{0,3}(?!\[redacted:|https?://|bearer )([^\s"',;&<>)}\]\\]{4,})"""
)
_BEARER = re.compile(r"(?i:\bbearer|\bbasic) +(?!\[redacted:)([A-Za-z0-9._~+/=-]{16,})")
_PEM = "-----BEGIN "


class Redactor:
    """Replaces secret values by keyed marks: equal secrets have equal marks, and nobody without the key can guess."""

    def __init__(self, key: bytes, names: Iterable[str] = (), pointers: Iterable[str] = ()) -> None:
        """`names`: members whose values are secrets beside the usual ones. `pointers`: into the arguments (`/card/no`)."""
        self._key = key
        self._names = {_plain(name) for name in names}
        self._pointers = frozenset(pointers)

    def args(self, args: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The arguments without their secrets, and the JSON pointers of what was taken out."""
        taken: list[str] = []
        return self._value(args, "", False, taken), taken

    def text(self, text: str) -> str:
        text = self._without_keys(text)
        text = _TOKEN_RUN.sub(lambda run: self._mark(run[0]) if _TOKEN.match(run[0]) else run[0], text)
        for pattern in (_BEARER, _ASSIGNED):
            text = pattern.sub(lambda hit: hit[0].removesuffix(hit[1]) + self._mark(hit[1]), text)
        return text

    def _without_keys(self, text: str) -> str:
        """Private keys in PEM armour; to the end of the text where the armour does not end."""
        parts, at = [], 0
        while (begin := text.find(_PEM, at)) >= 0:
            head = text[begin : begin + 64]
            end = text.find("-----END", begin)
            close = text.find("-----", end + 8) if end >= 0 else -1
            to = close + 5 if close >= 0 else len(text)
            parts += [text[at:begin], self._mark(text[begin:to]) if "PRIVATE KEY" in head else text[begin:to]]
            at = to
        return "".join([*parts, text[at:]]) if parts else text

    def _value(self, value: Any, pointer: str, is_secret: bool, taken: list[str]) -> Any:
        is_secret = is_secret or pointer in self._pointers
        if isinstance(value, Mapping):
            if is_secret and "$redacted" in value:
                return value
            return {
                str(name): self._value(member, f"{pointer}/{_escaped(str(name))}", is_secret or self._names_secret(name), taken)
                for name, member in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self._value(item, f"{pointer}/{at}", is_secret, taken) for at, item in enumerate(value)]
        if isinstance(value, float) and not math.isfinite(value):
            return None  # JSON has none
        if is_secret and isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != "":
            taken.append(pointer)
            text = value if isinstance(value, str) else number_text(value)
            return {"$redacted": "secret", "sha256": self._digest(text), "len": len(_utf16(text)) // 2}
        if isinstance(value, str):
            plain = self.text(value)
            if plain != value:
                taken.append(pointer)
            return plain
        return value

    def _names_secret(self, name: Any) -> bool:
        plain = _plain(str(name))
        return plain in self._names or (
            _SECRET_NAME.search(plain) is not None and _NO_SECRET_NAME.match(plain) is None
        )

    def _mark(self, text: str) -> str:
        return f"[redacted:{self._digest(text)}:{len(_utf16(text)) // 2}]"

    def _digest(self, text: str) -> str:
        return hmac.new(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]


def _plain(name: str) -> str:
    return _SEPARATORS.sub("", name.lower())


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


# --- Refs: destinations as keyed fingerprints, for gateways that may not ship content --------------------------------

_MAX_REFS, _MAX_VALUE, _MAX_ARGUMENT_TEXT, _MAX_DEPTH = 256, 256, 16_384, 6
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_HOST = _WORD | frozenset("-.")
_LOCAL = _HOST | frozenset("+%")
_PATH = _HOST | frozenset("/~@+")
_NO_URL = frozenset("\"'<>)]}\\`|,")
_CLOSING = "/.,;:)'\"!"
_DIGITS = re.compile(r"\d[\d .-]{5,39}", re.ASCII)
_IP = re.compile(r"(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?![\d.]*\d)", re.ASCII)
_KINDS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE | re.ASCII))
    for kind, pattern in (
        ("url", r"^(?:.*_)?(?:url|uri|link|href|host|hostname|domain|website|site|endpoint|webhook|callback)s?$"),
        ("channel", r"channel|chat|room|topic|queue"),
        ("account", r"account|iban|wallet|card"),
        ("repo", r"repo|project|branch|remote"),
        ("path", r"path|file|folder|dir|bucket|key_name"),
        ("phone", r"phone|mobile|tel$"),
        (
            "user",
            r"^(?:to|cc|bcc)$|user|recipient|participant|member|owner|assignee|invitee|attendee|guest|contact|"
            r"collaborator|sender|receiver|payee|beneficiary|customer|person",
        ),
    )
)


def find_values(text: str) -> Iterator[tuple[str, str]]:
    """Destination-like values by their shape, as (kind, normalised value). Linear: every finder starts at a rare literal."""
    if len(text) < 4:
        return
    for at in _places(text, "@"):
        start, to = at, at + 1
        while start > 0 and at - start < 64 and text[start - 1] in _LOCAL:
            start -= 1
        to = _run(text, to, at + _MAX_VALUE, _HOST)
        host = text[at + 1 : to].rstrip(".")
        if start < at and "." in host:
            yield "email", f"{text[start:at]}@{host}".lower()
            yield "domain", host.lower()
    for mark in ("://", "www."):
        for at in _places(text, mark):
            if mark == "www." and at > 0 and (text[at - 1] in _HOST or text[at - 1] == "/"):
                continue
            to = at + len(mark)
            while to < len(text) and to - at < _MAX_VALUE and text[to] > " " and text[to] not in _NO_URL:
                to += 1
            url = _normal_url(text[at:to])
            if len(url) >= 3:
                yield "url", url
                yield "domain", _domain(url)
    yield from _paths(text)
    yield from _numbers(text)


def _places(text: str, mark: str) -> Iterator[int]:
    at = text.find(mark)
    while at >= 0:
        yield at
        at = text.find(mark, at + len(mark))


def _run(text: str, at: int, limit: int, allowed: frozenset[str]) -> int:
    while at < len(text) and at < limit and text[at] in allowed:
        at += 1
    return at


def _paths(text: str) -> Iterator[tuple[str, str]]:
    at = text.find("/")
    while at >= 0:
        before = text[at - 1] if at > 0 else " "
        after = text[at + 1 : at + 2]
        if before not in _WORD and before not in "/:.<" and (after in _WORD or after == "."):
            to = _run(text, at + 1, at + _MAX_VALUE, _PATH)
            path = text[at:to].rstrip(_CLOSING)
            if len(path) > 2:
                yield "path", path
            at = to - 1
        at = text.find("/", at + 1)


def _numbers(text: str) -> Iterator[tuple[str, str]]:
    """Telephone numbers, accounts (two capitals and digits, or a long run of digits) and IPv4 addresses."""
    at = 0
    while found := _DIGITS.search(text, at):
        start = found.start()
        run = re.match(r"\d+", found[0], re.ASCII)[0]  # type: ignore[index]
        before = text[start - 1] if start > 0 else " "
        two = text[max(0, start - 2) : start]
        if before == "+":
            yield "phone", re.sub(r"\D", "", found[0], flags=re.ASCII)[:15]
        elif len(run) >= 8 and re.fullmatch("[A-Z]{2}", two) and text[max(0, start - 3) : start - 2] not in _WORD:
            yield "account", (two + run).lower()
        elif 8 <= len(run) <= 24 and before not in _WORD and text[start + len(run) : start + len(run) + 1] not in _WORD:
            yield "account", run
        elif len(run) <= 3 and before not in _WORD:
            address = _IP.match(found[0])
            if address and all(int(part) < 256 for part in address[1].split(".")):
                yield "ip", address[1]
        at = start + max(len(run), len(found[0]) if before == "+" else 1)


def _normal_url(raw: str) -> str:
    url = raw.lower()
    url = url.split("://", 1)[1] if "://" in url else url
    return re.split(r"[?#]", url.removeprefix("www."), maxsplit=1)[0].rstrip(_CLOSING)


def _domain(url: str) -> str:
    authority = url.split("/", 1)[0]
    return re.split(r"[/:]", url[authority.rfind("@") + 1 :], maxsplit=1)[0]


class Refs:
    """Refs of one event, as Belay computes them where content is there; `key` is the secret of its `refs.key`."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, args: Mapping[str, Any] | None, result: str | None, intent: str | None) -> list[dict[str, Any]]:
        refs: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()

        def take(where: str, kind: str, value: str) -> None:
            if len(refs) < _MAX_REFS and (where, value) not in refs:
                ref = {"in": where, "kind": kind, "fp": self.fingerprint(value)}
                refs[where, value] = {**ref, "untrusted": True} if where == "result" else ref

        lower = (intent or "").lower()
        for kind, value in _argument_values(args or {}):
            take("args", kind, value)
            if value in lower:
                take("intent", kind, value)
        for where, text in (("intent", intent), ("result", result)):
            for kind, value in find_values(text or ""):
                take(where, kind, value)
        return list(refs.values())

    def fingerprint(self, value: str) -> str:
        return hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]


def _argument_values(args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    budget = _MAX_ARGUMENT_TEXT

    def visit(name: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
        nonlocal budget
        if isinstance(value, str) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            text = (value if isinstance(value, str) else number_text(value))[:budget]
            budget -= len(text)
            yield from _described(name, text)
        elif isinstance(value, (Mapping, list, tuple)) and depth < _MAX_DEPTH and budget > 0:
            if isinstance(value, Mapping):
                for key in sorted(map(str, value), key=_utf16):
                    yield from visit(key, value[key], depth + 1)
            else:
                for item in value:
                    yield from visit(name, item, depth + 1)

    for key in sorted(map(str, args), key=_utf16):
        yield from visit(key, args[key], 0)


def _described(name: str, text: str) -> Iterator[tuple[str, str]]:
    """By the value's shape first, by the argument's name second."""
    values = list(find_values(text))
    yield from values
    if values or not 2 <= len(text) <= 64 or "\n" in text:
        return
    kind = next((kind for kind, pattern in _KINDS if pattern.search(name)), None)
    if kind == "url":
        url = _normal_url(text)
        yield "url", url
        yield "domain", _domain(url)
    elif kind is not None or re.search("[A-Za-z]", text):
        yield kind or "name", re.sub("^[#@]", "", text.strip().lower())


# --- HTTP -------------------------------------------------------------------------------------------------------------


class Http:
    """JSON over kept connections to one Belay. Raises OSError or http.client.HTTPException when there is no answer."""

    def __init__(self, url: str, token: str | None, tls: ssl.SSLContext | None = None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise ValueError(f"{url!r} is no address of Belay: write http(s)://host:port")
        self._address = (parts.hostname, parts.port)
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._path = parts.path.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._idle: deque[http.client.HTTPConnection] = deque(maxlen=8)

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        host, port = self._address
        if self._tls is not None:
            return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=timeout)

    def send(self, connection: http.client.HTTPConnection, method: str, path: str, headers: Mapping[str, str] = {},
             body: bytes | None = None) -> http.client.HTTPResponse:  # fmt: skip
        connection.request(method, self._path + path, body, {**self._headers, **headers})
        return connection.getresponse()

    def request(self, method: str, path: str, *, timeout: float, body: Any = None, headers: Mapping[str, str] = {},
                content_type: str = "application/json") -> tuple[int, Mapping[str, str], Any]:  # fmt: skip
        """Status, headers and the parsed body (None where it is not JSON)."""
        data = body if body is None or isinstance(body, bytes) else _json(body)
        sent = {**headers, **({} if data is None else {"content-type": content_type})}
        kept = self._take()
        connection = kept or self.connect(timeout)
        try:
            response = self._exchange(connection, timeout, method, path, sent, data)
        except (ConnectionError, http.client.BadStatusLine):
            connection.close()
            if kept is None:
                raise
            connection = self.connect(timeout)  # the other side had closed what was kept
            response = self._exchange(connection, timeout, method, path, sent, data)
        except Exception:
            connection.close()
            raise
        status, answer_headers, text, keeps = response
        self._idle.append(connection) if keeps else connection.close()
        return status, answer_headers, _parsed(text)

    def _exchange(self, connection: http.client.HTTPConnection, timeout: float, method: str, path: str,
                  headers: Mapping[str, str], data: bytes | None) -> tuple[int, Mapping[str, str], bytes, bool]:  # fmt: skip
        connection.timeout = timeout
        if connection.sock is None:
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sock.settimeout(timeout)
        response = self.send(connection, method, path, headers, data)
        text = response.read(_MAX_ANSWER)
        return response.status, response.headers, text, response.isclosed() and not response.will_close

    def _take(self) -> http.client.HTTPConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def close(self) -> None:
        while connection := self._take():
            connection.close()


_MAX_ANSWER = 4 * 1024 * 1024
NO_ANSWER = (OSError, http.client.HTTPException)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), default=str).encode()


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


class Breaker:
    """Stops asking for `pause` seconds after a failure, so that a Belay that hangs costs one call its time-out, not all."""

    def __init__(self, pause: float = 5.0, now: Callable[[], float] = time.monotonic) -> None:
        self._pause, self._now, self._lock = pause, now, threading.Lock()
        self._closed_again: float | None = None

    def permits(self) -> bool:
        """Whether Belay may be asked. When the pause is over, one caller finds out for all."""
        with self._lock:
            if self._closed_again is None:
                return True
            if self._now() < self._closed_again:
                return False
            self._closed_again = self._now() + self._pause
            return True

    def trip(self) -> None:
        with self._lock:
            self._closed_again = self._now() + self._pause

    def reset(self) -> None:
        with self._lock:
            self._closed_again = None


# --- Events -----------------------------------------------------------------------------------------------------------


class Emitter:
    """Sends events from a thread of its own: bounded queue, batches, back-off, heartbeats. `put` never waits."""

    def __init__(self, http: Http, source: str, *, capacity: int, heartbeat: float, numbered: bool) -> None:
        self.source = source
        self._http, self._capacity, self._heartbeat, self._numbered = http, capacity, heartbeat, numbered
        self._queue: deque[dict] = deque()
        self._wake = threading.Condition()
        self._numbers = Recent(10_000)
        self._closing = False
        self._last_event = time.monotonic()
        self._pending: list[bytes] = []
        self.sent = self.dropped = self.refused = self.failures = 0
        self._thread = threading.Thread(target=self._run, name="belay-emit", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def event(self, data: Mapping[str, Any]) -> dict:
        """The CloudEvent of `data`, with the session's next number: what is dropped leaves a gap that Belay sees."""
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        envelope = {"specversion": "1.0", "id": uuid.uuid4().hex, "source": self.source, "type": "agent.tool.event.v1"}
        session = data["session"]["id"]
        with self._wake:
            self._last_event = time.monotonic()
            number = (self._numbers.get(session) or 0) + 1
            self._numbers.put(session, number)
        return {**envelope, "time": at, "data": {**data, "seq": number} if self._numbered else dict(data)}

    def put(self, event: dict) -> None:
        with self._wake:
            if self._closing or len(self._queue) >= self._capacity:
                self.dropped += 1
                return
            self._queue.append(event)
            self._wake.notify()

    def close(self, timeout: float = 2.0) -> None:
        """Sends what waits, for at most `timeout` seconds; what is left is counted as dropped."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)
        self.dropped += len(self._queue) + len(self._pending)

    def _run(self) -> None:
        failed = 0
        while batch := self._next():
            wait = self._deliver(batch)
            if wait is None:
                self._pending, failed = [], 0
                continue
            failed += 1
            self.failures += 1
            if failed == 1:
                log.warning("Belay takes no events now; %d of them may wait, more are dropped", self._capacity)
            delay = max(wait, min(5.0, 0.25 * 2 ** min(failed, 6)) * random.uniform(0.5, 1.0))
            with self._wake:
                if self._closing:
                    return
                self._wake.wait_for(lambda: self._closing, delay)  # closing is one more try

    def _next(self) -> list[bytes]:
        """The batch to send now; empty when closed and all is sent."""
        if self._pending:
            return self._pending
        events: list[dict] = []
        with self._wake:
            while not self._queue and not self._closing:
                due = self._last_event + self._heartbeat - time.monotonic()
                if due <= 0:
                    events.append(self.event(_heartbeat_of(self.source)))
                    break
                self._wake.wait(due)
            events += [self._queue.popleft() for _ in range(min(len(self._queue), _BATCH))]
        self._pending = [text for event in events if (text := self._text(event)) is not None]
        return self._pending if self._pending or not events else self._next()

    def _text(self, event: dict) -> bytes | None:
        try:
            return event_text(event)
        except Exception:
            self.dropped += 1
            log.exception("an event could not be written as JSON and is dropped")
            return None

    def _deliver(self, batch: list[bytes]) -> float | None:
        """None when the batch is done with; else the least number of seconds to wait before it is sent again."""
        body = b"[" + b",".join(batch) + b"]"
        try:
            status, headers, answer = self._http.request(
                "POST", "/v1/events", timeout=10, body=body, content_type="application/cloudevents-batch+json"
            )
        except (*NO_ANSWER, ValueError):
            return 0.0
        if status == 202:
            refused = len(answer.get("rejected", ())) if isinstance(answer, dict) else 0
        elif status in (408, 425, 429) or status >= 500:
            return _seconds(headers.get("retry-after"))
        else:
            refused = len(batch)
        if refused > 0:
            log.error("Belay refused %d event(s) with %d: %s", refused, status, json.dumps(answer)[:500])
        self.refused += refused
        self.sent += len(batch) - refused
        return None


_BATCH = 50
_MAX_EVENT_BYTES = 250_000


def event_text(event: dict) -> bytes:
    """An event as JSON. Content goes first where it is too large for the contract's 256 KiB; digests and refs stay."""
    text = _json(event)
    if len(text) <= _MAX_EVENT_BYTES:
        return text
    data = {name: member for name, member in event["data"].items() if name not in ("args", "intent", "ext", "tools")}
    if "result" in data:
        data["result"] = {name: member for name, member in data["result"].items() if name != "sample"}
    return _json({**event, "data": data})


def _heartbeat_of(source: str) -> dict:
    who = {"id": source[:256]}
    return {"op": "heartbeat", "phase": "request", "call_id": uuid.uuid4().hex, "agent": who, "session": who, "server": who}


def _seconds(text: str | None) -> float:
    try:
        return min(max(float(text or 0), 0.0), 60.0)
    except ValueError:
        return 0.0


# --- What is contained -------------------------------------------------------------------------------------------------

ACTIONS = ("allow", "monitor", "require_step_up", "restrict_read_only", "quarantine_tool", "suspend_session")
_SEVERITY = {action: rank for rank, action in enumerate(ACTIONS)}
TARGETS = ("session", "agent", "user", "tool", "server", "role", "tenant")
# What containment holds back: a contained session may still say hello and list.
HELD_OPS = ("tools/call", "resources/read", "prompts/get")


@dataclass
class Call:
    """One MCP operation at a PEP; the members are those of an event (docs/event.md)."""

    agent: Mapping[str, Any]
    session: Mapping[str, Any]
    server: Mapping[str, Any]
    op: str = "tools/call"
    tool: Mapping[str, Any] | None = None
    args: Mapping[str, Any] | None = None
    target: str | None = None
    intent: Mapping[str, Any] | None = None
    ext: Mapping[str, Any] | None = None
    tools: list[Mapping[str, Any]] | None = None
    """of `tools/list`: the tools that were listed, as `tool_of` makes them"""
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: float = field(default_factory=time.monotonic)

    @property
    def who(self) -> dict[str, str]:
        """What a PEP asks about: the parameters of `GET /v1/decisions`."""
        who = {"session": self.session["id"], "agent": self.agent["id"], "server": self.server["id"]}
        for name, value in (("user", self.agent.get("on_behalf_of")), ("role", self.agent.get("role"))):
            if value:
                who[name] = value
        return {**who, "tool": self.tool["name"]} if self.tool else who


@dataclass(frozen=True)
class Decision:
    action: str = "allow"
    id: str | None = None
    expires: float | None = None
    """Unix seconds"""
    origin: str = "none"


class Directives:
    """The containments that a PEP knows of, told by callbacks or by the stream. Thread-safe.

    The highest revision of each counts, and a released one stays as a tombstone until its end, so that neither a late
    apply nor a repeated one undoes a release. Every containment ends by itself at its `expires_at`.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}

    def apply(self, data: Mapping[str, Any], origin: str) -> str:
        return self._put(data, origin, released=False)

    def release(self, data: Mapping[str, Any], origin: str) -> str:
        return self._put(data, origin, released=True)

    def replace(self, containments: Iterable[Mapping[str, Any]]) -> None:
        """A snapshot: what it does not name is contained no more."""
        named = list(containments)
        ids = {data.get("containment_id") for data in named}
        with self._lock:
            self._held = {key: one for key, one in self._held.items() if key in ids or one.released}
        for data in named:
            self.apply(data, "cache")

    def decide(self, who: Mapping[str, str]) -> Decision | None:
        """The most severe containment that covers the call; None when none does."""
        now = self._now()
        with self._lock:
            covering = [one for one in self._held.values() if not one.released and one.covers(who) and now < one.expires]
        if not covering:
            return None
        worst = max(covering, key=lambda one: (_SEVERITY[one.action], one.expires, one.id))
        return Decision(worst.action, worst.id, worst.expires, worst.origin)

    def __len__(self) -> int:
        return sum(not one.released for one in self._held.values())

    def _put(self, data: Mapping[str, Any], origin: str, *, released: bool) -> str:
        """`applied`, `duplicate`, or `unsupported` for what this PEP cannot obey. Raises ValueError for nonsense."""
        held = _held(data, origin, released)
        if held.action not in _SEVERITY or held.kind not in TARGETS:
            return "unsupported"
        now = self._now()
        with self._lock:
            known = self._held.get(held.id)
            if known is not None and held.revision <= known.revision:
                return "duplicate"
            for gone in [key for key, one in self._held.items() if one.expires <= now]:
                del self._held[gone]
            self._held[held.id] = held
        return "applied"


@dataclass(frozen=True)
class _Held:
    id: str
    revision: int
    released: bool
    action: str
    kind: str
    target: str
    agent: str | None
    expires: float
    origin: str

    def covers(self, who: Mapping[str, str]) -> bool:
        if self.kind == "tenant":
            return True
        if self.kind == "tool":
            return self.target == f"{who['server']}/{who.get('tool')}"
        if self.kind == "session" and self.agent not in (None, who["agent"]):
            return False  # two agents may use one session id
        return who.get(self.kind) == self.target


def _held(data: Mapping[str, Any], origin: str, released: bool) -> _Held:
    try:
        target = data["target"]
        agent = target.get("agent")
        expires = unix_seconds(data["expires_at"])
        name, revision = str(data["containment_id"]), int(data["revision"])
        # What is only recorded is not obeyed.
        ended = released or data.get("mode") == "monitor"
        return _Held(name, revision, ended, str(data["action"]), str(target["kind"]), str(target["id"]), agent, expires, origin)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a containment: {error!r}") from error


def unix_seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class CallbackReceiver:
    """Takes Belay's signed callbacks (Standard Webhooks). Give `receive` what came in, and answer with what it says."""

    def __init__(self, secrets: Iterable[str], directives: Directives, now: Callable[[], float] = time.time) -> None:
        """`secrets`: `whsec_<base64>`, two while one replaces the other."""
        self._keys = [base64.b64decode(secret.removeprefix("whsec_"), validate=True) for secret in secrets]
        if not self._keys:
            raise ValueError("a callback receiver needs the secret that Belay signs with (whsec_<base64>)")
        self._directives, self._now = directives, now

    def receive(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer; header names in any case."""
        if not self.verify({name.lower(): value for name, value in headers.items()}, body):
            return 401, {"detail": "not signed by Belay, or more than 5 minutes ago"}
        message = _parsed(body)
        kind, data = (message.get("type"), message.get("data")) if isinstance(message, dict) else (None, None)
        if kind == "containment.ping.v1":
            return 200, {"status": "applied"}
        act = {"containment.apply.v1": self._directives.apply, "containment.release.v1": self._directives.release}.get(kind)
        try:
            if act is None or not isinstance(data, dict):
                raise ValueError(f"{kind!r} is no message of the contract")
            status = act(data, "callback")
        except ValueError as error:
            return 400, {"detail": str(error)}
        applied_at = datetime.fromtimestamp(self._now(), timezone.utc).isoformat(timespec="milliseconds")
        return 200, {"status": status, "containment_id": data["containment_id"], "applied_at": applied_at}

    def verify(self, headers: Mapping[str, str], body: bytes) -> bool:
        stamp = headers.get("webhook-timestamp", "")
        if not re.fullmatch(r"\d{1,12}", stamp, re.ASCII) or abs(self._now() - int(stamp)) > 300:
            return False
        signed = f"{headers.get('webhook-id', '')}.{stamp}.".encode() + body
        given = [one[3:].encode() for one in headers.get("webhook-signature", "").split(" ") if one.startswith("v1,")]
        wanted = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()) for key in self._keys]
        return any([hmac.compare_digest(a, b) for a in given[:8] for b in wanted])

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
        """Listens in a thread of its own; the port is `server_port`, and `shutdown()` ends it."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                length = self.headers.get("content-length", "")
                if not length.isdecimal() or int(length) > 65_536:
                    return self.answer(413, {"detail": "a callback has at most 64 KiB"})
                return self.answer(*receiver.receive(dict(self.headers), self.rfile.read(int(length))))

            def answer(self, status: int, body: dict) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                log.debug(format, *args)

        server = ThreadingHTTPServer((host, port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="belay-callbacks", daemon=True).start()
        return server


class Stream:
    """Follows `GET /v1/decisions/stream` from a thread of its own and keeps `directives` up to date."""

    def __init__(self, http: Http, directives: Directives, idle: float = 40.0) -> None:
        """`idle`: seconds without a byte after which the connection counts as dead; Belay pings every 15."""
        self._http, self._directives, self._idle = http, directives, idle
        self._last_id: str | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._closing = threading.Event()
        self._live = threading.Event()
        self._thread = threading.Thread(target=self._run, name="belay-stream", daemon=True)

    @property
    def is_live(self) -> bool:
        """Whether everything that is contained is known here, so that nobody need be asked."""
        return self._live.is_set()

    def wait_live(self, timeout: float) -> bool:
        return self._live.wait(timeout)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already
        if self._thread.is_alive():
            self._thread.join(2)

    def _run(self) -> None:
        failed = 0
        while not self._closing.is_set():
            try:
                self._follow()
                failed = 0
            except Exception as error:  # whatever came: without its thread this PEP would obey nothing more
                log.log(logging.DEBUG if isinstance(error, NO_ANSWER) else logging.WARNING, "the stream broke: %r", error)
                failed = 0 if self._live.is_set() else failed + 1
            self._live.clear()
            self._closing.wait(min(5.0, 0.1 * 2 ** min(failed, 6)) * random.uniform(0.5, 1.0))

    def _follow(self) -> None:
        resume = {} if self._last_id is None else {"last-event-id": self._last_id}
        connection = self._connection = self._http.connect(self._idle)
        try:
            response = self._http.send(connection, "GET", "/v1/decisions/stream", {"accept": "text/event-stream", **resume})
            if response.status != 200:
                raise ValueError(f"the stream answered {response.status}")
            fields: dict[str, str] = {}
            while line := response.readline(_MAX_ANSWER):
                text = line.decode().rstrip("\r\n")
                if text == "" and fields:
                    self._take(fields)
                    fields = {}
                elif text.startswith(": resumed"):
                    self._live.set()
                elif text != "" and not text.startswith(":"):
                    name, _, value = text.partition(":")
                    fields[name] = value.removeprefix(" ")
        finally:
            connection.close()

    def _take(self, fields: Mapping[str, str]) -> None:
        data = json.loads(fields.get("data", "null"))
        if fields.get("event") == "snapshot":
            self._directives.replace(data["containments"])
            self._live.set()
        elif fields.get("event") == "apply":
            self._directives.apply(data, "cache")
        elif fields.get("event") == "release":
            self._directives.release(data, "cache")
        self._last_id = fields.get("id", self._last_id)


# --- The PEP -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """How a PEP works with its Belay."""

    url: str
    source: str
    """who this PEP is, the same after a restart, so that its silence is noticed"""
    token: str | None = None
    """of the scope `pep`"""
    tenant: str | None = None
    """of the events; needed only where the token does not say it"""
    content: str = "redacted"
    """`redacted`: arguments and a sample of results, without secrets; `refs`: neither, but fingerprints of destinations"""
    key: bytes | None = None
    """Belay's `refs.key`: needed for `refs`; secrets are marked with it too, else with a key of this process"""
    secret_names: tuple[str, ...] = ()
    secret_pointers: tuple[str, ...] = ()
    read_only_tools: frozenset[str] = frozenset()
    """what `restrict_read_only` lets through whatever it claims, as `server/tool` or `tool`"""
    fail_closed: frozenset[str] = frozenset()
    """tool classes that are refused while Belay does not answer: `read_only`, `open_world`, `destructive`, `other`"""
    decide: str = "never"
    """which calls wait for the verdict of the live path (`POST /v1/decide`): `never`, `writes`, `always`"""
    stream: bool = True
    """follow the stream of containments; without it each decision is asked for and kept for its `ttl`"""
    decision_timeout: float = 0.4
    """seconds; of a question to Belay on a call's path"""
    capacity: int = 10_000
    """events that wait at most"""
    heartbeat: float = 30.0
    """seconds of silence after which Belay is told that this PEP lives"""
    numbered: bool = True
    """number the events of each session, so that a missing one is noticed; not where processes share one `source`"""
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True)
class Verdict:
    """What a PEP does with a call. `why` is for the agent; `code` is the action's name."""

    allowed: bool
    decision: Decision = Decision()
    why: str | None = None
    stepped_up: bool = False

    @property
    def code(self) -> str:
        return self.decision.action


class Pep:
    """Decides about calls and tells Belay of them. Thread-safe; one per process."""

    def __init__(self, options: Options) -> None:
        if options.content not in ("redacted", "refs"):
            raise ValueError("content: write `redacted` or `refs`")
        if options.decide not in ("never", "writes", "always"):
            raise ValueError("decide: write `never`, `writes` or `always`")
        if unknown := options.fail_closed - {"read_only", "open_world", "destructive", "other"}:
            raise ValueError(f"fail_closed: {sorted(unknown)} are no classes of tools")
        if options.content == "refs" and options.key is None:
            raise ValueError("content `refs` needs `key`, the secret of Belay's refs.key")
        self.options = options
        self.directives = Directives()
        self._http = Http(options.url, options.token, options.tls)
        self.emitter = Emitter(self._http, options.source, capacity=options.capacity, heartbeat=options.heartbeat,
                               numbered=options.numbered)  # fmt: skip
        self.stream = Stream(self._http, self.directives) if options.stream else None
        self.breaker = Breaker()
        self._redactor = Redactor(_redaction_key(options.key), options.secret_names, options.secret_pointers)
        self._refs = Refs(options.key) if options.content == "refs" and options.key is not None else None
        self._answers = Recent(10_000)
        self._asked = Recent(1_000)

    def start(self) -> Pep:
        self.emitter.start()
        if self.stream is not None:
            self.stream.start()
        return self

    def close(self) -> None:
        if self.stream is not None:
            self.stream.close()
        self.emitter.close()
        self._http.close()

    # Deciding

    def before(self, call: Call) -> Verdict:
        """Whether the call may run. Tells Belay of the request, and of the refusal where it is one."""
        event = self._event(lambda: self._request_of(call)) if self._waits_for_verdict(call) else None
        judged = None if event is None else self._judged(event)
        verdict = self._verdict(call, judged or self._known(call) or self._queried(call))
        if judged is None:
            # After a judgement that did not come in time Belay may have the event: by its id it counts once.
            self._put(event or self._event(lambda: self._request_of(call, verdict)))
        if not verdict.allowed:
            self.after(call, verdict, {"status": "denied", "error_code": verdict.code})
        return verdict

    async def before_async(self, call: Call) -> Verdict:
        """The same; the event loop goes on while Belay is asked."""
        if self._needs_nobody(call):
            return self.before(call)
        return await asyncio.to_thread(self.before, call)

    def after(self, call: Call, verdict: Verdict, result: Mapping[str, Any]) -> None:
        """Tells Belay how an allowed call ended; `result` as `describe_result` gives it."""
        self._put(self._event(lambda: self._response_of(call, verdict, result)))

    def tell(self, call: Call, result: Mapping[str, Any]) -> None:
        """Tells Belay of an operation that nobody decides about, such as `tools/list` or `initialize`."""
        self._put(self._event(lambda: self._response_of(call, None, result)))

    def is_read_only(self, call: Call) -> bool:
        """The operator's list first, the server's claim second; a tool that says nothing is not read-only."""
        if call.tool is None:
            return call.op != "tools/call"
        name = call.tool["name"]
        listed = self.options.read_only_tools
        hints = call.tool.get("annotations") or {}
        return name in listed or f"{call.server['id']}/{name}" in listed or hints.get("readOnlyHint") is True

    def classes_of(self, call: Call) -> frozenset[str]:
        """What is not said of a tool that may write counts as the MCP specification says: destructive and open-world."""
        if self.is_read_only(call):
            return frozenset({"read_only"})
        hints = (call.tool or {}).get("annotations") or {}
        named = {"destructive": hints.get("destructiveHint", True), "open_world": hints.get("openWorldHint", True)}
        return frozenset(name for name, is_so in named.items() if is_so) or frozenset({"other"})

    def _needs_nobody(self, call: Call) -> bool:
        known = self._known(call)
        return known is not None and known.action != "require_step_up" and not self._waits_for_verdict(call)

    def _waits_for_verdict(self, call: Call) -> bool:
        mode = self.options.decide
        return call.op in HELD_OPS and (mode == "always" or (mode == "writes" and not self.is_read_only(call)))

    def _known(self, call: Call) -> Decision | None:
        """What needs no question: an operation that is never held, a known containment, or the live stream's silence."""
        if call.op not in HELD_OPS:
            return Decision()
        held = self.directives.decide(call.who)
        if held is not None:
            return held
        return Decision(origin="cache") if self.stream is not None and self.stream.is_live else None

    def _queried(self, call: Call) -> Decision:
        """Asks, at most once per `ttl`; an old answer that contains holds until it expires, whatever happens."""
        key = tuple(sorted(call.who.items()))
        kept = self._answers.get(key)
        if kept is not None and time.monotonic() < kept.fresh_until and not kept.has_expired:
            return Decision(kept.decision.action, kept.decision.id, kept.decision.expires, "cache")
        if not self.breaker.permits():
            return self._fallback(call, kept)
        headers = {} if kept is None else {"if-none-match": kept.tag}
        try:
            path = f"/v1/decisions?{urllib.parse.urlencode(call.who)}"
            status, answered, body = self._http.request("GET", path, timeout=self.options.decision_timeout, headers=headers)
            ttl = _TTL
            if status == 304 and kept is not None:
                decision = kept.decision
            elif status == 200 and isinstance(body, dict):
                decision = _decision_of(body, "query")
                ttl = min(float(body.get("ttl", _TTL)), _TTL)
            else:
                raise ValueError(f"answered {status}")
        except (*NO_ANSWER, ValueError, TypeError) as error:
            self._failed(error)
            return self._fallback(call, kept)
        self.breaker.reset()
        self._answers.put(key, _Answer(decision, answered.get("etag", ""), time.monotonic() + ttl))
        return decision

    def _judged(self, event: dict) -> Decision | None:
        """The live path's word about this very call; None when it did not come in time."""
        if not self.breaker.permits():
            return None
        try:
            status, _, body = self._http.request(
                "POST", "/v1/decide", timeout=max(self.options.decision_timeout, 0.6), body=event_text(event),
                content_type="application/cloudevents+json",
            )  # fmt: skip
            if status != 200 or not isinstance(body, dict):
                raise ValueError(f"answered {status}")
            decision = _decision_of(body, "query")
        except (*NO_ANSWER, ValueError) as error:
            self._failed(error)
            return None
        self.breaker.reset()
        return decision

    def _failed(self, error: Exception) -> None:
        self.breaker.trip()
        log.warning("Belay could not be asked (%s); the rule for its absence applies for 5 s", error)

    def _fallback(self, call: Call, kept: _Answer | None) -> Decision:
        if kept is not None and kept.decision.action != "allow" and not kept.has_expired:
            return Decision(kept.decision.action, kept.decision.id, kept.decision.expires, "stale")
        is_closed = bool(self.classes_of(call) & self.options.fail_closed)
        return Decision("suspend_session", origin="fail-closed") if is_closed else Decision(origin="fail-open")

    def _verdict(self, call: Call, decision: Decision) -> Verdict:
        action = decision.action
        if action in ("allow", "monitor") or call.op not in HELD_OPS:
            return Verdict(True, decision)
        if decision.origin == "fail-closed":
            return Verdict(False, decision, "This call is refused while Belay cannot be asked. Try again later.")
        if action == "require_step_up":
            return self._stepped_up(call, decision)
        if action == "restrict_read_only" and self.is_read_only(call):
            return Verdict(True, decision)
        return Verdict(False, decision, f"{_REASONS.get(action, 'This session is contained')} ({action}, {decision.id}).")

    # Step-up: a person approves this very call

    def _stepped_up(self, call: Call, decision: Decision) -> Verdict:
        """Asks people, or redeems their yes. The agent is refused until then, and makes the same call again."""
        try:
            return self._ask_people(call, decision)
        except (*NO_ANSWER, ValueError, KeyError) as error:
            return Verdict(False, decision, f"This call needs approval, and Belay cannot be asked for it now ({error}).")

    def _ask_people(self, call: Call, decision: Decision) -> Verdict:
        name = call.tool["name"] if call.tool else call.op
        args = dict(call.args or {}) if call.tool else {"target": call.target}
        digest = sha256_hex(canonical_json(args))
        who = {"agent": call.agent["id"], "session": call.session["id"], "server": call.server["id"], "tool": name}
        bound = {**who, "args_sha256": digest} if self._refs is not None else {**who, "args": args}
        key = (*who.values(), digest)
        asked = self._asked.get(key)
        status, question = self._people("GET", f"/v1/step-ups/{asked}") if asked else (404, {})
        if status != 200 or question["state"] in ("used", "expired", "superseded"):
            status, question = self._people("POST", "/v1/step-ups", bound)
        if status == 409:
            # Released a moment ago, or something more severe holds it now: the next try knows.
            return Verdict(False, decision, "What holds this call has just changed. Try again.")
        if status not in (200, 202):
            raise ValueError(f"answered {status}")
        self._asked.put(key, question["id"])
        if question["state"] == "denied":
            return Verdict(False, decision, f"A person denied this call ({question['id']}).")
        if question["state"] != "approved":
            return Verdict(False, decision, f"This call waits for a person's approval ({question['id']}). Make the same call again later.")
        claim = {**bound, "nonce": question["nonce"], "call_id": call.call_id}
        status, answer = self._people("POST", f"/v1/step-ups/{question['id']}/redeem", claim)
        if status == 200:
            return Verdict(True, decision, stepped_up=True)
        return Verdict(False, decision, f"The approval of this call was not accepted: {answer.get('detail', status)}.")

    def _people(self, method: str, path: str, body: Any = None) -> tuple[int, dict]:
        status, _, answer = self._http.request(method, path, timeout=max(self.options.decision_timeout, 2.0), body=body)
        return status, answer if isinstance(answer, dict) else {}

    # Events

    def _event(self, make: Callable[[], dict[str, Any]]) -> dict | None:
        """None for what cannot be told (arguments without end, say): telling must never fail a call."""
        try:
            return self.emitter.event(make())
        except Exception:
            self.emitter.dropped += 1
            log.exception("an event could not be made and is dropped")
            return None

    def _put(self, event: dict | None) -> None:
        if event is not None:
            self.emitter.put(event)

    def _request_of(self, call: Call, verdict: Verdict | None = None) -> dict[str, Any]:
        data = self._base(call, "request", verdict)
        if call.args is not None:
            text = canonical_json(call.args)
            size = len(text.encode("utf-8", "surrogatepass"))
            data |= {"args_sha256": sha256_hex(text), "args_bytes": size}
            if self._refs is None and size <= _MAX_ARGS_BYTES:
                data["args"], taken = self._redactor.args(call.args)
                if taken:
                    data["args_redacted"] = taken
        if self._refs is not None:
            data["refs"] = self._refs.of(call.args, None, (call.intent or {}).get("text"))
        elif call.intent is not None:
            data["intent"] = call.intent
        return data

    def _response_of(self, call: Call, verdict: Verdict | None, result: Mapping[str, Any]) -> dict[str, Any]:
        data = self._base(call, "response", verdict)
        told = {**result}
        if told["status"] != "denied":
            told.setdefault("duration_ms", round((time.monotonic() - call.started) * 1_000, 2))
        sample = told.pop("sample", None)
        if self._refs is not None:
            data["refs"] = self._refs.of(None, sample, None)
        elif sample is not None:
            told["sample"] = self._redactor.text(sample)[:_MAX_SAMPLE]
        if call.tools is not None:
            data["tools"] = call.tools
        return {**data, "result": told}

    def _base(self, call: Call, phase: str, verdict: Verdict | None) -> dict[str, Any]:
        data: dict[str, Any] = {"op": call.op, "phase": phase, "call_id": call.call_id, "agent": call.agent,
                                "session": call.session, "server": call.server}  # fmt: skip
        for name in ("tool", "target", "ext"):
            if getattr(call, name) is not None:
                data[name] = getattr(call, name)
        if self.options.tenant is not None:
            data["tenant"] = self.options.tenant
        if verdict is not None:
            action, enforced = verdict.code, not verdict.allowed
            data["decision"] = {"action": action, "enforced": enforced, "origin": verdict.decision.origin}
            if verdict.decision.id is not None:
                data["decision"]["id"] = verdict.decision.id
            if verdict.stepped_up:
                data["auth"] = {"outcome": "step_up_ok", "method": "approval"}
        return data


# Seconds for which an answer may be kept at most.
_TTL = 2.0
_MAX_SAMPLE = 16_384
_MAX_ARGS_BYTES = 32_768
_REASONS = {
    "restrict_read_only": "This session may only read now",
    "quarantine_tool": "This tool is quarantined",
    "suspend_session": "This session is suspended",
}


@dataclass(frozen=True)
class _Answer:
    decision: Decision
    tag: str
    fresh_until: float

    @property
    def has_expired(self) -> bool:
        return self.decision.expires is not None and self.decision.expires <= time.time()


class Recent:
    """Remembers the `size` entries that were used last. Thread-safe."""

    def __init__(self, size: int) -> None:
        self._size, self._lock = size, threading.Lock()
        self._kept: OrderedDict[Any, Any] = OrderedDict()

    def get(self, key: Any) -> Any:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Any, value: Any) -> None:
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)

    def take(self, key: Any) -> Any:
        with self._lock:
            return self._kept.pop(key, None)


def _decision_of(body: Mapping[str, Any], origin: str) -> Decision:
    action = body["action"] if body.get("action") in _SEVERITY else "suspend_session"  # one that this PEP does not know
    expires = body.get("expires_at")
    return Decision(action, body.get("containment_id"), unix_seconds(expires) if isinstance(expires, str) else None, origin)


def _redaction_key(key: bytes | None) -> bytes:
    """The one that Belay derives, so that a secret has one mark on both sides."""
    return os.urandom(32) if key is None else hmac.new(key, b"belay redaction v1", hashlib.sha256).digest()


def identity(headers: Mapping[str, str], *, user: str | None = None, client: str | None = None,
             tenant: str | None = None) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any] | None]:  # fmt: skip
    """Agent, session and intent of a request by its headers (lower-case names).

    `x-agent-id`, `x-agent-role`, `x-session-id` and `x-agent-intent` (the user's task, percent-encoded) are claims of
    the client: let them in only from clients that you trust, or set them in front of the gateway. `user` is whom the
    gateway authenticated.
    """
    agent: dict[str, Any] = {"id": (headers.get("x-agent-id") or user or "unknown")[:256]}
    if role := headers.get("x-agent-role"):
        agent["role"] = role
    if user:
        agent["on_behalf_of"] = user
    if run := headers.get("x-session-id"):
        session = {"id": run[:256], "kind": "run"}
    elif mcp := headers.get("mcp-session-id"):
        session = {"id": mcp[:256], "kind": "mcp"}
    else:
        credential = sha256_hex(headers.get("authorization", ""))
        session = {"id": sha256_hex("|".join((tenant or "", agent["id"], credential, client or "")))[:16], "kind": "derived"}
    if client:
        session["client_ip"] = client
    task = urllib.parse.unquote(headers.get("x-agent-intent", ""))[:4096]
    return agent, session, {"text": task} if task else None


def describe_result(result: Any, *, error: BaseException | None = None) -> dict[str, Any]:
    """An event's `result` of an MCP result (as a dict) or of what was raised instead."""
    if error is not None:
        status = "timeout" if isinstance(error, TimeoutError) else "cancelled" if isinstance(error, asyncio.CancelledError) else "error"
        return {"status": status, "error_code": type(error).__name__}
    result = result if isinstance(result, Mapping) else {"content": result}
    blocks = result.get("content") or result.get("contents") or result.get("messages") or []
    blocks = blocks if isinstance(blocks, list) else [blocks]
    texts = [block["text"] for block in blocks if isinstance(block, Mapping) and isinstance(block.get("text"), str)]
    text = canonical_json(result)
    is_error = result.get("isError") or result.get("is_error")
    waits = (result.get("resultType") or result.get("result_type")) == "input_required"
    described: dict[str, Any] = {
        "status": "error" if is_error else "input_required" if waits else "ok",
        "bytes": len(text.encode("utf-8", "surrogatepass")),
        "records": _records(blocks, texts),
        "sha256": sha256_hex(text),
    }
    return {**described, "sample": "\n".join(texts)[:_MAX_SAMPLE]} if texts else described


def _records(blocks: list, texts: list[str]) -> int:
    """Blocks of the result; the rows of a list where one text block is one."""
    if len(blocks) == 1 and len(texts) == 1 and texts[0].lstrip().startswith("["):
        rows = _parsed(texts[0].encode("utf-8", "surrogatepass"))
        if isinstance(rows, list):
            return len(rows)
    return len(blocks)
