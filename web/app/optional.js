// What a browser may lack or withhold: storage, speech, sound, notifications, a service worker. Each is looked for
// when it is used and nowhere else, and the page works without any of them.

/** Values of this page while nothing can be stored: storage is blocked, full, or not there (some web views have null). */
const memory = new Map();

/** `localStorage` where it works; what cannot be written there lasts as long as the page. */
export const storage = {
  get(name) {
    if (memory.has(name)) return memory.get(name);
    try {
      return globalThis.localStorage?.getItem(name) ?? null;
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      globalThis.localStorage.setItem(name, value);
      memory.delete(name);
    } catch {
      memory.set(name, value);
    }
  },
  remove(name) {
    memory.delete(name);
    try {
      globalThis.localStorage?.removeItem(name);
    } catch {
      // It could not be written there either.
    }
  },
};

/** A value stored as JSON; null where there is none, or something else. */
export function stored(name) {
  try {
    return JSON.parse(storage.get(name));
  } catch {
    return null;
  }
}

/** Whether texts can be read aloud. Android's WebView has no voices. */
export const canSpeak = () => Boolean(globalThis.speechSynthesis && globalThis.SpeechSynthesisUtterance);

/** Reads `text` aloud in place of what was being read; false where that cannot be done: browsers let no page speak before it was touched. */
export function speak(text, language) {
  if (!canSpeak() || navigator.userActivation?.hasBeenActive === false) return false;
  const words = new SpeechSynthesisUtterance(text);
  words.lang = language;
  speechSynthesis.cancel();
  speechSynthesis.speak(words);
  return true;
}

export const isSpeaking = () => canSpeak() && speechSynthesis.speaking;

/** Ends what is being read aloud. */
export function silence() {
  if (canSpeak()) speechSynthesis.cancel();
}

/** Makes sounds: an `AudioContext`, or null where there is none. */
export function audio() {
  try {
    return globalThis.AudioContext ? new AudioContext() : null;
  } catch {
    return null;
  }
}

/** "default", "granted" or "denied"; denied where there are no notifications. */
export const notifications = () => globalThis.Notification?.permission ?? "denied";

/** The service worker's container; null where pages may have none. */
export function workers() {
  try {
    return navigator.serviceWorker ?? null;
  } catch {
    return null;
  }
}

/** 32 random hexadecimal digits. */
export function randomId() {
  const bytes = new Uint8Array(16);
  if (globalThis.crypto?.getRandomValues) crypto.getRandomValues(bytes);
  else bytes.forEach((_, at) => { bytes[at] = Math.floor(Math.random() * 256); });
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The name of a region or a language; the code itself where the browser knows no names. */
export function displayName(tag, type, code) {
  try {
    return new Intl.DisplayNames([tag], { type }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** "Spain or Andorra"; with commas where the browser joins no lists. */
export function either(tag, names) {
  return Intl.ListFormat ? new Intl.ListFormat(tag, { type: "disjunction" }).format(names) : names.join(", ");
}

/** The time zones that the browser knows; none where it lists none. */
export const timeZones = () => Intl.supportedValuesOf?.("timeZone") ?? [];
