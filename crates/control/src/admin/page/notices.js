// What happened to the process under the open page: said for a minute, as `--watch` does.

import { byId, make, setText } from "./dom.js";
import { versionText } from "./units.js";

// In milliseconds.
const LAST = 60_000;

const list = byId("notices");
let last;
let absence;

/** Compares the process with the one that answered before. */
export function compare(now) {
  const before = last;
  last = now;
  const wasGone = absence !== undefined;
  absence?.remove();
  absence = undefined;
  if (!before) return;
  if (identity(before) !== identity(now)) {
    say(`the process was restarted (pid ${before.pid} -> ${now.pid})`);
  } else if (before.upgrades !== now.upgrades) {
    say(`the process was upgraded (version ${versionText(before)} -> ${versionText(now)})`);
  } else if (before.generation !== now.generation) {
    const change = `${before.generation} -> ${now.generation}`;
    say(`the configuration was reloaded (generation ${change})`);
  } else if (wasGone) {
    say("the process answers again");
  }
  if (versionText(before) !== versionText(now)) {
    say(`reload this page to have that of version ${versionText(now)}`);
  }
}

/** What a process has that no other has: which one is shown, or which one has this status. */
export function identity(status = last) {
  return status && `${status.pid} ${status.started}`;
}

/** There is no answer, or none of use. */
export function gone(why = "the process does not answer; waiting for it to come back") {
  if (!absence) {
    absence = make("p", { className: "notice bad" });
    list.append(absence);
  }
  setText(absence, why);
}

/** Says it for a minute. */
export function say(text, tone = "notable") {
  const time = make("time", {}, new Date().toLocaleTimeString("en-GB"));
  const notice = make("p", { className: `notice ${tone}` }, time, ` ${text}`);
  list.append(notice);
  setTimeout(() => notice.remove(), LAST);
}
