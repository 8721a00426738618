// Notices of restarts, upgrades and reloads, shown for a minute, as `--watch` does.

import { byId, make, setText } from "./dom.js";
import { versionText } from "./units.js";

// Time for which a notice is shown, in milliseconds.
const LAST = 60_000;

const list = byId("notices");
let last;
let absence;

/** Compares the status with the previous one, and shows notices of changes. */
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
    say(`reload this page for version ${versionText(now)}`);
  }
}

/** Identifies the process of this status; by default, of the latest one. */
export function identity(status = last) {
  return status && `${status.pid} ${status.started}`;
}

/** Shows that there is no answer, or no usable one. */
export function gone(why = "the process does not answer; waiting for it to come back") {
  if (!absence) {
    absence = make("p", { className: "notice bad" });
    list.append(absence);
  }
  setText(absence, why);
}

/** Shows a notice for a minute. */
export function say(text, tone = "notable") {
  const time = make("time", {}, new Date().toLocaleTimeString("en-GB"));
  const notice = make("p", { className: `notice ${tone}` }, time, ` ${text}`);
  list.append(notice);
  setTimeout(() => notice.remove(), LAST);
}
