// The key that makes a wish one wish, however often it is sent: it outlives the page, since the answer to the first
// request can be lost together with it.
import { randomId, storage, stored } from "./optional.js";

const STORE = "tablecall.wish";
/** How long the service knows a key, in milliseconds. */
const KNOWN = 24 * 60 * 60 * 1000;

/** The wish of this page; another page may have stored its own since. */
let own = null;

const lives = (wish) => typeof wish?.key === "string" && Date.now() - wish.at < KNOWN;

/** The key of the wish `text`, the body of its request: the same one until it is granted or another wish is made. */
export function keyOf(text) {
  own = [own, stored(STORE)].find((wish) => lives(wish) && wish.text === text) ?? { text, key: randomId(), at: Date.now() };
  storage.set(STORE, JSON.stringify(own));
  return own.key;
}

/** The wish became a call, or the guest wants nothing kept: the next one is another, even in the same words. */
export function forget() {
  own = null;
  storage.remove(STORE);
}

// What is of no use any more names a guest for nothing.
if (!lives(stored(STORE))) storage.remove(STORE);
