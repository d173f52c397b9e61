"""The tools for agents, by the official SDK: over standard input with a simulated carrier, and over HTTP with a key.

    agents.py PROGRAM ORIGIN KEY
"""
import asyncio
import sys

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

program, origin, key = sys.argv[1:4]
WISH = {"name": "Ana García", "time": "2027-06-18T19:30", "party_size": 4}


async def tries(server, phone, outcome):
    async with Client(server) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        assert "ask_for_table" in tools, tools
        preview = await client.call_tool("ask_for_table", {**WISH, "phone": phone})
        assert preview.structured_content["rung"] is False, preview
        placed = await client.call_tool("ask_for_table", {**WISH, "phone": phone, "attempts": 1, "confirm": True})
        told = []

        async def tell(_progress, _total, message):
            told.append(message)

        asked = {"id": placed.structured_content["id"], "max_seconds": 90}
        done = await client.call_tool("follow_call", asked, read_timeout_seconds=100, progress_callback=tell)
        assert done.structured_content["outcome"] == outcome, done
        assert len(told) > 1, told


async def main():
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {key}"}, timeout=100) as http:
        await asyncio.gather(
            tries(StdioServerParameters(command=program, args=["mcp"]), "+14155550101", "confirmed"),
            tries(streamable_http_client(f"{origin}/mcp", http_client=http), "+14152130102", "rejected"),
        )


asyncio.run(main())
