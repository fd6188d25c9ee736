"""PyPI mcp, 1.x and 2.x, and fastmcp: `python_mcp.py URL STEPS`, see steps.mjs."""

import asyncio
import importlib.metadata
import json
import os
import subprocess
import sys
import urllib.parse

REDIRECT = "http://127.0.0.1:33341/callback"
MAX_LOGINS = 4
ASKED: list[str] = []


def sign_in(url: str) -> dict[str, str]:
    """Opens the provider's page, signs in, and gives the parameters of the callback."""
    ASKED.append(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query)).get("scope"))
    if len(ASKED) > MAX_LOGINS:
        raise RuntimeError(f"gave up after {MAX_LOGINS} logins")
    command = [*json.loads(os.environ["LOGIN"]), url, os.environ["USER_NAME"]]
    back = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))


def leaves(error: BaseException) -> list[BaseException]:
    """The errors in a group of errors."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


async def tell(step: int, act) -> bool:
    """Tells of one step, with the logins since the one before."""
    try:
        told = {"ok": True, **await asyncio.wait_for(act(), 60)}
    except BaseException as error:
        told = {"ok": False, "text": "; ".join(f"{type(leaf).__name__}: {leaf}" for leaf in leaves(error))}
        if not isinstance(error, Exception):
            # The session was cancelled from inside: nothing can follow.
            told["text"] = f"session ended: {told['text']}"
            print(json.dumps({"step": step, **told, "logins": len(ASKED), "scopes": ASKED}), flush=True)
            raise
    print(json.dumps({"step": step, **told, "logins": len(ASKED), "scopes": ASKED}), flush=True)
    ASKED.clear()
    return told["ok"]


async def follow(steps: list, list_tools, call) -> None:
    for number, (what, *rest) in enumerate(steps, 1):
        if what == "wait":
            await asyncio.sleep(rest[0])
        elif what == "list":

            async def act():
                return {"tools": await list_tools()}

            await tell(number, act)
        else:

            async def act():
                failed, text = await call(rest[0], rest[1] if len(rest) > 1 else {})
                return {"ok": not failed, "text": text}

            await tell(number, act)


class Store:
    """Where an application keeps what it was given."""

    def __init__(self, client=None):
        self.tokens, self.client = None, client

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def with_sdk(url: str, steps: list) -> None:
    from mcp import ClientSession
    from mcp.client.auth import OAuthClientProvider
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata
    from mcp.types import PaginatedRequestParams

    is_first = importlib.metadata.version("mcp").startswith("1.")
    if is_first:
        import httpx
    else:
        import httpx2 as httpx
        from mcp.client.auth import AuthorizationCodeResult

    known = None
    if client_id := os.environ.get("CLIENT_ID"):
        issuer = {} if is_first else {"issuer": os.environ["ISSUER"]}
        known = OAuthClientInformationFull(
            client_id=client_id, redirect_uris=[REDIRECT], token_endpoint_auth_method="none", **issuer
        )
    back: dict[str, str] = {}

    async def redirect(authorization: str) -> None:
        back.clear()
        back.update(await asyncio.to_thread(sign_in, authorization))

    async def callback():
        if "error" in back:
            raise RuntimeError(f"{back['error']}: {back.get('error_description')}")
        if is_first:
            return back["code"], back.get("state")
        return AuthorizationCodeResult(code=back["code"], state=back.get("state"), iss=back.get("iss"))

    metadata = OAuthClientMetadata(
        client_name="toolgate interop",
        redirect_uris=[REDIRECT],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
    )
    document = os.environ.get("CLIENT_DOCUMENT")
    auth = OAuthClientProvider(
        server_url=url,
        client_metadata=metadata,
        storage=Store(known),
        redirect_handler=redirect,
        callback_handler=callback,
        **({"client_metadata_url": document} if document else {}),
    )
    is_sse = os.environ.get("TRANSPORT") == "sse"
    async with (
        httpx.AsyncClient(auth=auth, timeout=60, follow_redirects=True) as client,
        sse_client(url, auth=auth) if is_sse else streamable_http_client(url, http_client=client) as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):

        async def connect():
            await session.initialize()
            return {}

        async def list_tools():
            names, cursor = [], None
            while True:
                page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
                names += [tool.name for tool in page.tools]
                cursor = getattr(page, "nextCursor", None) or getattr(page, "next_cursor", None)
                if not cursor:
                    return names

        async def call(name, arguments):
            result = await session.call_tool(name, arguments)
            failed = getattr(result, "isError", None) or getattr(result, "is_error", None)
            return bool(failed), getattr(result.content[0], "text", "") if result.content else ""

        if await tell(0, connect):
            await follow(steps, list_tools, call)


async def with_fastmcp(url: str, steps: list) -> None:
    from fastmcp import Client
    from fastmcp.client.auth import OAuth

    class Auth(OAuth):
        """Its browser is LOGIN, and no listener waits for the callback."""

        async def redirect_handler(self, authorization_url: str) -> None:
            self.back = await asyncio.to_thread(sign_in, authorization_url)

        async def callback_handler(self):
            from mcp.client.auth import AuthorizationCodeResult

            if "error" in self.back:
                raise RuntimeError(f"{self.back['error']}: {self.back.get('error_description')}")
            back = self.back
            return AuthorizationCodeResult(code=back["code"], state=back.get("state"), iss=back.get("iss"))

    options = {}
    if client_id := os.environ.get("CLIENT_ID"):
        options["client_id"] = client_id
    if document := os.environ.get("CLIENT_DOCUMENT"):
        options["client_metadata_url"] = document
    client = Client(url, auth=Auth(callback_port=33341, **options))

    async def connect():
        await client.__aenter__()
        return {}

    async def list_tools():
        return [tool.name for tool in await client.list_tools()]

    async def call(name, arguments):
        result = await client.call_tool(name, arguments, raise_on_error=False)
        return bool(result.is_error), getattr(result.content[0], "text", "") if result.content else ""

    if await tell(0, connect):
        await follow(steps, list_tools, call)
        await client.__aexit__(None, None, None)


async def main() -> None:
    url, steps = sys.argv[1], json.loads(sys.argv[2])
    await (with_fastmcp if os.environ.get("PACKAGE") == "fastmcp" else with_sdk)(url, steps)


try:
    asyncio.run(main())
except BaseException as error:
    print(json.dumps({"ended": "; ".join(f"{type(leaf).__name__}: {leaf}" for leaf in leaves(error))}), flush=True)
