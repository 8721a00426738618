// The list of events, latest first, without those of single sessions: a busy process has thousands of
// them per second.

import { byId, make, setText } from "./dom.js";
import { watch } from "./stream.js";
import { many, versionText } from "./units.js";
import * as words from "./words.js";

const MOST_LISTED = 200;
// Milliseconds after which a failed connect is a new outage.
const OUTAGE_GAP = 60_000;

const list = byId("events").querySelector("ol");
// The entries of the list, by what they report.
const entries = new Map();
let count = 0;

function outcome({ by, error }, done) {
  return [`by ${by}: ${error ?? done}`, error ? "bad" : "good"];
}

/** The setting and the prefix that refuse a client, as far as they are known. */
function refusedBy({ key, prefix }) {
  const by = [key, prefix].filter(Boolean).join(" ");
  return by ? ` by ${by}` : "";
}

/** Text and colour of each event. */
const TEXTS = {
  target_down: (it) =>
    [`${it.forward}: ${words.targetText(it) ?? "no target"}: ${it.error ?? it.cause}`, "bad"],
  target_up: (it) => [`${it.forward}: ${it.target}`, "good"],
  not_allowed: (it) => [
    `${it.forward}: ${it.count} not allowed${refusedBy(it)}, such as ${it.client}`,
    "notable",
  ],
  client_limited: (it) => [
    `${it.forward}: ${it.count} refused by ${it.key}, such as ${it.client} with ${many(it.places, "session")}`,
    "notable",
  ],
  limit_reached: (it) => [`${it.forward}: ${it.count} refused at ${it.limit} sessions`, "bad"],
  accept_failed: (it) => [`${it.forward}: ${it.error}, ${many(it.count, "time")}`, "bad"],
  resource_exhausted: (it) => [`${it.cause}: ${it.needed_for}, ${many(it.count, "time")}`, "bad"],
  drain: (it) => [`${it.forward}, ${many(it.sessions, "session")}`, "notable"],
  resume: (it) => [it.forward, "good"],
  reload: (it) => outcome(it, `generation ${it.generation}`),
  fleet_revision: (it) => [`${it.before ?? "none"} -> ${it.revision}`, "notable"],
  fleet_state: (it) => [
    `${it.before} -> ${it.state}${it.why ? `: ${it.why}` : ""}`,
    it.why ? "bad" : words.fleetTone(it.state),
  ],
  fleet_store: (it) => (it.up ? ["answers", "good"] : [`silent: ${it.problem ?? "not read yet"}`, "bad"]),
  upgrade: (it) => outcome(it, `version ${versionText(it)}`),
  shutdown: (it) => [`by ${it.by}, ${many(it.sessions, "session")}`, "notable"],
  lagged: (it) => [`${many(it.missed, "event")} missed`, "notable"],
};

/** Failed connects of a forward to one target, for one cause, share an entry, until there are none for a while. */
function keyOf(name, data) {
  if (name !== "target_down" || data.failures != null || data.error != null) return undefined;
  return JSON.stringify([data.forward, words.targetText(data), data.cause]);
}

function newEntry(name, text, tone) {
  const what = make("span", { className: "what", data: tone ? { tone } : {} }, name);
  const [time, times] = [make("time"), make("span", { className: "times" })];
  const item = make("li", {}, time, what, make("span", {}, text, times));
  return { item, time, times, count: 0, last: 0 };
}

function add({ name, data }) {
  const [text, tone] = TEXTS[name]?.(data) ?? [JSON.stringify(data)];
  const key = keyOf(name, data);
  const now = Date.now();
  const known = entries.get(key);
  const entry = known && now - known.last < OUTAGE_GAP ? known : newEntry(name, text, tone);
  entry.last = now;
  entry.count += 1;
  setText(entry.time, new Date().toLocaleTimeString("en-GB"));
  if (entry.count > 1) setText(entry.times, `, ${many(entry.count, "session")}`);
  if (list.firstChild !== entry.item) list.prepend(entry.item);
  if (key !== undefined) entries.set(key, entry);
  if (list.children.length > MOST_LISTED) forget(list.lastChild);
  count += 1;
  setText(byId("events-count"), `${count}`);
}

function forget(item) {
  item.remove();
  for (const [key, entry] of entries) if (entry.item === item) entries.delete(key);
}

/** Starts to list events. */
export function begin() {
  watch("/v1/events?sessions=false", add);
}
