// The table of the last sessions that have ended.

import { address, button, figure, size, text } from "./columns.js";
import { Pager } from "./pager.js";
import { seconds } from "./units.js";
import * as words from "./words.js";

const SOME = { room: "some" };
const MUCH = { room: "much" };

function columns(open) {
  const toneOf = ({ close }) => words.closeTone(close);
  return [
    button("ID", (it) => `${it.id}`, open, { number: true }),
    figure("Ago", (it) => seconds(it.ago)),
    text("Forward", (it) => it.forward, SOME),
    address("Client", (it) => it.client),
    address("Target", (it) => words.targetText(it) ?? "-", SOME),
    figure("Lasted", (it) => seconds(it.duration), SOME),
    size("Up", (it) => it.bytes_up, MUCH),
    size("Down", (it) => it.bytes_down, MUCH),
    text("Verdict", (it) => it.verdict, MUCH),
    address("Closed", ({ close }) => words.closeReason(close), { toneOf }),
    text("Errno", ({ close }) => close.errno ?? "-", MUCH),
  ];
}

/** The table; `open` shows the record of a session. */
export function endedTable(open) {
  const remark = ({ total, since }) =>
    total === 0 ? `no such session has ended since ${since}` : `all since ${since} are known`;
  return new Pager("ended", {
    columns: columns(open),
    keyOf: ({ id }) => id,
    remark,
    path: "/v1/sessions/ended",
    list: "sessions",
    more: {},
  });
}
