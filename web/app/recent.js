// The last calls, kept in this browser and nowhere else.
import { pretty } from "./countries.js";
import { $, h } from "./dom.js";
import { storage, stored } from "./optional.js";
import { n, t, tableDayShort, tableTime } from "./words.js";

const KEPT = 20;
const STORE = "tablecall.calls";

const read = () => {
  const calls = stored(STORE);
  return Array.isArray(calls) ? calls : [];
};

/** A call as it was last seen here. */
export const find = (id) => read().find((call) => call.id === id) ?? null;

/** Remembers the newest state of a call. */
export function keep(call) {
  const calls = read();
  const at = calls.findIndex((known) => known.id === call.id);
  if (at >= 0) calls[at] = call;
  else calls.unshift(call);
  storage.set(STORE, JSON.stringify(calls.slice(0, KEPT)));
}

/** Forgets all of them. */
export const erase = () => storage.remove(STORE);

/** What stands at a call in a list, and the colour of it. */
export function standing(call) {
  if (call.outcome) return [t(`outcome.${call.outcome}`), tone(call.outcome)];
  if (call.final === undefined) return ["", "plain"];
  return [t(`status.${call.status}`), "live"];
}

/** good, bad, warn or plain. */
export function tone(outcome) {
  if (outcome === "confirmed") return "good";
  if (outcome === "rejected" || outcome === "opted_out") return "bad";
  if (outcome === "countered") return "warn";
  return "plain";
}

/** The list. */
export function draw() {
  const calls = read();
  $("recent").hidden = calls.length === 0;
  $("recent-list").replaceChildren(...calls.map((call) => {
    const { reservation } = call;
    const [words, colour] = standing(call);
    const what = `${tableDayShort(reservation.time)}, ${tableTime(call.agreed_time ?? reservation.time)} · ${n("people", reservation.party_size)}`;
    return h("li", {}, h("a.recent-call", { href: `#/call/${call.id}` },
      h("span.recent-what", {}, h("strong", {}, reservation.restaurant ?? pretty(reservation.phone)), h("span", {}, what)),
      h(`span.chip.${colour}`, {}, words)));
  }));
}
