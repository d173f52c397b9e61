// Opening hours in the syntax of OpenStreetMap, chosen by days and times instead of written.
import { $, h, icon, ICONS } from "./dom.js";
import { t, weekday } from "./words.js";

const DAYS = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
const HOLIDAYS = "PH off";
const SPAN = "\\d{2}:\\d{2}-\\d{2}:\\d{2}";
const RULE = new RegExp(`^(?:([A-Z][a-z](?:[-,][A-Z][a-z])*) )?(${SPAN})(?:,(${SPAN}))?$`);

/** The days of `Tu-Th,Sa` by their place in the week; null for others. */
function daysOf(text) {
  if (!text) return DAYS.map((_, day) => day);
  const days = new Set();
  for (const part of text.split(",")) {
    const [from, to = from] = part.split("-").map((day) => DAYS.indexOf(day));
    if (from < 0 || to < 0) return null;
    for (let day = from; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === to) break;
    }
  }
  return [...days];
}

/** Days as text: three and more in a row as a range. */
function named(days) {
  const parts = [];
  for (let day = 0; day < 7; day++) {
    if (!days.includes(day)) continue;
    let last = day;
    while (days.includes(last + 1)) last++;
    if (last - day > 1) parts.push(`${DAYS[day]}-${DAYS[last]}`);
    else for (let each = day; each <= last; each++) parts.push(DAYS[each]);
    day = last;
  }
  return parts.join(",");
}

/** What the picker can show of a text: its groups of days with the same times; null for what only the text can say. */
export function read(text) {
  const groups = [];
  let holidays = false;
  for (const rule of text.split(";").map((rule) => rule.trim()).filter(Boolean)) {
    if (rule === HOLIDAYS) {
      holidays = true;
      continue;
    }
    const [, named, first, second] = RULE.exec(rule) ?? [];
    const days = first && daysOf(named);
    if (!days) return null;
    groups.push({ days, spans: [first, second].filter(Boolean).map((span) => span.split("-")) });
  }
  return { groups, holidays };
}

/** The text of groups of days. Groups without days or times are left out. */
export function write({ groups, holidays }) {
  const rules = groups
    .map(({ days, spans }) => [named(days), spans.filter(([from, to]) => from && to).map((span) => span.join("-")).join(",")])
    .filter(([days, spans]) => days && spans)
    .map((rule) => rule.join(" "));
  if (rules.length && holidays) rules.push(HOLIDAYS);
  return rules.join("; ");
}

function field(label, value, mark) {
  return h("label.hours-time", {}, h("span", {}, label), h("input", { type: "time", value, "data-time": mark }));
}

/** One group: its days, a first and perhaps a second pair of times. */
function drawn({ days, spans }) {
  const toggles = DAYS.map((_, day) => h("label.hours-day", {}, h("input", { type: "checkbox", value: day, checked: days.includes(day) }), h("span", {}, weekday(day))));
  const [[from, to], [again, until]] = [spans[0] ?? ["12:00", "22:00"], spans[1] ?? ["", ""]];
  const remove = h("button.quiet.hours-remove", { type: "button", "aria-label": t("hours.remove"), onclick: ({ target }) => { target.closest("fieldset").remove(); arrange(); } }, icon(ICONS.cross, 18));
  return h("fieldset.hours-group", {},
    h("legend.spoken-only", {}, t("hours.days")),
    h("div.hours-days", {}, toggles),
    h("div.hours-times", {}, field(t("hours.from"), from, "from"), field(t("hours.to"), to, "to")),
    h("div.hours-times", {}, field(t("hours.again"), again, "from"), field(t("hours.to"), until, "to")),
    remove);
}

function shown() {
  return [...$("hours-groups").children].map((group) => {
    const days = [...group.querySelectorAll("input[type=checkbox]")].filter((day) => day.checked).map((day) => Number(day.value));
    const times = (mark) => [...group.querySelectorAll(`[data-time=${mark}]`)].map((input) => input.value.slice(0, 5));
    const [from, to] = [times("from"), times("to")];
    return { days, spans: from.map((start, at) => [start, to[at]]) };
  });
}

/** A single group cannot be removed. */
function arrange() {
  const groups = $("hours-groups").children;
  for (const group of groups) group.querySelector(".hours-remove").hidden = groups.length === 1;
}

/** Wires the picker; `changed` is called when hours were chosen. */
export function start(changed) {
  const dialog = $("hours-dialog");
  $("hours-pick").hidden = false;
  $("hours-pick").onclick = () => {
    const text = $("opening_hours").value.trim();
    const known = read(text);
    $("hours-more").hidden = known !== null;
    $("hours-more").textContent = known ? "" : t("hours.more", { text });
    const { groups, holidays } = known ?? { groups: [], holidays: false };
    const first = groups.length ? groups : [{ days: DAYS.map((_, day) => day), spans: [] }];
    $("hours-groups").replaceChildren(...first.map(drawn));
    $("hours-holidays").checked = holidays;
    arrange();
    dialog.showModal();
  };
  $("hours-add").onclick = () => {
    const taken = shown().flatMap(({ days }) => days);
    $("hours-groups").append(drawn({ days: DAYS.map((_, day) => day).filter((day) => !taken.includes(day)), spans: [] }));
    arrange();
    $("hours-groups").lastChild.querySelector("input").focus();
  };
  $("hours-cancel").onclick = () => dialog.close();
  $("hours-form").addEventListener("submit", () => {
    $("opening_hours").value = write({ groups: shown(), holidays: $("hours-holidays").checked });
    changed();
  });
}
