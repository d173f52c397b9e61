"""A voice app as Twilio's users write it (Flask with its session, the SDK's builder, validator and client), run on the
simulator. Ends with 0 when all of it holds."""
import importlib.metadata
import os
import threading

from flask import Flask, Response, abort, request, session
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.twiml.voice_response import Gather, VoiceResponse
from werkzeug.serving import make_server

API, ACCOUNT, TOKEN = os.environ["SIMULATOR"], os.environ["ACCOUNT"], os.environ["TOKEN"]


class Local(TwilioHttpClient):
    """Sends what is meant for Twilio to the simulator."""

    def request(self, method, url, *args, **kwargs):
        return super().request(method, url.replace("https://api.twilio.com", API), *args, **kwargs)


client = Client(ACCOUNT, TOKEN, http_client=Local())
app = Flask(__name__)
app.secret_key = "s"
seen, over = [], threading.Event()


@app.before_request
def verify():
    validator = RequestValidator(TOKEN)
    if not validator.validate(request.url, request.form, request.headers.get("X-Twilio-Signature", "")):
        abort(403)
    seen.append((request.path, dict(request.form)))


def xml(answer):
    return Response(str(answer), mimetype="text/xml")


@app.post("/voice")
def voice():
    session["step"] = 1
    answer = VoiceResponse()
    gather = Gather(num_digits=1, action="/key", timeout=3)
    gather.say("Press a key")
    answer.append(gather)
    return xml(answer)


@app.post("/key")
def key():
    assert session["step"] == 1, "the session was lost"
    answer = VoiceResponse()
    answer.record(timeout=2, action="/recorded", max_length=5, transcribe=True)
    answer.enqueue("support", action="/queued", wait_url="/wait")
    return xml(answer)


@app.post("/wait")
def wait():
    answer = VoiceResponse()
    answer.say("Please hold")
    answer.leave()
    return xml(answer)


@app.post("/queued")
def queued():
    answer = VoiceResponse()
    answer.dial().conference("Room", end_conference_on_exit=True)
    return xml(answer)


@app.post("/status")
def status():
    over.set()
    return "", 204


server = make_server("127.0.0.1", 0, app, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
here = f"http://127.0.0.1:{server.server_port}"
call = client.calls.create(
    to="+14155550101", from_="+15005550006", url=f"{here}/voice", status_callback=f"{here}/status", time_limit=30)
assert over.wait(60), seen
paths = [path for path, _ in seen]
assert [path for path in paths if path != "/status"] == ["/voice", "/key", "/wait", "/queued"], paths
assert dict(seen)["/key"]["Digits"] == "1"
assert dict(seen)["/queued"]["QueueResult"] == "leave"
fetched = client.calls(call.sid).fetch()
assert fetched.status == "completed" and int(fetched.duration) >= 1, fetched.status
assert client.calls(call.sid).notifications.list() == []
assert client.queues.list()[0].friendly_name == "support"
assert [room.friendly_name for room in client.conferences.list(status="completed")] == ["Room"]
assert client.api.v2010.accounts(ACCOUNT).fetch().date_created is not None
try:
    client.calls.create(to="nobody", from_="+15005550006", url=f"{here}/voice")
    raise AssertionError("a wrong number was taken")
except TwilioRestException as refused:
    assert refused.code == 21211, refused.code
server.shutdown()
print(f"PyPI twilio {importlib.metadata.version('twilio')}: {len(seen)} requests, all verified")
