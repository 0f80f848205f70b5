"""Drives belay_pep for the tests: one JSON command per line in, one JSON answer per line out.

Commands: {"vectors": {...}} digests, refs and marks; {"options": {...}} a PEP; {"call": {...}} asks, and tells how it
ended; {"listen": [secrets]} a callback receiver of that PEP; {"wait": "live" | "empty" | "held"}; {"end": true}.
"""

import json
import sys
import time

from belay_pep import Call, CallbackReceiver, Options, Pep, Redactor, Refs, canonical_json, describe_result, sha256_hex

pep = None


def vectors(given):
    key = given["key"].encode()
    refs, redactor = Refs(key), Redactor(key)
    texts = [canonical_json(value) for value in given["values"]]
    return {
        "json": texts,
        "sha256": [sha256_hex(text) for text in texts],
        "refs": [refs.of(one.get("args"), one.get("result"), one.get("intent")) for one in given["events"]],
        "redacted": [redactor.args(one["args"])[0] for one in given["events"]],
    }


def options(given):
    global pep
    known = {name: frozenset(value) if isinstance(value, list) else value for name, value in given.items()}
    if "key" in known:
        known["key"] = known["key"].encode()
    pep = Pep(Options(**known)).start()
    return {}


def call(given):
    result = given.pop("result", {"content": [{"type": "text", "text": "done"}]})
    one = Call(**given)
    verdict = pep.before(one)
    if verdict.allowed:
        pep.after(one, verdict, describe_result(result))
    origin, stepped = verdict.decision.origin, verdict.stepped_up
    return {"allowed": verdict.allowed, "code": verdict.code, "origin": origin, "why": verdict.why, "stepped_up": stepped, "call_id": one.call_id}


def listen(secrets):
    server = CallbackReceiver(secrets, pep.directives).serve()
    return {"url": f"http://127.0.0.1:{server.server_port}/belay"}


def wait(what):
    holds = {
        "live": lambda: pep.stream.is_live,
        "away": lambda: not pep.stream.is_live,
        "held": lambda: len(pep.directives) > 0,
        "free": lambda: len(pep.directives) == 0,
    }[what]
    end = time.monotonic() + 60
    while not holds() and time.monotonic() < end:
        time.sleep(0.005)
    return {"holds": holds()}


def end(_):
    pep.close()
    emitter = pep.emitter
    return {"sent": emitter.sent, "dropped": emitter.dropped, "refused": emitter.refused}


for line in sys.stdin:
    ((command, given),) = json.loads(line).items()
    print(json.dumps(globals()[command](given)), flush=True)
