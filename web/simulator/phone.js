// The phone: which calls there are, the one in the hand, its screen and its keys.
import { pretty } from "/app/countries.js";
import { $, h, icon, soon } from "/app/dom.js";
import { ask } from "./control.js";
import * as sound from "./sound.js";

const HANDSET = "M6.600 3.500h2.500l1.400 4-2 1.500a12.500 12.500 0 0 0 6.500 6.500l1.500-2 4 1.400v2.500a3 3 0 0 1-3.200 3A16 16 0 0 1 3.600 6.700a3 3 0 0 1 3-3.200Z";
const LETTERS = { 2: "ABC", 3: "DEF", 4: "GHI", 5: "JKL", 6: "MNO", 7: "PQRS", 8: "TUV", 9: "WXYZ", 0: "+" };
const STANDING = { queued: "In the queue", initiated: "Dialling", ringing: "Ringing", "in-progress": "On the line", completed: "Call ended", busy: "Busy", "no-answer": "Not answered", failed: "Could not be reached", canceled: "Cancelled" };
/** What happens to a call beside what is heard. */
const HAPPENS = { dial: (to) => `Dials ${to}`, connected: () => "Connected with another call", queue: (name) => `Waits in the queue ${name}`, conference: (name) => `In the conference ${name}`, echo: () => "Hears itself" };
const SHOWN = 8;

let calls = new Map();
let selected = null;
/** How far the simulator's clock is ahead of ours, in milliseconds. */
let ahead = 0;
let spoken = "";
let changed = () => {};

export const current = () => calls.get(selected) ?? null;

/** Everything anew, as after a lost connection. */
export function reset(state) {
  ahead = new Date(state.now) - Date.now();
  calls = new Map(state.calls.map((call) => [call.sid, call]));
  if (!calls.has(selected)) selected = null;
  choose();
  draw();
}

/** One call as it now is. */
export function update(call) {
  const before = calls.get(call.sid);
  calls.set(call.sid, call);
  if (calls.size > 60) for (const old of [...calls.values()].filter((it) => it.ended).sort(newest).slice(40)) calls.delete(old.sid);
  if (!before) announce(call);
  soon(renew);
}

function renew() {
  choose();
  draw();
}

export function forget() {
  for (const call of [...calls.values()]) if (call.ended) calls.delete(call.sid);
  if (!calls.has(selected)) selected = null;
  choose();
  draw();
}

const newest = (a, b) => new Date(b.created_at) - new Date(a.created_at);
const other = (call) => (call.direction === "inbound" ? call.from : call.to);

/** The hand keeps the phone it holds; a free hand takes the one that waits for it, else the newest. */
function choose() {
  const held = current();
  if (held && !held.ended && !(held.status !== "in-progress" && !held.waits_for_a_hand)) return;
  const open = [...calls.values()].filter((call) => !call.ended).sort(newest);
  const wanted = open.find((call) => call.waits_for_a_hand) ?? (held && !held.ended ? held : open[0]) ?? held ?? [...calls.values()].sort(newest)[0];
  selected = wanted?.sid ?? null;
}

function announce(call) {
  if (call.waits_for_a_hand) $("announcer").textContent = `Incoming call for ${pretty(other(call))}`;
}

function standing(call) {
  if (call.status === "in-progress" && call.answered_at) return clock(Date.now() + ahead - new Date(call.answered_at));
  return STANDING[call.status] ?? call.status;
}

function clock(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

let drawn = {};
function part(id, sign, children) {
  const now = JSON.stringify(sign);
  if (drawn[id] === now) return;
  drawn[id] = now;
  $(id).replaceChildren(...children().filter(Boolean));
}

function draw() {
  const call = current();
  lines();
  const rings = call?.status === "ringing" && !call.ended;
  const talks = call?.status === "in-progress";
  const byHand = rings && call.waits_for_a_hand;
  $("phone").dataset.state = !call ? "idle" : rings ? "ringing" : talks ? "talking" : call.ended ? "ended" : "coming";
  $("standing").textContent = call ? standing(call) : "Idle";
  $("caller").textContent = call ? (call.direction === "inbound" ? "Calling the service" : "Tablecall") : "No call";
  $("callee").textContent = call ? `${pretty(call.from)} → ${pretty(call.to)}` : "Calls to numbers that do not answer by themselves ring here.";
  part("captions", [call?.sid, call?.transcript, call?.saying?.at, call?.warnings, call?.ended, byHand], () => captions(call));
  const inbound = call?.direction === "inbound";
  const [canAnswer, canHangUp] = [rings && !inbound, talks || (rings && inbound)];
  part("answering", [canAnswer, canHangUp, call?.sid], () => buttons(canAnswer, canHangUp));
  save(call);
  for (const key of $("keys").children) key.disabled = !talks;
  $("captions").scrollTop = $("captions").scrollHeight;
  const someRing = [...calls.values()].some((it) => it.waits_for_a_hand);
  sound.ring(someRing && !talks);
  voice(call, talks);
  document.title = `${someRing ? "☎ Ringing" : call && !call.ended ? standing(call) : "The restaurant's phone"} · Tablecall`;
  changed(call);
}

/** The whole call as a file, with which it can be replayed. */
function save(call) {
  $("save").hidden = !call;
  if (!call) return;
  $("save").href = `/simulator/api/calls/${call.sid}/export`;
  $("save").download = `${call.sid}.json`;
}

function lines() {
  const shown = [...calls.values()].sort((a, b) => a.ended - b.ended || newest(a, b)).slice(0, SHOWN);
  part("lines", [selected, shown.map((call) => [call.sid, call.status, call.waits_for_a_hand])], () => shown.map((call) => h(`button.line${call.ended ? ".over" : ""}${call.waits_for_a_hand ? ".rings" : ""}`,
    { type: "button", "aria-pressed": String(call.sid === selected), onclick: () => { selected = call.sid; draw(); } },
    h("span", {}, pretty(other(call))), h("small", {}, call.status === "in-progress" ? "On the line" : STANDING[call.status] ?? call.status))));
}

/** What was said and pressed, and what went wrong. */
function captions(call) {
  if (!call) return [];
  const said = call.transcript.map((line) => {
    const now = call.saying && call.saying.at === line.at && line.speaker === "twilio";
    if (line.kind === "keys") return h("li.pressed", {}, h("span.spoken-only", {}, "Pressed "), h("kbd", {}, line.text));
    if (line.kind === "pause") return null;
    if (line.kind in HAPPENS) return h("li.quietly", {}, HAPPENS[line.kind](line.text));
    const kind = line.speaker === "twilio" ? "machine" : "person";
    return h(`li.${kind}${now ? ".now" : ""}${line.cut ? ".cut" : ""}`, { lang: line.language }, line.text || line.kind);
  });
  const warned = call.warnings.map((warning) => h("li.warned", {}, `${warning.code}: ${warning.message}`));
  const hint = !said.length && !call.ended ? h("li.quietly", {}, call.waits_for_a_hand ? "Answer, and the machine begins to speak." : "It behaves on its own: just watch.") : null;
  return [...said, ...warned, hint];
}

function buttons(rings, talks) {
  const deed = (name, words, kind) => h(`button.${kind}`, { type: "button", onclick: () => act(name) }, icon(HANDSET, 24), words);
  if (rings) return [deed("decline", "Decline", "off"), deed("answer", "Answer", "on")];
  if (talks) return [deed("hangup", "Hang up", "off")];
  return [];
}

/** Speaks what the machine says, once, and stops when it is cut short. */
function voice(call, talks) {
  const line = talks ? call.saying : null;
  if (line?.text) {
    const now = call.sid + line.at;
    if (now !== spoken) sound.say(line.text, line.language);
    spoken = now;
  } else if (spoken && (!talks || call.transcript.filter((it) => it.speaker === "twilio").at(-1)?.cut)) {
    spoken = "";
    sound.hush();
  }
}

async function act(deed, body) {
  const call = current();
  if (!call) return;
  try {
    await ask(`calls/${call.sid}/${deed}`, "POST", body ?? {});
  } catch (error) {
    $("announcer").textContent = error.message;
  }
}

function press(key) {
  if (current()?.status !== "in-progress") return;
  sound.hush();
  sound.key(key);
  const button = [...$("keys").children].find((it) => it.dataset.key === key);
  button?.classList.add("down");
  setTimeout(() => button?.classList.remove("down"), 160);
  act("press", { digits: key });
}

/** Wires the phone; `told` is called with the call in the hand whenever something changed. */
export function start(told) {
  changed = told;
  $("keys").replaceChildren(...[..."123456789*0#"].map((key) => h("button.key", { type: "button", "aria-label": key, "data-key": key, "data-letters": LETTERS[key] ?? "", disabled: true, onclick: () => press(key) }, key)));
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat || !/^[0-9*#]$/.test(event.key)) return;
    event.preventDefault();
    press(event.key);
  });
  const show = () => {
    $("mute").setAttribute("aria-pressed", String(sound.isMuted()));
    $("mute").replaceChildren(icon(sound.isMuted() ? "M4 9.500v5h3.500L12 18.500v-13L7.500 9.500H4M16 10l4 4M20 10l-4 4" : "M4 9.500v5h3.500L12 18.500v-13L7.500 9.500H4M15.500 9a4 4 0 0 1 0 6M18 6.500a7.500 7.500 0 0 1 0 11", 22));
  };
  $("mute").onclick = () => {
    sound.mute(!sound.isMuted());
    show();
    draw();
  };
  show();
  // The first touch lets a phone that rings already be heard.
  addEventListener("pointerdown", () => setTimeout(draw), { once: true });
  setInterval(() => {
    const call = current();
    if (call?.status === "in-progress") $("standing").textContent = standing(call);
  }, 500);
}
