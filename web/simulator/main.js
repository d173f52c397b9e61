// Starts the phone's page and keeps it live.
import { $ } from "/app/dom.js";
import { ask, events } from "./control.js";
import * as phone from "./phone.js";
import * as ring from "./ring.js";
import * as switches from "./switches.js";
import * as wire from "./wire.js";

/** So many exchanges are fetched at first. */
const BEFORE = 150;

let stream = null;

async function connect() {
  stream?.close();
  try {
    const state = await ask("state?limit=40");
    const { exchanges } = await ask(`wire?after=${Math.max(0, state.version - BEFORE)}`);
    phone.reset(state);
    wire.reset(exchanges);
    follow(state.version);
    $("lost").hidden = true;
    return true;
  } catch {
    $("lost").hidden = false;
    setTimeout(connect, 2000);
    return false;
  }
}

function follow(version) {
  stream = events(version);
  stream.addEventListener("call", (event) => phone.update(JSON.parse(event.data)));
  stream.addEventListener("exchange", (event) => wire.add(JSON.parse(event.data)));
  // A simulator that was started anew counts from the beginning: everything is asked for again.
  stream.addEventListener("error", () => {
    stream.close();
    $("lost").hidden = false;
    setTimeout(connect, 1000);
  });
}

const narrow = (call) => wire.filter($("only").checked ? (call?.sid ?? "") : null);
phone.start(narrow);
$("only").onchange = () => narrow(phone.current());
$("clear").onclick = async () => {
  await ask("calls", "DELETE").catch(() => {});
  phone.forget();
  narrow(phone.current());
};
await connect();
await switches.start().catch(() => {});
await ring.start().catch(() => {});
document.documentElement.dataset.ready = "yes";
