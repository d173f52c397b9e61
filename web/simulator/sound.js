// What is heard: the ring, the keys, and the voice. All of it can be muted; none of it is needed to use the phone.

import { audio as newAudio, silence, speak, storage } from "/app/optional.js";

const MUTED = "tablecall.phone.muted";
const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477];
const PAD = ["123", "456", "789", "*0#"];

let audio = null;
let ringing = null;
let muted = storage.get(MUTED) === "yes";

export const isMuted = () => muted;

export function mute(wanted) {
  muted = wanted;
  storage.set(MUTED, wanted ? "yes" : "no");
  if (wanted) {
    ring(false);
    hush();
  }
}

/** Browsers let a page sound only after it was touched. */
function context() {
  if (!navigator.userActivation?.hasBeenActive) return null;
  audio ??= newAudio();
  if (audio?.state === "suspended") audio.resume();
  return audio;
}

function tone(frequencies, seconds, volume = 0.06, delay = 0) {
  const device = context();
  if (!device || muted) return;
  const gain = device.createGain();
  const from = device.currentTime + delay;
  gain.gain.setValueAtTime(0, from);
  gain.gain.linearRampToValueAtTime(volume, from + 0.015);
  gain.gain.setValueAtTime(volume, from + seconds - 0.03);
  gain.gain.linearRampToValueAtTime(0, from + seconds);
  gain.connect(device.destination);
  for (const frequency of frequencies) {
    const oscillator = device.createOscillator();
    oscillator.frequency.value = frequency;
    oscillator.connect(gain);
    oscillator.start(from);
    oscillator.stop(from + seconds);
  }
}

/** Rings until it is told to stop. */
export function ring(on) {
  if (!on || muted) {
    clearInterval(ringing);
    ringing = null;
    return;
  }
  if (ringing) return;
  const once = () => {
    for (let at = 0; at < 1.6; at += 0.08) tone([at % 0.16 < 0.08 ? 660 : 830], 0.08, 0.07, at);
  };
  once();
  ringing = setInterval(once, 3000);
}

/** The two tones of a key. */
export function key(digit) {
  const row = PAD.findIndex((keys) => keys.includes(digit));
  tone([ROWS[row], COLUMNS[PAD[row].indexOf(digit)]], 0.16);
}

/** Speaks; what was being said before is cut. */
export function say(text, language) {
  if (!muted) speak(text, language ?? "en-US");
}

export const hush = silence;
