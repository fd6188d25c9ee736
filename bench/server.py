"""The MCP server of case G: fastmcp with its own token and scope checks, and no gate before it."""

import os

from fastmcp import FastMCP
from fastmcp.server.auth import require_scopes
from fastmcp.server.auth.providers.jwt import JWTVerifier

verifier = JWTVerifier(
    public_key=open(os.environ["PUBLIC_KEY"]).read(),
    issuer=os.environ["ISSUER"],
    audience=os.environ["AUDIENCE"],
)
mcp = FastMCP("toolgate-bench", auth=verifier)


@mcp.tool(auth=require_scopes("tools:call"))
def get_forecast(city: str, note: str = "") -> str:
    """Answers with a constant."""
    return "sunny, 24 degrees"


@mcp.tool(auth=require_scopes("tools:admin"))
def set_alert(city: str, note: str = "") -> str:
    """Needs a scope that no token of the benchmark has."""
    return "set"


mcp.run(
    transport="http", host="127.0.0.1", port=int(os.environ["PORT"]), path="/mcp",
    stateless_http=True, json_response=True, show_banner=False, log_level="warning",
)
