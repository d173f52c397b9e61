// The form: help while typing, what the restaurant will hear, and the errors of the API at their fields.
import { json, Problem } from "./api.js";
import { CALLING, countriesOf, international, isInternational } from "./countries.js";
import { $, h, icon, ICONS } from "./dom.js";
import * as hours from "./hours.js";
import { canSpeak, isSpeaking, silence, speak, timeZones } from "./optional.js";
import { clockIn, collator, countryName, either, has, languageName, moment, n, t } from "./words.js";

const FIELDS = ["name", "phone", "date", "time", "timezone", "party_size", "restaurant", "guest_phone", "notes", "alternatives", "language", "opening_hours", "extension"];
const FOLDED = ["restaurant", "guest_phone", "notes", "alternatives", "opening_hours", "extension"];
/** How long after the last key the check is asked. */
const PAUSE = 450;

let about;
let touched = new Set();
let timer;
let asked = 0;
let checking = null;
/** The number for which a time zone was asked. */
let zoneOf = null;
/** The country that stood before a number with "+" took its place, and the one that it put there. */
let replaced = { country: null, by: null };
/** The time for which the earliest and the latest were proposed, unless others were chosen. */
let proposedFor = null;

const two = (number) => String(number).padStart(2, "0");
const isoDay = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
/** The date where it is earliest on earth: tonight at a restaurant can be yesterday for the guest. */
const firstDay = () => new Date(Date.now() - 12 * 3_600_000).toISOString().slice(0, 10);
const inDays = (days) => { const date = new Date(); date.setDate(date.getDate() + days); return date; };

/** The body of a request as the form stands. Empty fields are left out; the API says which it misses. */
export function body() {
  const text = (id) => $(id).value.trim();
  const number = (id) => international(text(id), $("country").value);
  const phone = number("phone");
  const fields = { name: text("name"), phone, time: text("date") && text("time") ? `${text("date")}T${text("time").slice(0, 5)}` : "", party_size: text("party_size") === "" ? null : Number(text("party_size")) };
  for (const id of ["restaurant", "notes", "language", "opening_hours", "extension", "timezone"]) fields[id] = text(id);
  if (!about.one_restaurant) fields.guest_phone = number("guest_phone");
  const national = [phone, fields.guest_phone ?? ""].some((number) => number && !isInternational(number));
  if (national && $("country").value) fields.country = $("country").value;
  if ($("flexible").checked) fields.alternatives = { earliest: text("earliest"), latest: text("latest") };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== "" && value !== null && value !== undefined));
}

/** Fills the form with the body of a request. What it leaves out is left to the service again. */
export function fill(asked) {
  const set = (id, value) => { $(id).value = value ?? ""; };
  for (const id of ["name", "phone", "party_size", "restaurant", "notes", "opening_hours", "extension", "guest_phone", "language"]) set(id, asked[id]);
  set("date", asked.time?.slice(0, 10));
  set("time", asked.time?.slice(11, 16));
  if (asked.timezone) askForZone([asked.timezone], asked.timezone);
  if (asked.country) set("country", asked.country);
  $("flexible").checked = Boolean(asked.alternatives);
  set("earliest", asked.alternatives?.earliest.slice(-5));
  set("latest", asked.alternatives?.latest.slice(-5));
  const [earliest, latest] = around($("time").value);
  proposedFor = $("earliest").value === earliest && $("latest").value === latest ? $("time").value : null;
  $("fold").open = FOLDED.some((field) => asked[field]);
  // All of it was seen before: a day that has passed meanwhile is an error at once.
  touched = new Set(FIELDS);
  changed();
}

/** Empties what belongs to one place alone. */
export function leavePlace() {
  for (const id of ["phone", "restaurant", "opening_hours", "extension"]) $(id).value = "";
  changed();
  $("phone").focus();
}

/** The body of another request for the same table, at another time if one is given. */
export function again(call, time) {
  const fields = { ...(call.here?.asked ?? chosen(call.reservation)) };
  if (!time) return fields;
  delete fields.alternatives;
  return { ...fields, time };
}

/** The request behind a reservation that this browser did not make: without what the service added to it. */
function chosen(reservation) {
  const copied = ["name", "name_pronounced", "name_reading", "phone", "time", "party_size", "restaurant", "guest_phone", "notes", "notes_language", "language", "opening_hours", "extension", "alternatives", "timezone", "attempts", "voicemail"];
  const fields = Object.fromEntries(copied.filter((name) => reservation[name] !== null && reservation[name] !== undefined).map((name) => [name, reservation[name]]));
  // The language of another country's number would be another one.
  if (reservation.language_source === "number") delete fields.language;
  if (reservation.guest_extension) fields.guest_phone += ` x${reservation.guest_extension}`;
  if (about.one_restaurant) {
    fields.phone = fields.guest_phone;
    delete fields.guest_phone;
  }
  return fields;
}

/** What is wrong with a field, in the reader's language where there are words for it. */
function sentence(error) {
  const specific = `error.${error.field.replace("alternatives.", "")}.${error.code}`;
  const general = `error.${error.code}`;
  // A number whose beginning is not known: the API names the day of its data.
  const [date] = (error.code === "invalid_phone_number" && error.message.match(/\d{4}-\d\d-\d\d/)) || [];
  if (date) return t("error.not_assigned", { date });
  if (has(specific)) return t(specific);
  if (has(general)) return t(general);
  return error.message;
}

/** Which field of the form shows an error of the API. */
function place(error) {
  const [field] = error.field.split(".");
  if (field === "time") {
    if (!$("date").value) return "date";
    if (!$("time").value) return "time";
    const pastDay = error.code === "in_the_past" && $("date").value < isoDay(new Date());
    return error.code === "too_far_ahead" || pastDay ? "date" : "time";
  }
  if (field === "country") return "phone";
  if (field === "give_up_at") return "time";
  return FIELDS.includes(field) ? field : null;
}

function mark(field, text) {
  const line = $(`${field}-error`);
  if (line.textContent !== text) line.textContent = text;
  const inputs = field === "alternatives" ? [$("earliest"), $("latest")] : [$(field)];
  for (const input of inputs) {
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
}

/** Asks for the time zone of the restaurant, which few numbers leave open: among `zones`, or all that there are. */
function askForZone(zones, chosen = $("timezone").value) {
  const names = zones.length ? zones : timeZones();
  const now = new Date();
  // The time there tells most readers more than the name.
  const label = (zone) => [zone.replaceAll("_", " "), clockIn(zone, now)].filter(Boolean).join(" · ");
  const options = names.map((zone) => h("option", { value: zone }, label(zone)));
  $("timezone").replaceChildren(h("option", { value: "" }, t("timezone.choose")), ...options);
  $("timezone").value = names.includes(chosen) ? chosen : "";
  $("zone").hidden = false;
  zoneOf = $("phone").value.trim();
}

/** A zone was chosen for one number: for another it is asked for anew, if at all. */
function forgetZone() {
  if (zoneOf === null || zoneOf === $("phone").value.trim()) return;
  $("zone").hidden = true;
  $("timezone").replaceChildren();
  zoneOf = null;
}

/** Where the API wants a time zone, its field comes up with those that it names. */
function zoneWanted({ code, errors, body }) {
  if (code === "timezone_needed") return askForZone(body.timezones ?? []);
  const wanted = errors.find(({ field }) => field === "timezone");
  if (wanted) askForZone(wanted.message.match(/\b[A-Z][A-Za-z_]+(?:\/[A-Za-z0-9_+-]+)+/g) ?? []);
}

/** Shows a problem: at the fields it names, the rest above the form. */
export function show(problem) {
  zoneWanted(problem);
  const left = [];
  const shown = new Map();
  for (const error of problem.errors) {
    const field = place(error);
    if (field) shown.set(field, shown.get(field) ?? sentence(error));
    else left.push(`${error.field}: ${error.message}`);
  }
  // A moment that is missing altogether is missing in both fields.
  if (shown.has("date") && !$("time").value) shown.set("time", t("error.required"));
  for (const field of FIELDS) mark(field, shown.get(field) ?? "");
  touched = new Set([...touched, ...shown.keys()]);
  if (shown.size === 0 || left.length) say([shown.size === 0 && general(problem), ...left].filter(Boolean).join(" "));
  else say("");
  preview(null, shown.size ? t("preview.wrong") : null);
  const first = FIELDS.find((field) => shown.has(field));
  if (FOLDED.some((field) => shown.has(field))) $("fold").open = true;
  if (first) (first === "alternatives" ? $("earliest") : $(first)).focus();
}

/** A problem as a whole, in words. */
export function general(problem) {
  const key = `problem.${problem.code}`;
  return has(key) ? t(key) : problem.message || t("problem.internal_error");
}

function say(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

function helpWithPhone() {
  const typed = $("phone").value;
  const value = international(typed, $("country").value);
  const help = $("phone-help");
  let country = $("country").value;
  if (isInternational(value)) {
    const countries = countriesOf(value);
    help.textContent = countries.length ? either(countries.map(countryName)) : t("phone.help.code");
    if (countries.length && !countries.includes(country)) {
      // What is dialled before the code of a country depends on where from: that choice stays.
      if (isInternational(typed)) replaced = { country: replaced.by === country ? replaced.country : country, by: countries[0] };
      [country] = countries;
      if (isInternational(typed)) $("country").value = country;
    }
  } else {
    // Nobody chose the country of a number that is gone.
    if (replaced.country && replaced.by === country) $("country").value = country = replaced.country;
    replaced = { country: null, by: null };
    help.textContent = t("phone.help", { country: countryName(country) });
  }
  $("country-shown").textContent = `${country} +${CALLING.get(country)}`;
}

/** An hour before and an hour after, for those who are flexible. */
function around(time) {
  const [hour, minute] = (time || "19:30").split(":").map(Number);
  return [-1, 1].map((by) => `${two(Math.min(23, Math.max(0, hour + by)))}:${two(minute)}`);
}

/** Proposes the earliest and the latest, and again for another time until somebody chooses them. */
function propose() {
  const free = proposedFor === null ? !$("earliest").value && !$("latest").value
    : [$("earliest").value, $("latest").value].join() === around(proposedFor).join();
  if (!free) proposedFor = null;
  if (!free || !$("flexible").checked) return;
  proposedFor = $("time").value;
  [$("earliest").value, $("latest").value] = around(proposedFor);
}

function complete(fields) {
  return Boolean(fields.name && fields.phone && fields.phone.replace(/\D/g, "").length > 5 && fields.time && fields.party_size);
}

/** Something was typed: the errors of what is touched, and what would be heard, a moment later. */
export function changed() {
  forgetZone();
  helpWithPhone();
  const left = 140 - [...$("notes").value].length;
  $("notes-help").textContent = n("notes.left", left);
  $("window").hidden = !$("flexible").checked;
  $("fewer").disabled = Number($("party_size").value) <= 1;
  $("more").disabled = Number($("party_size").value) >= 99;
  clearTimeout(timer);
  const fields = body();
  if (!complete(fields)) return preview(null);
  $("preview").setAttribute("aria-busy", "true");
  // A number that is still being typed is not yet wrong.
  timer = setTimeout(() => check(fields), document.activeElement === $("phone") ? 3 * PAUSE : PAUSE);
}

async function check(fields) {
  const mine = ++asked;
  checking?.abort();
  checking = new AbortController();
  try {
    const result = await json("/api/call/check", { method: "POST", body: fields, signal: checking.signal, quiet: true });
    if (mine !== asked) return;
    for (const field of FIELDS) mark(field, "");
    say("");
    if (result.code === "timezone_needed") askForZone(result.timezones ?? []);
    preview(result);
  } catch (problem) {
    if (mine !== asked || !(problem instanceof Problem)) return;
    if (problem.status === 422) {
      // Only what the reader has left already is found fault with.
      zoneWanted(problem);
      const shown = new Map(problem.errors.map((error) => [place(error), sentence(error)]));
      for (const field of FIELDS) mark(field, touched.has(field) ? shown.get(field) ?? "" : "");
      preview(null, problem.errors.some((error) => !touched.has(place(error))) ? null : t("preview.wrong"));
    } else {
      preview(null, problem.status === 401 ? t("preview.key") : general(problem));
    }
  }
}

/** What staff would hear, and whether it would ring at once. */
function preview(result, instead) {
  const place = $("preview");
  place.setAttribute("aria-busy", "false");
  if (!result) {
    asked++;
    silence();
    heardIn(null);
    place.replaceChildren(h("p.heard-empty", {}, instead ?? t("preview.empty")));
    return;
  }
  const { script } = result;
  const listen = canSpeak() && h("button.quiet.listen", { type: "button", onclick: () => aloud(script) }, icon(ICONS.play, 18), t("preview.listen"));
  heardIn(script.language);
  place.replaceChildren(
    h("blockquote.heard-text", { lang: script.language }, ...sentences(script.text)),
    h("div.heard-foot", {}, h("span", {}, t("preview.seconds", { n: script.seconds, language: languageName(script.language) })), listen),
    ...[verdict(result)].filter(Boolean),
  );
}

/** Sentences as spans, keys at the end apart: read aloud in one go, read on paper in lines. */
function sentences(text) {
  return text.split(/(?<=[.!?。])\s*/u).filter(Boolean).flatMap((part, at) => [at ? " " : "", h("span", {}, part)]);
}

function verdict({ verdict, code, reason, until }) {
  if (verdict === "allowed") return null;
  if (verdict === "blocked") return h("p.note.bad", {}, has(`error.${code}`) ? t(`error.${code}`) : reason);
  const why = has(`waiting.${code}`) ? t(`waiting.${code}`) : reason;
  const later = until && new Date(until) - Date.now() > 5000;
  return h("p.note.warn", {}, later ? t("preview.waits", { why, when: moment(until) }) : why);
}

function aloud({ text, language }) {
  if (isSpeaking()) silence();
  else speak(text, language);
}

/** Says beside "the language of the country" which one that is, once that is known. */
function heardIn(tag) {
  const [automatic] = $("language").options;
  if (automatic && !$("language").value) automatic.textContent = tag ? `${t("language.auto")}: ${languageName(tag)}` : t("language.auto");
}

function fillCountries() {
  const before = $("country").value;
  const order = collator();
  const names = [...CALLING].map(([code, calling]) => [code, calling, countryName(code)]).sort((a, b) => order.compare(a[2], b[2]));
  $("country").replaceChildren(...names.map(([code, calling, name]) => h("option", { value: code }, `${name} (+${calling})`)));
  const region = navigator.languages?.map((tag) => new Intl.Locale(tag).region).find((code) => CALLING.has(code));
  $("country").value = before || about.country || region || "US";
}

function fillLanguages() {
  const before = $("language").value;
  const options = about.languages.map((tag) => h("option", { value: tag }, languageName(tag)));
  $("language").replaceChildren(h("option", { value: "" }, t("language.auto")), ...options);
  $("language").value = before;
}

/** Puts the words of a newly chosen language in. */
export function redress() {
  fillCountries();
  fillLanguages();
  if (about.one_restaurant) {
    $("phone-label").textContent = t("guest_phone");
    document.querySelector('[data-field="guest_phone"]').hidden = true;
    document.querySelector('[data-field="restaurant"]').hidden = true;
  }
  changed();
}

/** Wires the form; `submit` gets the body. */
export function start(facts, submit) {
  about = facts;
  // Until now it could not be sent where a key is needed.
  $("call").disabled = false;
  $("date").min = firstDay();
  $("date").max = isoDay(inDays(400));
  $("date").value ||= isoDay(inDays(1));
  $("time").value ||= "19:30";
  if (about.one_restaurant) $("phone").autocomplete = "tel";
  redress();
  hours.start(changed);
  const form = $("form");
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("focusout", ({ target }) => {
    const field = target.closest?.("[data-field]")?.dataset.field;
    if (field && target.value) touched.add(field);
    if (field && touched.has(field)) changed();
  });
  const step = (by) => {
    $("party_size").value = Math.min(99, Math.max(1, (Number($("party_size").value) || 0) + by));
    changed();
  };
  $("fewer").onclick = () => step(-1);
  $("more").onclick = () => step(1);
  for (const id of ["flexible", "time"]) {
    $(id).addEventListener("change", () => {
      propose();
      changed();
    });
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = $("call");
    if (button.disabled) return;
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    say("");
    clearTimeout(timer);
    try {
      await submit(body());
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      button.disabled = false;
      show(problem);
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  });
}
