// A voice app as Twilio's users write it (Express, sessions, the SDK's builder, middleware and client), run on the
// simulator: it calls, is called, dials, records, and reads what there is of it. Ends with 0 when all of it holds.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.SDK_MODULES}/`);
const express = require("express");
const session = require("express-session");
const twilio = require("twilio");

const { SIMULATOR: api, ACCOUNT: account, TOKEN: token } = process.env;
const client = twilio(account, token);
client.api.baseUrl = api;

const app = express();
app.use(express.urlencoded({ extended: false }));
app.use(session({ secret: "s", resave: false, saveUninitialized: false }));
app.use(twilio.webhook(token));

const seen = [];
const ended = new Map();
const twiml = (route, build) => app.post(route, (request, response) => {
  seen.push([route, request.body]);
  const answer = new twilio.twiml.VoiceResponse();
  build(answer, request);
  response.type("text/xml").send(answer.toString());
});
twiml("/voice", (answer, request) => {
  request.session.caller = request.body.To;
  answer.gather({ numDigits: 1, action: "/key?quote='&pipe=|" }).say({ voice: "Polly.Joanna-Neural" }, "Press a key");
  answer.say("Nothing was pressed");
});
twiml("/key", (answer, request) => {
  answer.say({ language: "en-gb" }, `${request.session.caller} pressed ${request.body.Digits}`);
});
twiml("/dial", (answer) => {
  const dial = answer.dial({ action: "/dialled", timeLimit: 3, record: "record-from-answer" });
  dial.number({ statusCallback: "/leg", statusCallbackEvent: "initiated ringing answered completed" }, "+14155550107");
});
twiml("/dialled", (answer) => answer.hangup());
twiml("/leg", () => {});
twiml("/incoming", (answer) => answer.gather({ input: "dtmf speech", action: "/incoming-key" }).say("Welcome"));
twiml("/elsewhere", (answer) => answer.say("Your turn"));
twiml("/hold", (answer) => answer.say("One moment"));
twiml("/incoming-key", (answer) => answer.say("Goodbye"));
app.post("/status", (request, response) => {
  ended.get(request.body.CallSid)?.(request.body);
  response.sendStatus(204);
});

const server = app.listen(0, "127.0.0.1");
await new Promise((ready) => server.once("listening", ready));
const here = `http://127.0.0.1:${server.address().port}`;
const of = (route) => seen.filter(([path]) => path === route).map(([, body]) => body);

async function call(to, path) {
  const made = await client.calls.create({ to, from: "+15005550006", url: `${here}${path}`, statusCallback: `${here}/status`, statusCallbackEvent: ["completed"], timeout: 20 });
  assert.match(made.sid, /^CA[0-9a-f]{32}$/);
  const last = await new Promise((over) => ended.set(made.sid, over));
  return { sid: made.sid, last };
}

const whole = await call("+14155550101", "/voice");
assert.equal(whole.last.CallStatus, "completed");
assert.equal(of("/key")[0].Digits, "1");
const fetched = await client.calls(whole.sid).fetch();
assert.equal(fetched.status, "completed");
assert.ok(fetched.dateCreated instanceof Date && Number(fetched.duration) > 0);
assert.deepEqual(await client.calls(whole.sid).notifications.list(), []);
const heard = await fetch(`${api}/simulator/api/calls/${whole.sid}`).then((it) => it.json());
assert.ok(heard.transcript.some((line) => line.text === "+14155550101 pressed 1"), "the session was lost");

const dialled = await call("+14155550107", "/dial");
const after = of("/dialled")[0];
assert.equal(after.DialCallStatus, "completed");
assert.equal(after.DialCallDuration, "3");
assert.deepEqual(of("/leg").map((it) => it.CallStatus), ["initiated", "ringing", "in-progress", "completed"]);
const [leg] = await client.calls.list({ parentCallSid: dialled.sid });
assert.equal(leg.parentCallSid, dialled.sid);
const [recording] = await client.calls(dialled.sid).recordings.list();
assert.equal(recording.duration, "3");
const wav = await fetch(after.RecordingUrl).then((it) => it.arrayBuffer());
assert.equal(wav.byteLength, 44 + 3 * 16000);

const busy = await call("+14155550103", "/voice");
assert.equal(busy.last.CallStatus, "busy");
const application = await client.applications.create({ friendlyName: "app", voiceUrl: `${here}/voice` });
const byApplication = await client.calls.create({ to: "client:alice", from: "+15005550006", applicationSid: application.sid });
await client.calls(byApplication.sid).update({ status: "completed" });
await assert.rejects(client.calls.create({ to: "+14155550101", from: "+15005550006", applicationSid: "AP00000000000000000000000000000000" }), { code: 21218 });
await assert.rejects(client.calls("CA00000000000000000000000000000000").fetch(), { status: 404, code: 20404 });
assert.equal((await client.api.v2010.accounts(account).fetch()).status, "active");
assert.ok((await client.calls.list({ limit: 3, pageSize: 1 })).length === 3);

const rings = await fetch(`${api}/simulator/api/inbound`, { method: "POST", body: JSON.stringify({ from: "+14155552671", to: "+15005550006", url: `${here}/incoming`, parameters: { FromCity: "OAKLAND", StirVerstat: "TN-Validation-Passed-A" } }) }).then((it) => it.json());
const act = (deed, body) => fetch(`${api}/simulator/api/calls/${rings.sid}/${deed}`, { method: "POST", body: JSON.stringify(body) });
const state = async (sid, wanted) => {
  for (let version = 0; ;) {
    const now = await fetch(`${api}/simulator/api/calls/${sid}?after=${version}`).then((it) => it.json());
    if (wanted(now)) return now;
    version = now.version;
  }
};
await state(rings.sid, (now) => now.gather?.listening);
await act("press", { digits: "5#" });
await state(rings.sid, (now) => now.ended);
assert.equal(of("/incoming")[0].FromCity, "OAKLAND");
assert.equal(of("/incoming")[0].StirVerstat, "TN-Validation-Passed-A");
assert.equal(of("/incoming-key")[0].Digits, "5");

const hears = (text) => (now) => now.transcript.some((line) => line.text === text);
const queue = await client.queues.create({ friendlyName: "support", maxSize: 5 });
const waiting = await client.calls.create({ to: "+14155550107", from: "+15005550006", twiml: "<Response><Enqueue>support</Enqueue></Response>" });
await state(waiting.sid, hears("support"));
const members = client.queues(queue.sid).members;
assert.deepEqual((await members.list()).map((it) => it.callSid), [waiting.sid]);
await members("Front").update({ url: `${here}/elsewhere` });
await state(waiting.sid, hears("Your turn"));
await state(waiting.sid, (now) => now.ended);
assert.equal(await client.queues(queue.sid).remove(), true);

const agent = await client.conferences("Room").participants.create({ from: "+15005550006", to: "+14155550107", label: "agent" });
await state(agent.callSid, hears("Room"));
const room = client.conferences(agent.conferenceSid);
const held = await room.participants("agent").update({ hold: true, holdUrl: `${here}/hold`, muted: true });
assert.deepEqual([held.hold, held.muted, held.status], [true, true, "connected"]);
await state(agent.callSid, hears("One moment"));
assert.equal((await room.participants.list({ hold: true })).length, 1);
assert.equal(await room.participants("agent").remove(), true);
await state(agent.callSid, (now) => now.ended);

server.close();
server.closeAllConnections();
console.log(`npm twilio ${require("twilio/package.json").version}: ${seen.length} documents, all verified`);
