"""The MCP server of the conformance runs: fastmcp, which speaks both protocol eras.

It has what the suite's scenarios look for by name: tools, prompts and resources that answer with
each kind of content. What it lacks fails on both ways to the server and so compares equal.
"""

import base64
import json
import os

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.prompts import Message
from fastmcp.tools import ToolResult
from mcp.types import AudioContent, EmbeddedResource, ImageContent, TextContent, TextResourceContents

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
WAV = base64.b64encode(b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x02\0\0\0\0\0").decode()

mcp = FastMCP("toolgate-conformance")


def image() -> ImageContent:
    return ImageContent(type="image", data=PNG, mimeType="image/png")


def embedded(uri: str, text: str, kind: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mimeType=kind, text=text))


@mcp.tool
def test_simple_text() -> str:
    """Answers with text."""
    return "This is a simple text response for testing."


@mcp.tool
def test_image_content() -> ToolResult:
    """Answers with an image."""
    return ToolResult(content=[image()])


@mcp.tool
def test_audio_content() -> ToolResult:
    """Answers with sound."""
    return ToolResult(content=[AudioContent(type="audio", data=WAV, mimeType="audio/wav")])


@mcp.tool
def test_embedded_resource() -> ToolResult:
    """Answers with a resource."""
    return ToolResult(content=[embedded("test://embedded-resource", "This is an embedded resource content.")])


@mcp.tool
def test_multiple_content_types() -> ToolResult:
    """Answers with text, an image and a resource."""
    text = TextContent(type="text", text="Multiple content types test:")
    mixed = embedded("test://mixed-content-resource", json.dumps({"test": "data", "value": 123}), "application/json")
    return ToolResult(content=[text, image(), mixed])


@mcp.tool
async def test_tool_with_logging(ctx: Context) -> str:
    """Logs while it runs."""
    for step in ("started", "processing data", "completed"):
        await ctx.info(f"Tool execution {step}")
    return "Tool with logging executed successfully"


@mcp.tool
async def test_tool_with_progress(ctx: Context) -> str:
    """Reports progress while it runs."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100)
    return "Tool with progress executed successfully"


@mcp.tool
def test_error_handling() -> str:
    """Fails."""
    raise ToolError("This tool intentionally returns an error for testing")


@mcp.tool
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Asks the client's model."""
    answer = await ctx.sample(prompt, max_tokens=100)
    return f"LLM response: {answer.text}"


@mcp.tool
async def test_elicitation(message: str, ctx: Context) -> str:
    """Asks the client's user."""
    answer = await ctx.elicit(message, response_type=str)
    return f"User response: {answer.action}"


@mcp.prompt
def test_simple_prompt() -> str:
    """A prompt without arguments."""
    return "This is a simple prompt for testing."


@mcp.prompt
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """A prompt with arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@mcp.prompt
def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:
    """A prompt that holds a resource."""
    resource = embedded(resourceUri, "Embedded resource content for testing.")
    return [Message(resource), Message("Please process the embedded resource above.")]


@mcp.prompt
def test_prompt_with_image() -> list[Message]:
    """A prompt that holds an image."""
    return [Message(image()), Message("Please analyze the image above.")]


@mcp.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """A resource of text."""
    return "This is the content of the static text resource."


@mcp.resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """A resource of bytes."""
    return base64.b64decode(PNG)


@mcp.resource("test://template/{id}/data", mime_type="application/json")
def template(id: str) -> str:
    """A resource for each id."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


mcp.run(transport="http", host="127.0.0.1", port=int(os.environ["PORT"]), path="/mcp", show_banner=False, log_level="warning")
