"""One whole call through whatever stands at `origin`; openapi-core judges each request and each answer.

    calls.py DOCUMENT ORIGIN KEY LAST_DIGITS [--calendar]

With --calendar it prints the entry of the confirmed call.
"""
import json
import os
import sys

import requests
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse

document, origin, key, last = sys.argv[1:5]
description = json.load(open(document))
description["servers"] = [{"url": origin}]


def text(body, **_):
    return body.decode()


# What the library reads by itself is JSON alone.
readers = {"application/problem+json": lambda body, **_: json.loads(body), "text/event-stream": text, "text/calendar": text}
api = OpenAPI.from_dict(description, config=Config(extra_media_type_deserializers=readers))
session = requests.Session()


def ask(method, path, expected, **more):
    more["headers"] = {"authorization": f"Bearer {key}", **more.get("headers", {})}
    request = requests.Request(method, origin + path, **more)
    answer = session.send(session.prepare_request(request), timeout=120)
    assert answer.status_code == expected, (method, path, answer.status_code, answer.text)
    if expected == 204:
        # openapi-core takes every empty body for a missing one where a type is documented.
        assert answer.content == b"" and "204" in description["paths"]["/api/call/{id}/events"]["get"]["responses"]
        return answer
    asked, answered = RequestsOpenAPIRequest(request), RequestsOpenAPIResponse(answer)
    api.validate_request(asked)
    api.validate_response(asked, answered)
    return answer


# A number of its own, so that no two of these calls wait for each other: exchanges in 11 are services such as 911.
exchanges = [exchange for exchange in range(200, 1000) if exchange % 100 != 11]
phone = f"+1415{exchanges[os.getpid() % len(exchanges)]}{last}"
wish = {"name": "Ana García", "phone": phone, "time": "2027-06-18T19:30", "party_size": 4, "restaurant": "Da Gino", "notes": None, "attempts": 1, "alternatives": {"earliest": "18:00", "latest": "22:00"}}
ask("POST", "/api/call/check", 200, json=wish)
made = ask("POST", "/api/call", 202, json=wish).json()
path = f"/api/call/{made['id']}"
stream = ask("GET", f"{path}/events", 200).text
states = [json.loads(line[5:]) for line in stream.splitlines() if line.startswith("data:")]
final = states[-1]
assert final["final"] and [state["final"] for state in states].count(True) == 1, final
seen = next(line[3:].strip() for line in reversed(stream.splitlines()) if line.startswith("id:"))
ask("GET", f"{path}/events", 204, headers={"last-event-id": seen})
assert ask("GET", path, 200).json()["outcome"] == final["outcome"]
confirmed = final["outcome"] == "confirmed"
entry = ask("GET", f"{path}/calendar.ics", 200 if confirmed else 409)
ask("POST", f"{path}/cancel", 409)
ask("POST", f"{path}/events/resend", 409)
ask("GET", "/api/call/nothing", 404)
ask("POST", "/api/call", 422, json={**wish, "party_size": 98, "time": "2001-01-01T10:00"})
if "--calendar" in sys.argv:
    print(entry.text, end="")
