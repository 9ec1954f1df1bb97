// From an empty folder to the first booking in the CRM, all by the pages: a booking system, a CRM, a recipe, a webhook. Left
// in between and taken up again; and a new address for the booking system at the end.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { booking, GUESTS } from "../harness/guests.mjs";
import { Crm, PASSWORD, Waypost } from "../harness/programs.mjs";
import { endChromium, startChromium, Visitor } from "../harness/visitor.mjs";

let chromium;
before(async () => {
  chromium = await startChromium();
});
after(async () => {
  await endChromium(chromium);
});

for (const script of [true, false]) {
  test(`a booking system and a CRM are connected, and the first booking goes through, ${script ? "with" : "without"} script`, async () => {
    const crm = await Crm.start();
    const waypost = await Waypost.start({ rules: false, terminal: true });
    const link = await waypost.program.says(/(\/welcome\/\w+)\s/);
    const visitor = await Visitor.come(chromium, waypost, { script });
    const { page } = visitor;
    const posts = async (url, body) => (await fetch(url, { method: "POST", body: JSON.stringify(body) })).status;

    // The first account leads to the first steps.
    await page.goto(link);
    await page.getByLabel("Your name").fill("Ciara Byrne");
    await page.getByLabel("Your e-mail").fill("ciara@example.org");
    await page.getByLabel("A password").fill(PASSWORD);
    await page.getByRole("button").click();
    await page.getByRole("heading", { level: 1, name: "First steps" }).waitFor();

    // A booking system: the form makes a source, and its page has the address and what to click.
    await page.getByRole("link", { name: "Choose a booking system" }).click();
    await page.getByRole("link", { name: "FareHarbor" }).click();
    await page.getByLabel("What you call it").fill("Harbour Tours");
    await page.getByLabel("Its short name").fill("harbour");
    await page.getByRole("button", { name: "Connect it" }).click();
    await page.getByText("Waiting for the first webhook").waitFor();
    await page.getByText(/choose Add webhook/).waitFor();
    const url = (await page.locator("#url-1").textContent()).trim();
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/hooks\/harbour\/\w{20,}$/);
    const copies = page.getByRole("button", { name: "Copy the address" });
    assert.equal(await copies.count(), script ? 1 : 0, "the button is there where it works");
    if (script) {
      await visitor.context.grantPermissions(["clipboard-read", "clipboard-write"]);
      await copies.click();
      await page.getByRole("button", { name: "Copied" }).waitFor();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), url);
    }

    // Somebody calls: it is left, and taken up again from Today.
    await page.goto("/");
    await page.getByRole("link", { name: "Go on with them" }).click();
    await page.getByRole("link", { name: "Choose a CRM" }).click();
    await page.getByRole("link", { name: "Sandbox CRM" }).click();
    await page.getByLabel("What you call it").fill("Our CRM");
    await page.getByLabel("Its short name").fill("Our CRM!");
    await page.getByLabel("Its address").fill(crm.url);
    await page.getByLabel("It is in a private network").check();
    await page.getByLabel("A token").fill("a-token-of-ours");
    await page.getByRole("button", { name: "Connect it" }).click();
    // A mistake stands at its field; what was typed stays, but for the key.
    await page.getByRole("alert").getByRole("link", { name: /small letters/ }).click();
    assert.equal(await page.evaluate(() => document.activeElement.id), "name");
    assert.equal(await page.getByLabel("Its address").inputValue(), crm.url);
    assert.equal(await page.getByLabel("A token").inputValue(), "");
    await page.getByLabel("Its short name").fill("our-crm");
    await page.getByLabel("A token").fill("a-token-of-ours");
    await page.getByRole("button", { name: "Connect it" }).click();
    await page.getByText("It is connected, and at work").waitFor();
    await page.getByRole("button", { name: "Test it" }).click();
    await page.getByText("Reached the sandbox CRM of Waypost").waitFor();
    assert.ok(!(await page.content()).includes("a-token-of-ours"), "the key is never shown again");

    // A recipe that fits becomes the first rule.
    await page.getByRole("link", { name: "Go on with the next step" }).click();
    assert.equal(await page.getByRole("button", { name: /HubSpot/ }).count(), 0);
    await page.getByRole("button", { name: /Use this recipe.*Guests into the sandbox/ }).click();
    await page.getByText("Waiting for the first booking").waitFor();

    // The first booking comes, and the page shows it: by itself, or with the next look.
    assert.equal(await posts(url, booking(1, GUESTS[0])), 200);
    await waypost.quiet();
    if (!script) await page.getByRole("link", { name: "Look again" }).click();
    await page.getByText("All set: the first booking went through").waitFor();
    await page.getByRole("link", { name: "Siobhán Ní Bhriain" }).click();
    await page.getByText("in Our CRM").first().waitFor();
    const [contact] = await crm.records("contacts");
    assert.equal(contact.email, "guest1@example.org");
    await page.goto("/");
    assert.equal(await page.getByRole("link", { name: "Go on with them" }).count(), 0);

    // All of it stands in git, by whom, and the key does not.
    const log = waypost.git("log", "--format=%an: %s", "-3").trim().split("\n");
    assert.equal(log[2], "Ciara Byrne: Connect Harbour Tours (FareHarbor)");
    assert.equal(log[1], "Ciara Byrne: Connect Our CRM (Sandbox CRM)");
    assert.match(log[0], /^Ciara Byrne: Begin with a recipe: Guests into the sandbox/);
    assert.ok(!waypost.git("log", "-p").includes("a-token-of-ours"));

    // A new address: both are taken, until somebody ends the old one.
    await page.goto("/sources");
    await page.getByRole("link", { name: "Harbour Tours" }).click();
    await page.getByText("It sends.").waitFor();
    await page.getByText("Change the address").click();
    await page.getByRole("button", { name: "Make a new address" }).click();
    await page.getByText("The old address is taken too").waitFor();
    const second = (await page.locator("#url-1").textContent()).trim();
    assert.notEqual(second, url);
    assert.equal(await posts(url, booking(2, GUESTS[1])), 200);
    assert.equal(await posts(second, booking(3, GUESTS[2])), 200);
    await page.getByRole("button", { name: "End the old address now" }).click();
    await page.getByText("The old address is not taken any more").waitFor();
    assert.equal(await posts(url, booking(4, GUESTS[1])), 404);
    assert.equal(await posts(second, booking(2, GUESTS[1])), 200);
    await waypost.quiet();
    assert.equal((await crm.records("contacts")).length, 3);
    await visitor.leave();
    await waypost.stop();
    await crm.stop();
  });
}
