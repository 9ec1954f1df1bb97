// Somebody with a browser. Each visitor has cookies of their own, and a watch over every page they see: no error in the
// console (nothing that the page's policy refuses, either), no request to another host.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { BUILT, endAll, PASSWORD, PATIENCE_MS } from "./programs.mjs";

export const WIDE = { width: 1280, height: 900 };
const ZONE = "Europe/Dublin";
export const NARROW = { width: 360, height: 740 };
const SHOTS = join(BUILT, "browser");

/** Headless Chromium; it knows no host but this machine. */
export async function startChromium() {
  const root = process.getuid?.() === 0;
  return chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: [
      ...(root ? ["--no-sandbox"] : []),
      "--disable-gpu",
      "--disable-quic",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });
}

const here = new Set();

/** Ends it. Visitors who are still here were left by a test that failed: what they had before them is told. */
export async function endChromium(chromium) {
  for (const visitor of here) {
    try {
      console.error(`A test ended on ${visitor.page.url()}; a picture of it: ${await visitor.picture(`left-${visitor.number}`)}`);
      if (visitor.wrong.length > 0) console.error(`and meanwhile: ${visitor.wrong.join("\n")}`);
    } catch (error) {
      console.error(`A test ended on ${visitor.page.url()}, and no picture of it can be made: ${error.message}`);
    }
  }
  await chromium?.close();
  endAll();
}

export class Visitor {
  /** `script: false` for a browser without JavaScript. */
  static async come(chromium, waypost, { script = true, narrow = false, dark = false } = {}) {
    const visitor = new Visitor();
    visitor.waypost = waypost;
    visitor.number = `${process.pid}-${here.size}`;
    visitor.context = await chromium.newContext({
      baseURL: waypost.url,
      viewport: narrow ? NARROW : WIDE,
      colorScheme: dark ? "dark" : "light",
      reducedMotion: "reduce",
      javaScriptEnabled: script,
      locale: "en-IE",
      timezoneId: ZONE,
    });
    visitor.context.setDefaultTimeout(PATIENCE_MS / 3);
    visitor.wrong = [];
    visitor.watch();
    visitor.page = await visitor.context.newPage();
    here.add(visitor);
    return visitor;
  }

  /** The same with an account, signed in. */
  static async signedIn(chromium, waypost, email, options = {}) {
    const visitor = await Visitor.come(chromium, waypost, options);
    // The page asks for itself once more where it does not know the zone yet; the first run sees that.
    await visitor.context.addCookies([{ name: "zone", value: ZONE, url: waypost.url }]);
    await visitor.signIn(email);
    return visitor;
  }

  watch() {
    const documents = new Set();
    this.context.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== this.waypost.url && protocol !== "data:") this.wrong.push(`asked ${request.url()} of another host`);
      if (request.isNavigationRequest()) documents.add(request.url());
    });
    this.context.on("weberror", ({ error }) => this.wrong.push(`script failed: ${error().stack}`));
    this.context.on("console", (message) => {
      // A page that is answered with 404 or 422 is a page.
      const { url } = message.location();
      const refused = message.text().startsWith("Failed to load resource") && documents.has(url);
      if (["error", "warning"].includes(message.type()) && !refused) {
        this.wrong.push(`${message.type()} in the console of ${this.page?.url()}: ${message.text()} (${url})`);
      }
    });
  }

  async signIn(email, password = PASSWORD) {
    await this.page.goto("/sign-in");
    await this.page.getByLabel("E-mail").fill(email);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
  }

  /** A second window with the same cookies. */
  another() {
    return this.context.newPage();
  }

  /** A picture of the page, for whoever wants to know what was there. */
  async picture(name) {
    mkdirSync(SHOTS, { recursive: true });
    const file = join(SHOTS, `${name.replaceAll(/[^\w-]+/g, "-")}.png`);
    await this.page.evaluate(() => window.scrollTo(0, 0));
    await this.page.screenshot({ path: file, fullPage: true });
    return file;
  }

  /** Ends the visit; an error where something was wrong meanwhile. */
  async leave() {
    await this.context.close();
    here.delete(this);
    assert.deepEqual(this.wrong, []);
  }
}
