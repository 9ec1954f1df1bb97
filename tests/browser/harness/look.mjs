// What every page has to be, looked at as people with eyes, fingers and keyboards of all kinds would: nothing that axe-core
// knows as a barrier (WCAG 2.2 A and AA, and its best practices), nothing to scroll sideways, light enough for a phone, and
// everything within reach of the Tab key. Each function gives a list of sentences; an empty one is well.

import { get } from "node:http";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { NARROW, WIDE } from "./visitor.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** HTML and what it loads, as they are sent to a browser. */
export const BYTES_MAX = 60_000;
/** A page has no more places to stop at. */
const STOPS_MAX = 400;

/** Each page is looked at in all four. */
export const LOOKS = [
  { name: "light and wide", colorScheme: "light", size: WIDE },
  { name: "dark and wide", colorScheme: "dark", size: WIDE },
  { name: "dark and narrow", colorScheme: "dark", size: NARROW },
  { name: "light and narrow", colorScheme: "light", size: NARROW },
];

/** Gives the page this size and these colours. */
export async function turn(page, look) {
  await page.emulateMedia({ colorScheme: look.colorScheme, reducedMotion: "reduce" });
  await page.setViewportSize(look.size);
}

/** What axe-core finds on the page as it is now. */
export async function barriers(page) {
  await page.evaluate(`window.axe ?? (() => { ${AXE} })()`);
  const found = await page.evaluate(async (tags) => {
    const options = { runOnly: tags, rules: { "target-size": { enabled: true } }, resultTypes: ["violations"] };
    const { violations } = await window.axe.run(document, options);
    return violations.map(({ id, help, nodes }) => ({
      id,
      help,
      at: nodes.slice(0, 3).map((node) => `${node.target.join(" ")}: ${node.failureSummary.split("\n").slice(1).join(" ").trim()}`),
      more: Math.max(0, nodes.length - 3),
    }));
  }, TAGS);
  return found.map(({ id, help, at, more }) => `${id}: ${help}${at.map((one) => `\n      ${one}`).join("")}${more ? `\n      and ${more} more` : ""}`);
}

/** Whether something makes the page wider than its window. */
export async function overflow(page) {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const out = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > clientWidth + 0.5);
    const told = out.slice(-3).map((one) => `<${one.tagName.toLowerCase()} class="${one.className}"> ${one.textContent.trim().slice(0, 40)}`);
    return [`it is ${scrollWidth} wide in a window of ${clientWidth}: ${told.join("; ")}`];
  });
}

/** Bytes of a file as it is sent to a browser. */
function sent(address) {
  return new Promise((resolve, reject) => {
    get(address, { headers: { "accept-encoding": "gzip, deflate, br" } }, (answer) => {
      let bytes = 0;
      answer.on("data", (part) => (bytes += part.length)).on("end", () => resolve(bytes)).on("error", reject);
    }).on("error", reject);
  });
}

const assets = new Map();
/** Bytes of the page and all that it loads from us. `html` is its source. */
export async function weight(page, html) {
  let bytes = Buffer.byteLength(html);
  const loaded = await page.evaluate(() => [
    ...new Set([
      ...performance.getEntriesByType("resource").filter((one) => ["link", "script", "img", "css", "other"].includes(one.initiatorType)).map((one) => one.name),
      ...Array.from(document.querySelectorAll("link[href], script[src]"), (one) => one.href || one.src),
    ].map((address) => address.split("#")[0])),
  ]);
  for (const address of loaded.filter((one) => one.startsWith("http"))) {
    if (!assets.has(address)) assets.set(address, await sent(address));
    bytes += assets.get(address);
  }
  return bytes;
}

/** Walks the page by Tab: the way to the content comes first, every control is reached, where one is can be seen, and the
 * walk comes to an end. */
export async function keyboard(page) {
  const wrong = [];
  await page.evaluate(() => {
    document.activeElement?.blur();
    window.scrollTo(0, 0);
    window.getSelection()?.removeAllRanges();
    window.reached = new Set();
    window.last = null;
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
  });
  const step = () =>
    page.evaluate(() => {
      const now = document.activeElement;
      if (!now || now === document.body || now === document.documentElement) return { end: true };
      const name = `<${now.tagName.toLowerCase()}> ${(now.getAttribute("aria-label") || now.labels?.[0]?.textContent || now.textContent || now.name || "").trim().slice(0, 50)}`;
      // A date has several stops of its own.
      const within = window.last === now;
      window.last = now;
      if (window.reached.has(now)) return { again: true, within, name };
      window.reached.add(now);
      const style = getComputedStyle(now);
      const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && style.outlineColor !== "rgba(0, 0, 0, 0)";
      const box = now.getBoundingClientRect();
      const onScreen = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight;
      // Some part of it shows: nothing that floats covers all of it.
      const points = [[0.5, 0.5], [0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]];
      const shows = onScreen && points.some(([x, y]) => {
        const top = document.elementFromPoint(box.left + box.width * x, box.top + box.height * y);
        return top && (now.contains(top) || top.contains(now) || now.labels?.[0]?.contains(top));
      });
      return { name, ring, shows, skip: now.matches("a[href='#content']") };
    });
  let first = true;
  for (let stops = 0; ; stops += 1) {
    await page.keyboard.press("Tab");
    const stop = await step();
    if (stop.end || (stop.again && !stop.within)) break;
    if (stops > STOPS_MAX) return [...wrong, `after ${STOPS_MAX} stops the Tab key has not come to the end`];
    if (first && !stop.skip && (await page.locator("nav").count()) > 0) wrong.push(`the first stop is no way to the content: ${stop.name}`);
    first = false;
    if (stop.within) continue;
    if (!stop.ring) wrong.push(`it can't be seen that the focus is on ${stop.name}`);
    if (!stop.shows) wrong.push(`${stop.name} has the focus and can't be seen`);
  }
  const missed = await page.evaluate(() => {
    const controls = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']");
    const radios = new Set();
    return [...controls]
      .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && !window.reached.has(one))
      // Of a group of radios one is a stop; the arrow keys reach the rest.
      .filter((one) => one.type !== "radio" || ![...window.reached].some((other) => other.type === "radio" && other.name === one.name && !radios.has(one)))
      .map((one) => `Tab does not reach <${one.tagName.toLowerCase()}> ${one.textContent.trim().slice(0, 50)}`);
  });
  await page.evaluate(() => document.activeElement?.blur());
  return [...wrong, ...missed];
}

/** The link past the rail leads to the content. */
export async function skips(page) {
  const link = page.locator("a.skip");
  if ((await link.count()) === 0) return [];
  await link.focus();
  await page.keyboard.press("Enter");
  const there = await page.evaluate(() => document.activeElement?.id);
  return there === "content" ? [] : [`“Skip to the content” leads to ${there || "nothing"}`];
}
