// The table of sessions, and how to reset one.

import { ask } from "./api.js";
import { address, button, figure, size, text } from "./columns.js";
import { confirm } from "./dialogs.js";
import { identity, say } from "./notices.js";
import { Pager } from "./pager.js";
import { rate, seconds } from "./units.js";
import * as words from "./words.js";

const SOME = { room: "some" };
const MUCH = { room: "much" };

function columns(open) {
  const named = { nameOf: (it) => `session ${it.id}`, hidden: true, ...SOME };
  return [
    button("ID", (it) => `${it.id}`, open, { sort: "id", number: true }),
    text("Forward", (it) => it.forward, SOME),
    address("Client", (it) => it.client),
    address("Target", words.targetText, MUCH),
    figure("Age", (it) => seconds(it.age), { sort: "age", ...SOME }),
    figure("Idle", (it) => seconds(it.idle), { sort: "idle", ...MUCH }),
    size("Up", (it) => it.up.bytes, SOME),
    size("Down", (it) => it.down.bytes, { sort: "bytes", ...SOME }),
    figure("Up/s", (it) => rate(it.up.rate), SOME),
    figure("Down/s", (it) => rate(it.down.rate), { sort: "rate", ...SOME }),
    text("Path", words.paths, MUCH),
    text("Verdict", (it) => it.verdict, { toneOf: words.verdictTone }),
    button("Action", () => "Kill", killSession, named),
  ];
}

/** The table; `open` shows the details of a session. */
export function sessionsTable(open) {
  const none = (isFiltered) => (isFiltered ? "no open session matches" : "no open sessions");
  const remark = ({ total }, isFiltered) => (total === 0 ? none(isFiltered) : "");
  return new Pager("sessions", { columns: columns(open), keyOf: ({ id }) => id, remark });
}

/** Resets a session, after confirmation. Checks for a restart first: numbers start again with it. */
export async function killSession({ id, forward, client, target }) {
  const process = identity();
  const text = `${client} to ${target}, by ${forward}. Both sides receive a reset.`;
  if (!(await confirm(`Kill session ${id}?`, text, "Kill"))) return;
  try {
    if (identity(await ask("/v1/status")) !== process) throw new Error("the process was restarted");
    await ask(`/v1/sessions/${id}`, "DELETE");
    say(`session ${id} was killed`, "good");
  } catch (failure) {
    say(`session ${id} cannot be killed: ${failure.message}`, "bad");
  }
}
