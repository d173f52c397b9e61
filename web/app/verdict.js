// What came of a call, unmistakably, and the next thing to do.
import { hasKey, request } from "./api.js";
import { pretty } from "./countries.js";
import { h, icon, ICONS } from "./dom.js";
import { chip, find, successor, tone } from "./recent.js";
import { has, n, offeredTime, t, tableDay, tableTime } from "./words.js";

/** The drawing of each outcome; the others were missed. */
const SIGN = { confirmed: "check", rejected: "cross", countered: "clock", opted_out: "cross", canceled: "stop", unknown: "unknown" };

/** What stands for an outcome. */
export const sign = (outcome) => ICONS[SIGN[outcome] ?? "missed"];

const offered = (call) => offeredTime(call.offered_time, call.reservation.time);

/** The headline of an outcome. */
export const headline = (call) => t(`verdict.${call.outcome}`, { time: call.offered_time ? offered(call) : "" });

/** The verdict as a card; `ask(time)` asks again, at another time if one is given; `accept(time)` takes the offered one. */
export function card(call, acts) {
  const { reservation, outcome } = call;
  const time = call.agreed_time ?? call.offered_time ?? reservation.time;
  const place = reservation.restaurant ?? pretty(reservation.phone);
  const what = t("verdict.what", { people: n("people", reservation.party_size), day: tableDay(time), time: tableTime(time) });
  const ended = `verdict.${outcome}.${call.attempts.at(-1)?.ended_because}`;
  const why = has(ended) ? ended : `verdict.${outcome}.why`;
  const next = newerOf(call);
  return h(`section.verdict.${tone(outcome)}`, { "aria-labelledby": "verdict-title", "data-outcome": outcome },
    h("div.sign", {}, icon(sign(outcome), 34)),
    h("h2", { id: "verdict-title", tabindex: "-1" }, headline(call)),
    outcome === "confirmed" && h("p.verdict-what", {}, what, h("br"), h("span", {}, place)),
    next ? h("p", {}, t(takes(next, call) ? "verdict.taken" : "verdict.asked_again"))
      : has(why) && h("p", {}, t(why, { place, time: tableTime(reservation.time) })),
    refusal(call),
    !call.final && h("p.help", {}, t("verdict.not_final")),
    call.final && (next ? newer(next) : actions(call, acts)));
}

/** The call that was asked for in place of one without a table, if there is any: what came of this one is past. */
export const newerOf = (call) => (call.final && call.outcome !== "confirmed" ? successor(call) : null);

/** Whether the call `id` takes the time that was offered in `call`. */
const takes = (id, call) => call.offer_accepted_by === id || find(id)?.accepts_offer_of === call.id;

/** The way to the newer call, and how it stands where that is known here. */
function newer(id) {
  const known = find(id);
  return h("div.row.do", {}, h("a.button.primary", { href: `#/call/${id}` }, t("do.newer")), known && chip(known));
}

/** Twilio's code is told to whoever wants to look it up. */
function refusal(call) {
  const code = call.attempts.at(-1)?.twilio_code;
  return code ? h("p.help", {}, t("verdict.code", { code })) : null;
}

function actions(call, { ask, edit, accept, elsewhere }) {
  const button = (kind, sign, words, onclick) => h(`button.${kind}`, { type: "button", onclick }, icon(ICONS[sign], 18), words);
  const more = button("plain", "again", t("do.edit"), edit);
  switch (call.outcome) {
    case "confirmed":
      // A call that the service does not hold any more has no entry.
      return h("div.row.do", {}, !call.here?.gone && calendar(call), h("button.quiet", { type: "button", onclick: edit }, t("do.another")));
    case "countered":
      return h("div.row.do", {}, button("primary", "clock", t("do.ask_at", { time: offered(call) }), () => accept(call.offered_time)), more);
    case "rejected":
      return h("div.row.do", {}, button("primary", "clock", t("do.other_time"), edit));
    case "opted_out":
      return h("div.row.do", {}, h("button", { type: "button", onclick: elsewhere }, t("do.other_place")));
    default:
      return h("div.row.do", {}, button("primary", "again", t("do.try_again"), () => ask(null)), more);
  }
}

/** A link to the entry. With a key the file must be fetched, since a link can carry none. */
function calendar(call) {
  const path = `/api/call/${call.id}/calendar.ics`;
  const link = h("a.button.primary", { href: path, download: "reservation.ics" }, icon(ICONS.calendar, 18), t("do.calendar"));
  link.addEventListener("click", async (event) => {
    if (link.href.startsWith("blob:") || !hasKey()) return;
    event.preventDefault();
    const entry = await (await request(path)).blob();
    link.href = URL.createObjectURL(entry);
    link.click();
  });
  return link;
}
