"""The resources that a server of the Python SDK, of version 1 or 2, serves for a URI: a line of JSON for each."""
import asyncio
import base64
import json
import logging
import posixpath
import sys
from urllib.parse import unquote

try:
    from mcp.client import Client as connect
    from mcp.server.mcpserver import MCPServer
except ImportError:
    from mcp.server.fastmcp import FastMCP as MCPServer
    from mcp.shared.memory import create_connected_server_and_client_session as connect

logging.disable()
server = MCPServer("resources")


@server.resource("docs://public/key")
def public_key() -> str:
    return json.dumps(["docs://public/key"])


@server.resource("https://admin.example/keys")
def keys() -> str:
    return json.dumps(["https://admin.example/keys"])


@server.resource("docs://{area}/{name}")
def named(area: str, name: str) -> str:
    path = posixpath.join(unquote(area), unquote(name))
    return json.dumps([f"docs://{area}/{name}", f"docs://{path}", f"docs://{posixpath.normpath(path)}"])


@server.resource("docs://{path}")
def one(path: str) -> str:
    return json.dumps([f"docs://{path}", f"docs://{posixpath.normpath(unquote(path))}"])


@server.resource("https://{host}/{name}")
def page(host: str, name: str) -> str:
    return json.dumps([f"https://{host}/{name}", f"https://{unquote(host)}/{unquote(name)}"])


@server.resource("file:///srv/{area}/{name}")
def file(area: str, name: str) -> str:
    return json.dumps([f"file:///srv/{posixpath.normpath(posixpath.join(unquote(area), unquote(name)))}"])


async def main() -> None:
    async with connect(server) as client:
        for line in sys.stdin:
            found = []
            try:
                result = await client.read_resource(base64.b64decode(line).decode())
                found = json.loads(result.contents[0].text)
            except Exception:  # Refused, or no such resource.
                pass
            print(json.dumps([uri.encode("utf-8", "replace").decode() for uri in found]))


asyncio.run(main())
