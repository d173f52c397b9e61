// Starts Swagger UI on our own document. Nothing here may ask another host: the content security policy forbids it.
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

async function start() {
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`status ${response.status}`);
  const spec = await response.json();
  const example = spec.components?.schemas?.CallRequest?.example;
  if (example) example.time = inAWeek(new Date());
  window.ui = SwaggerUIBundle({
    spec,
    dom_id: "#document",
    displayRequestDuration: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    persistAuthorization: true,
    tryItOutEnabled: true,
    validatorUrl: null,
    // Only once Swagger UI stands above them do the lines stay where they are.
    onComplete: () => explain(spec.components?.schemas?.Problem?.["x-problems"] ?? []),
  });
}

if (typeof SwaggerUIBundle === "function") {
  start().catch((error) => note(`The document at /openapi.json could not be loaded: ${error.message}.`));
} else {
  note("Swagger UI could not be loaded. The document is at /openapi.json.");
}

// The phone's page is there in simulator mode only.
fetch("/about.json").then((answer) => answer.json()).then((about) => {
  document.getElementById("to-phone").hidden = !about.simulator;
}).catch(() => {});
