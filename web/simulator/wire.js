// What went over the wire, the newest at the end, each exchange to be opened. Nothing that is there moves when more
// comes: the list is scrolled to its end, unless somebody reads further up.
import { $, h, soon } from "/app/dom.js";

const KEPT = 300;
const WORDS = { rest: "REST", voice: "TwiML", status: "Status", amd: "Machine detection", media: "Media", recording: "Recording", transcription: "Transcription", partial: "Partial result", conference: "Conference" };

let exchanges = [];
let only = null;
let seen = new Set();

/** All of them anew. */
export function reset(list) {
  exchanges = list.slice(-KEPT);
  seen = new Set(exchanges.map((it) => it.id));
  redraw();
}

/** One more. */
export function add(exchange) {
  if (seen.has(exchange.id)) return;
  seen.add(exchange.id);
  exchanges.push(exchange);
  if (exchanges.length > KEPT) seen.delete(exchanges.shift().id);
  if (fits(exchange)) coming.push(exchange);
  soon(append);
}

let coming = [];

/** All that came since the last frame, at once. */
function append() {
  const list = $("exchanges");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(...coming.splice(0).slice(-KEPT).map(row));
  while (list.children.length > KEPT) list.firstChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
  hint();
}

/** Shows those of one call, or with null all. */
export function filter(sid) {
  if (sid === only) return;
  only = sid;
  redraw();
}

const fits = (exchange) => only === null || exchange.call_sid === only;

function redraw() {
  coming = [];
  $("exchanges").replaceChildren(...exchanges.filter(fits).map(row));
  $("exchanges").scrollTop = $("exchanges").scrollHeight;
  hint();
}

function hint() {
  $("silent").hidden = $("exchanges").children.length > 0;
}

const parameter = (exchange, name) => exchange.params.find(([key]) => key === name)?.[1];

/** What an exchange is about, in a few words. */
function gist(exchange) {
  const digits = parameter(exchange, "Digits");
  if (exchange.kind === "voice" && digits !== undefined) return `key ${digits || "none"}`;
  if (exchange.kind === "amd") return parameter(exchange, "AnsweredBy") ?? "";
  if (exchange.direction === "webhook") return parameter(exchange, "CallStatus") ?? "";
  return exchange.method === "POST" && /Calls\.json$/.test(exchange.url) ? "create a call" : exchange.method === "POST" ? "change the call" : "look it up";
}

const time = (at) => new Date(at).toLocaleTimeString("en-GB", { hour12: false }) + "." + String(new Date(at).getMilliseconds()).padStart(3, "0");

function row(exchange) {
  const failed = exchange.error !== null || exchange.status === null || exchange.status >= 400;
  const ours = exchange.direction === "rest";
  const details = h("details", {},
    h("summary", {},
      h("time", { datetime: exchange.at }, time(exchange.at)),
      h(`span.way.${ours ? "out" : "in"}`, { title: ours ? "The service asks Twilio" : "Twilio asks the service" }, h("span.spoken-only", {}, ours ? "to Twilio" : "from Twilio"), h("span", { "aria-hidden": "true" }, ours ? "→" : "←")),
      h("span.kind", {}, WORDS[exchange.kind] ?? exchange.kind),
      h("span.gist", {}, gist(exchange)),
      h(`span.code${failed ? ".failed" : ""}`, {}, exchange.status === null ? "no answer" : String(exchange.status)),
      h("span.took", {}, `${exchange.milliseconds} ms`)));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(inside(exchange));
  });
  return h("li", {}, details);
}

/** Made when it is opened: most never are. */
function inside(exchange) {
  const [path, fragment] = exchange.url.split("#");
  return h("div.inside", {},
    h("p.target", {}, h("strong", {}, exchange.method), " ", path, fragment ? h("span.fragment", {}, `#${fragment}`) : ""),
    signature(exchange),
    exchange.error ? h("p.note.bad", {}, exchange.error) : null,
    exchange.params.length ? h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Parameters" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Parameter"), h("th", { scope: "col" }, "Value"))), h("tbody", {}, ...exchange.params.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)))))) : null,
    exchange.body ? h("pre", { tabindex: "0", "aria-label": "Answer" }, h("code", {}, ...pretty(exchange))) : h("p.help", {}, "The answer has no body."));
}

function signature(exchange) {
  if (exchange.direction === "rest") return null;
  const accepted = exchange.status !== null && exchange.status < 300;
  const verdict = exchange.status === 403 ? "refused" : accepted ? "accepted" : "not judged";
  const value = exchange.signature ?? "none was sent";
  const token = exchange.idempotency_token ? h("span", {}, ` · idempotency token ${exchange.idempotency_token}`) : null;
  return h(`p.signed.${verdict === "refused" ? "bad" : accepted ? "good" : ""}`, {}, h("strong", {}, `Signature ${verdict}`), h("code", {}, value), token);
}

/** TwiML with each verb on its own line, JSON indented. */
function pretty({ content_type: type, body }) {
  if (/json/.test(type ?? "")) {
    try {
      return [JSON.stringify(JSON.parse(body), null, 2)];
    } catch {
      return [body];
    }
  }
  if (!/xml/.test(type ?? "")) return [body];
  const document_ = new DOMParser().parseFromString(body, "text/xml");
  if (document_.querySelector("parsererror")) return [body];
  return element(document_.documentElement, 0);
}

function element(node, depth) {
  const indent = "  ".repeat(depth);
  const attributes = [...node.attributes].flatMap(({ name, value }) => [" ", h("span.attribute", {}, name), `="${value}"`]);
  const children = [...node.childNodes].filter((child) => child.nodeType !== Node.TEXT_NODE || child.data.trim());
  const open = [indent, h("span.tag", {}, `<${node.tagName}`), ...attributes];
  if (!children.length) return [...open, h("span.tag", {}, "/>"), "\n"];
  const close = h("span.tag", {}, `</${node.tagName}>`);
  if (children.every((child) => child.nodeType === Node.TEXT_NODE)) return [...open, h("span.tag", {}, ">"), node.textContent.trim(), close, "\n"];
  const inner = children.flatMap((child) => (child.nodeType === Node.ELEMENT_NODE ? element(child, depth + 1) : ["  ".repeat(depth + 1), child.data.trim(), "\n"]));
  return [...open, h("span.tag", {}, ">"), "\n", ...inner, indent, close, "\n"];
}
