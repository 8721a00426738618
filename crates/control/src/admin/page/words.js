// The colours of words, as in the commands, and what is red: something that an operator should act
// on (docs/views.md, "What is red").

// In seconds: what happened before is history.
const LATELY = 60;
// Of the descriptors that there may be.
const MANY_FILES = 0.9;

function isLately(ago) {
  return ago != null && ago < LATELY;
}

export function isFull({ sessions, max_sessions: most }) {
  return sessions >= most;
}

export function refusesLately(forward) {
  return isLately(forward.last_refused);
}

export function failsLately(forward) {
  return isLately(forward.last_failed);
}

export function losesLog(status) {
  return isLately(status.last_log_dropped);
}

export function nearlyOutOfFiles({ open_files: open, open_files_limit: most }) {
  return open > most * MANY_FILES;
}

export function isSkipped({ state, error }) {
  return state === "skipped" || Boolean(error);
}

export function stateTone(state) {
  if (state === "skipped") return "bad";
  return state === "active" || state === "serving" ? "good" : "notable";
}

export function verdictTone(verdict) {
  const known = { ok: "good", idle: undefined, "network-lossy": "bad" };
  return verdict in known ? known[verdict] : "notable";
}

/** The first, and how many others there are. */
export function firstAndCount(addresses) {
  const [first = "-", ...others] = addresses;
  return others.every((other) => other === first) ? first : `${first} +${others.length}`;
}

/** How both lanes move bytes; before there are lanes, the phase. */
export function paths({ phase, up, down }) {
  if (phase === "connect") return phase;
  return up.path === down.path ? up.path : `${up.path}/${down.path}`;
}
