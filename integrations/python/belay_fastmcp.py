"""Puts a FastMCP server or proxy (fastmcp 4) under Belay:

    server = FastMCP("files")
    server.add_middleware(BelayMiddleware(Pep(Options(url=URL, token=TOKEN, source="urn:pep:files")).start()))

See docs/pep-python.md.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from fastmcp.exceptions import PromptError, ResourceError, ToolError
from fastmcp.server.dependencies import get_access_token, get_http_headers, get_http_request
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext

from belay_pep import Call, Pep, Recent, Verdict, describe_result, identity, listed_tool, tool_of


class BelayMiddleware(Middleware):
    """Asks before a call runs, holds back what is contained, and tells Belay how it ended."""

    def __init__(self, pep: Pep, server_id: str | None = None) -> None:
        """`server_id` names the MCP server in events; the FastMCP server's own name where it is absent."""
        self._pep = pep
        self._server_id = server_id
        self._tools = Recent(10_000)
        """events' `tool` by name, so that a proxy need not ask its upstream at each call"""
        self._connection = uuid.uuid4().hex
        """the session where there is no HTTP: a server on stdio has one client for its life"""

    async def on_initialize(self, context: MiddlewareContext, call_next: CallNext) -> Any:
        return await self._tell(context, call_next)

    async def on_discover(self, context: MiddlewareContext, call_next: CallNext) -> Any:
        return await self._tell(context, call_next)

    async def on_list_tools(self, context: MiddlewareContext, call_next: CallNext) -> Sequence[Any]:
        tools = await call_next(context)
        call = self._call(context)
        call.tools = [listed_tool(*_definition(tool)) for tool in tools[:2_000]]
        for tool in tools:
            self._tools.put(tool.name, tool_of(*_definition(tool)))
        self._pep.tell(call, {"status": "ok", "records": len(tools)})
        return tools

    async def on_call_tool(self, context: MiddlewareContext, call_next: CallNext) -> Any:
        name = context.message.name
        call = self._call(context, tool=await self._tool(name, context), args=context.message.arguments or {})
        return await self._guarded(call, context, call_next, ToolError)

    async def on_read_resource(self, context: MiddlewareContext, call_next: CallNext) -> Any:
        return await self._guarded(self._call(context, target=str(context.message.uri)), context, call_next, ResourceError)

    async def on_get_prompt(self, context: MiddlewareContext, call_next: CallNext) -> Any:
        message = context.message
        call = self._call(context, target=message.name, args=message.arguments)
        return await self._guarded(call, context, call_next, PromptError)

    async def _guarded(self, call: Call, context: MiddlewareContext, call_next: CallNext, refusal: type[Exception]) -> Any:
        verdict = await self._pep.before_async(call)
        if not verdict.allowed:
            raise refusal(verdict.why)
        return await self._run(call, verdict, context, call_next)

    async def _run(self, call: Call, verdict: Verdict, context: MiddlewareContext, call_next: CallNext) -> Any:
        try:
            result = await call_next(context)
        except BaseException as error:
            self._pep.after(call, verdict, describe_result(None, error=error))
            raise
        self._pep.after(call, verdict, describe_result(_plain(result)))
        return result

    async def _tell(self, context: MiddlewareContext, call_next: CallNext) -> Any:
        result = await call_next(context)
        self._pep.tell(self._call(context), {"status": "ok"})
        return result

    async def _tool(self, name: str, context: MiddlewareContext) -> dict[str, Any]:
        if (known := self._tools.get(name)) is None:
            tool = await context.fastmcp_context.fastmcp.get_tool(name) if context.fastmcp_context else None
            known = tool_of(name) if tool is None else tool_of(*_definition(tool))
            self._tools.put(name, known)
        return known

    def _call(self, context: MiddlewareContext, **members: Any) -> Call:
        headers = get_http_headers(include_all=True) or {"mcp-session-id": self._connection}
        token = get_access_token()
        user = None if token is None else token.claims.get("email") or token.claims.get("sub") or token.client_id
        agent, session, intent = identity(headers, user=user, client=_client(), tenant=self._pep.options.tenant)
        name = context.fastmcp_context.fastmcp.name if context.fastmcp_context is not None else "fastmcp"
        server = {"id": self._server_id or name}
        return Call(agent=agent, session=session, server=server, op=context.method or "unknown", intent=intent, **members)


def _definition(tool: Any) -> tuple[str, str | None, Any, Any]:
    hints = None if tool.annotations is None else tool.annotations.model_dump(by_alias=True, exclude_none=True)
    return tool.name, tool.description, tool.parameters, hints


def _client() -> str | None:
    try:
        client = get_http_request().client
    except RuntimeError:
        return None  # not over HTTP
    return None if client is None else client.host


def _plain(result: Any) -> dict[str, Any]:
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)
