#!/usr/bin/env bash
# fetch-event-source drops the empty lines that a message begins with, so a message of one line break arrives empty.
#
# Seen on 2026-11-27 with @microsoft/fetch-event-source 2.0.1 against eventsource-parser 3.1.1 (npm), on Node 20. By
# the HTML standard, 9.2.6, every data line is appended with a line feed and the last feed is removed: two empty data
# lines are the text "\n", as the standard's own example has it. fetch-event-source joins a line only to text that is
# not empty: "\n" becomes "", and "\n\nx" becomes "x". Empty lines in the middle and at the end stay. A text that is
# streamed in pieces loses each break that begins a piece, and no other.
#
# Exits 1 if the lines arrive.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
timeout 300 npm install --prefix "$folder" --cache "$folder/cache" --silent --no-audit --no-fund \
  @microsoft/fetch-event-source@2.0.1 eventsource-parser@3.1.1
cd "$folder"
cat > read.mjs <<'NODE'
import { fetchEventSource } from "@microsoft/fetch-event-source";
import { createParser } from "eventsource-parser";

// The client is made for pages: it wants to know whether the page is seen, and the page's clock.
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
globalThis.window = globalThis;
const texts = ["\n", "\n\nx", "a\n\nb", "a\n"];
const stream = texts.map((text) => text.split("\n").map((line) => `data: ${line}\n`).join("") + "\n").join("");
const ones = [];
await fetchEventSource("http://127.0.0.1/", {
  fetch: async () => new Response(stream, { headers: { "content-type": "text/event-stream" } }),
  onmessage: (event) => ones.push(event.data),
});
const others = [];
createParser({ onEvent: (event) => others.push(event.data) }).feed(stream);
texts.forEach((text, at) => {
  const [sent, one, other] = [text, ones[at], others[at]].map((value) => JSON.stringify(value));
  console.log(`sent ${sent}: fetch-event-source ${one}, eventsource-parser ${other}`);
});
NODE
timeout 60 node read.mjs > seen
cat seen
cat > wanted <<'WANTED'
sent "\n": fetch-event-source "", eventsource-parser "\n"
sent "\n\nx": fetch-event-source "x", eventsource-parser "\n\nx"
sent "a\n\nb": fetch-event-source "a\n\nb", eventsource-parser "a\n\nb"
sent "a\n": fetch-event-source "a\n", eventsource-parser "a\n"
WANTED
cmp seen wanted
