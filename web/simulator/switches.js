// What goes wrong, and how numbers behave: the switches of the simulator.
import { pretty } from "/app/countries.js";
import { $, h } from "/app/dom.js";
import { ask } from "./control.js";
import { current } from "./phone.js";

const FAULTS = [
  ["Webhooks to the service", {
    drop_callback: "Status callbacks are never sent",
    drop_completed: "The final status callback is never sent",
    delay_callback: "Status callbacks come late",
    duplicate_callback: "Status callbacks come twice",
    reorder_callbacks: "Status callbacks change places",
    duplicate_voice: "Requests for TwiML come twice",
    delay_voice: "Requests for TwiML come late",
    webhook_unreachable: "Webhooks cannot connect",
    redirect_action: "A key's request comes as if redirected",
    shuffled_params: "Parameters come in another order",
    extra_params: "Unknown parameters are added",
    sorted_query: "The query is sent with sorted keys",
    clock_skew: "Timestamps are ahead",
    amd_late: "Machine detection takes its time",
  }],
  ["Signatures", {
    unsigned: "Webhooks have no signature",
    wrong_signature: "Webhooks have a wrong signature",
    rotated_signature: "Webhooks are signed with the second token",
  }],
  ["Twilio's REST API", {
    create_429: "Creating a call gets 429",
    create_503: "Creating a call gets 503",
    create_error: "Creating a call is refused (21200)",
    create_500_after_accepting: "Creating a call succeeds and says 500",
    create_lost_response: "Creating a call succeeds and nobody hears",
    create_slow: "Creating a call is slow",
    trial_no_callback: "StatusCallback is refused, as on trial accounts",
    rest_error: "Every request is refused (20003)",
    list_stale: "Lists are out of date",
    update_21220: "Changes come after the end (21220)",
  }],
  ["The line", { hangup_mid_prompt: "They hang up in the middle of a sentence" }],
];
const HOW = { always: {}, once: { count: 1 }, "3 times": { count: 3 }, "half the time": { probability: 0.5 } };

const MANNERS = {
  "Rings on this page": {},
  "Answers and presses 1": keys("1"),
  "Answers and presses 2": keys("2"),
  "Answers and presses keys …": null,
  "Answers and stays silent": { answer_after_seconds: 2 },
  "Answers and hangs up": { answer_after_seconds: 2, hang_up_after_seconds: 1 },
  "Is busy": { ends: "busy" },
  "Does not answer": { ends: "no_answer" },
  "Declines": { ends: "decline" },
  "Is blocked by the carrier": { ends: "blocked" },
  "Cannot be reached": { ends: "unreachable" },
  "Voicemail with a beep": { voicemail: { greeting_seconds: 5, beep: true } },
  "Is a fax": { answer_after_seconds: 2, answered_by: "fax" },
};

function keys(text) {
  return { answer_after_seconds: 2, keys: text.trim().split(/\s+/).map((digits, at) => ({ at_gather: at + 1, digits })) };
}

let on = {};

/** Draws the switches and loads how they stand. */
export async function start() {
  $("faults").replaceChildren(...FAULTS.map(([title, faults]) => h("fieldset", {}, h("legend", {}, title), ...Object.entries(faults).map(([name, words]) => fault(name, words)))));
  $("faults-off").onclick = () => set({});
  $("manner").replaceChildren(...Object.keys(MANNERS).map((name) => h("option", {}, name)));
  $("manner").onchange = () => { $("pressing").hidden = MANNERS[$("manner").value] !== null; };
  $("numbers").addEventListener("toggle", () => { if ($("numbers").open && !$("number").value && current()) $("number").value = current().to; });
  $("behave").onsubmit = behave;
  await refresh();
}

/** As it stands at the simulator, which a test may have changed meanwhile. */
export async function refresh() {
  const [faults, numbers] = await Promise.all([ask("faults"), ask("numbers")]);
  show(faults);
  told(numbers);
}

function fault(name, words) {
  const how = h("select", { "aria-label": `${words}: how often`, "data-how": name, onchange: () => name in on && turn(name, true) }, ...Object.keys(HOW).map((it) => h("option", {}, it)));
  const box = h("input", { type: "checkbox", role: "switch", "data-fault": name, onchange: () => turn(name, box.checked) });
  return h("div.fault", {}, h("label.check", {}, box, h("span", {}, words)), how);
}

async function turn(name, wanted) {
  const next = { ...on };
  if (wanted) next[name] = HOW[document.querySelector(`[data-how="${name}"]`).value];
  else delete next[name];
  await set(next);
}

async function set(next) {
  try {
    show(await ask("faults", "PUT", next));
    $("faults-error").textContent = "";
  } catch (error) {
    $("faults-error").textContent = error.message;
    show(on);
  }
}

function show(faults) {
  on = faults;
  const count = Object.keys(on).length;
  $("faults-on").hidden = count === 0;
  $("faults-on").textContent = `${count} on`;
  for (const box of document.querySelectorAll("[data-fault]")) box.checked = box.dataset.fault in on;
}

async function behave(event) {
  event.preventDefault();
  const manner = MANNERS[$("manner").value] ?? keys($("presses").value);
  try {
    await ask(`numbers/${encodeURIComponent($("number").value.trim())}`, "PUT", manner);
    $("behave-error").textContent = "";
    told(await ask("numbers"));
  } catch (error) {
    $("behave-error").textContent = error.message;
  }
}

function told(numbers) {
  $("told").replaceChildren(...Object.entries(numbers).map(([number, manner]) => h("li", {}, h("strong", {}, pretty(number)), h("span", {}, name(manner)),
    h("button.quiet", { type: "button", "aria-label": `Reset ${number}`, onclick: async () => {
      await ask(`numbers/${encodeURIComponent(number)}`, "DELETE");
      told(await ask("numbers"));
    } }, "Reset"))));
}

/** What the simulator says of a number, in the words of the list where they fit. */
function name(manner) {
  const plain = (it) => JSON.stringify(Object.entries(it).filter(([, value]) => value !== null && !(Array.isArray(value) && !value.length)).sort());
  const known = Object.entries(MANNERS).find(([, it]) => it && plain(it) === plain(manner));
  if (known) return known[0];
  return manner.keys?.length ? `Answers and presses ${manner.keys.map((it) => it.digits).join(", ")}` : "As told";
}
