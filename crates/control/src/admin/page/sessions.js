// The table of sessions, and the end of one.

import { ask } from "./api.js";
import { confirm } from "./dialogs.js";
import { setAmount, setText, setTone } from "./dom.js";
import { say } from "./notices.js";
import { Pager } from "./pager.js";
import { buttonIn } from "./rows.js";
import { bytes, rate, seconds } from "./units.js";
import * as words from "./words.js";

function moved(lane) {
  return (cell, session) => setAmount(cell, bytes(session[lane].bytes), session[lane].bytes);
}

function columns(open) {
  return [
    {
      head: "ID",
      sort: "id",
      number: true,
      fill: (cell, session) => setText(buttonIn(cell, open), `${session.id}`),
    },
    { head: "Forward", fill: (cell, { forward }) => setText(cell, forward) },
    { head: "Client", room: "some", fill: (cell, { client }) => setText(cell, client) },
    {
      head: "Target",
      room: "much",
      fill: (cell, { target_address: address, target }) => setText(cell, address ?? target),
    },
    { head: "Age", sort: "age", number: true, room: "some", fill: (cell, { age }) => setText(cell, seconds(age)) },
    { head: "Idle", sort: "idle", number: true, room: "much", fill: (cell, { idle }) => setText(cell, seconds(idle)) },
    { head: "Up", number: true, room: "some", fill: moved("up") },
    { head: "Down", sort: "bytes", number: true, room: "some", fill: moved("down") },
    { head: "Up/s", number: true, fill: (cell, { up }) => setText(cell, rate(up.rate)) },
    { head: "Down/s", sort: "rate", number: true, fill: (cell, { down }) => setText(cell, rate(down.rate)) },
    { head: "Path", room: "much", fill: (cell, session) => setText(cell, words.paths(session)) },
    {
      head: "Verdict",
      room: "some",
      fill(cell, { verdict }) {
        setText(cell, verdict);
        setTone(cell, words.verdictTone(verdict));
      },
    },
    {
      head: "Action",
      hidden: true,
      fill(cell, session) {
        const button = buttonIn(cell, killSession);
        setText(button, "Kill");
        button.ariaLabel = `Kill session ${session.id}`;
      },
    },
  ];
}

/** The table; `open` shows more of a session. */
export function sessionsTable(open) {
  const nothing = "no open sessions";
  return new Pager("sessions", { columns: columns(open), keyOf: ({ id }) => id, nothing });
}

/** Resets a session, after a question. */
export async function killSession({ id, forward, client, target }) {
  const text = `${client} to ${target}, by ${forward}. Both sides see a reset.`;
  if (!(await confirm(`Kill session ${id}?`, text, "Kill"))) return;
  try {
    await ask(`/v1/sessions/${id}`, "DELETE");
    say(`session ${id} was killed`, "good");
  } catch (failure) {
    say(`session ${id} cannot be killed: ${failure.message}`, "bad");
  }
}
