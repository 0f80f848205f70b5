"""Needs fastmcp: FASTMCP_ENV/bin/python -m unittest test_belay_fastmcp, in this folder."""

from __future__ import annotations

import unittest

from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from mcp_types import ToolAnnotations

from belay_fastmcp import BelayMiddleware
from belay_pep import Options, Pep
from fake_belay import FakeBelay, documented, wait_until
from test_belay_pep import containment


def a_server(pep):
    server = FastMCP("files", middleware=[BelayMiddleware(pep)])

    @server.tool(annotations=ToolAnnotations(readOnlyHint=True))
    def read_file(path: str) -> str:
        """Reads a file."""
        if path == "/missing":
            raise FileNotFoundError(path)
        return f"content of {path}"

    @server.tool
    def delete_file(path: str) -> str:
        """Deletes a file."""
        return "gone"

    @server.resource("note://{name}")
    def note(name: str) -> str:
        return f"note {name}"

    @server.prompt
    def greet(name: str) -> str:
        return f"hello {name}"

    return server


class Middleware(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.belay = FakeBelay()
        self.addCleanup(self.belay.close)
        self.pep = Pep(Options(url=self.belay.url, source="urn:pep:fastmcp", stream=False)).start()
        self.addCleanup(self.pep.close)

    def told(self, op, phase="response"):
        def found():
            return [one["data"] for one in self.belay.events if (one["data"]["op"], one["data"]["phase"]) == (op, phase)]

        return wait_until(found)

    async def test_every_operation_is_told_with_what_the_contract_asks_for(self):
        async with Client(a_server(self.pep)) as client:
            await client.list_tools()
            await client.call_tool("read_file", {"path": "/a"})
            await client.read_resource("note://one")
            await client.get_prompt("greet", {"name": "Ada"})
            with self.assertRaises(ToolError):
                await client.call_tool("read_file", {"path": "/missing"})
        listed = {tool["name"]: tool for tool in self.told("tools/list")[0]["tools"]}
        self.assertEqual(listed["read_file"]["description"], "Reads a file.")
        self.assertEqual(set(listed["delete_file"]), {"name", "description", "description_sha256", "schema_sha256", "input_schema"})
        request, response = self.told("tools/call", "request")[0], self.told("tools/call")[0]
        self.assertEqual((request["args"], request["server"]["id"]), ({"path": "/a"}, "files"))
        self.assertEqual(request["tool"]["annotations"], {"readOnlyHint": True})
        self.assertEqual(request["tool"]["schema_sha256"], listed["read_file"]["schema_sha256"])
        self.assertEqual((response["result"]["status"], response["result"]["sample"]), ("ok", "content of /a"))
        self.assertEqual(self.told("resources/read")[0]["target"], "note://one")
        self.assertEqual(self.told("prompts/get")[0]["result"]["status"], "ok")
        failed = wait_until(lambda: [one for one in self.told("tools/call") if one["result"]["status"] == "error"])
        self.assertNotEqual(failed[0]["call_id"], response["call_id"])

    async def test_what_is_contained_is_refused_and_the_tool_does_not_run(self):
        self.pep.directives.apply(containment("restrict_read_only", kind="server", id="files"), "cache")
        async with Client(a_server(self.pep)) as client:
            await client.call_tool("read_file", {"path": "/a"})
            with self.assertRaisesRegex(ToolError, "may only read"):
                await client.call_tool("delete_file", {"path": "/a"})
            self.pep.directives.apply(containment(kind="tenant", id="any", name="c-2"), "cache")
            for refused in (client.call_tool("read_file", {"path": "/a"}), client.read_resource("note://one"), client.get_prompt("greet", {"name": "Ada"})):
                with self.assertRaises(Exception):
                    await refused
            self.assertEqual(len(await client.list_tools()), 2)
        denied = wait_until(lambda: [one for one in self.told("tools/call") if one["result"]["status"] == "denied"])
        self.assertEqual(denied[0]["decision"], {"action": "restrict_read_only", "enforced": True, "origin": "cache", "id": "c-1"})


    async def test_the_example_of_the_page_runs(self):
        names = documented("FastMCP(", self.belay.url)
        self.addCleanup(names["pep"].close)
        async with Client(names["server"]) as client:
            self.assertEqual((await client.call_tool("add_note", {"text": "buy milk"})).data, "noted: buy milk")
        self.assertEqual(self.told("tools/call", "request")[0]["server"]["id"], "notes")


if __name__ == "__main__":
    unittest.main()
