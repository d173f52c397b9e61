// One call as it happens.
import { follow, json, Problem } from "./api.js";
import { pretty } from "./countries.js";
import { $, h, icon, ICONS } from "./dom.js";
import { general } from "./form.js";
import { notifications, workers } from "./optional.js";
import * as recent from "./recent.js";
import { card, headline, newerOf, sign } from "./verdict.js";
import { has, moment, n, relative, t, tableDay, tableTime } from "./words.js";

const STEPS = ["queued", "dialing", "ringing", "in_progress", "answer"];

let call = null;
let stop = () => {};
let link = "live";
let acts = {};
let told = "";
let ticking = null;
let again = null;

/** Shows the call `id` and follows it. */
export function open(id, deeds) {
  close();
  acts = deeds;
  call = recent.find(id);
  link = "live";
  told = call ? key(call) : "";
  frame();
  if (call) draw();
  if (call?.final) return void refresh();
  stop = follow(`/api/call/${id}/events`, { heard, state, lastId: null });
  ticking = setInterval(tick, 1000);
}

/** Leaves it; the call goes on. */
export function close() {
  stop();
  stop = () => {};
  clearInterval(ticking);
  clearTimeout(again);
  call = null;
}

/** Draws what is known here, after another page of the app has changed it. */
export function reread() {
  if (!call) return;
  call = recent.find(call.id) ?? call;
  draw();
}

/** Asks again about a call that is over: its offer may have been taken, or the service holds it no more. */
export async function refresh() {
  if (!call?.final) return;
  const { id } = call;
  const next = recent.successor(call);
  clearTimeout(again);
  await Promise.all([id, next].filter((id) => id && recent.find(id)).map(recent.refresh));
  if (call?.id !== id) return;
  reread();
  // The newer call goes on while this one is looked at.
  if (recent.isOpen(recent.find(next)) && !document.hidden) again = setTimeout(refresh, recent.INTERVAL);
}

/** In another language. */
export function redress() {
  if ($("live").hidden) return;
  frame();
  connection();
  if (call) draw();
}

function heard(event) {
  if (event.type !== "call") return false;
  call = recent.keep(JSON.parse(event.data));
  draw();
  announce();
  return call.final;
}

function state(now, problem) {
  link = now === "refused" && problem?.code !== "call_not_found" ? "lost" : now;
  connection(problem);
  if (call) draw();
  else if (link === "refused") $("live-link").textContent = t("live.forgotten");
}

function connection(problem) {
  const line = $("live-link");
  if (!line) return;
  line.hidden = link === "live";
  line.textContent = link === "live" ? "" : link === "refused" ? t("live.forgotten") : problem?.status >= 400 ? general(problem) : t("live.lost");
  $("live").classList.toggle("is-lost", link !== "live");
}

/** The parts that stay while their content changes: nobody loses the button they are about to press. */
function frame() {
  $("live").replaceChildren(
    h("a.back", { href: "#/" }, icon(ICONS.back, 18), t("live.back")),
    h("header.live-head", { id: "live-head" }),
    h("p.note.warn", { id: "live-link", role: "status", hidden: true }),
    h("div", { id: "live-verdict" }),
    h("section.card.progress", { id: "live-progress", "aria-label": t("live.progress") }, h("ol.steps", { id: "steps" }), h("div", { id: "live-wait" }), h("div.row.do", { id: "live-do" })),
    h("section.card", { id: "live-attempts", hidden: true }),
    h("details.card.story", { id: "live-story" }, h("summary", {}, t("live.story")), h("ol.timeline", { id: "timeline" })));
  drawn = {};
}

let drawn = {};
/** Draws a part only if what it shows has changed. */
function part(id, sign, children) {
  const now = JSON.stringify(sign);
  if (drawn[id] === now) return;
  drawn[id] = now;
  $(id).replaceChildren(...children().filter(Boolean));
}

function draw() {
  const { reservation } = call;
  const title = reservation.restaurant ?? pretty(reservation.phone);
  const next = newerOf(call);
  part("live-head", [title, reservation], () => [
    h("h1", {}, title),
    h("p", {}, t("verdict.what", { people: n("people", reservation.party_size), day: tableDay(reservation.time), time: tableTime(reservation.time) })),
    reservation.restaurant && h("p.help", {}, pretty(reservation.phone))]);
  part("live-verdict", [call.outcome, call.final, call.agreed_time, call.offered_time, call.here?.gone, next, next && recent.find(next)?.outcome, next && recent.find(next)?.status], () => call.outcome ? [card(call, acts)] : []);
  $("live-progress").classList.toggle("is-over", call.final);
  part("steps", [call.timeline, call.status, call.outcome], steps);
  part("live-wait", [call.status, call.waiting_for, call.next_attempt_at], waiting);
  part("live-do", [call.final || call.outcome, notifications(), link === "refused"], controls);
  part("live-attempts", [call.attempts], attempts);
  $("live-attempts").hidden = call.attempts.length < 2 && !(call.waiting_for && call.attempts.length);
  part("timeline", [call.timeline], () => call.timeline.map((entry) => h("li", {}, h("time", { datetime: entry.at }, moment(entry.at, true)), h("span", {}, ...story(entry)))));
  document.title = `${call.outcome ? t(`outcome.${call.outcome}`) : t(`status.${call.status}`)} · ${title}`;
}

/** When each step of the present attempt was reached. */
function reached() {
  const from = call.timeline.map((entry) => entry.what).lastIndexOf("dialed");
  const since = call.timeline.slice(Math.max(0, from));
  const first = (...words) => since.find((entry) => words.includes(entry.what))?.at;
  const waits = call.status === "queued" && call.timeline.at(-1)?.what === "waits";
  if (waits || from < 0) return { queued: call.timeline.at(-1)?.at };
  return {
    queued: call.timeline[0]?.at,
    dialing: first("dialed"),
    ringing: first("ringing"),
    in_progress: first("answered", "greeted"),
    answer: call.outcome ? first("key", "finished") : undefined,
  };
}

function steps() {
  const at = reached();
  const current = call.outcome ? "answer" : call.status;
  const place = STEPS.indexOf(current);
  return STEPS.map((step, position) => {
    const done = position < place && at[step];
    const skipped = position < place && !at[step];
    const now = position === place;
    const kind = now ? (call.outcome ? "done" : "now") : done ? "done" : skipped ? "skipped" : "todo";
    const waits = now && step === "queued" && call.waiting_for;
    const words = step === "answer" && call.outcome ? t(`outcome.${call.outcome}`) : t(waits ? "status.queued" : `step.${step}`);
    return h(`li.${kind}`, now && !call.outcome ? { "aria-current": "step" } : {},
      h("span.dot", { "aria-hidden": "true" }, kind === "done" ? icon(now ? sign(call.outcome) : ICONS.check, 14) : ""),
      h("span.step-name", {}, words),
      at[step] && kind !== "todo" ? h("time", { datetime: at[step] }, moment(at[step], true)) : null);
  });
}

function waiting() {
  if (call.status !== "queued" || !call.waiting_for) return [];
  const next = call.next_attempt_at;
  const soon = next && new Date(next) > Date.now();
  return [h("p.note.warn.wait", {}, h("strong", {}, t(`waiting.${call.waiting_for}`)),
    soon && h("span", {}, t("live.next", { when: moment(next) }), " ", h("span", { id: "countdown", "data-until": next }, relative(next))))];
}

function tick() {
  const count = $("countdown");
  if (count) count.textContent = relative(count.dataset.until);
}

function controls() {
  if (call.final || call.outcome) return [];
  if (link === "refused") return [h("button.primary", { type: "button", onclick: () => acts.ask(null) }, icon(ICONS.again, 18), t("do.try_again"))];
  const tell = notifications() === "default" && h("button.quiet", { type: "button", onclick: async () => {
    await Notification.requestPermission();
    if (call) draw();
  } }, icon(ICONS.bell, 18), t("live.notify"));
  return [h("button", { type: "button", id: "cancel", onclick: cancel }, t("live.cancel")), tell, h("p.error", { id: "cancel-error", role: "alert" })];
}

async function cancel({ currentTarget: button }) {
  const { id } = call;
  button.disabled = true;
  try {
    const canceled = await json(`/api/call/${id}/cancel`, { method: "POST" });
    // Meanwhile another call may be looked at, or the list.
    if (call?.id === id) return void heard({ type: "call", data: JSON.stringify(canceled) });
    recent.keep(canceled);
    recent.draw();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    button.disabled = false;
    const line = $("cancel-error");
    if (line && call?.id === id) line.textContent = general(problem);
  }
}

function attempts() {
  return [h("h2", {}, t("live.attempts")), h("ol.attempts", {}, ...call.attempts.map((attempt) => {
    const because = attempt.ended_because;
    const words = because ? t(`ended.${because}`) : t("live.under_way");
    return h("li", {}, h("span", {}, t("live.attempt", { n: attempt.number, of: call.reservation.attempts })), h("span", {}, words), h("time", { datetime: attempt.started_at }, moment(attempt.started_at)));
  }))];
}

/** One line of what happened. */
function story({ what, detail }) {
  if (what === "key") return [t("story.key"), " ", h("kbd", {}, detail ?? "")];
  if (what === "waits") return [t(`waiting.${detail}`)];
  if (what === "ended") return [t("story.ended", { why: t(`ended.${detail}`) })];
  if (what === "offer_accepted") return [t("story.offer_accepted")];
  if (what === "finished") return [h("strong", {}, t(`outcome.${detail}`))];
  const words = has(`story.${what}`) ? t(`story.${what}`) : what;
  const number = /^attempt (\d+)$/.exec(detail ?? "")?.[1];
  return [words, number ? ` · ${number}` : detail ? ` · ${detail}` : ""];
}

const key = (seen) => `${seen.status} ${seen.outcome} ${seen.waiting_for} ${seen.final}`;

/** Says a change to those who listen, and to those who look elsewhere. */
function announce() {
  const now = key(call);
  if (now === told) return;
  const decided = call.outcome && !told.includes(` ${call.outcome} `);
  told = now;
  const words = call.outcome ? headline(call) : call.waiting_for ? t(`waiting.${call.waiting_for}`) : t(`status.${call.status}`);
  $("announcer").textContent = words;
  if (decided && document.hidden && notifications() === "granted") notify(words);
  if (decided && !document.hidden) $("verdict-title")?.closest("section")?.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

async function notify(title) {
  const { reservation, id } = call;
  const options = { body: reservation.restaurant ?? pretty(reservation.phone), icon: "/icons/icon-192.png", tag: id, data: `/#/call/${id}` };
  const worker = await workers()?.getRegistration().catch(() => null);
  if (worker) await worker.showNotification(title, options);
  else new Notification(title, options);
}
