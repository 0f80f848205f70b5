"""Unit tests of belay_pep: python3 -m unittest discover -s integrations/python"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import time
import unittest

from belay_pep import (Breaker, Call, CallbackReceiver, Directives, Http, Options, Pep, Redactor, Refs, canonical_json,
                       describe_result, find_values, identity, tool_of, unix_seconds)  # fmt: skip
from fake_belay import FakeBelay, documented, wait_until

NOW = 1_795_219_200.0
KEY = b"a key of these tests"
READS = {"name": "read_file", "annotations": {"readOnlyHint": True}}
WRITES = {"name": "send_payment", "annotations": {"readOnlyHint": False, "destructiveHint": True}}


def a_call(tool=READS, **members):
    who = {"agent": {"id": "bot"}, "session": {"id": "run-1"}, "server": {"id": "files"}, "args": {"path": "/a"}}
    return Call(**{**who, "tool": tool, **members})


def containment(action="suspend_session", *, kind="session", id="run-1", name="c-1", revision=1, seconds=60.0, **more):
    expires = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + seconds)) + ".000Z"
    target = {"kind": kind, "id": id}
    return {"containment_id": name, "revision": revision, "action": action, "target": target, "expires_at": expires, **more}


class Digests(unittest.TestCase):
    def test_json_is_canonical(self):
        value = {"b": [1.0, 1e-7, 1e21, -0.0, True, None], "a": "é\n", "\U0001f600": 1, "\uff61": 2}
        wanted = '{"a":"é\\n","b":[1,1e-7,1e+21,0,true,null],"\U0001f600":1,"\uff61":2}'
        self.assertEqual(canonical_json(value), wanted)

    def test_a_tool_is_known_by_what_its_upstream_sent(self):
        echo = tool_of("echo", "Echoes", {"type": "object"}, {"readOnlyHint": True, "title": "no hint"})
        self.assertEqual(echo["description_sha256"], hashlib.sha256(b"Echoes").hexdigest())
        self.assertEqual(echo["schema_sha256"], hashlib.sha256(b'{"type":"object"}').hexdigest())
        self.assertEqual(echo["annotations"], {"readOnlyHint": True})
        self.assertEqual(tool_of("bare"), {"name": "bare"})


class Redaction(unittest.TestCase):
    redactor = Redactor(KEY, names=["pin"], pointers=["/card/no"])

    def test_secrets_leave_by_name_by_pointer_and_by_pattern(self):
        args = {"apiKey": "k-1", "card": {"no": 42, "name": "Ada"}, "PIN": "0000", "note": "uses ghp_0123456789abcdefghij", "page_token": "7"}
        plain, taken = self.redactor.args(args)
        self.assertEqual(sorted(taken), ["/PIN", "/apiKey", "/card/no", "/note"])
        self.assertEqual(plain["card"]["name"], "Ada")
        self.assertEqual(plain["page_token"], "7")
        mark = hmac.new(KEY, b"k-1", hashlib.sha256).hexdigest()[:16]
        self.assertEqual(plain["apiKey"], {"$redacted": "secret", "sha256": mark, "len": 3})
        self.assertRegex(plain["note"], r"^uses \[redacted:[0-9a-f]{16}:24\]$")
        self.assertNotIn("ghp_", json.dumps(plain))

    def test_texts_lose_keys_tokens_and_passwords_and_nothing_else(self):
        for secret in ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", "password=hunter22",
                       "Authorization: Bearer abcdefghijklmnop1", "eyJhbGciOiJI.eyJzdWIiOiI.c2ln"):  # fmt: skip
            self.assertNotIn(secret[-6:], self.redactor.text(f"see {secret} end"), secret)
        for plain in ("reset your password: https://a.test/x", "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----"):
            self.assertEqual(self.redactor.text(plain), plain)

    def test_twice_is_once(self):
        once = self.redactor.text("token: abcdefgh, Bearer abcdefghijklmnop1 and password=hunter22")
        self.assertEqual(self.redactor.text(once), once)

    def test_takes_linear_time(self):
        for piece in ("eyJ", "Bearer ", "password=", "-----BEGIN ", "a.", "token\"", "://", "@", "/a", "1 "):
            text = piece * (200_000 // len(piece))
            began = time.process_time()
            self.redactor.text(text)
            list(find_values(text[:16_384]))
            self.assertLess(time.process_time() - began, 2.0, piece)


class Fingerprints(unittest.TestCase):
    def test_destinations_are_found_by_shape_and_by_name(self):
        args = {"to": "Ada", "body": "mail x@Evil.test or https://www.Evil.test/p?q", "iban": "DE12345678", "n": 7, "flag": True}
        refs = Refs(KEY)
        found = {(ref["kind"], ref["fp"]) for ref in refs.of(args, None, None)}
        wanted = {("email", "x@evil.test"), ("domain", "evil.test"), ("url", "evil.test/p"), ("account", "de12345678"), ("user", "ada")}
        self.assertEqual(found, {(kind, refs.fingerprint(value)) for kind, value in wanted})

    def test_says_where_and_what_is_untrusted(self):
        refs = Refs(KEY).of({"to": "x@evil.test"}, "write to x@evil.test", "ask x@evil.test")
        self.assertEqual([(ref["in"], ref.get("untrusted")) for ref in refs if ref["kind"] == "email"],
                         [("args", None), ("intent", None), ("result", True)])  # fmt: skip

    def test_is_bounded(self):
        args = {f"a{at}": f"x{at}@evil{at}.test" for at in range(1000)}
        self.assertEqual(len(Refs(KEY).of(args, None, None)), 256)


class Containments(unittest.TestCase):
    def setUp(self):
        self.directives = Directives()

    def decide(self, **who):
        return self.directives.decide({"session": "run-1", "agent": "bot", "server": "files", **who})

    def test_the_most_severe_applies_and_a_release_frees_only_its_own(self):
        self.directives.apply(containment("restrict_read_only", name="a"), "cache")
        self.directives.apply(containment("suspend_session", kind="agent", id="bot", name="b"), "cache")
        self.assertEqual(self.decide().id, "b")
        self.directives.release(containment("suspend_session", kind="agent", id="bot", name="b", revision=2), "cache")
        self.assertEqual(self.decide().action, "restrict_read_only")

    def test_neither_a_late_nor_a_repeated_apply_undoes_a_release(self):
        self.assertEqual(self.directives.apply(containment(), "callback"), "applied")
        self.assertEqual(self.directives.apply(containment(), "callback"), "duplicate")
        self.assertEqual(self.directives.release(containment(revision=2), "callback"), "applied")
        self.assertEqual(self.directives.apply(containment(), "callback"), "duplicate")
        self.assertIsNone(self.decide())

    def test_a_release_that_comes_first_counts(self):
        self.directives.release(containment(revision=2), "callback")
        self.assertEqual(self.directives.apply(containment(), "callback"), "duplicate")

    def test_ends_by_itself_and_can_be_renewed(self):
        now = time.time()
        directives = Directives(lambda: now)
        directives.apply(containment(seconds=60), "cache")
        directives.apply(containment(seconds=120, revision=2), "cache")
        who = {"session": "run-1", "agent": "bot", "server": "files"}
        now += 100
        self.assertEqual(directives.decide(who).action, "suspend_session")
        now += 30
        self.assertIsNone(directives.decide(who))

    def test_every_kind_of_target(self):
        who = {"user": "ada", "tool": "read_file", "role": "finance"}
        for kind, id, covers in (("session", "run-1", True), ("agent", "bot", True), ("user", "ada", True), ("tool", "files/read_file", True),
                                 ("tool", "read_file", False), ("server", "files", True), ("role", "finance", True), ("tenant", "acme", True),
                                 ("session", "run-2", False)):  # fmt: skip
            self.directives = Directives()
            self.directives.apply(containment(kind=kind, id=id), "cache")
            self.assertEqual(self.decide(**who) is not None, covers, (kind, id))

    def test_a_session_of_another_agent_is_another_session(self):
        one = containment()
        one["target"]["agent"] = "other"
        self.directives.apply(one, "cache")
        self.assertIsNone(self.decide())

    def test_what_it_cannot_obey_is_said_and_nonsense_refused(self):
        self.assertEqual(self.directives.apply(containment(action="teleport"), "callback"), "unsupported")
        self.assertEqual(self.directives.apply(containment(kind="planet"), "callback"), "unsupported")
        for broken in ({}, containment(revision="x"), {**containment(), "expires_at": None}, {**containment(), "target": 7}):
            with self.assertRaises(ValueError):
                self.directives.apply(broken, "callback")

    def test_monitor_mode_is_not_obeyed(self):
        self.directives.apply(containment(mode="monitor"), "cache")
        self.assertIsNone(self.decide())

    def test_a_snapshot_forgets_what_it_does_not_name(self):
        self.directives.apply(containment(name="a"), "cache")
        self.directives.replace([containment(name="b", kind="agent", id="bot")])
        self.assertEqual(self.decide().id, "b")
        self.assertEqual(len(self.directives), 1)


class Callbacks(unittest.TestCase):
    secrets = ["whsec_" + base64.b64encode(name * 32).decode() for name in (b"a", b"b")]

    def setUp(self):
        self.now = time.time()
        self.directives = Directives()
        self.receiver = CallbackReceiver(self.secrets, self.directives, lambda: self.now)

    def signed(self, body, *, key=b"a" * 32, id="m-1", at=None):
        stamp = str(int(self.now if at is None else at))
        digest = hmac.new(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
        return {"Webhook-Id": id, "Webhook-Timestamp": stamp, "Webhook-Signature": f"v1,AAAA v1,{base64.b64encode(digest).decode()}"}

    def apply(self, type="containment.apply.v1", **more):
        return json.dumps({"type": type, "data": containment(**more)}).encode()

    def test_either_secret_is_taken_and_answered_by_the_contract(self):
        for name, key in (("c-1", b"a" * 32), ("c-2", b"b" * 32)):
            body = self.apply(name=name)
            status, answer = self.receiver.receive(self.signed(body, key=key), body)
            self.assertEqual((status, answer["status"], answer["containment_id"]), (200, "applied", name))
            self.assertAlmostEqual(unix_seconds(answer["applied_at"]), self.now, delta=0.01)
        self.assertEqual(len(self.directives), 2)

    def test_refuses_forged_changed_old_and_future_messages(self):
        body = self.apply()
        good = self.signed(body)
        bad = [
            (self.signed(body, key=b"x" * 32), body),
            (good, body.replace(b"run-1", b"run-2")),
            ({**good, "Webhook-Id": "m-2"}, body),
            (self.signed(body, at=self.now - 301), body),
            (self.signed(body, at=self.now + 302), body),
            ({**good, "Webhook-Timestamp": "soon"}, body),
            ({}, body),
        ]
        for headers, sent in bad:
            self.assertEqual(self.receiver.receive(headers, sent)[0], 401)
        self.assertEqual(len(self.directives), 0)
        self.assertEqual(self.receiver.receive(self.signed(body, at=self.now - 299), body)[0], 200)

    def test_a_replay_within_the_window_changes_nothing(self):
        body, end = self.apply(), self.apply("containment.release.v1", revision=2)
        headers = self.signed(body)
        statuses = [self.receiver.receive(headers, body), self.receiver.receive(self.signed(end), end), self.receiver.receive(headers, body)]
        self.assertEqual([answer["status"] for _, answer in statuses], ["applied", "applied", "duplicate"])
        self.assertEqual(len(self.directives), 0)

    def test_nonsense_is_refused_and_a_ping_answered(self):
        for body in (b"{", b"[]", b'{"type":"other"}', b'{"type":"containment.apply.v1","data":{}}'):
            self.assertEqual(self.receiver.receive(self.signed(body), body)[0], 400)
        ping = b'{"type":"containment.ping.v1","data":{}}'
        self.assertEqual(self.receiver.receive(self.signed(ping), ping), (200, {"status": "applied"}))


class BreakerTest(unittest.TestCase):
    def test_after_a_failure_one_caller_finds_out_for_all(self):
        now = 0.0
        breaker = Breaker(5.0, lambda: now)
        self.assertTrue(breaker.permits())
        breaker.trip()
        now = 4.9
        self.assertFalse(breaker.permits())
        now = 5.0
        self.assertEqual([breaker.permits(), breaker.permits()], [True, False])
        breaker.reset()
        self.assertTrue(breaker.permits())


class WithBelay(unittest.TestCase):
    def setUp(self):
        self.belay = FakeBelay()
        self.addCleanup(self.belay.close)

    def pep(self, **options):
        pep = Pep(Options(**{"url": self.belay.url, "source": "urn:pep:test", "stream": False, **options})).start()
        self.addCleanup(pep.close)
        return pep

    def events(self, count):
        wait_until(lambda: len(self.belay.events) >= count)
        return [event["data"] for event in self.belay.events]


class Events(WithBelay):
    def test_request_and_response_share_a_call_and_are_numbered(self):
        pep = self.pep(token="secret-token")
        call = a_call(args={"path": "/a", "password": "hunter22"}, intent={"text": "read /a"})
        pep.after(call, pep.before(call), describe_result({"content": [{"type": "text", "text": "[1,2,3]"}]}))
        request, response = self.events(2)
        self.assertEqual((request["phase"], response["phase"], request["call_id"]), ("request", "response", response["call_id"]))
        self.assertEqual((request["seq"], response["seq"]), (1, 2))
        self.assertEqual(request["args_sha256"], hashlib.sha256(b'{"password":"hunter22","path":"/a"}').hexdigest())
        self.assertEqual((request["args_redacted"], request["intent"]), (["/password"], {"text": "read /a"}))
        self.assertEqual(request["decision"], {"action": "allow", "enforced": False, "origin": "query"})
        self.assertEqual((response["result"]["status"], response["result"]["records"], response["result"]["sample"]), ("ok", 3, "[1,2,3]"))
        self.assertNotIn("hunter22", json.dumps(self.belay.events))
        self.assertEqual(self.belay.asked[0][2]["authorization"], "Bearer secret-token")

    def test_a_pep_that_may_not_ship_content_sends_fingerprints(self):
        pep = self.pep(content="refs", key=KEY)
        call = a_call(args={"to": "x@evil.test"}, intent={"text": "a secret plan"})
        pep.after(call, pep.before(call), describe_result({"content": [{"type": "text", "text": "see y@evil.test"}]}))
        request, response = self.events(2)
        self.assertFalse({"args", "intent"} & set(request) | {"sample"} & set(response["result"]))
        self.assertIn({"in": "args", "kind": "email", "fp": Refs(KEY).fingerprint("x@evil.test")}, request["refs"])
        self.assertIn({"in": "result", "kind": "email", "fp": Refs(KEY).fingerprint("y@evil.test"), "untrusted": True}, response["refs"])
        self.assertNotIn("evil", json.dumps(self.belay.events))

    def test_an_outage_loses_nothing_that_fits_and_counts_what_does_not(self):
        self.belay.answers["/v1/events"] = lambda *_: (503, {}, {})
        pep = self.pep(capacity=10)
        wait_until(lambda: pep.tell(a_call(), {"status": "ok"}) or pep.emitter.failures)
        for _ in range(100):
            pep.tell(a_call(), {"status": "ok"})
        self.assertGreater(pep.emitter.dropped, 0)
        self.belay.answers["/v1/events"] = self.belay._events
        wait_until(lambda: pep.emitter.sent >= 10)
        ids = [event["id"] for event in self.belay.events]
        self.assertEqual(len(ids), len(set(ids)))

    def test_what_belay_refuses_is_counted_and_not_sent_again(self):
        self.belay.answers["/v1/events"] = lambda *_: (400, {"detail": "no"}, {})
        pep = self.pep()
        with self.assertLogs("belay", "ERROR"):
            pep.tell(a_call(), {"status": "ok"})
            wait_until(lambda: pep.emitter.refused == 1)

    def test_emitting_costs_a_call_no_time_while_belay_hangs(self):
        hang = threading.Event()
        self.addCleanup(hang.set)
        self.belay.answers["/v1/events"] = lambda *_: (hang.wait(30), (202, {}, {}))[1]
        pep = self.pep(capacity=100)
        began = time.monotonic()
        for _ in range(1000):
            pep.tell(a_call(), {"status": "ok"})
        self.assertLess(time.monotonic() - began, 10.0)
        self.assertGreater(pep.emitter.dropped, 0)

    def test_is_heard_of_when_there_is_nothing_to_tell(self):
        self.pep(heartbeat=0.05)
        first = self.events(2)[0]
        self.assertEqual((first["op"], first["phase"], first["agent"]["id"]), ("heartbeat", "request", "urn:pep:test"))

    def test_content_goes_first_where_an_event_is_too_large(self):
        pep = self.pep()
        pep.before(a_call(args={"text": "x" * 40_000}))
        pep.tell(a_call(tools=[{"name": "t" * 200_000}, {"name": "u" * 200_000}], op="tools/list", tool=None), {"status": "ok"})
        request, listed = self.events(2)
        self.assertNotIn("args", request)
        self.assertEqual(request["args_bytes"], 40_011)
        self.assertNotIn("tools", listed)

    def test_arguments_that_are_no_json_do_not_fail_the_call(self):
        endless: dict = {}
        endless["self"] = endless
        pep = self.pep()
        with self.assertLogs("belay", "ERROR"):
            self.assertTrue(pep.before(a_call(args=endless)).allowed)
        self.assertTrue(pep.before(a_call(args={"n": float("nan")})).allowed)
        self.assertEqual(self.events(1)[0]["args"], {"n": None})
        self.assertEqual(pep.emitter.dropped, 1)


class Decisions(WithBelay):
    def answer(self, action, **more):
        body = {"action": action, "containment_id": "c-1", "ttl": 2, **more}
        self.belay.answers["/v1/decisions"] = lambda *_: (200, body, {"etag": f'"{action}"'})

    def test_asks_once_per_ttl_and_says_what_it_has(self):
        pep = self.pep()
        for _ in range(5):
            self.assertTrue(pep.before(a_call()).allowed)
        self.assertEqual(self.belay.asks("/v1/decisions"), 1)
        self.belay.answers["/v1/decisions"] = lambda _path, headers, _body: (
            (304, None, {}) if headers.get("if-none-match") == '"allow"' else (500, {}, {})
        )
        key = tuple(sorted(a_call().who.items()))
        pep._answers.put(key, pep._answers.get(key).__class__(pep._answers.get(key).decision, '"allow"', 0.0))
        self.assertEqual(pep.before(a_call()).decision.origin, "query")
        self.assertEqual(self.belay.asks("/v1/decisions"), 2)

    def test_obeys_each_rung(self):
        for action, reads, writes in (("monitor", True, True), ("restrict_read_only", True, False), ("quarantine_tool", False, False),
                                      ("suspend_session", False, False), ("a rung of next year", False, False)):  # fmt: skip
            self.answer(action)
            pep = self.pep()
            self.assertEqual((pep.before(a_call()).allowed, pep.before(a_call(WRITES)).allowed), (reads, writes), action)

    def test_read_only_is_what_the_operator_says_first_and_no_word_means_no(self):
        self.answer("restrict_read_only")
        pep = self.pep(read_only_tools=frozenset({"files/send_payment", "listed"}))
        verdicts = [pep.before(a_call(tool)).allowed for tool in (WRITES, {"name": "listed"}, {"name": "unknown"})]
        self.assertEqual(verdicts, [True, True, False])

    def test_a_refusal_is_told_with_its_reason(self):
        self.answer("suspend_session")
        verdict = self.pep().before(a_call())
        self.assertIn("c-1", verdict.why)
        request, response = self.events(2)
        self.assertEqual(request["decision"], {"action": "suspend_session", "enforced": True, "origin": "query", "id": "c-1"})
        self.assertEqual(response["result"], {"status": "denied", "error_code": "suspend_session"})

    def test_a_contained_session_may_say_hello_and_list(self):
        self.answer("suspend_session")
        pep = self.pep()
        self.assertTrue(pep.before(a_call(tool=None, op="tools/list")).allowed)
        self.assertFalse(pep.before(a_call(tool=None, op="resources/read", target="file:///a")).allowed)

    def test_a_belay_that_hangs_costs_one_call_its_time_out(self):
        hang = threading.Event()
        self.addCleanup(hang.set)
        self.belay.answers["/v1/decisions"] = lambda *_: (hang.wait(30), (200, {}, {}))[1]
        pep = self.pep(decision_timeout=0.3)
        times = []
        for _ in range(20):
            began = time.monotonic()
            self.assertEqual(pep.before(a_call()).decision.origin, "fail-open")
            times.append(time.monotonic() - began)
        self.assertGreaterEqual(times[0], 0.25)
        self.assertLess(sum(times[1:]), 19 * 0.25)
        self.assertEqual(self.belay.asks("/v1/decisions"), 1)

    def test_the_operator_chooses_which_classes_fail_closed(self):
        self.belay.answers["/v1/decisions"] = lambda *_: (503, {}, {})
        pep = self.pep(fail_closed=frozenset({"destructive"}))
        tame = {"name": "note", "annotations": {"readOnlyHint": False, "destructiveHint": False, "openWorldHint": False}}
        self.assertEqual([pep.before(a_call(tool)).decision.origin for tool in (READS, WRITES, {"name": "unknown"}, tame)],
                         ["fail-open", "fail-closed", "fail-closed", "fail-open"])  # fmt: skip
        self.assertEqual(pep.classes_of(a_call(tame)), {"other"})

    def test_a_known_containment_outlives_an_outage_until_it_expires(self):
        expires = "2999-01-01T00:00:00Z"
        self.answer("suspend_session", expires_at=expires, ttl=0)
        pep = self.pep()
        self.assertFalse(pep.before(a_call()).allowed)
        self.belay.answers["/v1/decisions"] = lambda *_: (503, {}, {})
        verdict = pep.before(a_call())
        self.assertEqual((verdict.allowed, verdict.decision.origin), (False, "stale"))

    def test_asks_about_writes_before_they_run_and_tells_them_once(self):
        self.belay.answers["/v1/decide"] = lambda *_: (200, {"action": "suspend_session", "containment_id": "c-9", "ttl": 2, "judged": True}, {})
        pep = self.pep(decide="writes")
        self.assertTrue(pep.before(a_call()).allowed)
        self.assertEqual(pep.before(a_call(WRITES)).decision.id, "c-9")
        told = self.events(2)
        self.assertEqual([(data["phase"], data["tool"]["name"]) for data in told], [("request", "read_file"), ("response", "send_payment")])
        (sent,) = [body for _, path, _, body in self.belay.asked if path == "/v1/decide"]
        self.assertEqual((sent["data"]["phase"], sent["data"]["call_id"]), ("request", told[1]["call_id"]))

    def test_a_verdict_that_does_not_come_leaves_the_known_posture_and_the_event(self):
        self.belay.answers["/v1/decide"] = lambda *_: (503, {}, {})
        verdict = self.pep(decide="always").before(a_call())
        self.assertTrue(verdict.allowed)
        self.assertEqual(self.events(1)[0]["phase"], "request")


class Streams(WithBelay):
    def setUp(self):
        super().setUp()
        self.texts = [self.snapshot([])]
        self.resumed = []
        self.belay.answers["/v1/decisions/stream"] = self.stream

    def snapshot(self, containments):
        return f"id: 1\nevent: snapshot\ndata: {json.dumps({'revision': 1, 'containments': containments})}\n\n"

    def stream(self, _path, headers, _body):
        self.resumed.append(headers.get("last-event-id"))
        return 200, (self.texts.pop(0) if self.texts else ": resumed\n\n").encode(), {"content-type": "text/event-stream"}

    def test_follows_resumes_and_obeys(self):
        apply, end = containment(), containment(revision=2)
        self.texts = [
            self.snapshot([]) + f"id: 2\nevent: apply\ndata: {json.dumps(apply)}\n\n: ping\n\n",
            f": resumed\n\nid: 3\nevent: release\ndata: {json.dumps(end)}\n\n",
        ]
        pep = self.pep(stream=True)
        wait_until(lambda: len(self.resumed) > 2 and len(pep.directives) == 0)
        self.assertEqual(self.resumed[:3], [None, "2", "3"])

    def test_while_it_is_open_nobody_is_asked(self):
        hang = threading.Event()
        self.addCleanup(hang.set)
        text = self.snapshot([containment("restrict_read_only")])

        def held(_path, _headers, _body):
            return 200, text.encode(), {"content-length": "999999"}  # more is to come

        self.belay.answers["/v1/decisions/stream"] = held
        pep = self.pep(stream=True)
        self.assertTrue(pep.stream.wait_live(30))
        self.assertEqual([pep.before(a_call(tool)).allowed for tool in (READS, WRITES)], [True, False])
        other = a_call(WRITES, session={"id": "run-2"})
        self.assertEqual(asyncio.run(pep.before_async(other)).decision.origin, "cache")
        self.assertEqual(self.belay.asks("/v1/decisions?"), 0)

    def test_garbage_on_the_stream_is_survived(self):
        self.texts = ["event: apply\ndata: {\n\n", "event: snapshot\ndata: 7\n\n", self.snapshot([containment()])]
        pep = self.pep(stream=True)
        wait_until(lambda: len(pep.directives) == 1)


class StepUps(WithBelay):
    def setUp(self):
        super().setUp()
        self.state, self.redeemed = "pending", []
        self.belay.answers |= {
            "/v1/decisions": lambda *_: (200, {"action": "require_step_up", "containment_id": "c-1", "ttl": 2}, {}),
            "/v1/step-ups": self.ask,
            "/v1/step-ups/a-1/redeem": self.redeem,
        }

    def ask(self, *_):
        return 202, {"id": "a-1", "nonce": "n-1", "state": self.state}, {}

    def redeem(self, _path, _headers, body):
        self.redeemed.append(body)
        return 200, {"status": "granted"}, {}

    def test_waits_for_a_person_and_redeems_for_exactly_this_call(self):
        pep = self.pep()
        first = pep.before(a_call(WRITES))
        self.assertIn("a-1", first.why)
        self.state = "approved"
        call = a_call(WRITES)
        verdict = pep.before(call)
        self.assertTrue(verdict.allowed and verdict.stepped_up)
        self.assertEqual(self.redeemed, [{"agent": "bot", "session": "run-1", "server": "files", "tool": "send_payment",
                                          "args": {"path": "/a"}, "nonce": "n-1", "call_id": call.call_id}])  # fmt: skip
        told = self.events(3)[-1]
        self.assertEqual((told["auth"]["outcome"], told["decision"]["enforced"]), ("step_up_ok", False))

    def test_a_no_stays_a_no(self):
        pep = self.pep()
        pep.before(a_call(WRITES))
        self.state = "denied"
        self.assertIn("denied", pep.before(a_call(WRITES)).why)
        self.assertEqual(self.belay.asks("/v1/step-ups/a-1"), 1)
        self.assertEqual(self.redeemed, [])

    def test_without_belay_nobody_steps_up(self):
        pep = self.pep()
        self.belay.answers["/v1/step-ups"] = lambda *_: (503, {}, {})
        self.assertFalse(pep.before(a_call(WRITES)).allowed)

    def test_arguments_stay_at_home_where_content_does(self):
        self.pep(content="refs", key=KEY).before(a_call(WRITES))
        (asked,) = [body for _, path, _, body in self.belay.asked if path == "/v1/step-ups"]
        self.assertNotIn("args", asked)
        self.assertEqual(asked["args_sha256"], hashlib.sha256(b'{"path":"/a"}').hexdigest())


class Requests(unittest.TestCase):
    def test_who_calls_is_told_by_headers_then_by_the_gateway(self):
        headers = {"x-agent-id": "bot", "x-agent-role": "finance", "x-session-id": "run-1", "x-agent-intent": "pay%20%C3%A9"}
        agent, session, intent = identity({**headers, "mcp-session-id": "m"}, user="ada", client="10.0.0.1")
        self.assertEqual(agent, {"id": "bot", "role": "finance", "on_behalf_of": "ada"})
        self.assertEqual(session, {"id": "run-1", "kind": "run", "client_ip": "10.0.0.1"})
        self.assertEqual(intent, {"text": "pay é"})
        self.assertEqual(identity({"mcp-session-id": "m"}, user="ada")[:2], ({"id": "ada", "on_behalf_of": "ada"}, {"id": "m", "kind": "mcp"}))

    def test_a_derived_session_is_the_same_for_the_same_caller(self):
        def of(token, client):
            return identity({"authorization": token}, client=client)[1]["id"]

        self.assertEqual(of("t", "1"), of("t", "1"))
        self.assertEqual(len({of("t", "1"), of("u", "1"), of("t", "2")}), 3)

    def test_results_are_described(self):
        text = {"type": "text", "text": "hello"}
        self.assertEqual(describe_result({"content": [text], "isError": True})["status"], "error")
        self.assertEqual(describe_result({"content": [], "resultType": "input_required"})["status"], "input_required")
        self.assertEqual(describe_result({"content": [text, text]})["records"], 2)
        self.assertEqual(describe_result(None, error=TimeoutError())["status"], "timeout")
        self.assertEqual(describe_result(None, error=KeyError())["error_code"], "KeyError")

    def test_wrong_options_are_refused_with_what_to_write(self):
        for wrong in ({"content": "all"}, {"decide": "yes"}, {"fail_closed": frozenset({"writes"})}, {"content": "refs"}, {"url": "belay:7300"}):
            with self.assertRaises(ValueError):
                Pep(Options(**{"url": "http://127.0.0.1:1", "source": "s", **wrong}))


class Documentation(WithBelay):
    def test_the_example_for_any_gateway_guards_a_call(self):
        names = documented("def guarded", self.belay.url)
        self.addCleanup(names["pep"].close)
        done = {"content": [{"type": "text", "text": "content of /a"}]}
        self.assertEqual(names["guarded"]("bot", "run-1", "read_file", {"path": "/a"}, lambda _: done), done)
        names["pep"].directives.apply(containment(), "cache")
        refused = names["guarded"]("bot", "run-1", "read_file", {"path": "/a"}, self.fail)
        self.assertTrue(refused["isError"])
        self.assertEqual([data["result"]["status"] for data in self.events(4) if data["phase"] == "response"], ["ok", "denied"])

    def test_the_example_of_callbacks_listens(self):
        names = documented("CallbackReceiver", self.belay.url)
        self.addCleanup(names["pep"].close)
        self.addCleanup(names["server"].server_close)
        self.addCleanup(names["server"].shutdown)
        status, _, _ = Http(f"http://127.0.0.1:{names['server'].server_port}", None).request("POST", "/", timeout=10, body={})
        self.assertEqual(status, 401)


if __name__ == "__main__":
    unittest.main()
