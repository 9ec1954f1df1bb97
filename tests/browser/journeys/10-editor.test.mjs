// The text of a rule: its lines have numbers, a mistake leads to its line and is put right by a press, a refused publish
// begins with what is wrong. And the session ends meanwhile: what was written comes along through signing in.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { booking, GUESTS } from "../harness/guests.mjs";
import { Crm, PASSWORD, Waypost } from "../harness/programs.mjs";
import { endChromium, startChromium, Visitor } from "../harness/visitor.mjs";

let chromium, crm;
before(async () => {
  [chromium, crm] = await Promise.all([startChromium(), Crm.start()]);
});
after(async () => {
  await endChromium(chromium);
});

for (const script of [true, false]) {
  test(`a rule's text is put right, and outlives the session, ${script ? "with" : "without"} script`, async () => {
    const waypost = await Waypost.start({ crm });
    await waypost.account("eoin@example.org", "editor", "Eoin Mac Giolla Phádraig");
    await waypost.post(booking(script ? 1 : 51, GUESTS[1]));
    await waypost.quiet();
    const editor = await Visitor.signedIn(chromium, waypost, "eoin@example.org", { script });
    const { page } = editor;
    await page.goto("/rules/guests-to-crm/edit");
    const text = page.getByLabel(/^The file/);
    const whole = await text.inputValue();
    const lines = whole.split("\n");
    const numbers = page.locator(".numbers");
    if (script) {
      assert.equal(await numbers.innerText(), lines.map((_, at) => at + 1).join("\n"));
      const [beside, own] = [await numbers.boundingBox(), await text.boundingBox()];
      assert.ok(Math.abs(beside.y - own.y) < 4 && Math.abs(beside.height - own.height) < 8, "the numbers stand beside the text");
    } else {
      assert.equal(await numbers.isVisible(), false);
    }

    // A slip of the finger: refused, told at the top, and put right from there.
    const at = lines.findIndex((line) => line.includes("person.email")) + 1;
    await text.fill(whole.replace("{{ person.email }}", "{{ person.emial }}"));
    const slip = (await text.inputValue()).split("\n").findIndex((line) => line.includes("person.emial")) + 1;
    assert.ok(at > 0 && slip > 0);
    await page.getByRole("button", { name: "Go on to publish it" }).click();
    const summary = page.getByRole("alert");
    await summary.getByText("It can’t be published like this").waitFor();
    if (script) {
      assert.equal(await page.evaluate(() => document.activeElement.className), "problem", "it is read first");
      await summary.getByRole("link").first().click();
      const marked = await text.evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd));
      assert.match(marked, /person\.emial/);
      assert.equal(await page.evaluate(() => document.activeElement.id), "text");
    }
    await page.getByText(`guests-to-crm.yaml:${slip}:`).first().waitFor();
    await page.getByRole("button", { name: /^Put “(person\.)?email” there$/ }).first().click();
    await page.getByText("There is no mistake in it.").waitFor();
    assert.equal(await text.inputValue(), whole);

    // The session ends while one writes.
    await text.fill(`${whole}# What took an hour to write, with <b> & "quotes".\n`);
    const written = await text.inputValue();
    await editor.context.clearCookies({ name: "waypost" });
    await page.getByRole("button", { name: "Check it and show what would be sent" }).click();
    await page.getByText("What you wrote is kept on this page").waitFor();
    await page.getByLabel("E-mail").fill("eoin@example.org");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in and go on" }).click();
    await page.getByRole("button", { name: "Go on where you were" }).click();
    await page.getByText("There is no mistake in it.").waitFor();
    assert.equal(await text.inputValue(), written);
    assert.equal(waypost.git("status", "--porcelain"), "");

    // And while one builds.
    await page.getByRole("button", { name: "Builder" }).click();
    await page.getByLabel("What it is called").fill("Guests, with care");
    await editor.context.clearCookies({ name: "waypost" });
    await page.getByRole("button", { name: "Show what would be sent" }).click();
    await page.getByLabel("E-mail").fill("eoin@example.org");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in and go on" }).click();
    await page.getByRole("button", { name: "Go on where you were" }).click();
    assert.equal(await page.getByLabel("What it is called").inputValue(), "Guests, with care");
    await editor.leave();
    await waypost.stop();
  });
}
