// The words of the page in the reader's language, and dates and numbers in its manner.
import { displayName, either as joined, storage } from "./optional.js";

export const LANGUAGES = { en: "English", es: "Español", fr: "Français", de: "Deutsch", it: "Italiano", pt: "Português", ja: "日本語" };
const CHOICE = "tablecall.language";

let words = {};
let tag = "en";
let plural = new Intl.PluralRules("en");

/** The language shown. */
export const language = () => tag.slice(0, 2);

/** The first of the browser's languages that there is a file for, unless another was chosen. */
function preferred() {
  const wanted = [storage.get(CHOICE), ...(navigator.languages ?? [navigator.language])];
  return wanted.find((wish) => wish && wish.slice(0, 2).toLowerCase() in LANGUAGES) ?? "en";
}

/** Loads the words; `choice` is remembered. */
export async function load(choice) {
  if (choice) storage.set(CHOICE, choice);
  const wanted = preferred();
  const response = await fetch(`/app/lang/${wanted.slice(0, 2).toLowerCase()}.json`);
  words = await response.json();
  tag = wanted;
  plural = new Intl.PluralRules(tag);
  document.documentElement.lang = language();
}

/** Whether there are words under this key. */
export const has = (key) => key in words;

/** The words under `key`, with `{name}` filled in. */
export function t(key, values = {}) {
  const text = words[key];
  if (text === undefined) throw new Error(`no words for ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The words under `key.one`, `key.other`, …, by the rules of the language. */
export function n(key, count, values = {}) {
  const form = `${key}.${plural.select(count)}`;
  return t(has(form) ? form : `${key}.other`, { ...values, n: new Intl.NumberFormat(tag).format(count) });
}

/** Puts the words into what the page was served with. */
export function dress(root = document) {
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of root.querySelectorAll("[data-t-aria-label]")) element.setAttribute("aria-label", t(element.getAttribute("data-t-aria-label")));
}

const format = (date, options) => new Intl.DateTimeFormat(tag, options).format(date);
/** A time on the restaurant's wall: never moved into the reader's zone. */
const wall = (local) => new Date(`${local.slice(0, 16)}:00Z`);

/** "Friday, December 4" of a table's time. */
export const tableDay = (local) => format(wall(local), { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" });
/** "Fri, Dec 4" */
export const tableDayShort = (local) => format(wall(local), { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
/** "7:30 PM" of a table's time, never torn in two. */
export const tableTime = (local) => format(wall(local), { hour: "numeric", minute: "2-digit", timeZone: "UTC" }).replaceAll(" ", "\u00a0");
/** An offered time; with its day where that is not the table's. */
export const offeredTime = (local, table) => local.slice(0, 10) === table.slice(0, 10) ? tableTime(local) : `${tableDayShort(local)}, ${tableTime(local)}`;

/** "Mon" of a day of the week; Monday is 0. */
export const weekday = (day) => format(new Date(Date.UTC(2024, 0, 1 + day)), { weekday: "short", timeZone: "UTC" });

/** A moment here: with the day unless it is today. */
export function moment(iso, seconds = false) {
  const date = new Date(iso);
  const clock = { hour: "numeric", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}) };
  const today = date.toDateString() === new Date().toDateString();
  return format(date, today ? clock : { weekday: "short", day: "numeric", month: "short", ...clock });
}

/** "Fri 7:30 PM" now in another zone; nothing for a zone that this browser does not know. */
export function clockIn(zone, now = new Date()) {
  try {
    return format(now, { weekday: "short", hour: "numeric", minute: "2-digit", timeZone: zone });
  } catch {
    return "";
  }
}

/** "in 3 minutes", "2 hours ago". */
export function relative(iso, now = Date.now()) {
  const seconds = Math.round((new Date(iso) - now) / 1000);
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [unit, size] = steps.find(([, length]) => Math.abs(seconds) >= length) ?? steps[3];
  return new Intl.RelativeTimeFormat(tag, { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

/** The name of a country or a language, in the reader's. */
export const countryName = (code) => displayName(tag, "region", code);
export const languageName = (code) => displayName(tag, "language", code);
/** "Spain or Andorra" */
export const either = (names) => joined(tag, names);
export const collator = () => new Intl.Collator(tag);
