// The table of forwards, and their actions.

import { ask, forwardPath } from "./api.js";
import { address, button, count, figure, size, text } from "./columns.js";
import { confirm } from "./dialogs.js";
import { say } from "./notices.js";
import { Pager } from "./pager.js";
import { many, rate } from "./units.js";
import * as words from "./words.js";

const SOME = { room: "some" };
const MUCH = { room: "much" };

/** The action for a forward in this state; undefined for a removed one. */
export function actionOf({ state }) {
  return { active: "Drain", draining: "Resume", skipped: "Resume" }[state];
}

function columns(open) {
  const refused = (it) => it.refused + it.not_allowed + it.client_limit + it.rate_limit;
  const toneOf = ({ attention }) => (attention.length > 0 ? "bad" : undefined);
  const is = (condition) => (it) => words.holds(it, condition);
  const ofMost = (sessions, { max_sessions: most }) => `${sessions}/${most}`;
  return [
    button("Forward", (it) => it.name, open, { sort: "name", toneOf }),
    text("State", (it) => it.state, { toneOf: ({ state }) => words.stateTone(state) }),
    address("Listen", (it) => words.firstAndCount(it.listen), MUCH),
    address("To", (it) => words.targets(it), MUCH),
    count("Sessions", (it) => it.sessions, { show: ofMost, isBad: is("at_limit"), sort: "sessions" }),
    count("Opened", (it) => it.opened, MUCH),
    count("Refused", refused, { isBad: is("refusing") }),
    count("Failed", (it) => it.failed, { isBad: is("failing"), sort: "errors" }),
    size("Up", (it) => it.bytes_up, MUCH),
    size("Down", (it) => it.bytes_down, { sort: "bytes", ...MUCH }),
    figure("Up/s", (it) => rate(it.rates?.bytes_up), SOME),
    figure("Down/s", (it) => rate(it.rates?.bytes_down), { sort: "rate", ...SOME }),
    button("Action", actionOf, switchForward, { nameOf: (it) => it.name, hidden: true, ...SOME }),
  ];
}

/** The table; `open` shows the details of a forward. */
export function forwardsTable(open) {
  const remark = ({ total }) => (total === 0 ? "no forwards" : "");
  return new Pager("forwards", { columns: columns(open), keyOf: ({ name }) => name, remark });
}

/** Drains or resumes a forward, after confirmation. */
export async function switchForward({ name, state, sessions }) {
  const action = actionOf({ state });
  if (action === undefined) return;
  const resume = action === "Resume";
  const text = resume
    ? "It accepts new sessions again."
    : `It accepts no new sessions. ${many(sessions, "open session")} may continue.`;
  if (!(await confirm(`${action} ${name}?`, text, action))) return;
  try {
    const done = await ask(`${forwardPath(name)}/${resume ? "resume" : "drain"}`, "POST");
    say(`${name} is ${done.state}${done.changed ? "" : " already"}`, "good");
  } catch (failure) {
    say(`${name} cannot be ${resume ? "resumed" : "drained"}: ${failure.message}`, "bad");
  }
}
