// A house that asks its booking systems: walks over what they have, through, resting and paused, a report with something of
// everything, and what it came to; subscriptions that are there, and that are not.

import { setTimeout as after } from "node:timers/promises";
import { booking, GUESTS } from "./guests.mjs";
import { until, Waypost } from "./programs.mjs";
import { Apaleo, FareHarbor } from "./vendors.mjs";
import { Visitor } from "./visitor.mjs";

const DAYS = ["--from", "2027-03-01", "--to", "2027-03-31"];
const YEAR = ["--from", "2027-01-01", "--to", "2027-12-31"];

/** A company's items with availabilities of March, and guests of these numbers spread over them. */
function tours(company, first, count) {
  const items = [1, 2].map((pk) => ({ pk, name: `Tour ${pk}`, availabilities: [0, 1].map((n) => ({ pk: pk * 100 + n, day: `2027-03-1${pk + n * 3}`, bookings: [] })) }));
  const all = items.flatMap((item) => item.availabilities);
  for (let number = first; number < first + count; number++) {
    const at = all[number % all.length];
    const body = booking(number, GUESTS[number % GUESTS.length]);
    body.booking.availability = { ...body.booking.availability, pk: at.pk, start_at: `${at.day}T09:30:00+0000` };
    body.booking.company.shortname = company;
    at.bookings.push(body);
  }
  return items;
}

export class Walked {
  static async start(chromium, crm) {
    const house = new Walked();
    house.waypost = await Waypost.start({ crm, hooksUrl: "https://hooks.example.org" });
    const { waypost } = house;
    for (const [name, value] of Object.entries({ "fh-app": "app", "fh-user": "user", "apaleo-id": "id", "apaleo-secret": "secret" })) {
      await waypost.run(["secret", "set", name], `${value}\n`);
    }
    const [reef, bay, slow, apaleo] = await Promise.all([
      FareHarbor.start("reeftours", tours("reeftours", 200, 16)),
      FareHarbor.start("baytours", tours("baytours", 300, 12)),
      FareHarbor.start("slowtours", tours("slowtours", 400, 60)),
      Apaleo.start("ACME"),
    ]);
    Object.assign(house, { reef, bay, slow, apaleo });
    const tour = (title, vendor, pace) => `connector: fareharbor\ntitle: ${title}\n${vendor.api(pace)}`;
    waypost.write("sources/reef-tours.yaml", tour("Reef Tours", reef, 200));
    waypost.write("sources/bay-tours.yaml", tour("Tours of the Bay", bay, 200));
    waypost.write("sources/slow-tours.yaml", tour("Slow Tours", slow, 4));
    waypost.write("sources/inn.yaml", `connector: apaleo\ntitle: Inn by the Sea\n${apaleo.api()}`);
    waypost.write("sources/hotel.yaml", `connector: apaleo\ntitle: Hotel on the Hill\n${apaleo.api()}`);
    await waypost.account("ciara@example.org", "admin", "Ciara Byrne");
    const admin = await Visitor.signedIn(chromium, waypost, "ciara@example.org");
    const { page } = admin;
    // It looks again and again: each page that hears of news by itself would take a place for a while.
    await admin.context.route(/\/live$/, () => {});
    await until("the sources are known", async () => (await page.goto("/sources/slow-tours")).status() === 200);
    await house.subscribe(page);
    const paused = await house.begin("backfill", "slow-tours", YEAR);
    await house.walk(page);
    await house.pause(page, paused);
    await admin.leave();
    return house;
  }

  /** One source that apaleo sends to, and one that it does not send to yet. */
  async subscribe(page) {
    await page.goto("/sources/hotel");
    await page.getByRole("button", { name: "Look again" }).click();
    await page.getByRole("button", { name: "Subscribe" }).click();
    await page.getByText("sends what is needed").waitFor();
    await page.goto("/sources/inn");
    await page.getByRole("button", { name: "Look again" }).click();
    await page.getByRole("button", { name: "Subscribe" }).waitFor();
  }

  /** Begins a walk, and gives its number. */
  async begin(command, source, more) {
    const told = await this.waypost.run([command, source, ...more, "--detach", "--json"]);
    return String(JSON.parse(told).id);
  }

  async through(page, id) {
    await until(`walk ${id} is through`, async () => {
      await page.goto(`/walks/${id}`);
      await after(200);
      return (await page.getByRole("button", { name: "Stop it for good" }).count()) === 0;
    });
    await this.waypost.quiet();
    return id;
  }

  async walk(page) {
    const { reef, bay } = this;
    await this.through(page, await this.begin("backfill", "reef-tours", DAYS));
    await this.through(page, await this.begin("backfill", "bay-tours", DAYS));
    // One changed, one is new, one is gone, one list is not there.
    const [first, second, third] = reef.items.flatMap((item) => item.availabilities);
    first.bookings[0].booking.note = "They bring a wheelchair";
    first.bookings[0].booking.contact.phone = "+353 87 765 4321";
    second.bookings.push(booking(250, { ...GUESTS[1], status: "booked" }));
    second.bookings.at(-1).booking.company.shortname = reef.company;
    second.bookings.at(-1).booking.availability.start_at = `${second.day}T09:30:00+0000`;
    third.bookings.pop();
    reef.refuses.add("items/2/minimal/availabilities/date-range/2027-03-27/2027-04-01");
    const report = await this.through(page, await this.begin("reconcile", "reef-tours", DAYS));
    const repaired = await this.through(page, await this.begin("reconcile", "reef-tours", [...DAYS, "--repair"]));
    // Almost all are gone, as with the keys of another company.
    for (const one of bay.items.flatMap((item) => item.availabilities)) one.bookings.length = 0;
    const many = await this.through(page, await this.begin("reconcile", "bay-tours", DAYS));
    bay.closed = true;
    const resting = await this.begin("backfill", "bay-tours", DAYS);
    await until("the walk rests", async () => {
      await after(200);
      await page.goto(`/walks/${resting}`);
      return (await page.content()).includes("Nothing is lost");
    });
    const events = await this.waypost.json("events", "--limit", "500");
    const ended = events.find((event) => event.change.some((change) => change.kind === "deleted"));
    this.names = { report, repaired, many, resting, ended: ended.id, ended_booking: ended.change[0].booking_id };
  }

  /** A walk that is some way through waits for somebody. */
  async pause(page, id) {
    await until("the walk is some way through", async () => {
      await after(200);
      await page.goto(`/walks/${id}`);
      return Number(await page.locator("progress").getAttribute("value")) >= 20;
    });
    await page.getByRole("button", { name: "Pause it" }).click();
    await page.getByRole("button", { name: "Let it go on" }).waitFor();
    this.names.paused = id;
  }
}
