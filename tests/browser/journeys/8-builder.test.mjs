// A rule built by clicks: from a recipe to fields filled from a real booking, tested, published, seen in git, brought back;
// renamed and removed in the end. Once with script, where what would be sent is shown as one types, and once without.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { booking, GUESTS } from "../harness/guests.mjs";
import { Crm, until, Waypost } from "../harness/programs.mjs";
import { endChromium, startChromium, Visitor } from "../harness/visitor.mjs";

const RULE = "guests-by-clicks";
let chromium, crm;
before(async () => {
  [chromium, crm] = await Promise.all([startChromium(), Crm.start()]);
});
after(async () => {
  await endChromium(chromium);
});

for (const script of [true, false]) {
  test(`a rule is built by clicks from a recipe, tested, published, seen in git and brought back, ${script ? "with" : "without"} script`, async () => {
    const first = script ? 1 : 51;
    const waypost = await Waypost.start({ crm });
    await waypost.account("eoin@example.org", "editor", "Eoin Mac Giolla Phádraig");
    await waypost.post(booking(first, GUESTS[1]));
    await waypost.quiet();
    const editor = await Visitor.signedIn(chromium, waypost, "eoin@example.org", { script });
    const { page } = editor;
    const commits = () => waypost.git("log", "--format=%an: %s").trim().split("\n");
    const preview = page.getByRole("region", { name: "What would be sent" });
    const look = async () => {
      if (!script) await page.getByRole("button", { name: "Show what would be sent" }).click();
    };

    // From the recipe. Its comments stay, whatever is clicked.
    await page.goto("/rules");
    await page.getByRole("link", { name: "Make a rule" }).click();
    await page.getByLabel(/^Its name/).fill(RULE);
    await page.getByRole("radio", { name: /Guests into the sandbox/ }).check();
    await page.getByRole("button", { name: "Open it in the builder" }).click();
    await page.getByRole("heading", { level: 1, name: `A new rule: ${RULE}` }).waitFor();
    await preview.getByText("Ayşe Öztürk").first().waitFor();
    await page.getByLabel("What it is called").fill("Guests, by clicks");

    // A mistake stands at its field, and one press mends it.
    const name = page.getByLabel("name", { exact: true });
    await name.fill("{{ person.nmae }}");
    await look();
    const mend = page.getByRole("button", { name: "Put “name” there" }).or(page.getByRole("button", { name: "Put “person.name” there" }));
    await mend.first().waitFor();
    await page.getByRole("button", { name: "Go on to publish it" }).click();
    assert.equal(await page.getByLabel(/^Why, in a few words/).count(), 0, "a broken rule can't be published");
    await mend.first().click();
    await page.getByText("There is no mistake in it.").waitFor();
    assert.equal(await name.inputValue(), "{{ person.name }}");

    // A new field, filled by a press on one of the booking's values.
    const step = page.getByRole("region", { name: /Add or update a contact/i }).first();
    await step.getByText("Add a field by its name").click();
    await step.getByLabel("Name", { exact: true }).fill("tour");
    await step.getByRole("button", { name: "Add it" }).click();
    const tour = step.getByLabel("tour", { exact: true });
    if (script) await tour.focus();
    else await page.getByLabel("A value that you press goes into").selectOption({ label: "contact › tour" });
    await page.getByRole("button", { name: /^title Whale watch/ }).click();
    assert.equal(await tour.inputValue(), "{{ trip.title }}");
    await step.getByText("Whale watch — half day").first().waitFor();

    // A date by the form of a function.
    await step.getByText("Add a field by its name").click();
    await step.getByLabel("Name", { exact: true }).fill("day");
    await step.getByRole("button", { name: "Add it" }).click();
    const day = step.getByLabel("day", { exact: true });
    // With script it goes into the field where the cursor was, although it has been elsewhere since.
    if (script) await day.focus();
    else await page.getByLabel("A value that you press goes into").selectOption({ label: "contact › day" });
    await page.getByLabel("The value to work on", { exact: true }).fill("trip.starts_at");
    await page.getByText("A date or time, written another way").click();
    await page.getByLabel(/^How: /).fill("%d.%m.%Y");
    await page.getByText("A date or time, written another way").locator("..").getByRole("button", { name: "Put it in" }).click();
    assert.match(await day.inputValue(), /^\{\{ date\(trip\.starts_at, "%d\.%m\.%Y"\) \}\}$/);
    await preview.getByRole("row", { name: /^day \d\d\.\d\d\.\d{4}/ }).first().waitFor();

    // One more condition, as a row.
    await page.getByLabel("and only if, value 2").fill("trip.party_size");
    await page.getByLabel("and only if, how 2").selectOption({ label: "is more than" });
    await page.getByLabel("and only if, with what 2").fill("0");
    await look();
    await page.getByText("There is no mistake in it.").waitFor();

    // The same rule as the file that it is, and back.
    await page.getByRole("button", { name: "The file" }).click();
    const text = await page.getByLabel(/^The file/).inputValue();
    assert.match(text, /^#/, "the recipe's comments are there");
    assert.match(text, /when: present\(person\.email\) && default_to\(trip\.party_size, 0\) > 0/);
    await page.getByRole("button", { name: "Builder" }).click();
    assert.equal(await day.inputValue(), '{{ date(trip.starts_at, "%d.%m.%Y") }}');

    // Published, with a reason, as a commit of whoever did it.
    await page.getByRole("button", { name: "Go on to publish it" }).click();
    await page.getByLabel(/^Why, in a few words/).fill("The dive shop wants the day");
    await page.getByRole("button", { name: "Publish it" }).click();
    await page.waitForURL(/\/rules\/guests-by-clicks/);
    assert.equal(commits()[0], "Eoin Mac Giolla Phádraig: The dive shop wants the day");
    assert.equal(waypost.git("status", "--porcelain"), "");
    await waypost.post(booking(first + 1, GUESTS[2]));
    await waypost.quiet();
    const withDay = async () => (await crm.records("contacts")).filter((one) => "day" in one && "tour" in one).length;
    await until("it is at work for what comes in", async () => (await withDay()) >= 1);
    if (script) {
      // A booking becomes its test, and the test passes.
      await page.goto("/bookings?q=ozturk");
      await page.getByRole("link", { name: "Ayşe Öztürk" }).click();
      await page.getByRole("link", { name: "Make this booking a test" }).click();
      await page.getByLabel("Of the rule").selectOption({ label: "Guests, by clicks" });
      await page.getByLabel(/^What it shows/).fill("has the day");
      await page.getByRole("button", { name: /make it a test$/ }).click();
      await page.waitForURL(/\/rules\/guests-by-clicks/);
      await page.goto(`/rules/${RULE}`);
      await page.getByRole("button", { name: "Run its tests" }).click();
      await page.getByRole("listitem").filter({ hasText: "has the day" }).getByText("passes").waitFor();

      // Changed, and back to the first version.
      await page.goto(`/rules/${RULE}`);
      await page.getByRole("link", { name: "Change it" }).click();
      await day.fill("");
      await page.getByRole("button", { name: "Go on to publish it" }).click();
      await page.getByRole("region", { name: "The difference" }).getByText(/day:/).first().waitFor();
      await page.getByLabel(/^Why, in a few words/).fill("No day after all");
      await page.getByRole("button", { name: "Publish it" }).click();
      await page.waitForURL(/\/rules\/guests-by-clicks/);
      await page.goto(`/rules/${RULE}/history`);
      await page.getByRole("row", { name: /The dive shop wants/ }).getByRole("link").click();
      await page.getByRole("button", { name: "Bring this version back" }).click();
      await page.getByRole("button", { name: "Publish it" }).click();
      await page.waitForURL(/\/rules\/guests-by-clicks/);
      assert.equal(waypost.git("show", `HEAD:${RULE}.yaml`).trim(), text.replaceAll("\r\n", "\n").trim());
    }

    // Another name, with its links; and gone.
    await page.goto(`/rules/${RULE}`);
    await page.getByRole("link", { name: "Rename" }).click();
    await page.getByLabel(/^Its new name/).fill("guests-of-the-day");
    await page.getByLabel(/^Why, in a few words/).fill("A better name");
    await page.getByRole("button", { name: "Rename it" }).click();
    await page.waitForURL(/\/rules\/guests-of-the-day/);
    assert.match(waypost.git("show", "HEAD:guests-of-the-day.yaml"), /^was: guests-by-clicks$/m);
    await page.getByRole("link", { name: "Remove" }).click();
    await page.getByLabel(/^Why, in a few words/).fill("It was a trial");
    await page.getByRole("button", { name: "Remove this rule" }).click();
    await page.waitForURL(/\/rules\?said=/);
    assert.equal(commits()[0], "Eoin Mac Giolla Phádraig: It was a trial");
    assert.equal(waypost.git("status", "--porcelain"), "");
    await editor.leave();
    await waypost.stop();
  });
}
