// The last calls, kept in this browser and nowhere else.
import { json, Problem } from "./api.js";
import { pretty } from "./countries.js";
import { $, h } from "./dom.js";
import { storage, stored } from "./optional.js";
import { n, t, tableDayShort, tableTime } from "./words.js";

const KEPT = 20;
const STORE = "tablecall.calls";
/** How often calls under way are looked at where they are not followed, in milliseconds. */
export const INTERVAL = 5000;

const read = () => {
  const calls = stored(STORE);
  return Array.isArray(calls) ? calls : [];
};

/** A call as it was last seen here. */
export const find = (id) => read().find((call) => call.id === id) ?? null;

/**
 * Remembers the newest state of a call, and returns it: answers can overtake one another, and an older state is none.
 * `here` is what this browser alone knows of it: `asked`, the request as the guest made it; `next`, the call that was
 * asked for in its place; `gone`, that the service does not hold it any more.
 */
export function keep(call, here = {}) {
  const calls = read();
  const at = calls.findIndex(({ id }) => id === call.id);
  const known = calls[at];
  const kept = { ...(known?.version > call.version ? known : call), here: { ...known?.here, gone: false, ...here } };
  if (at >= 0) calls[at] = kept;
  else calls.unshift(kept);
  storage.set(STORE, JSON.stringify(calls.slice(0, KEPT)));
  return kept;
}

/** Remembers more of a call that is known here. */
export function note(id, here) {
  const call = find(id);
  if (call) keep(call, here);
}

/** Forgets all of them. */
export const erase = () => storage.remove(STORE);

/** The call that was asked for in place of this one, here or elsewhere. */
export const successor = (call) => call.offer_accepted_by ?? call.here?.next ?? null;

/** Whether a call was under way when it was last seen here. */
export const isOpen = (call) => Boolean(call && !call.final && !call.here?.gone);

/** Asks the service what became of a call that is known here. Without an answer, what was last seen stays. */
export async function refresh(id) {
  let call;
  try {
    call = await json(`/api/call/${id}`, { quiet: true });
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.code === "call_not_found") note(id, { gone: true });
    return;
  }
  // Meanwhile it may have been erased.
  if (find(id)) keep(call);
}

/** What stands at a call in a list, and the colour of it. */
export function standing(call) {
  if (call.outcome) return [t(`outcome.${call.outcome}`), tone(call.outcome)];
  if (call.here?.gone) return [t("outcome.unknown"), "plain"];
  if (call.final === undefined) return ["", "plain"];
  return [t(`status.${call.status}`), "live"];
}

/** The same as an element. */
export function chip(call) {
  const [words, colour] = standing(call);
  return h(`span.chip.${colour}`, {}, words);
}

/** good, bad, warn or plain. */
export function tone(outcome) {
  if (outcome === "confirmed") return "good";
  if (outcome === "rejected" || outcome === "opted_out") return "bad";
  if (outcome === "countered") return "warn";
  return "plain";
}

let timer = null;
let listed = false;

/** Shows the list, and keeps it true while it is shown. */
export function show() {
  listed = true;
  draw();
  look();
}

/** Takes it away. */
export function hide() {
  listed = false;
  clearTimeout(timer);
  $("recent").hidden = true;
}

/** Looks at the calls that were under way when they were last seen here. */
async function look() {
  clearTimeout(timer);
  // One that the service did not know may be known again. A page out of sight asks nothing.
  const unsettled = read().filter((call) => !call.final);
  if (document.hidden || unsettled.length === 0) return;
  await Promise.all(unsettled.map((call) => refresh(call.id)));
  if (!listed) return;
  draw();
  clearTimeout(timer);
  if (read().some(isOpen)) timer = setTimeout(look, INTERVAL);
}

/** Draws the list. */
export function draw() {
  if (!listed) return;
  const calls = read();
  const list = $("recent-list");
  const focused = document.activeElement?.closest("#recent-list a")?.hash;
  $("recent").hidden = calls.length === 0;
  list.replaceChildren(...calls.map((call) => {
    const { reservation } = call;
    const what = `${tableDayShort(reservation.time)}, ${tableTime(call.agreed_time ?? reservation.time)} · ${n("people", reservation.party_size)}`;
    return h("li", {}, h("a.recent-call", { href: `#/call/${call.id}` },
      h("span.recent-what", {}, h("strong", {}, reservation.restaurant ?? pretty(reservation.phone)), h("span", {}, what)),
      chip(call)));
  }));
  if (focused) [...list.querySelectorAll("a")].find((link) => link.hash === focused)?.focus();
}
