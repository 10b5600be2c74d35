"""A client on the official Python SDK, for the server of connectors/mcp, which it starts and talks to over its standard
streams. It prints what it saw as JSON; what should be there the test says.
"""

import json
import sys

import anyio
from mcp import Client, MCPError, StdioServerParameters


async def attempt(asked):
    try:
        return await asked
    except MCPError as error:
        return {"code": error.error.code, "message": error.error.message}


def told(result):
    if isinstance(result, dict):
        return result
    return {"text": [block.text for block in result.content], "is_error": bool(result.is_error)}


async def main(program: str, mode: str) -> None:
    saw = {}
    async with Client(StdioServerParameters(command=program), mode=mode) as client:
        saw["version"] = client.protocol_version
        saw["instructions"] = client.instructions
        saw["server"] = client.server_info.name if client.server_info else None
        tools = (await client.list_tools()).tools
        saw["tools"] = [
            {
                "name": tool.name,
                "description": tool.description,
                "schema": tool.input_schema,
                "hints": tool.annotations.model_dump(by_alias=True, exclude_none=True),
            }
            for tool in tools
        ]
        saw["changes"] = told(await client.call_tool("changes", {"service": "cart"}))
        saw["refuses"] = told(await attempt(client.call_tool("refuses", {})))
        saw["unknown"] = told(await attempt(client.call_tool("delete_everything", {})))
        resources = (await client.list_resources()).resources
        saw["resources"] = [[str(r.uri), r.name, r.mime_type] for r in resources]
        found = await client.read_resource("hearback://incidents/INC-17")
        saw["read"] = [content.text for content in found.contents]
        gone = await attempt(client.read_resource("hearback://incidents/INC-18"))
        saw["gone"] = gone if isinstance(gone, dict) else "found"
        # Given up after it began; the server drops it and goes on.
        with anyio.move_on_after(0.2):
            await client.call_tool("endless", {})
        saw["after"] = told(await client.call_tool("changes", {}))
        many = []

        async def one(number: int) -> None:
            many.append(told(await client.call_tool("changes", {"service": str(number)}))["text"][0])

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(one, number)
        saw["at_once"] = sorted(many)
    print(json.dumps(saw))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2])
