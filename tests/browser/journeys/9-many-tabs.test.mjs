// Eight tabs of one browser, all open: a browser has six connections to one host, so that one of the tabs hears what is new
// and tells the others. When it is closed, another does.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { booking, GUESTS } from "../harness/guests.mjs";
import { Crm, until, Waypost } from "../harness/programs.mjs";
import { endChromium, startChromium, Visitor } from "../harness/visitor.mjs";

let chromium, crm;
before(async () => {
  [chromium, crm] = await Promise.all([startChromium(), Crm.start()]);
});
after(async () => {
  await endChromium(chromium);
});

for (const [told, agree] of [["one of which tells the others", true], ["which can't tell each other and of which few are seen", false]]) {
  test(`eight tabs stay fresh, ${told}`, async () => {
    const waypost = await Waypost.start({ crm });
    await waypost.account("eoin@example.org", "editor", "Eoin Mac Giolla Phádraig");
    const editor = await Visitor.signedIn(chromium, waypost, "eoin@example.org");
    const { context } = editor;
    if (!agree) await context.addInitScript(() => Reflect.deleteProperty(window, "BroadcastChannel"));
    // A tab that nobody sees, as a browser has it behind others; a headless one shows all.
    const behind = () => {
      window.behind = true;
      Object.defineProperty(document, "hidden", { get: () => window.behind });
    };
    const streams = new Set();
    context.on("request", (request) => {
      if (new URL(request.url()).pathname === "/live") streams.add(request);
    });
    for (const ended of ["requestfailed", "requestfinished"]) context.on(ended, (request) => streams.delete(request));

    await editor.page.goto("/bookings");
    const tabs = [editor.page];
    for (let place = 1; place < 8; place += 1) {
      const page = await editor.another();
      if (!agree && place > 1) await page.addInitScript(behind);
      await page.goto("/bookings");
      tabs.push(page);
    }
    const seen = agree ? tabs : tabs.slice(0, 2);
    const held = agree ? 1 : 2;
    await until("it is heard what is new", () => streams.size === held);
    await waypost.post(booking(1, GUESTS[0]));
    await Promise.all(seen.map((page) => page.getByText(GUESTS[0].name).first().waitFor()));
    assert.equal(streams.size, held);

    if (agree) {
      const leads = [...streams][0].frame().page();
      await leads.close();
      const left = tabs.filter((page) => page !== leads);
      await until("another one leads", () => [...streams].some((stream) => left.includes(stream.frame().page())));
      await waypost.post(booking(2, GUESTS[1]));
      await Promise.all(left.map((page) => page.getByText(GUESTS[1].name).first().waitFor()));
    } else {
      // One that comes to the front looks at once, and listens.
      await tabs[7].evaluate(() => {
        window.behind = false;
        document.dispatchEvent(new Event("visibilitychange"));
      });
      await tabs[7].getByText(GUESTS[0].name).first().waitFor();
      await until("it listens, too", () => streams.size === 3);
      await tabs[7].evaluate(() => {
        window.behind = true;
        document.dispatchEvent(new Event("visibilitychange"));
      });
      await until("it rests", () => streams.size === 2);
    }
    await editor.leave();
    await waypost.stop();
  });
}
