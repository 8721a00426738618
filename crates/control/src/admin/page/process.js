// The process as a whole: state, figures and attention.

import { byId, make, setAmount, setText, setTone } from "./dom.js";
import { bytes, many, rate, seconds, versionText } from "./units.js";
import * as words from "./words.js";

// Forwards listed by name under attention. Others are counted.
export const MOST_NAMED = 5;

const FIGURES = ["Sessions", "Up", "Down", "Forwards", "Files", "Memory"];

const figures = new Map(
  FIGURES.map((name) => {
    const figure = { main: make("dd", { className: "main" }), more: make("dd") };
    const item = make("div", { data: { figure: name } }, make("dt", {}, name), figure.main);
    item.append(figure.more);
    byId("figures").append(item);
    return [name, figure];
  }),
);

function show(name, main, exact, more, tone) {
  const figure = figures.get(name);
  setAmount(figure.main, main, exact);
  setText(figure.more, more);
  setTone(figure.main, tone);
}

/** Marks the page as out of date. */
export function showAbsence() {
  document.body.classList.add("stale");
  setText(byId("state"), "no answer");
  setTone(byId("state"), "bad");
}

/** Shows the status of the process. */
export function showProcess(status) {
  document.body.classList.remove("stale");
  setText(byId("state"), status.state);
  setTone(byId("state"), words.stateTone(status.state));
  const config = status.config ?? "forwards of the command line";
  const file = config.slice(config.lastIndexOf("/") + 1);
  byId("process").title = config;
  setText(
    byId("process"),
    `${status.state === "serving" ? "for" : "up"} ${seconds(status.uptime)} · pid ${status.pid} · version ${versionText(status)} · ` +
      `${file}, generation ${status.generation}`,
  );
  const { sessions, max_sessions: most, open_files: files, open_files_limit: limit } = status;
  show("Sessions", `${sessions} of ${most}`, sessions, `${status.sessions_opened} since the start`,
    words.holds(status, "sessions_full") ? "bad" : undefined);
  const speed = status.rates ?? {};
  show("Up", rate(speed.bytes_up), status.bytes_up, `${bytes(status.bytes_up)} since the start`);
  show("Down", rate(speed.bytes_down), status.bytes_down,
    `${bytes(status.bytes_down)} since the start`);
  setText(byId("trial"), trialText(status));
  setText(byId("fleet"), fleetText(status));
  show("Forwards", `${status.forwards}`, status.forwards,
    `${many(status.listeners, "listener")}, ${many(status.workers, "worker")}`);
  show("Files", `${files} of ${limit}`, files, many(status.pipes, "pipe"),
    words.holds(status, "files_short") ? "bad" : undefined);
  show("Memory", bytes(status.resident_memory), status.resident_memory, "resident");
}

function trialText({ confirm_within: left, fleet }) {
  if (left == null) return "";
  const decided = fleet?.trial_left == null ? "it is confirmed" : "the fleet keeps it";
  return `the configuration falls back in ${seconds(left)} unless ${decided}`;
}

/** The fleet in the words of `status`; empty without one. */
function fleetText({ fleet }) {
  if (!fleet) return "";
  const { revision, current_revision: named, running_revision: runs, trial_left: left } = fleet;
  const other = named != null && revision != null && named !== revision;
  const parts = [
    fleet.state,
    revision == null ? "no revision" : `revision ${revision}${other ? ` (the store has ${named})` : ""}`,
    left == null ? undefined : `${seconds(Math.round(left))} left`,
    runs == null || runs === revision ? undefined : `runs ${runs}`,
    storeText(fleet),
  ];
  return `fleet: ${fleet.name ?? "not read yet"}: ${parts.filter(Boolean).join(", ")}`;
}

function storeText({ store_up: up, read_at: at, read_age: age }) {
  if (at == null) return "store not read yet";
  if (up) return `store read ${seconds(Math.round(age))} ago`;
  return `store silent since ${at.replace(/\.\d+Z$/, "Z")}`;
}

/** Lists the conditions under `attention`; `open` shows the details of a forward. Hidden if there are none. */
export function showTroubles(status, { total, forwards }, open) {
  const texts = [
    ...status.attention.map(({ text }) => ({ text })),
    ...forwards.map(({ name, attention }) => ({ name, text: joined(attention) })),
  ];
  const unnamed = total - forwards.length;
  if (unnamed > 0) {
    texts.push({ text: `and ${many(unnamed, "more forward")}: sort by errors or sessions` });
  }
  const section = byId("troubles");
  section.hidden = texts.length === 0;
  const shown = [...section.children];
  texts.forEach(({ name, text }, place) => {
    const line = shown[place] ?? newTrouble(open);
    const [button, reason] = line.children;
    button.hidden = name === undefined;
    button.name = name ?? "";
    setText(button, name ?? "");
    setText(reason, name === undefined ? text : `: ${text}`);
    if (!shown[place]) section.append(line);
  });
  shown.slice(texts.length).forEach((surplus) => surplus.remove());
}

/** A line with the name of a forward, which opens its details, and a text. */
function newTrouble(open) {
  const button = make("button", { type: "button", className: "link" });
  button.addEventListener("click", () => open({ name: button.name }));
  return make("p", {}, button, make("span"));
}

function joined(attention) {
  return attention.map(({ text }) => text).join("; ");
}
