#!/usr/bin/env bash
# httpx-sse makes an event of every heartbeat once the stream has had an id.
#
# Seen on 2026-11-27 with httpx-sse 0.4.3 (httpx 0.28.1) against sseclient-py 1.9.0 (PyPI), on Python 3.11. By the
# HTML standard, 9.2.6, a comment line does nothing and a block without data is dropped. httpx-sse drops such a block
# only as long as no id was seen: after "id: 7" each ": beat" arrives as an event of type "message" with the data ""
# and the id 7, and its method json() raises. The same holds for a block that carries nothing but retry, id or event,
# at any time. A client that works on a stream without ids fails at the first heartbeat of one that has them. A
# comment that no empty line follows is safe.
#
# Exits 1 if the heartbeats are dropped.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
timeout 300 "$folder/env/bin/pip" install --quiet --disable-pip-version-check \
  httpx==0.28.1 httpx-sse==0.4.3 sseclient-py==1.9.0
timeout 60 "$folder/env/bin/python" - <<'PYTHON'
import sys
import httpx, httpx_sse, sseclient

STREAMS = {
    "heartbeats, no id": b'data: {"n":1}\n\n: beat\n\n: beat\n\ndata: {"n":2}\n\n',
    "heartbeats after an id": b'id: 7\ndata: {"n":1}\n\n: beat\n\n: beat\n\ndata: {"n":2}\n\n',
    "comments without an empty line": b'id: 7\ndata: {"n":1}\n\n: beat\n: beat\ndata: {"n":2}\n\n',
    "retry alone": b'retry: 3000\n\ndata: {"n":1}\n\n',
}
SEEN = {
    "heartbeats, no id": (2, 0),
    "heartbeats after an id": (2, 2),
    "comments without an empty line": (2, 0),
    "retry alone": (1, 1),
}
changed = 0
for name, stream in STREAMS.items():
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=stream)
    events = [event.data for event in httpx_sse.EventSource(response).iter_sse()]
    others = [event.data for event in sseclient.SSEClient(iter([stream])).events()]
    print(f"{name}: httpx-sse {events}, sseclient-py {others}")
    changed += (len(others), events.count("")) != SEEN[name] or "" in others
sys.exit(1 if changed else 0)
PYTHON
