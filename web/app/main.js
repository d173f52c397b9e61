// Starts the app: words, facts about the service, which of the two views is shown, the service worker.
import { json, Problem } from "./api.js";
import { $, h } from "./dom.js";
import * as form from "./form.js";
import * as live from "./live.js";
import { storage, stored, workers } from "./optional.js";
import * as recent from "./recent.js";
import * as wish from "./wish.js";
import { dress, LANGUAGES, language, load, t } from "./words.js";

/** What is known of the service while it cannot be asked. */
const UNKNOWN = { service_name: "Tablecall", simulator: false, one_restaurant: false, country: null, languages: [] };
const ABOUT = "tablecall.about";

async function facts() {
  try {
    const told = await json("/about.json", { quiet: true });
    storage.set(ABOUT, JSON.stringify(told));
    return told;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    offline(problem.status === 0);
    return stored(ABOUT) ?? UNKNOWN;
  }
}

function offline(is) {
  $("offline").hidden = !is;
}

/** The call that the form was filled from. */
let origin = null;

/** Whether the call `id` asks for the table that `earlier` got no yes for. */
const follows = (call, earlier) => earlier && earlier.id !== call.id && earlier.outcome !== "confirmed"
  && ["name", "phone"].every((field) => earlier.reservation[field] === call.reservation[field]);

/** Goes to a call that was made; the call `from` which it was asked for knows of it. */
function go(call, from, asked) {
  recent.keep(call, { asked });
  if (from && follows(call, recent.find(from))) recent.note(from, { next: call.id });
  offline(false);
  location.hash = `#/call/${call.id}`;
}

async function place(body, from = origin) {
  const key = wish.keyOf(JSON.stringify(body));
  try {
    const call = await json("/api/call", { method: "POST", body, head: { "idempotency-key": key } });
    wish.forget();
    origin = null;
    go(call, from, body);
  } catch (problem) {
    if (problem instanceof Problem && problem.code === "duplicate_call" && problem.body.call_id) {
      location.hash = `#/call/${problem.body.call_id}`;
      return;
    }
    if (problem instanceof Problem && problem.status === 0) offline(!navigator.onLine);
    throw problem;
  }
}

/** Asks again from a verdict; where that is refused, the form says why. */
async function ask(call, time) {
  try {
    await place(form.again(call, time), call.id);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    edit(call, time);
    form.show(problem);
  }
}

/** Takes the time that the restaurant offered in `call`: it is called back. */
async function accept(call, time) {
  try {
    go(await json(`/api/call/${call.id}/accept`, { method: "POST" }), call.id, form.again(call, time));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    // A call that the service does not hold any more is asked for anew.
    if (problem.code === "call_not_found") return ask(call, time);
    edit(call, time);
    form.show(problem);
  }
}

function edit(call, time) {
  location.hash = "#/";
  view();
  origin = call.id;
  form.fill(form.again(call, time));
  $("date").focus();
}

/** Asks for the same table at another place. */
function elsewhere(call) {
  edit(call);
  form.leavePlace();
}

let shown = null;

/** Shows what the address asks for: the form, or one call. */
function view() {
  const id = /^#\/call\/([\w-]+)$/.exec(location.hash)?.[1] ?? null;
  if (id === shown && shown !== null) return;
  const before = shown;
  shown = id;
  $("ask").hidden = id !== null;
  $("live").hidden = id === null;
  recent.hide();
  if (id === null) {
    live.close();
    recent.show();
    form.changed();
    document.title = $("service").textContent;
    if (before) $("main").focus({ preventScroll: true });
  } else {
    const seen = () => recent.find(id) ?? { id, reservation: {} };
    live.open(id, { ask: (time) => ask(seen(), time), edit: () => edit(seen()), elsewhere: () => elsewhere(seen()), accept: (time) => accept(seen(), time) });
    $("main").focus({ preventScroll: true });
  }
  if (before !== id) scrollTo(0, 0);
}

function tongues() {
  $("tongue").replaceChildren(...Object.entries(LANGUAGES).map(([code, name]) => h("option", { value: code, lang: code }, name)));
  $("tongue").value = language();
  $("tongue").onchange = async () => {
    await load($("tongue").value);
    clothe();
    form.redress();
    if (shown) live.redress();
    else recent.draw();
  };
}

function clothe() {
  dress();
  $("tongue-shown").textContent = language().toUpperCase();
  $("key").dataset.refused = t("key.refused");
  $("key").dataset.unusable = t("key.unusable");
}

function recentCalls() {
  $("erase").onclick = () => $("erase-dialog").showModal();
  $("erase-dialog").addEventListener("close", () => {
    if ($("erase-dialog").returnValue !== "yes") return;
    recent.erase();
    wish.forget();
    recent.draw();
    $("main").focus();
  });
}

/** Calls can have changed while the page was out of sight, or by another page. */
function stayTrue() {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    if (shown) live.refresh();
    else recent.show();
  });
  addEventListener("storage", () => {
    if (shown) live.reread();
    else recent.draw();
  });
}

/** A new version waits until it is wanted: a page never runs on files of two versions. */
async function worker() {
  const container = workers();
  if (!container) return;
  const registration = await container.register("/sw.js", { updateViaCache: "none" });
  const offer = () => {
    const waiting = registration.waiting;
    if (!waiting || !container.controller) return;
    $("update").hidden = false;
    $("update-now").onclick = () => {
      container.addEventListener("controllerchange", () => location.reload(), { once: true });
      waiting.postMessage("use");
    };
  };
  offer();
  registration.addEventListener("updatefound", () => {
    const coming = registration.installing;
    coming?.addEventListener("statechange", () => coming.state === "installed" && offer());
  });
  document.addEventListener("visibilitychange", () => document.hidden || registration.update().catch(() => {}));
}

await load();
clothe();
const about = await facts();
$("service").textContent = about.service_name;
$("to-phone").hidden = !about.simulator;
$("simulated").hidden = !about.simulator;
form.start(about, place);
tongues();
recentCalls();
stayTrue();
addEventListener("hashchange", view);
addEventListener("online", () => offline(false));
addEventListener("offline", () => offline(true));
offline(!navigator.onLine || !$("offline").hidden);
view();
document.documentElement.classList.remove("awaits-words");
document.documentElement.dataset.ready = "yes";
worker().catch(() => {});
