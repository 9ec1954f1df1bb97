// Somebody calls: where is Ms Öztürk's booking, and why does the CRM have that phone number?

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { House } from "../harness/filled.mjs";
import { endChromium, startChromium } from "../harness/visitor.mjs";

let chromium, house;
before(async () => {
  chromium = await startChromium();
  house = await House.filled(chromium);
});
after(async () => {
  await endChromium(chromium);
});

for (const script of [true, false]) {
  test(`a guest is found by part of a name, and each field says why it has its value, ${script ? "with" : "without"} script`, async () => {
    const visitor = await house.visitor(chromium, "viewer", { script });
    const { page } = visitor;
    await page.goto("/connections");

    // By the keyboard alone: "/" goes to the search of every page.
    if (script) await page.keyboard.press("/");
    else await page.getByRole("searchbox").focus();
    assert.equal(await page.evaluate(() => document.activeElement.id), "search");
    await page.keyboard.type("ozturk");
    await page.keyboard.press("Enter");
    await page.getByText("1 booking matches").waitFor();
    await page.getByRole("link", { name: "Ayşe Öztürk" }).click();
    await page.getByRole("heading", { level: 1, name: "Ayşe Öztürk" }).waitFor();

    // The rule's line, the path in what came in, and the value there.
    const booked = page.locator("details.change").filter({ hasText: "Booked" });
    if (!(await booked.evaluate((one) => one.open))) await booked.locator("> summary").click();
    const why = booked.getByText("Why, field by field").first();
    await why.click();
    const phone = booked.getByRole("row", { name: /^phone/ });
    await phone.waitFor({ state: "visible" });
    const told = await phone.innerText();
    for (const part of ["+905320000001", "first_of(person.phone, booking.contact.phone)", "guests-to-crm.yaml, line 13", "booking.contact.normalized_phone"]) {
      assert.ok(told.includes(part), `“${part}” is not in: ${told}`);
    }
    const contact = (await house.crm.records("contacts")).find((one) => one.email === "guest2@example.org");
    assert.equal(contact.phone, "+905320000001");

    // What went over the wire, and what came in, are one click away.
    await booked.getByText("What was sent").first().click();
    assert.match(await booked.getByRole("region", { name: "What was sent" }).first().innerText(), /guest2@example\.org/);
    await booked.getByRole("link", { name: "The webhook" }).click();
    await page.getByRole("heading", { level: 2, name: "What it told of" }).waitFor();

    // A name that is not there leads on.
    await page.getByRole("searchbox").fill("ozturq");
    await page.getByRole("searchbox").press("Enter");
    await page.getByText("No booking matches").waitFor();
    await page.getByText("Did you mean").getByRole("link").first().click();
    await page.getByRole("link", { name: "Ayşe Öztürk" }).waitFor();
    await visitor.leave();
  });
}
