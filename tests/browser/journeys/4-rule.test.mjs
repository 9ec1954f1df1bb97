// A rule from a recipe: chosen, looked at with a real booking, published with a reason, seen in git, tested, at work,
// applied to what is there; changed, and brought back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { booking, GUESTS } from "../harness/guests.mjs";
import { Crm, until, Waypost } from "../harness/programs.mjs";
import { endChromium, startChromium, Visitor } from "../harness/visitor.mjs";

const RULE = "participants-into-crm";
let chromium, crm;
before(async () => {
  [chromium, crm] = await Promise.all([startChromium(), Crm.start()]);
});
after(async () => {
  await endChromium(chromium);
});

for (const script of [true, false]) {
  test(`a rule is made from a recipe, tested, published, seen in git and reverted, ${script ? "with" : "without"} script`, async () => {
    // Both go to one CRM, with bookings of their own.
    const first = script ? 1 : 51;
    const waypost = await Waypost.start({ crm });
    await waypost.account("eoin@example.org", "editor", "Eoin Mac Giolla Phádraig");
    await waypost.post(booking(first, GUESTS[1]));
    await waypost.quiet();
    const editor = await Visitor.signedIn(chromium, waypost, "eoin@example.org", { script });
    const { page } = editor;
    const places = page.getByRole("navigation", { name: "Places" });
    const participants = async () => (await crm.records("contacts")).filter((one) => "wetsuit" in one);
    const before = (await participants()).length;

    // From the recipe to what it would send for a booking that is there. Nothing is published yet.
    await places.getByRole("link", { name: "Rules" }).click();
    await page.getByRole("link", { name: "Make a rule" }).click();
    await page.getByLabel(/^Its name/).fill(RULE);
    await page.getByRole("radio", { name: /Participants into a CRM/ }).check();
    await page.getByRole("button", { name: "Open it in the editor" }).click();
    const text = page.getByLabel(/^The file/);
    const recipe = await text.inputValue();
    assert.match(recipe, /title: Participants into the CRM/);

    // A mistake is told at its line, and can't be published.
    await text.fill(recipe.replace("trip.title", "trip.titel"));
    await page.getByRole("button", { name: /^Check it/ }).click();
    await page.getByText(/trip\.titel/).first().waitFor();
    await page.getByText(new RegExp(`${RULE}\\.yaml:\\d+`)).first().waitFor();
    await page.getByRole("button", { name: "Go on to publish it" }).click();
    assert.equal(await page.getByLabel(/^Why, in a few words/).count(), 0, "a broken rule can't be published");

    await text.fill(recipe);
    await page.getByRole("button", { name: /^Check it/ }).click();
    const preview = page.getByRole("region", { name: "What would be sent" });
    await preview.getByText("Ayşe Öztürk").waitFor();
    await preview.getByRole("row", { name: /Whale watch — half day/ }).first().waitFor();
    assert.equal((await participants()).length, before);

    // Published, with a reason, as a commit of whoever did it.
    await page.getByRole("button", { name: "Go on to publish it" }).click();
    await page.getByRole("heading", { level: 1, name: /^Publish/ }).waitFor();
    await page.getByLabel(/^Why, in a few words/).fill("The dive shop wants the wetsuit sizes");
    await page.getByRole("button", { name: "Publish it" }).click();
    await page.waitForURL(/\/rules\/participants-into-crm/);
    const commits = () => waypost.git("log", "--format=%an <%ae>: %s").trim().split("\n");
    assert.equal(commits()[0], "Eoin Mac Giolla Phádraig <eoin@example.org>: The dive shop wants the wetsuit sizes");
    assert.equal(waypost.git("status", "--porcelain"), "");
    assert.equal(waypost.git("show", `HEAD:${RULE}.yaml`).trim(), recipe.replaceAll("\r\n", "\n").trim());

    // At work for what comes in; applied to what is there already, after saying to how many.
    await waypost.post(booking(first + 1, GUESTS[2]));
    await waypost.quiet();
    assert.equal((await participants()).length, before + 2);
    await page.goto(`/rules/${RULE}/apply`);
    await page.getByRole("button", { name: "Apply it now" }).click();
    await page.waitForURL(/\/rules\/participants-into-crm/);
    await until("it is applied to the booking that was there", async () => (await participants()).length === before + 4);
    await waypost.quiet();

    // A booking becomes its test, and the test passes.
    await page.goto("/bookings?q=ozturk");
    await page.getByRole("link", { name: "Ayşe Öztürk" }).click();
    await page.getByRole("link", { name: "Make this booking a test" }).click();
    await page.getByLabel("Of the rule").selectOption({ label: "Participants into the CRM" });
    await page.getByLabel(/^What it shows/).fill("two participants");
    await page.getByRole("button", { name: /make it a test$/ }).click();
    await page.waitForURL(/\/rules\/participants-into-crm/);
    await page.goto(`/rules/${RULE}`);
    await page.getByRole("button", { name: "Run its tests" }).click();
    await page.getByRole("listitem").filter({ hasText: "two participants" }).getByText("passes").waitFor();

    // Changed: the page says which line. And back to the first version, which is one more commit.
    await page.getByRole("link", { name: "Change it" }).click();
    await page.getByRole("button", { name: "The file" }).click();
    await text.fill(recipe.replace("wetsuit:", "suit:"));
    await page.getByRole("button", { name: "Go on to publish it" }).click();
    await page.getByRole("region", { name: "The difference" }).getByText(/suit:/).first().waitFor();
    await page.getByLabel(/^Why, in a few words/).fill("A shorter name");
    await page.getByRole("button", { name: "Publish it" }).click();
    await page.waitForURL(/\/rules\/participants-into-crm/);
    assert.match(commits()[0], /A shorter name/);
    await page.goto(`/rules/${RULE}`);
    await page.getByRole("link", { name: "History" }).click();
    const version = page.getByRole("row", { name: /The dive shop wants/ });
    await version.getByText("Eoin Mac Giolla Phádraig").waitFor();
    await version.getByRole("link").click();
    await page.getByRole("button", { name: "Bring this version back" }).click();
    await page.getByRole("button", { name: "Publish it" }).click();
    await page.waitForURL(/\/rules\/participants-into-crm/);
    assert.match(commits()[0], /^Eoin Mac Giolla Phádraig <eoin@example\.org>: Back to version/);
    assert.equal(waypost.git("show", `HEAD:${RULE}.yaml`).trim(), recipe.replaceAll("\r\n", "\n").trim());

    // Each act is in the audit log.
    await waypost.account("ciara@example.org", "admin", "Ciara Byrne");
    const admin = await Visitor.signedIn(chromium, waypost, "ciara@example.org", { script });
    await admin.page.goto("/settings/audit");
    assert.ok((await admin.page.getByRole("row", { name: /Eoin Mac Giolla Phádraig.*publish/i }).count()) >= 3);
    await admin.leave();
    await editor.leave();
    await waypost.stop();
  });
}
