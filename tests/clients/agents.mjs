// The tools for agents, by the official SDK: over standard input with a simulated carrier, and over HTTP with a key.
//
//     node agents.mjs PROGRAM ORIGIN KEY
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import assert from "node:assert/strict";

const [, , program, origin, key] = process.argv;
const wish = { name: "Ana García", time: "2027-06-18T19:30", party_size: 4 };

async function tries(name, transport, phone, outcome) {
  const client = new Client({ name: "scripts/clients", version: "1" });
  await client.connect(transport);
  const { tools } = await client.listTools();
  assert.ok(tools.some((tool) => tool.name === "ask_for_table"), name);
  const use = (tool, args, options) => client.callTool({ name: tool, arguments: args }, undefined, options);
  const preview = await use("ask_for_table", { ...wish, phone });
  assert.equal(preview.structuredContent.rung, false, name);
  const placed = await use("ask_for_table", { ...wish, phone, attempts: 1, confirm: true });
  const { id } = placed.structuredContent;
  assert.ok(id, JSON.stringify(placed));
  const told = [];
  const done = await use("follow_call", { id, max_seconds: 90 }, { onprogress: ({ message }) => told.push(message), timeout: 100_000 });
  assert.equal(done.structuredContent.outcome, outcome, JSON.stringify(done));
  assert.ok(told.length > 1, `${name}: progress was told ${told.length} times`);
  await client.close();
}

const headers = { authorization: `Bearer ${key}` };
await Promise.all([
  tries("stdio", new StdioClientTransport({ command: program, args: ["mcp"], stderr: "ignore" }), "+14155550101", "confirmed"),
  tries("http", new StreamableHTTPClientTransport(new URL(`${origin}/mcp`), { requestInit: { headers } }), "+14152120102", "rejected"),
]);
