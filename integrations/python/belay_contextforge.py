"""Puts every tool, resource and prompt behind ContextForge (mcp-contextforge-gateway 1.0.x) under Belay.

Put this file and belay_pep.py on the gateway's PYTHONPATH and name the plugin in its plugin configuration; see
contextforge.yaml beside this file and docs/pep-python.md.
"""

from __future__ import annotations

import atexit
import json
import os
from typing import Any

from cpex.framework import Plugin, PluginConfig, PluginContext, PluginResult, PluginViolation
from cpex.framework.constants import GATEWAY_METADATA, TOOL_METADATA
from mcp.server.lowlevel.server import request_ctx

from belay_pep import Call, Options, Pep, Recent, Verdict, describe_result, identity, tool_of

# The gateway makes a plugin instance per context and rebuilds them every 30 s; what must outlive them is the module's.
_peps: dict[str, Pep] = {}
_running = Recent(10_000)
"""calls between their two hooks"""


class BelayPlugin(Plugin):
    """Asks before a call runs, holds back what is contained, and tells Belay how it ended."""

    def __init__(self, config: PluginConfig) -> None:
        super().__init__(config)
        self._settings = dict(config.config or {})
        self._pep = _pep_of(self._settings)

    async def tool_pre_invoke(self, payload: Any, context: PluginContext) -> PluginResult:
        metadata = context.global_context.metadata
        tool, gateway = metadata.get(TOOL_METADATA), metadata.get(GATEWAY_METADATA)
        described = tool_of(payload.name)
        if tool is not None:
            # The upstream's own description: the gateway shows a cleaned one.
            text = getattr(tool, "original_description", None) or getattr(tool, "description", None)
            described = tool_of(tool.original_name or payload.name, text, tool.input_schema, tool.annotations)
            described["exposed_as"] = payload.name
        server = {"id": self._gateway_id()} if gateway is None else {"id": gateway.slug or gateway.name, "url": gateway.url}
        return await self._before(self._call(context, server=server, tool=described, args=payload.args or {}), context)

    async def resource_pre_fetch(self, payload: Any, context: PluginContext) -> PluginResult:
        call = self._call(context, server={"id": self._gateway_id()}, op="resources/read", target=payload.uri)
        return await self._before(call, context)

    async def prompt_pre_fetch(self, payload: Any, context: PluginContext) -> PluginResult:
        call = self._call(context, server={"id": self._gateway_id()}, op="prompts/get", target=payload.prompt_id, args=payload.args)
        return await self._before(call, context)

    async def tool_post_invoke(self, payload: Any, context: PluginContext) -> PluginResult:
        return self._after(payload.result, context)

    async def resource_post_fetch(self, payload: Any, context: PluginContext) -> PluginResult:
        return self._after({"contents": [_plain(payload.content)]}, context)

    async def prompt_post_fetch(self, payload: Any, context: PluginContext) -> PluginResult:
        return self._after({"messages": [_plain(message) for message in payload.result.messages]}, context)

    def _call(self, context: PluginContext, **members: Any) -> Call:
        request = getattr(request_ctx.get(None), "request", None)
        headers = {} if request is None else {name.lower(): value for name, value in request.headers.items()}
        client = request.client.host if request is not None and request.client is not None else None
        user = context.global_context.user
        email = user.get("email") if isinstance(user, dict) else user
        agent, session, intent = identity(headers, user=email, client=client, tenant=self._pep.options.tenant)
        return Call(agent=agent, session=session, intent=intent, **members)

    def _gateway_id(self) -> str:
        return self._settings.get("server", "contextforge")

    async def _before(self, call: Call, context: PluginContext) -> PluginResult:
        verdict = await self._pep.before_async(call)
        if not verdict.allowed:
            return PluginResult(continue_processing=False, violation=_violation(verdict))
        _running.put(_key(context), (call, verdict))
        return PluginResult(continue_processing=True)

    def _after(self, result: Any, context: PluginContext) -> PluginResult:
        started = _running.take(_key(context))
        if started is not None:
            self._pep.after(*started, describe_result(result))
        return PluginResult(continue_processing=True)


def _key(context: PluginContext) -> Any:
    """Joins the hooks of one call: the SDK's request where there is one, because plugin state does not always survive."""
    request = request_ctx.get(None)
    return context.global_context.request_id if request is None else id(request)


def _violation(verdict: Verdict) -> PluginViolation:
    headers = {"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="tools:step-up"'}
    more = {"http_headers": headers} if verdict.code == "require_step_up" else {}
    why = verdict.why or "contained"
    details = {"containment_id": verdict.decision.id}
    return PluginViolation(reason=why, description=why, code=verdict.code, details=details, http_status_code=403, **more)


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json", by_alias=True) if hasattr(value, "model_dump") else value


def _pep_of(settings: dict[str, Any]) -> Pep:
    """The process's PEP for these settings, started."""
    name = json.dumps(settings, sort_keys=True)
    if name not in _peps:
        _peps[name] = Pep(_options(settings)).start()
        atexit.register(_peps[name].close)
    return _peps[name]


def _options(settings: dict[str, Any]) -> Options:
    key = _secret(settings.get("key_env"))
    plain = ("source", "tenant", "content", "decide", "stream", "numbered")
    return Options(
        url=settings["url"],
        token=_secret(settings.get("token_env")),
        key=None if key is None else key.encode(),
        read_only_tools=frozenset(settings.get("read_only_tools", ())),
        fail_closed=frozenset(settings.get("fail_closed", ())),
        secret_names=tuple(settings.get("secret_names", ())),
        secret_pointers=tuple(settings.get("secret_pointers", ())),
        **{name: settings[name] for name in plain if name in settings},
    )


def _secret(variable: str | None) -> str | None:
    """Secrets come from the environment; one that is named and not set is a mistake that must not pass."""
    if variable is None:
        return None
    value = os.environ.get(variable)
    if not value:
        raise ValueError(f"the environment variable {variable} is not set")
    return value
