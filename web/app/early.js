// Before anything is drawn: where another language than English is wanted, in which the page is served, its words are shown
// once they are there, so that nothing moves when they come.
"use strict";
{
  const root = document.documentElement;
  let chosen = null;
  try {
    chosen = localStorage.getItem("tablecall.language");
  } catch {
    // Storage is blocked, so nothing was chosen.
  }
  const wanted = chosen ?? navigator.languages?.[0] ?? navigator.language ?? "en";
  root.classList.toggle("awaits-words", !/^en/i.test(wanted));
  // Words that do not come must not hide the form.
  setTimeout(() => root.classList.remove("awaits-words"), 3000);
}
