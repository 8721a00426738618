// Details of one forward or session, as `status NAME` and `sessions ID` print them. Updated while the
// dialog is open.

import { ask, forwardPath } from "./api.js";
import { byId, facts, setText } from "./dom.js";
import { actionOf, switchForward } from "./forwards.js";
import { factsOfRecord, factsOfSession } from "./session_facts.js";
import { killSession } from "./sessions.js";
import { bytes, many, rate, seconds } from "./units.js";

const dialog = byId("details-dialog");
let shown;

/** The details of a forward, as names and texts. */
function factsOfForward(forward) {
  const { sessions, max_sessions: most, opened, refused, failed, rates } = forward;
  const closed = Object.entries(forward.closed).filter(([, count]) => count > 0);
  return [
    ["state", forward.state + (forward.error ? `: ${forward.error}` : "")],
    ["sessions", `${sessions} of at most ${most}, ${opened} so far`],
    ["errors", `${many(refused, "client")} refused, ${many(failed, "session")} failed`],
    ["bytes", `${bytes(forward.bytes_up)} up, ${bytes(forward.bytes_down)} down`],
    ...(rates ? [["rate", `${rate(rates.bytes_up)} up, ${rate(rates.bytes_down)} down`]] : []),
    ["backlog", many(forward.backlog, "connection")],
    ...forward.listen.map((listen, place) => ["route", `${listen} -> ${forward.to[place]}`]),
    // One target has the figures of its forward.
    ...forward.targets.filter((it) => forward.targets.length > 1 || it.checks).map(targetText),
    ...closed.map(([reason, count]) => ["closed", `${reason}: ${count}`]),
    ...Object.entries(forward.settings).map(([key, value]) => ["setting", `${key} = ${value}`]),
  ];
}

function targetText(target) {
  const { address, set, sessions: open, max_sessions: limit } = target;
  const { connects, failed_connects: failed, last_check: last } = target;
  const parts = [
    `weight ${target.weight}`,
    ...(target.backup ? ["backup"] : []),
    limit ? `${open} of at most ${many(limit, "session")}` : many(open, "session"),
    `${many(connects, "connect")}, ${failed} failed`,
    ...(last ? [`last check: ${last.result} in ${seconds(last.took)}`] : []),
  ];
  const from = set ? ` (${set})` : "";
  return ["target", `${address}${from}: ${stateText(target)}; ${parts.join(", ")}`];
}

/** The state of the target; if it is out of use, since when and why. */
function stateText({ state, why, since }) {
  if (!why || state === "drained") return state;
  return `${state}${since ? ` since ${since}` : ""}: ${why}`;
}

/** Sets the actions of the dialog's other buttons; they get the forward's name. */
export function offer({ chart, sessions }) {
  dialog.addEventListener("close", () => {
    const act = { chart, sessions }[dialog.returnValue];
    if (act) act(shown.forward);
  });
}

function open(title, wanted) {
  shown = wanted;
  dialog.returnValue = "";
  setText(byId("details-title"), title);
  setText(dialog.querySelector(".message"), "");
  dialog.querySelector(".facts").replaceChildren();
  byId("details-act").hidden = true;
  dialog.showModal();
  return look();
}

export function openForward({ name }) {
  return open(`Forward ${name}`, {
    of: "forwards",
    forward: name,
    path: `${forwardPath(name)}?rates=true`,
    facts: factsOfForward,
    act: switchForward,
    word: actionOf,
  });
}

/** The details of a session; once it has ended, its record. */
export function openSession({ id, forward }) {
  const hasEnded = (item) => item.ended !== undefined;
  return open(`Session ${id}`, {
    of: "sessions",
    forward,
    path: `/v1/sessions/${id}?rates=true`,
    endedPath: endedPath(id),
    facts: (item) => (hasEnded(item) ? factsOfRecord(item) : factsOfSession(item)),
    act: killSession,
    word: (item) => (hasEnded(item) ? undefined : "Kill"),
  });
}

export function openEnded({ id, forward }) {
  return open(`Session ${id}`, {
    of: "ended",
    forward,
    path: endedPath(id),
    facts: factsOfRecord,
    word: () => undefined,
  });
}

function endedPath(id) {
  return `/v1/sessions/ended/${id}`;
}

/** The record of a session that is not open any more; from now on, the dialog asks for it alone. */
async function recordOf(wanted, failure) {
  if (failure.status !== 404 || wanted.endedPath === undefined) throw failure;
  const record = await ask(wanted.endedPath).catch(() => {
    throw failure;
  });
  wanted.path = wanted.endedPath;
  return record;
}

/** Whether the dialog shows an item of this table, and so covers the table. */
export function isOf(name) {
  return dialog.open && shown.of === name;
}

/** Updates the dialog, if it is open. */
export async function look() {
  if (!dialog.open) return;
  const wanted = shown;
  const button = byId("details-act");
  try {
    const item = await ask(wanted.path).catch((failure) => recordOf(wanted, failure));
    if (wanted !== shown) return;
    setText(dialog.querySelector(".message"), "");
    showFacts(wanted.facts(item));
    button.hidden = wanted.word(item) === undefined;
    setText(button, wanted.word(item) ?? "");
    button.onclick = () => wanted.act(item).then(look);
  } catch (failure) {
    if (wanted !== shown) return;
    setText(dialog.querySelector(".message"), failure.message);
    button.hidden = true;
  }
}

/** Updates the lines in place, so that a selection of text survives. */
function showFacts(pairs) {
  const list = dialog.querySelector(".facts");
  if (list.children.length !== pairs.length) facts(list, pairs);
  pairs.forEach(([name, text], place) => {
    const [term, description] = list.children[place].children;
    setText(term, name);
    setText(description, text);
  });
}
