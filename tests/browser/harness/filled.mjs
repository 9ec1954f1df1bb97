// A house with something of everything in it, for looking at pages: bookings that went through, one that the CRM refuses,
// one without anything to send, noise, people of each role, tokens. And an empty house beside it.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { booking, GUESTS } from "./guests.mjs";
import { Crm, Waypost } from "./programs.mjs";
import { Visitor } from "./visitor.mjs";
import { Walked } from "./walked.mjs";

/** Whom the CRM refuses here. */
export const REFUSED = { name: "Tomás Ó Súilleabháin", email: "guest9@example.org", phone: "087 555 0109", tour: "Whale watch — half day" };

export class House {
  static async filled(chromium) {
    const house = new House();
    house.crm = await Crm.start();
    [house.waypost, house.empty] = await Promise.all([Waypost.start({ crm: house.crm }), Waypost.start({ rules: false })]);
    const { waypost, crm, empty } = house;
    const rule = readFileSync(join(waypost.rules, "guests-to-crm.yaml"), "utf8");
    waypost.write("guests-to-crm.yaml", `${rule}      paid: "{{ money(booking.amount_paid, booking.company.currency) }}"\n`);
    waypost.git("commit", "--quiet", "--all", "--message=The office wants to see what is paid");
    await Promise.all([
      house.people(),
      empty.account("ciara@example.org", "admin", "Ciara Byrne"),
      crm.behave({ match: { object: "contacts", key: REFUSED.email }, fail: { status: 422, message: "phone: it has no country code" } }),
    ]);
    for (const [place, guest] of GUESTS.entries()) await waypost.post(booking(place, { ...guest, status: "booked" }));
    await waypost.post(booking(90, REFUSED));
    await waypost.quiet();
    for (const [place, guest] of GUESTS.entries()) {
      const phone = place % 2 ? guest.phone : "+353 87 765 4321";
      if (place < 4) await waypost.post(booking(place, { ...guest, phone }));
    }
    await waypost.post({ "ping": "this is no booking" });
    await waypost.quiet();
    await house.tryAgain(chromium);
    await house.channel(chromium);
    await house.read();
    return house;
  }

  /** A house beside it that asks its booking systems, for pages of walks and subscriptions. */
  async walk(chromium) {
    this.walked = await Walked.start(chromium, this.crm);
    Object.assign(this.names, this.walked.names);
  }

  async people() {
    await this.waypost.account("ciara@example.org", "admin", "Ciara Byrne");
    await this.waypost.account("eoin@example.org", "editor", "Eoin Mac Giolla Phádraig");
    await this.waypost.account("vera@example.org", "viewer", "Vera Sandoval");
    await this.waypost.account("two@example.org", "viewer", "Two Steps");
    this.welcome = await this.waypost.link("ama.owusu-ansah.of.the.front.desk@example.org", "viewer");
  }

  /** Somebody tried again what the CRM refuses. */
  async tryAgain(chromium) {
    const editor = await this.visitor(chromium, "editor");
    await editor.page.goto("/needs-you");
    await editor.page.getByRole("link", { name: /^Try .* again/ }).click();
    await editor.page.getByRole("button", { name: /again$/ }).click();
    await editor.page.waitForURL(/\/needs-you\/acts\//);
    this.act = new URL(editor.page.url()).pathname.split("/").pop();
    await editor.leave();
    await this.waypost.quiet();
  }

  /** Where alerts go: nobody listens there, so a test of it fails and says why. */
  async channel(chromium) {
    const admin = await this.visitor(chromium, "admin");
    await admin.page.goto("/settings/alerts/new/webhook");
    await admin.page.getByLabel("What is it called").fill("Front desk");
    await admin.page.getByLabel("Address").fill("https://127.0.0.1:9/alerts");
    await admin.page.getByLabel("It is in a private network").check();
    await admin.page.getByRole("button", { name: "Keep this channel" }).click();
    await admin.page.getByRole("button", { name: "Send a test to Front desk" }).click();
    await admin.page.getByRole("link", { name: "Front desk" }).waitFor();
    this.channelId = (await admin.page.getByRole("link", { name: "Front desk" }).getAttribute("href")).split("/").pop();
    await admin.leave();
  }

  /** What the addresses in `pages.json` name. */
  async read() {
    const [events, runs] = [await this.waypost.json("events", "--limit", "500"), await this.waypost.json("runs", "--limit", "500")];
    const about = (number) => booking(number, REFUSED).booking.uuid;
    const bookingOf = (number) => runs.concat(events.flatMap((event) => event.change)).find((one) => one.booking === about(number)).booking_id;
    this.names = {
      sent: bookingOf(0),
      failed: bookingOf(90),
      cancelled: bookingOf(3),
      without_email: bookingOf(6),
      event: events.find((event) => event.change.some((change) => change.booking === about(1))).id,
      noise: events.find((event) => event.change.every((change) => !change.booking)).id,
      run: runs.find((run) => run.booking === about(0)).id,
      failed_run: runs.find((run) => run.booking === about(90)).id,
      cause: (await this.waypost.json("causes"))[0].key,
      act: this.act,
      channel: this.channelId,
      version: this.waypost.git("log", "-1", "--format=%H").trim(),
      first_version: this.waypost.git("log", "--reverse", "--format=%H").trim().split("\n")[0],
      invited: this.welcome.split("/").pop(),
    };
  }

  /** Somebody of the groups of `pages.json`. */
  async visitor(chromium, who, options) {
    switch (who) {
      case "admin":
        return Visitor.signedIn(chromium, this.waypost, "ciara@example.org", options);
      case "editor":
        return Visitor.signedIn(chromium, this.waypost, "eoin@example.org", options);
      case "viewer":
        return Visitor.signedIn(chromium, this.waypost, "vera@example.org", options);
      case "admin of an empty house":
        return Visitor.signedIn(chromium, this.empty, "ciara@example.org", options);
      case "admin of a house with booking systems":
        return Visitor.signedIn(chromium, this.walked.waypost, "ciara@example.org", options);
      case "nobody":
        return Visitor.come(chromium, this.waypost, options);
      case "half way in":
        await this.twoSteps(chromium);
        return Visitor.signedIn(chromium, this.waypost, "two@example.org", options);
      default:
        throw new Error(`pages.json: nobody is “${who}”`);
    }
  }

  /** Sets up a second factor for whoever is to have one. */
  async twoSteps(chromium) {
    if (this.twoStepsDone) return;
    this.twoStepsDone = true;
    const visitor = await Visitor.signedIn(chromium, this.waypost, "two@example.org");
    await turnOnSecondFactor(visitor.page);
    await visitor.leave();
  }
}

/** Sets up the second factor of whoever is signed in, as their phone would; ends on the page with the recovery codes. */
export async function turnOnSecondFactor(page, password) {
  await page.goto("/account/second-factor");
  const key = await page.locator("code").first().textContent();
  await page.getByLabel("Your password").first().fill(password ?? "whale and harbour");
  await page.getByLabel("Code of the app").fill(codeOf(key));
  await page.getByRole("button", { name: "Turn the second factor on" }).click();
  await page.getByRole("heading", { level: 1 }).waitFor();
}

/** The code that an authenticator app shows now (RFC 6238). */
function codeOf(key) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  let bits = "";
  for (const letter of key.replaceAll(/[^A-Z2-7]/g, "")) bits += letters.indexOf(letter).toString(2).padStart(5, "0");
  const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac("sha1", secret).update(counter).digest();
  const place = hash[19] & 15;
  return String((hash.readUInt32BE(place) & 0x7fff_ffff) % 1_000_000).padStart(6, "0");
}
