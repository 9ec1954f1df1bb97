// A viewer sees everything and can change nothing: there is no button, and a form made by hand is refused.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { House, REFUSED } from "../harness/filled.mjs";
import { pages } from "../harness/pages.mjs";
import { endChromium, startChromium } from "../harness/visitor.mjs";

/** What only those see who may do it. */
const OF_OTHERS = [/^\/settings\//, /^\/(connections|sources)\/new/, /^\/rules\/new$/, /^\/rules\/[^/]+\/(edit|build|rename|remove|apply)/, /\/test$/, /^\/needs-you\/plan/];
/** What is a viewer's own. */
const OWN = [/^\/sign-out$/, /^\/colours$/, /^\/account(\/|$)/];
let chromium, house;
before(async () => {
  chromium = await startChromium();
  house = await House.filled(chromium);
});
after(async () => {
  await endChromium(chromium);
});

test("a viewer finds the booking that failed and reads why, and there is nothing to press", async () => {
  const visitor = await house.visitor(chromium, "viewer");
  const { page } = visitor;
  await page.getByRole("navigation", { name: "Places" }).getByRole("link", { name: /^Needs you/ }).click();
  await page.getByRole("link", { name: /it has no country code/ }).click();
  assert.equal(await page.getByRole("link", { name: /^(Try|Cancel) / }).count(), 0);
  await page.getByRole("link", { name: REFUSED.name }).click();
  await page.getByText("it has no country code").first().waitFor();
  assert.equal(await page.getByRole("button", { name: /try again/i }).count(), 0);
  await visitor.leave();

  // The same page has the button for whoever may press it.
  const editor = await house.visitor(chromium, "editor");
  await editor.page.goto(page.url());
  await editor.page.getByRole("button", { name: /try again/i }).first().waitFor();
  await editor.leave();
});

test("no page shows a viewer a form that changes anything but the own account", async () => {
  const visitor = await house.visitor(chromium, "viewer");
  const { page } = visitor;
  let seen = 0;
  for (const { address, called } of pages(house.names, "admin")) {
    const status = (await page.goto(address)).status();
    if (OF_OTHERS.some((one) => one.test(address))) {
      assert.equal(status, 403, called);
      await page.getByRole("heading", { level: 1 }).waitFor();
    } else {
      assert.equal(status, 200, called);
      seen += 1;
    }
    const actions = await page.locator("form[method=post]").evaluateAll((forms) => forms.map((form) => new URL(form.action).pathname));
    const strange = actions.filter((action) => !OWN.some((own) => own.test(action)));
    assert.deepEqual(strange, [], `${called} has forms that a viewer may not send`);
  }
  assert.ok(seen > 8, `${seen} pages`);
  await visitor.leave();
});

test("a form that a viewer makes by hand is refused, and nothing is changed", async () => {
  const visitor = await house.visitor(chromium, "viewer");
  const { page } = visitor;
  await page.goto(`/bookings/${house.names.failed}`);
  const [before] = await house.waypost.json("runs", "--state", "failed");
  for (const action of [`/runs/${house.names.failed_run}/retry`, "/connections/sandbox-crm/pause", "/settings/people"]) {
    await page.goto(`/bookings/${house.names.failed}`);
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.request().method() === "POST"),
      page.evaluate((to) => {
        const form = document.createElement("form");
        form.method = "post";
        form.action = to;
        form.append(document.querySelector("input[name=form_token]").cloneNode());
        document.body.append(form);
        form.submit();
      }, action),
    ]);
    assert.equal(answer.status(), 403, action);
    await page.getByRole("heading", { level: 1 }).waitFor();
  }
  const [later] = await house.waypost.json("runs", "--state", "failed");
  assert.deepEqual(later, before);
  await page.goto("/connections");
  const crm = page.getByRole("row", { name: /Sandbox CRM/ });
  assert.equal(await crm.getByText(/paused/i).count(), 0);
  await visitor.leave();
});
