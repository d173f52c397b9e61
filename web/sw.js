// Keeps the app's own files, so that it opens without a network. The build puts in the version, which is the hash of
// all of them, and their names. The API, the phone page and the documents are never kept.
"use strict";

const VERSION = "@VERSION@";
const FILES = ["@FILES@"];
const CACHE = `tablecall-${VERSION}`;

self.addEventListener("install", (event) => {
  // All or nothing, and not from the browser's own cache: a version is never mixed from two.
  const wanted = FILES.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(wanted)));
});

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("tablecall-") && name !== CACHE;
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name)))));
});

self.addEventListener("message", (event) => {
  if (event.data === "use") self.skipWaiting();
  if (event.data === "version") event.source.postMessage({ version: VERSION });
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin || !FILES.includes(pathname)) return;
  event.respondWith(answer(request, pathname, event.clientId));
});

async function answer(request, pathname, clientId) {
  // The other pages share a few files; they must get the server's, not those of an app that waits for its update.
  const page = request.mode === "navigate" ? null : await self.clients.get(clientId);
  const ours = !page || new URL(page.url).pathname === "/";
  const kept = ours && (await (await caches.open(CACHE)).match(pathname));
  return kept || fetch(request);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const target = event.notification.data ?? "/";
  event.waitUntil((async () => {
    const pages = await self.clients.matchAll({ type: "window" });
    const open = pages.find((page) => new URL(page.url).pathname === "/");
    if (!open) return self.clients.openWindow(target);
    await open.focus();
    if (!open.url.endsWith(target.slice(1))) await open.navigate(target).catch(() => {});
  })());
});
