// Booking systems of our own, small and on this machine: FareHarbor's API as far as a walk asks for it, and apaleo's sign-in,
// subscriptions and reservations. Written from what `rules/connectors` says of the two. What they have is told to them; they
// can be told to be slow, and not to know something.

import { createServer } from "node:http";

const running = new Set();
/** Ends them all. */
export function endVendors() {
  for (const server of running) {
    server.closeAllConnections();
    server.close();
  }
  running.clear();
}

/** A server that answers `METHOD /path` with [status, body]; without a body none is sent. */
async function serve(answer) {
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request) text += piece;
    const url = new URL(request.url, "http://vendor");
    const [status, body] = await answer(request.method, url, text, request.headers);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  });
  // A test's process ends when its tests do.
  server.unref();
  await new Promise((listens) => server.listen(0, "127.0.0.1", listens));
  running.add(server);
  return `http://127.0.0.1:${server.address().port}`;
}

/** FareHarbor with one company. */
export class FareHarbor {
  /** `items`: [{ pk, availabilities: [{ pk, day, bookings: [body…] }] }], each body as a webhook has it. */
  static async start(company, items) {
    const vendor = new FareHarbor();
    vendor.company = company;
    vendor.items = items;
    vendor.refuses = new Set();
    vendor.closed = false;
    vendor.url = await serve((method, url, text, headers) => vendor.answer(url, headers));
    return vendor;
  }

  /** What a source's file says to reach it, at a pace that it is given. */
  api(perSecond) {
    return [
      "api:",
      `  base_url: ${this.url}/api/external/v1`,
      "  allow_private: true",
      "  app: { secret: fh-app }",
      "  user: { secret: fh-user }",
      `  limits: { per_second: ${perSecond} }`,
      "",
    ].join("\n");
  }

  answer(url, headers) {
    const error = (status, code) => [status, { error: code, code, status }];
    if (headers["x-fareharbor-api-app"] !== "app" || headers["x-fareharbor-api-user"] !== "user") return error(403, "key-missing");
    if (this.closed) return error(503, "not-now");
    const path = url.pathname.replace("/api/external/v1/", "").replace(/\/$/, "").split("/");
    const [, , kind, pk, ...rest] = path;
    if (path.length === 1) return [200, { companies: [{ shortname: this.company, name: this.company, currency: "eur" }] }];
    if (path[1] !== this.company || this.refuses.has(path.slice(2).join("/"))) return error(404, "not-found");
    const all = this.items.flatMap((item) => item.availabilities);
    if (kind === "items" && !pk) return [200, { items: this.items.map(({ pk, name }) => ({ pk, name })) }];
    if (kind === "items" && rest[0] === "minimal") {
      const [from, to] = rest.slice(-2);
      const item = this.items.find((one) => String(one.pk) === pk);
      const within = (item?.availabilities ?? []).filter(({ day }) => day >= from && day <= to);
      return [200, { availabilities: within.map(({ pk, day }) => ({ pk, start_at: `${day}T09:30:00+0000` })) }];
    }
    if (kind === "availabilities") {
      const bookings = all.find((one) => String(one.pk) === pk)?.bookings ?? [];
      return [200, { bookings: bookings.map(({ booking }) => ({ uuid: booking.uuid, status: booking.status })) }];
    }
    const found = all.flatMap((one) => one.bookings).find(({ booking }) => booking.uuid === pk);
    return kind === "bookings" && found ? [200, found] : error(404, "booking-uuid-invalid");
  }
}

/** apaleo with an account, reservations, and subscriptions that programs make. */
export class Apaleo {
  static async start(account) {
    const vendor = new Apaleo();
    vendor.account = account;
    vendor.subscriptions = [];
    vendor.url = await serve((method, url, text) => vendor.answer(method, url, text));
    return vendor;
  }

  api() {
    return [
      "api:",
      `  base_url: ${this.url}`,
      `  token_url: ${this.url}/connect/token`,
      `  subscriptions_url: ${this.url}`,
      "  allow_private: true",
      "  client_id: { secret: apaleo-id }",
      "  client_secret: { secret: apaleo-secret }",
      "",
    ].join("\n");
  }

  answer(method, url, text) {
    const path = `${method} ${url.pathname}`;
    if (path === "POST /connect/token") return [200, { access_token: "token", expires_in: 3600, token_type: "Bearer" }];
    if (path === "GET /account/v1/accounts/current") return [200, { code: this.account, name: "Inn by the Sea" }];
    if (path === "GET /booking/v1/reservations") return [204];
    if (path === "GET /v1/subscriptions") return this.subscriptions.length > 0 ? [200, this.subscriptions] : [204];
    if (path === "POST /v1/subscriptions") {
      const id = `sub-${this.subscriptions.length + 1}`;
      this.subscriptions.push({ id, ...JSON.parse(text) });
      return [201, { id }];
    }
    return [404, { messages: ["not found"] }];
  }
}
