// Keeps what is shown fresh. Every few seconds the block marked with data-live is fetched again and, where it differs,
// swapped in place: opened details stay open, the focus and the scroll stay where they are. Nothing depends on it.
"use strict";

(function () {
  const EVERY_MS = 4000;
  const AFTER_FAILURE_MS_MAX = 60000;

  // The exact times that the server tells in UTC, in the viewer's own zone. A tour's time stays in the tour's.
  function tellTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]:not([data-keep])")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.getTime())) {
        time.title = at.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
      }
    }
  }
  tellTimes(document);

  const block = document.querySelector("[data-live]");
  if (!block) return;
  let shown = null;
  let wait = EVERY_MS;

  function busy() {
    const selection = window.getSelection();
    const selects = selection && !selection.isCollapsed && block.contains(selection.anchorNode);
    const writes = block.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
    return document.hidden || selects || writes;
  }

  // What the reader has the finger on: a link or button by its place among its like, details by their id.
  function focused() {
    const active = document.activeElement;
    if (!block.contains(active)) return null;
    const owner = active.closest("[id]");
    const within = owner && block.contains(owner) ? owner : block;
    const same = Array.from(within.querySelectorAll(active.tagName));
    return { id: within === block ? null : within.id, tag: active.tagName, place: same.indexOf(active), href: active.getAttribute("href") };
  }

  function focusAgain(was) {
    if (!was) return;
    const within = was.id ? document.getElementById(was.id) : block;
    if (!within) return;
    const same = Array.from(within.querySelectorAll(was.tag));
    const again = (was.href && same.find((one) => one.getAttribute("href") === was.href)) || same[was.place];
    if (again) again.focus({ preventScroll: true });
  }

  function swap(text) {
    const was = focused();
    const open = new Map(Array.from(block.querySelectorAll("details[id]"), (one) => [one.id, one.open]));
    const fresh = new DOMParser().parseFromString(text, "text/html");
    tellTimes(fresh);
    for (const one of fresh.querySelectorAll("details[id]")) {
      if (open.has(one.id)) one.open = open.get(one.id);
    }
    // The row at the top of the window stays there, however much comes in above it.
    const rows = Array.from(block.querySelectorAll("tr, article"));
    const anchor = rows.find((row) => row.getBoundingClientRect().top >= 0);
    const link = anchor && anchor.querySelector("a[href]");
    const top = anchor ? anchor.getBoundingClientRect().top : 0;
    const scrolled = window.scrollY > 80;
    block.replaceChildren(...fresh.body.childNodes);
    if (scrolled && link) {
      const again = Array.from(block.querySelectorAll("a[href]")).find((one) => one.getAttribute("href") === link.getAttribute("href"));
      const row = again && again.closest("tr, article");
      if (row) window.scrollBy({ top: row.getBoundingClientRect().top - top, behavior: "instant" });
    }
    focusAgain(was);
    tellCount();
  }

  function tellCount() {
    const told = block.querySelector("[data-needs-you]");
    const count = document.querySelector("[data-needs-you-count]");
    if (!told || !count) return;
    count.textContent = told.dataset.needsYou;
    count.hidden = told.dataset.needsYou === "0";
  }

  async function look() {
    if (!busy()) {
      try {
        const answer = await fetch(block.dataset.live, { cache: "no-store", credentials: "same-origin" });
        if (answer.status === 401) return location.reload(); // Signed out: the page itself leads to the door, and back.
        if (!answer.ok) throw new Error(String(answer.status));
        const text = await answer.text();
        if (text !== shown) {
          if (!busy()) {
            shown = text;
            swap(text);
          }
        }
        wait = EVERY_MS;
        block.classList.remove("aged");
      } catch {
        wait = Math.min(wait * 2, AFTER_FAILURE_MS_MAX);
        block.classList.add("aged");
      }
    }
    window.setTimeout(look, wait);
  }

  window.setTimeout(look, EVERY_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) wait = EVERY_MS;
  });
})();
