// The table of forwards, and what can be done to one.

import { ask, forwardPath } from "./api.js";
import { confirm } from "./dialogs.js";
import { setAmount, setText, setTone } from "./dom.js";
import { say } from "./notices.js";
import { Pager } from "./pager.js";
import { buttonIn } from "./rows.js";
import { bytes, many, rate } from "./units.js";
import * as words from "./words.js";

function count(read, isBad = () => false) {
  return (cell, forward) => {
    setAmount(cell, `${read(forward)}`, read(forward));
    setTone(cell, isBad(forward) ? "bad" : undefined);
  };
}

function columns(open) {
  return [
    {
      head: "Forward",
      sort: "name",
      fill: (cell, forward) => setText(buttonIn(cell, open), forward.name),
    },
    {
      head: "State",
      room: "some",
      fill(cell, { state }) {
        setText(cell, state);
        setTone(cell, words.stateTone(state));
      },
    },
    { head: "Listen", room: "much", fill: (cell, it) => setText(cell, words.firstAndCount(it.listen)) },
    { head: "To", room: "much", fill: (cell, it) => setText(cell, words.firstAndCount(it.to)) },
    {
      head: "Sessions",
      sort: "sessions",
      number: true,
      fill(cell, forward) {
        setAmount(cell, `${forward.sessions}/${forward.max_sessions}`, forward.sessions);
        setTone(cell, words.isFull(forward) ? "bad" : undefined);
      },
    },
    { head: "Opened", number: true, room: "much", fill: count((it) => it.opened) },
    { head: "Refused", number: true, room: "some", fill: count((it) => it.refused, words.refusesLately) },
    {
      head: "Failed",
      sort: "errors",
      number: true,
      room: "some",
      fill: count((it) => it.failed, words.failsLately),
    },
    {
      head: "Up",
      number: true,
      room: "much",
      fill: (cell, it) => setAmount(cell, bytes(it.bytes_up), it.bytes_up),
    },
    {
      head: "Down",
      sort: "bytes",
      number: true,
      room: "much",
      fill: (cell, it) => setAmount(cell, bytes(it.bytes_down), it.bytes_down),
    },
    { head: "Up/s", number: true, fill: (cell, it) => setText(cell, rate(it.rates?.bytes_up)) },
    {
      head: "Down/s",
      sort: "rate",
      number: true,
      fill: (cell, it) => setText(cell, rate(it.rates?.bytes_down)),
    },
    {
      head: "Action",
      hidden: true,
      fill(cell, forward) {
        const button = buttonIn(cell, switchForward);
        setText(button, forward.state === "draining" ? "Resume" : "Drain");
        button.ariaLabel = `${button.textContent} ${forward.name}`;
        button.hidden = forward.state === "removed";
      },
    },
  ];
}

/** The table; `open` shows more of a forward. */
export function forwardsTable(open) {
  const nothing = "no forwards";
  return new Pager("forwards", { columns: columns(open), keyOf: ({ name }) => name, nothing });
}

/** Drains a forward, after a question; or resumes it. */
export async function switchForward({ name, state, sessions }) {
  const resume = state === "draining";
  const text = `It takes no new sessions. ${many(sessions, "open session")} may go on.`;
  if (!resume && !(await confirm(`Drain ${name}?`, text, "Drain"))) return;
  try {
    const done = await ask(`${forwardPath(name)}/${resume ? "resume" : "drain"}`, "POST");
    say(`${name} is ${done.state}${done.changed ? "" : " already"}`, "good");
  } catch (failure) {
    say(`${name} cannot be ${resume ? "resumed" : "drained"}: ${failure.message}`, "bad");
  }
}
