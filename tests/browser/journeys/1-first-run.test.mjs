// The first run: the link that the start prints, an account, a first booking, and that booking in the CRM.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { booking, GUESTS } from "../harness/guests.mjs";
import { Crm, PASSWORD, Waypost } from "../harness/programs.mjs";
import { endChromium, startChromium, Visitor } from "../harness/visitor.mjs";

let chromium, crm, waypost;
before(async () => {
  [chromium, crm] = await Promise.all([startChromium(), Crm.start()]);
});
after(async () => {
  await endChromium(chromium);
});

for (const script of [true, false]) {
  test(`from the first link to the first booking in the CRM, ${script ? "with" : "without"} script`, async () => {
    await crm.behave();
    waypost = await Waypost.start({ crm, terminal: true });
    const link = await waypost.program.says(/(\/welcome\/\w+)\s/);
    const visitor = await Visitor.come(chromium, waypost, { script });
    const { page } = visitor;

    // Whoever comes without the link finds a door, and how to get the link.
    await page.goto("/");
    assert.equal(new URL(page.url()).pathname, "/sign-in");
    await page.getByText("There is no account yet").waitFor();

    // The link leads to the first account. A mistake is told at its field, and what was typed stays.
    await page.goto(link);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.getByLabel("Your name").fill("Ciara Byrne");
    await page.getByLabel("Your e-mail").fill("ciara@example.org");
    await page.getByLabel("A password").fill("short");
    await page.getByRole("button").click();
    await page.getByRole("alert").getByRole("link").click();
    assert.equal(await page.evaluate(() => document.activeElement.id), "password");
    assert.equal(await page.getByLabel("Your name").inputValue(), "Ciara Byrne");
    await page.getByLabel("A password").fill(PASSWORD);
    await page.getByRole("button").click();
    await page.getByRole("navigation", { name: "Places" }).waitFor();
    await page.getByText("Ciara Byrne").first().waitFor();

    // The link has done its work.
    const late = await Visitor.come(chromium, waypost, { script });
    assert.notEqual((await late.page.goto(link)).status(), 200);
    await late.leave();

    // Nothing is here yet, and the page says what will be.
    await page.goto("/");
    await page.getByText("Bookings appear here as soon as").waitFor();

    // The first booking comes by itself where script keeps the page fresh; else with the next look.
    await waypost.post(booking(1, GUESTS[0]));
    await waypost.quiet();
    if (!script) await page.reload();
    await page.getByRole("link", { name: "Siobhán Ní Bhriain" }).first().click();
    await page.getByRole("heading", { level: 1, name: "Siobhán Ní Bhriain" }).waitFor();
    await page.getByText("in Sandbox CRM").first().waitFor();
    const [contact] = await crm.records("contacts");
    assert.equal(contact.email, "guest1@example.org");
    assert.equal((await crm.records("bookings")).length, 1);
    await visitor.leave();
    await waypost.stop();
  });
}
