// Speaks to the API: keys, problems, and events that survive a lost connection. It shows nothing but the key dialog.
import { $ } from "./dom.js";
import { storage } from "./optional.js";

const KEY = "tablecall.key";

/** An answer that is a problem (RFC 9457), or no answer at all (`status` 0). */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? "");
    this.status = status;
    this.code = body.code ?? (status === 0 ? "unreachable" : "internal_error");
    this.errors = body.errors ?? [];
    this.body = body;
  }
}

/** What a header can carry; anything else would look like a lost network. */
const USABLE = /^[\x21-\x7e]+$/;

/** The key on this device, if it can be sent. */
function storedKey() {
  const key = storage.get(KEY);
  return key !== null && USABLE.test(key) ? key : null;
}

function headers(more) {
  const key = storedKey();
  return { ...(key ? { authorization: `Bearer ${key}` } : {}), ...more };
}

/** For so long nothing is asked in the background with a key that was refused, in milliseconds. */
const REST = 60_000;
/** The key that was refused last, and when. Each further try would count against this address. */
let refused = { key: null, until: 0 };

/** Fetches once; asks for a key when one is wanted, and then once more. `quiet`: never; `byItself`: unless declined. */
export async function request(path, { method = "GET", body, head = {}, signal, quiet = false, byItself = false } = {}) {
  for (;;) {
    const key = storedKey();
    if (quiet && key !== null && key === refused.key && Date.now() < refused.until) throw new Problem(401, { code: "unauthorized" });
    const send = { method, signal, headers: headers({ ...head, ...(body ? { "content-type": "application/json" } : {}) }), cache: "no-store" };
    if (body) send.body = JSON.stringify(body);
    let response;
    try {
      response = await fetch(path, send);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem(0, { detail: "" });
    }
    if (response.ok) {
      if (key === refused.key) refused = { key: null, until: 0 };
      return response;
    }
    const told = await response.json().catch(() => ({}));
    // After many tries with a wrong key the service says no more than that they were too many.
    const tooMany = told.code === "too_many_wrong_keys";
    if (response.status === 401 || tooMany) {
      refused = { key, until: Date.now() + REST };
      if (!quiet && !(byItself && declined) && (await askForKey())) continue;
    }
    throw tooMany ? new Problem(401, { ...told, code: "unauthorized" }) : new Problem(response.status, told);
  }
}

/** Whether requests carry a key. */
export const hasKey = () => storedKey() !== null;

export const json = async (path, options) => (await request(path, options)).json();

let asking = null;
/** Whether the dialog was put aside when it was last seen. */
let declined = false;

/** Opens the dialog, once for all that wait; true when there is a key to try. */
function askForKey() {
  asking ??= new Promise((resolve) => {
    const dialog = $("key");
    const hadKey = storage.get(KEY) !== null;
    $("key-error").textContent = hadKey ? $("key").dataset.refused ?? "" : "";
    $("secret").value = "";
    const done = (given) => {
      declined = !given;
      dialog.close();
      asking = null;
      resolve(given);
    };
    $("key-form").onsubmit = (event) => {
      event.preventDefault();
      const secret = $("secret").value.trim();
      if (!secret) return;
      if (!USABLE.test(secret)) {
        $("key-error").textContent = dialog.dataset.unusable ?? "";
        return;
      }
      storage.set(KEY, secret);
      done(true);
    };
    $("key-cancel").onclick = () => done(false);
    dialog.oncancel = (event) => {
      event.preventDefault();
      done(false);
    };
    dialog.showModal();
  });
  return asking;
}

const DELAYS = [500, 1000, 2000, 4000, 8000];
/** So often in a row a refusal is taken for a passing one: a call may become known again by its next webhook. */
const REFUSALS = 30;

/**
 * Follows `path` until `heard` returns true or `stop()` is called. `EventSource` can send no Authorization header, so
 * the stream is read by hand: with `Last-Event-ID`, again after each loss, sooner when the device is back on the net.
 * `state` is told "live", "lost" or, with the problem, "refused".
 */
export function follow(path, { heard, state, lastId = null }) {
  const control = new AbortController();
  let failures = 0;
  let wake = () => {};
  const nudge = () => wake();
  const online = ["online", "focus", "visibilitychange"];
  online.forEach((name) => (name === "visibilitychange" ? document : window).addEventListener(name, nudge));
  const stop = () => {
    control.abort();
    wake();
    online.forEach((name) => (name === "visibilitychange" ? document : window).removeEventListener(name, nudge));
  };
  const pause = () => new Promise((resolve) => {
    const timer = setTimeout(resolve, DELAYS[Math.min(failures++, DELAYS.length - 1)]);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  const once = async () => {
    const head = { accept: "text/event-stream", ...(lastId === null ? {} : { "last-event-id": String(lastId) }) };
    const response = await request(path, { head, signal: control.signal, byItself: true });
    state("live");
    for await (const event of events(response.body)) {
      // What was read before it was left is of a call that is not shown any more.
      if (control.signal.aborted) return true;
      failures = 0;
      if (event.id !== undefined) lastId = event.id;
      if (heard(event)) return true;
    }
    return false;
  };
  (async () => {
    while (!control.signal.aborted) {
      try {
        if (await once()) return stop();
        state("lost");
      } catch (error) {
        if (control.signal.aborted) return;
        const isRefused = error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429;
        state(isRefused ? "refused" : "lost", error);
        if (isRefused && failures >= REFUSALS) return stop();
      }
      await pause();
    }
  })();
  return stop;
}

/** Reads a body as server-sent events: `{ id, type, data }`. A quiet stream is one that was lost: heartbeats come every 15 seconds. */
async function* events(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let event = { type: "message", data: [] };
  for (;;) {
    const { done, value } = await within(reader, 40_000);
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const lines = text.split(/\r\n|\n|\r/);
    text = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data.length) yield { ...event, data: event.data.join("\n") };
        event = { type: "message", data: [] };
        continue;
      }
      const [, name, data] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
      if (name === "data") event.data.push(data ?? "");
      else if (name === "event") event.type = data;
      else if (name === "id") event.id = data;
    }
  }
}

async function within(reader, milliseconds) {
  let timer;
  const silence = new Promise((resolve) => { timer = setTimeout(() => resolve({ done: true }), milliseconds); });
  const read = await Promise.race([reader.read(), silence]);
  clearTimeout(timer);
  if (read.done) reader.cancel().catch(() => {});
  return read;
}
