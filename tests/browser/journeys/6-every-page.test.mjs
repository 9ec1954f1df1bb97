// Every page of `pages.json`, light and dark, wide and narrow: no barrier that axe-core knows, nothing to scroll sideways,
// light in weight, everything within reach of the keyboard. Pages that come of a form are looked at in the same way.
// `SHOTS=1` keeps a picture of each in target/browser.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { House, turnOnSecondFactor } from "../harness/filled.mjs";
import { barriers, BYTES_MAX, keyboard, LOOKS, overflow, skips, turn, weight } from "../harness/look.mjs";
import { pages } from "../harness/pages.mjs";
import { endVendors } from "../harness/vendors.mjs";
import { endChromium, startChromium, WIDE } from "../harness/visitor.mjs";

let chromium, house;
const visitors = new Map();
before(async () => {
  chromium = await startChromium();
  house = await House.filled(chromium);
  await house.walk(chromium);
});
after(async () => {
  for (const visitor of visitors.values()) await visitor.leave();
  await endChromium(chromium);
  endVendors();
});

async function visitorOf(who) {
  if (!visitors.has(who)) {
    const visitor = await house.visitor(chromium, who);
    // The page must not be swapped in place while it is walked: what keeps it fresh gets no answer.
    await visitor.context.route(/[?&]part=live/, () => {});
    visitors.set(who, visitor);
  }
  return visitors.get(who);
}

/** Looks at the page that a visitor is on, and says all that is wrong at once. */
async function look(visitor, name, { html } = {}) {
  const { page } = visitor;
  const wrong = [];
  const note = (where, sentences) => wrong.push(...sentences.map((one) => `${where}: ${one}`));
  for (const kind of LOOKS) {
    await turn(page, kind);
    note(kind.name, await barriers(page));
    note(kind.name, await overflow(page));
    if (kind.colorScheme === "light") note(kind.name, await keyboard(page));
    if (process.env.SHOTS) await visitor.picture(`${name} ${kind.name}`);
  }
  await turn(page, { colorScheme: "light", size: WIDE });
  note("", await skips(page));
  if (html !== undefined) {
    const bytes = await weight(page, html);
    if (bytes > BYTES_MAX) note("weight", [`${bytes} bytes with all that it loads, more than ${BYTES_MAX}`]);
  }
  note("meanwhile", visitor.wrong.splice(0));
  if (wrong.length > 0) {
    const error = new Error(`${name}\n  ${wrong.join("\n  ")}\n`);
    // Where in this file is of no use to anybody.
    error.stack = error.message;
    throw error;
  }
}

test("every page can be seen, read and used by everybody", async (t) => {
  for (const { who, route, called, address } of pages(house.names)) {
    await t.test(`${called} as ${who}`, async () => {
      const visitor = await visitorOf(who);
      const answer = await visitor.page.goto(address);
      assert.equal(answer.status(), 200, address);
      const pattern = new RegExp(`^${route.replaceAll(/\{\w+\}/g, "[^/]+")}$`);
      assert.match(new URL(visitor.page.url()).pathname, pattern, "it leads elsewhere");
      await look(visitor, `${called} as ${who}`, { html: await answer.text() });
    });
  }
});

describe("pages that come of something", () => {
  const cases = {
    "a page that is not there": async (page) => {
      await page.goto("/nothing/here");
    },
    "a booking that is not there": async (page) => {
      await page.goto("/bookings/none");
    },
    "a link for somebody new": async (page) => {
      await page.goto("/settings/people");
      await page.getByLabel("Name", { exact: true }).fill("Nuala Ní Dhomhnaill");
      await page.getByLabel("E-mail", { exact: true }).fill("nuala@example.org");
      await page.getByRole("button", { name: "Make a link for them" }).click();
      await page.getByText("/welcome/").first().waitFor();
    },
    "somebody without an address": async (page) => {
      await page.goto("/settings/people");
      await page.getByRole("button", { name: "Make a link for them" }).click();
      await page.getByRole("alert").waitFor();
    },
    "a token that is shown once": async (page) => {
      await page.goto("/settings/tokens");
      await page.getByLabel("What is it for").fill("Prometheus");
      await page.getByRole("checkbox", { name: /metrics/ }).check();
      await page.getByRole("button", { name: "Make the token" }).click();
      await page.getByText(/wp_\w{8}/).first().waitFor();
    },
    "a token for nothing": async (page) => {
      await page.goto("/settings/tokens");
      await page.getByRole("button", { name: "Make the token" }).click();
      await page.getByRole("alert").waitFor();
    },
    "wrong details": async (page) => {
      await page.goto("/account");
      await page.getByLabel("Your time zone").fill("Atlantis/Capital");
      await page.getByRole("button", { name: "Keep these details" }).click();
      await page.getByRole("alert").waitFor();
    },
    "a rule without a name": async (page) => {
      await page.goto("/rules/new");
      await page.getByLabel(/^Its name/).fill("Not/a name");
      await page.getByRole("button", { name: "Open it in the editor" }).click();
      await page.getByRole("alert").waitFor();
    },
    "a rule with a mistake": async (page) => {
      await page.goto("/rules/guests-to-crm/edit");
      const text = page.getByLabel(/^The file/);
      await text.fill((await text.inputValue()).replace("person.name", "person.nmae").replace("steps:", "stepps:"));
      await page.getByRole("button", { name: /^Check it/ }).click();
      await page.getByText(/guests-to-crm\.yaml:\d+/).first().waitFor();
    },
    "a rule in the builder with mistakes": async (page) => {
      await page.goto("/rules/guests-to-crm/build");
      await page.getByLabel("What it is called").fill("Guests");
      await page.getByLabel("name", { exact: true }).first().fill("{{ person.nmae }}");
      await page.getByLabel("and only if, value 1").fill("not a path");
      await page.getByRole("button", { name: "Show what would be sent" }).click();
      await page.getByText("Press one of the booking").first().waitFor();
    },
    "a rule before it is published": async (page) => {
      await page.goto("/rules/guests-to-crm/edit");
      const text = page.getByLabel(/^The file/);
      await text.fill((await text.inputValue()).replace("name:", "full_name:"));
      await page.getByRole("button", { name: "Go on to publish it" }).click();
      await page.getByRole("heading", { level: 1, name: /^Publish/ }).waitFor();
    },
    "the tests of a rule": async (page) => {
      await page.goto("/rules/guests-to-crm");
      await page.getByRole("button", { name: "Run its tests" }).click();
      await page.getByText("passes").first().waitFor();
    },
    "recovery codes": async (page) => {
      await turnOnSecondFactor(page);
    },
    "a second factor that is on": async (page) => {
      await page.goto("/account/second-factor");
    },
  };
  for (const [name, go] of Object.entries(cases)) {
    test(name, async () => {
      const visitor = await visitorOf("admin");
      await turn(visitor.page, { colorScheme: "light", size: WIDE });
      await go(visitor.page);
      await look(visitor, name);
    });
  }

  test("a wrong password at the door", async () => {
    const visitor = await visitorOf("nobody");
    await visitor.signIn("nobody@example.org", "not this one");
    await visitor.page.getByRole("alert").waitFor();
    await look(visitor, "a wrong password at the door");
  });
});
