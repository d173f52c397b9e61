// Shows our own document, and starts Swagger UI on it when somebody wants to try an operation. Nothing here may ask
// another host: the content security policy forbids it.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
// Swagger UI has a dark dress, but leaves it to the page to put it on.
const dress = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", dress);
dress();

const note = (text) => {
  document.getElementById("note").textContent = text;
};

// Examples have a fixed date, which would be in the past some day: here they ask for a table in a week.
function inAWeek(now) {
  const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 7);
  const two = (number) => String(number).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}T19:30`;
}

// Swagger UI leaves a field without a name, and draws it anew whenever it likes.
new MutationObserver(() => {
  document.querySelector("#servers:not([aria-label])")?.setAttribute("aria-label", "Server");
  // Its headings of groups are of the third level, below our first.
  for (const heading of document.querySelectorAll("h3.opblock-tag:not([aria-level])")) heading.setAttribute("aria-level", "2");
}).observe(document.getElementById("document"), { childList: true, subtree: true });

// What can go wrong: the `type` of a problem is the address of its line here.
function explain(problems) {
  const list = document.getElementById("codes");
  for (const { code, status, title, advice } of problems) {
    const [term, word, meaning] = [document.createElement("dt"), document.createElement("code"), document.createElement("dd")];
    term.id = code;
    word.textContent = code;
    term.append(word, ` ${status}`);
    meaning.textContent = `${title}. ${advice}`;
    list.append(term, meaning);
  }
  document.getElementById("problems").hidden = problems.length === 0;
  // The browser looked for it before it was there.
  const sought = document.getElementById(location.hash.slice(1));
  sought?.classList.add("sought");
  sought?.scrollIntoView();
}

const make = (kind, properties, ...children) => {
  const element = Object.assign(document.createElement(kind), properties);
  element.append(...children);
  return element;
};

// Text with `code` in it.
const prose = (text) => text.split("`").map((part, at) => (at % 2 ? make("code", { textContent: part }) : part));

// All operations at a glance. What tries them weighs four times as much as all else, and comes when it is wanted.
function list(spec) {
  const operations = Object.entries(spec.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({ path, method, operation })));
  const groups = spec.tags.map(({ name, description }) => make("section", { className: "group" },
    make("h2", { textContent: name }), make("p", {}, ...prose(description ?? "")),
    ...operations.filter(({ operation }) => operation.tags?.includes(name)).map((it) => line(spec, name, it))));
  document.getElementById("document").replaceChildren(...groups);
}

function line(spec, tag, { path, method, operation }) {
  const open = make("button", { type: "button", className: "opblock-summary-control" },
    make("span", { className: "method", textContent: method.toUpperCase() }), make("code", { textContent: path }), make("span", { className: "summary", textContent: operation.summary }));
  open.onclick = () => tryIt(spec, tag, operation.operationId, open);
  const answers = Object.keys(operation.responses).join(", ");
  return make("article", { className: `opblock opblock-${method}` }, make("h3", {}, open),
    make("p", {}, ...prose(operation.description ?? "")), make("p", { className: "answers", textContent: `Answers: ${answers}` }));
}

const loaded = (kind, properties) => new Promise((resolve, reject) => {
  document.head.append(make(kind, { ...properties, onload: resolve, onerror: () => reject(new Error("Swagger UI could not be loaded")) }));
});

// Puts Swagger UI in the place of the list, with one operation open.
async function tryIt(spec, tag, id, button) {
  button.disabled = true;
  try {
    await Promise.all([loaded("link", { rel: "stylesheet", href: "/docs/swagger-ui.css" }), loaded("script", { src: "/docs/swagger-ui-bundle.js" })]);
  } catch (error) {
    button.disabled = false;
    button.closest("article").append(make("p", { className: "note", role: "alert", textContent: `${error.message}. Please try again.` }));
    return;
  }
  const ui = SwaggerUIBundle({
    spec,
    dom_id: "#document",
    displayRequestDuration: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    persistAuthorization: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    onComplete: () => setTimeout(() => {
      ui.layoutActions.show(["operations", tag, id], true);
      requestAnimationFrame(() => document.getElementById(`operations-${tag}-${id}`)?.scrollIntoView());
    }),
  });
}

async function start() {
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`status ${response.status}`);
  const spec = await response.json();
  const example = spec.components?.schemas?.CallRequest?.example;
  if (example) example.time = inAWeek(new Date());
  list(spec);
  explain(spec.components?.schemas?.Problem?.["x-problems"] ?? []);
}

start().catch((error) => note(`The document at /openapi.json could not be loaded: ${error.message}.`));

// The phone's page is there in simulator mode only.
fetch("/about.json").then((answer) => answer.json()).then((about) => {
  document.getElementById("to-phone").hidden = !about.simulator;
}).catch(() => {});
