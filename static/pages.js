// Keeps what is shown fresh and the times true. Nothing depends on it: every page is whole without.
"use strict";

(function () {
  const POLL_MS = 4000; // without server-sent events
  const SLOW_MS = 30000; // beside them, should one be missed
  const AFTER_FAILURE_MS_MAX = 60000;
  const TIMES_MS = 10000;

  // The viewer's zone, for the server to tell times in. Where it was not known yet, the page is asked for once more.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  if (zone && !document.cookie.split("; ").includes("zone=" + zone)) {
    document.cookie = "zone=" + zone + "; path=/; max-age=31536000; samesite=strict" + (location.protocol === "https:" ? "; secure" : "");
    const taken = document.cookie.split("; ").includes("zone=" + zone);
    if (taken && document.documentElement.dataset.zone !== zone && document.querySelector("time[datetime]")) {
      location.reload();
      return;
    }
  }

  // What is wrong with a form is read first.
  const problem = document.querySelector(".problem");
  if (problem) problem.focus();

  // "/" goes to the search, Escape leaves it.
  const search = document.getElementById("search");
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest && event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key === "/" && !writes && !event.ctrlKey && !event.metaKey && !event.altKey && search) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && event.target === search) {
      search.blur();
    }
  });

  // Relative times, in the server's words.
  function ago(at) {
    const apart = Math.abs(Date.now() - at) / 1000;
    const of = (count, what) => Math.floor(count) + " " + what + (Math.floor(count) === 1 ? "" : "s");
    let words;
    if (apart < 10) return "just now";
    if (apart < 60) words = of(apart, "second");
    else if (apart < 3600) words = of(apart / 60, "minute");
    else if (apart < 2 * 86400) words = of(apart / 3600, "hour");
    else if (apart < 14 * 86400) words = of(apart / 86400, "day");
    else return null;
    return at > Date.now() ? "in " + words : words + " ago";
  }
  function tellTimes(root) {
    for (const time of root.querySelectorAll("time[data-ago]")) {
      const words = ago(new Date(time.dateTime).getTime());
      if (words && words !== time.textContent) time.textContent = words;
    }
  }
  tellTimes(document);
  window.setInterval(() => tellTimes(document), TIMES_MS);

  // Light or dark, without leaving what is being written on the page.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.classList.contains("colours") || !event.submitter) return;
    event.preventDefault();
    const colours = event.submitter.value;
    const body = new URLSearchParams(new FormData(form, event.submitter));
    fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => {});
    document.documentElement.dataset.colours = colours;
    for (const button of document.querySelectorAll(".colours button")) button.setAttribute("aria-pressed", String(button.value === colours));
  });

  const block = document.querySelector("[data-live]");
  if (!block) return;
  let shown = null;
  let wait = POLL_MS;
  let told = false; // whether server-sent events come
  let timer = 0;
  let looking = false;

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
    const rows = Array.from(block.querySelectorAll("tr, li"));
    const anchor = rows.find((row) => row.getBoundingClientRect().top >= 0);
    const link = anchor && anchor.querySelector("a[href]");
    const top = anchor ? anchor.getBoundingClientRect().top : 0;
    const scrolled = window.scrollY > 80;
    block.replaceChildren(...fresh.body.childNodes);
    if (scrolled && link) {
      const again = Array.from(block.querySelectorAll("a[href]")).find((one) => one.getAttribute("href") === link.getAttribute("href"));
      const row = again && again.closest("tr, li");
      if (row) window.scrollBy({ top: row.getBoundingClientRect().top - top, behavior: "instant" });
    }
    focusAgain(was);
    const needed = block.querySelector("[data-needs-you]");
    const count = document.querySelector("[data-needs-you-count]");
    if (needed && count) {
      count.textContent = needed.dataset.needsYou;
      count.hidden = needed.dataset.needsYou === "0";
    }
  }

  async function look() {
    window.clearTimeout(timer);
    if (looking) return;
    looking = true;
    if (!busy()) {
      try {
        const answer = await fetch(block.dataset.live, { cache: "no-store", credentials: "same-origin", headers: { "x-waypost-live": "1" } });
        if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
        const text = await answer.text();
        if (text !== shown && !busy()) {
          shown = text;
          swap(text);
        }
        wait = told ? SLOW_MS : POLL_MS;
        block.classList.remove("aged");
      } catch {
        wait = Math.min(wait * 2, AFTER_FAILURE_MS_MAX);
        block.classList.add("aged");
      }
    }
    looking = false;
    timer = window.setTimeout(look, wait);
  }

  timer = window.setTimeout(look, POLL_MS);

  // News by server-sent events. A browser has few connections to one host, so of all tabs that are seen one holds the stream
  // and passes on what it hears; a tab that nobody sees holds none. Where tabs can't agree, each has a stream of its own.
  const tabs = navigator.locks && window.BroadcastChannel ? new BroadcastChannel("waypost-live") : null;
  let listens = false;
  let stream = null;
  let giveUp = null; // leaves the queue for the lead
  let handOver = null; // ends the lead
  let again = 0;

  function hear(word) {
    if (word === "changed") {
      told = true;
      look();
    } else if (word === "open") {
      told = true;
    } else if (word === "down" && told) {
      told = false;
      wait = POLL_MS;
      window.clearTimeout(timer);
      timer = window.setTimeout(look, wait);
    } else if (word === "who" && stream && told) {
      tabs.postMessage("open");
    }
  }
  function say(word) {
    hear(word);
    if (tabs) tabs.postMessage(word);
  }
  function open() {
    stream = new EventSource("/live");
    stream.onopen = () => say("open");
    stream.onmessage = () => say("changed");
    stream.onerror = () => {
      say("down");
      // It was refused: the browser does not ask again by itself.
      if (stream.readyState === EventSource.CLOSED) again = window.setTimeout(open, AFTER_FAILURE_MS_MAX);
    };
  }
  function listen() {
    if (listens || !window.EventSource || document.hidden) return;
    listens = true;
    if (!tabs) {
      open();
      return;
    }
    const asking = new AbortController();
    giveUp = () => asking.abort();
    const lead = () => new Promise((done) => {
      if (asking.signal.aborted) {
        done();
        return;
      }
      handOver = done;
      open();
    });
    navigator.locks.request("waypost-live", { signal: asking.signal }, lead).catch(() => {});
    tabs.postMessage("who");
  }
  function rest() {
    listens = false;
    told = false;
    wait = POLL_MS;
    window.clearTimeout(again);
    if (stream) stream.close();
    stream = null;
    if (giveUp) giveUp();
    if (handOver) handOver();
    giveUp = handOver = null;
  }
  if (tabs) tabs.onmessage = (event) => hear(event.data);
  listen();
  window.addEventListener("pagehide", rest);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) listen();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      rest();
    } else {
      listen();
      look();
    }
  });
})();
