// The list of all pages, `pages.json`: who sees them, the route, and addresses of it with something to see. A test of the
// Rust side (`tests/web/browser_pages.rs`) holds it beside the table of routes, so that no page is forgotten.

import { readFileSync } from "node:fs";

const LIST = JSON.parse(readFileSync(new URL("../pages.json", import.meta.url), "utf8"));

/** All pages, or those of one list, as `{who, route, address}`, addresses with these names in them. */
export function pages(names, only = undefined) {
  const all = [];
  for (const [who, routes] of Object.entries(LIST)) {
    if (who === "no page" || (only && who !== only)) continue;
    for (const [route, addresses] of Object.entries(routes)) {
      for (const address of addresses) {
        const filled = address.replaceAll(/\{(\w+)\}/g, (_, name) => {
          if (!names[name]) throw new Error(`pages.json: the house has no “${name}” for ${address}`);
          return names[name];
        });
        all.push({ who, route, called: address, address: filled });
      }
    }
  }
  return all;
}
