// The CRM goes away: it is seen and understood that nothing is lost. It comes back refusing everybody for a while: that
// needs a person, who reads why, waits for its end and has all of them tried again at once.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { booking, GUESTS } from "../harness/guests.mjs";
import { Crm, Waypost } from "../harness/programs.mjs";
import { endChromium, startChromium, Visitor } from "../harness/visitor.mjs";

const LOCKED = "contacts are locked for maintenance";
let chromium, crm;
before(async () => {
  [chromium, crm] = await Promise.all([startChromium(), Crm.start()]);
});
after(async () => {
  await endChromium(chromium);
});

for (const script of [true, false]) {
  test(`a CRM's outage is seen, understood, ended and retried in bulk, ${script ? "with" : "without"} script`, async () => {
    const waypost = await Waypost.start({ crm });
    await waypost.account("eoin@example.org", "editor", "Eoin Mac Giolla Phádraig");
    const editor = await Visitor.signedIn(chromium, waypost, "eoin@example.org", { script });
    const { page } = editor;
    await crm.behave();
    const known = (await crm.records("contacts")).length;
    // Pages that are open keep themselves fresh by script; without, one looks again.
    const now = () => (script ? page.bringToFront() : page.reload());
    const guests = GUESTS.filter((guest) => guest.email).map((guest) => ({ ...guest, email: `${script}.${guest.email}` }));

    await page.goto("/");
    await crm.behave({ fail: { status: 503, message: "down for repairs" } });
    for (const [place, guest] of guests.entries()) await waypost.post(booking(place, guest));
    await waypost.quiet({ waiting: true });

    // Seen: the first sentence of the first page says what is wrong, how many wait and that nothing is lost.
    await now();
    await page.getByText(`Sandbox CRM has not answered since`).first().waitFor();
    await page.getByText(`${guests.length} runs wait; nothing is lost`).first().waitFor();
    const places = page.getByRole("navigation", { name: "Places" });
    await places.getByRole("link", { name: /^Needs you/ }).click();
    await page.getByText("Nothing failed.").waitFor();
    await page.getByRole("link", { name: `See the ${guests.length} that wait` }).click();
    assert.equal(await page.getByRole("row").count(), guests.length + 1);

    // It answers again, and refuses everybody: now a person is needed.
    await crm.behave({ match: { object: "contacts" }, refuse_fields: { email: LOCKED } });
    await waypost.quiet();
    await places.getByRole("link", { name: /^Today/ }).click();
    await page.getByText(`${guests.length} guests are not in Sandbox CRM: ${LOCKED}.`).first().waitFor();
    assert.match(await places.getByRole("link", { name: /^Needs you/ }).innerText(), new RegExp(`\\b${guests.length}\\b`));

    // Understood: one group, in the CRM's own words, with the rule, and what to do.
    await page.getByRole("link", { name: "See what needs you" }).click();
    const group = page.getByRole("link", { name: `${guests.length} guests are not in Sandbox CRM: ${LOCKED}.` });
    await group.waitFor();
    await page.getByText("Guests into the CRM”, line 8").waitFor();

    // Ended, and tried again: first a plan that says how many and which.
    await crm.behave();
    await page.getByRole("link", { name: `Try these ${guests.length} again` }).click();
    await page.getByText(`${guests.length} runs would be tried again`).waitFor();
    for (const guest of guests) await page.getByRole("link", { name: guest.name }).waitFor();
    await page.getByRole("button", { name: `Try these ${guests.length} again` }).click();
    await page.getByText(`${guests.length} runs`).first().waitFor();
    await waypost.quiet();

    // The group closed by itself, and each guest is in the CRM, once.
    await page.getByRole("link", { name: "See what needs you" }).click();
    await page.getByText("Nothing needs you.").waitFor();
    await page.getByText("Closed lately (1)").click();
    await page.goto("/");
    await page.getByText(`${guests.length} are in Sandbox CRM`).waitFor();
    const emails = (await crm.records("contacts")).map((one) => one.email);
    assert.equal(emails.length, known + guests.length);
    for (const { email } of guests) assert.equal(emails.filter((one) => one === email).length, 1, email);
    await editor.leave();
    await waypost.stop();
  });
}
