// Webhooks of fictional guests, made from the sample that is shipped with the example rules.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./programs.mjs";

const SAMPLE = JSON.parse(readFileSync(join(ROOT, "rules/payloads/created.json"), "utf8"));

/** A guest's booking as FareHarbor tells of it. `number` tells bookings apart. */
export function booking(number, { name, email, phone = "", status = "booked", tour = "Sunset sail", guests = 2 }) {
  const body = structuredClone(SAMPLE);
  const told = body.booking;
  told.pk = 7_320_000 + number;
  told.display_id = `#${told.pk}`;
  told.uuid = `5b1f6a52-2f0e-4a3c-9a57-${String(number).padStart(12, "0")}`;
  told.confirmation_url = told.confirmation_url.replace(SAMPLE.booking.uuid, told.uuid);
  told.dashboard_url = told.dashboard_url.replace(SAMPLE.booking.uuid, told.uuid);
  told.status = status;
  told.availability.item.name = tour;
  told.contact = { ...told.contact, name, email, phone, normalized_phone: phone.replaceAll(" ", "") || null };
  if (!phone) told.contact.phone_country = null;
  told.customers = told.customers.slice(0, guests);
  told.customer_count = guests;
  for (const [place, customer] of told.customers.entries()) customer.pk = 9_100_000 + number * 10 + place;
  return body;
}

/** Some guests, for pages with something on them. */
export const GUESTS = [
  { name: "Siobhán Ní Bhriain", email: "guest1@example.org", phone: "+353 87 123 4567" },
  { name: "Ayşe Öztürk", email: "guest2@example.org", phone: "+90 532 000 0001", tour: "Whale watch — half day" },
  { name: "Ólafur Þór Guðmundsson", email: "guest3@example.org", phone: "+354 555 0101" },
  { name: "Mary Ann Smith-Okonkwo", email: "guest4@example.org", phone: "+44 7700 900004", status: "cancelled" },
  { name: "李小龙", email: "guest5@example.org", phone: "+852 5555 0105" },
  { name: "Maximiliane von Hohenstaufen-Württemberg-Schwanenstein", email: "maximiliane.von.hohenstaufen.wuerttemberg@example.org", phone: "+49 30 5550106" },
  { name: "No Address Given", email: "", phone: "+1 808 555 0107", guests: 1 },
  { name: "محمد الأندلسي", email: "guest8@example.org", phone: "+212 600 000108" },
];
