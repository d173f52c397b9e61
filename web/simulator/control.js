// The simulator's own API.

const BASE = "/simulator/api";

/** Asks; what is refused is thrown with the simulator's own words. */
export async function ask(path, method = "GET", body) {
  const send = { method, cache: "no-store" };
  if (body !== undefined) {
    send.headers = { "content-type": "application/json" };
    send.body = JSON.stringify(body);
  }
  const response = await fetch(`${BASE}/${path}`, send);
  const told = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(told.detail ?? told.title ?? told.message ?? `The simulator answered ${response.status}`);
  return told;
}

/** Everything that happens after `version`; the browser itself comes back after a loss, from where it was. */
export const events = (version) => new EventSource(`${BASE}/events?after=${version}`);
