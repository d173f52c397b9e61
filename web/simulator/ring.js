// Rings an app: somebody calls one of our numbers, and its voice URL says what happens.
import { $, h } from "/app/dom.js";
import { ask } from "./control.js";

const VERSTATS = ["", "TN-Validation-Passed-A", "TN-Validation-Passed-B", "TN-Validation-Passed-C", "TN-Validation-Failed-A", "TN-Validation-Failed-B", "TN-Validation-Failed-C", "No-TN-Validation"];

/** The URLs that the simulator knows for numbers. */
let known = { default: null, numbers: {} };

/** Draws the form with what the simulator knows. */
export async function start() {
  $("ring-verstat").replaceChildren(...VERSTATS.map((value) => h("option", { value }, value || "none")));
  $("ring-to").onchange = propose;
  $("ring").onsubmit = ring;
  known = await ask("voice-urls");
  $("ringing").open = known.default !== null;
  propose();
}

function propose() {
  const url = known.numbers[$("ring-to").value.trim()]?.url ?? known.default;
  if (url) $("ring-url").value = url;
}

async function ring(event) {
  event.preventDefault();
  const [to, url] = [$("ring-to").value.trim(), $("ring-url").value.trim()];
  const parameters = {};
  for (const [name, id] of [["FromCity", "ring-city"], ["FromState", "ring-state"], ["FromZip", "ring-zip"], ["FromCountry", "ring-country"], ["StirVerstat", "ring-verstat"]]) {
    if ($(id).value.trim()) parameters[name] = $(id).value.trim();
  }
  try {
    // Another URL than the simulator's own belongs to the number from now on.
    if (url !== (known.numbers[to]?.url ?? known.default)) {
      const own = `voice-urls/${encodeURIComponent(to)}`;
      known = await (url === known.default ? ask(own, "DELETE") : ask(own, "PUT", { url }));
    }
    await ask("inbound", "POST", { from: $("ring-from").value.trim(), to, parameters });
    $("ring-error").textContent = "";
  } catch (error) {
    $("ring-error").textContent = error.message;
  }
}
