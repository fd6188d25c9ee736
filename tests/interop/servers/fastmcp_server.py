"""PyPI fastmcp as a server, see servers.mjs: with JSON=1 its answers are JSON, else event streams."""

import os

from fastmcp import FastMCP

# Its list of tools has three pages.
TOOLS, PAGE = 120, 50

server = FastMCP("toolgate interop", list_page_size=PAGE)


def reached(what: str) -> str:
    """Records a use that the corpus is after."""
    with open(os.environ["REACHED"], "a", encoding="utf-8") as record:
        record.write(f"{what}\n")
    return "done"


@server.tool
def echo(message: str = "") -> str:
    return message


@server.tool
def write_note() -> str:
    return "written"


@server.tool
def delete_all() -> str:
    return reached("delete_all")


@server.prompt
def brief() -> str:
    return "brief"


@server.prompt
def secret_brief() -> str:
    return reached("secret_brief")


@server.resource("docs://public/a")
def public() -> str:
    return "public"


@server.resource("docs://private/key")
def private() -> str:
    return reached("docs://private/key")


def numbered(name: str):
    def tool() -> str:
        return name

    server.tool(tool, name=name)


for number in range(TOOLS):
    numbered(f"{'get' if number % 2 == 0 else 'set'}_{number:03}")

server.run(
    transport="http",
    host="127.0.0.1",
    port=int(os.environ["PORT"]),
    json_response="JSON" in os.environ,
    stateless_http="STATELESS" in os.environ,
    # The gate tells which hosts there are.
    host_origin_protection=False,
    show_banner=False,
    log_level="warning",
)
