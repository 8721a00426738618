// Main module: requests the API every second, and updates all parts.

import { Absent, Refused, ask, forwardPath, withQuery } from "./api.js";
import * as charts from "./charts.js";
import * as details from "./details.js";
import { askForToken, isLocked } from "./dialogs.js";
import { byId, setText } from "./dom.js";
import { endedTable } from "./ended.js";
import * as events from "./events.js";
import { forwardsTable, switchForward } from "./forwards.js";
import { listen, showHelp } from "./keys.js";
import * as notices from "./notices.js";
import { everySecond } from "./poll.js";
import { MOST_NAMED, showAbsence, showProcess, showTroubles } from "./process.js";
import { killSession, sessionsTable } from "./sessions.js";

const TABS = ["forwards", "sessions", "ended", "events"];

const tables = {
  forwards: forwardsTable(details.openForward),
  sessions: sessionsTable(details.openSession),
  ended: endedTable(details.openEnded),
};
let tab = "forwards";
let isWatching = false;

// === requests ===

async function look() {
  if (isLocked()) {
    askForToken(lookNow);
    return;
  }
  const table = tables[tab];
  try {
    // A request alone first, so that a wrong token is refused only once.
    const status = await ask("/v1/status?rates=true");
    const [troubles, shown, chosen] = await Promise.all([
      ask(withQuery("/v1/forwards", { trouble: true, limit: MOST_NAMED })),
      table && !details.isOf(tab) && orRefusal(table.ask()),
      lookAtChosen(),
      details.look(),
    ]);
    charts.begin(notices.identity(status));
    notices.compare(status);
    showProcess(status);
    showTroubles(status, troubles, details.openForward);
    setText(byId("forwards-count"), `${status.forwards}`);
    setText(byId("sessions-count"), `${status.sessions}`);
    if (shown && table === tables[tab]) table.show(shown);
    charts.remember(status, [...(shown?.forwards ?? []), ...chosen]);
    watchEvents();
  } catch (failure) {
    missed(failure);
  }
}

/** The answer, or the error answer to a wrong request. */
function orRefusal(answer) {
  return answer.catch((failure) => {
    if (failure instanceof Refused && failure.status !== 401) return { failure };
    throw failure;
  });
}

/** The forward of the charts, on whatever page it is; empty if it is removed. */
async function lookAtChosen() {
  const name = charts.scope();
  if (name === undefined) return [];
  const forward = await orRefusal(ask(`${forwardPath(name)}?rates=true`));
  return forward.failure ? [] : [forward];
}

function missed(failure) {
  if (failure instanceof Refused && failure.status === 401) askForToken(lookNow);
  else {
    showAbsence();
    notices.gone(failure instanceof Absent ? undefined : failure.message);
  }
}

/** Starts the event stream, once the token was accepted. */
function watchEvents() {
  if (isWatching) return;
  isWatching = true;
  events.begin();
}

// === display ===

function showTab(name) {
  tab = name;
  for (const each of TABS) {
    const isShown = each === name;
    byId(each).hidden = !isShown;
    byId(`${each}-tab`).ariaSelected = `${isShown}`;
    byId(`${each}-tab`).tabIndex = isShown ? 0 : -1;
  }
  lookNow();
}

function showTheme() {
  setText(byId("theme").querySelector("output"), document.documentElement.dataset.theme);
  charts.redraw();
}

function nextTheme() {
  globalThis.nextTheme();
  showTheme();
}

/** The item of the focused row, if it is in this table. */
function current(name) {
  return tab === name ? tables[name].rows.current : undefined;
}

function currentForward() {
  return current("forwards")?.name ?? (current("sessions") ?? current("ended"))?.forward;
}

function choose(name) {
  charts.choose(name === charts.scope() ? undefined : name);
  lookNow();
}

function showSessionsOf(name) {
  showTab("sessions");
  tables.sessions.set({ forward: name });
}

function actOn(item, act) {
  if (item) act(item).then(lookNow);
}

// === start ===

TABS.forEach((name, place) => {
  const button = byId(`${name}-tab`);
  button.addEventListener("click", () => showTab(name));
  button.addEventListener("keydown", ({ key }) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (!by) return;
    const next = TABS[(place + by + TABS.length) % TABS.length];
    showTab(next);
    byId(`${next}-tab`).focus();
  });
});
details.offer({ chart: choose, sessions: showSessionsOf });
byId("all").addEventListener("click", () => choose(undefined));
byId("theme").addEventListener("click", nextTheme);
byId("help").addEventListener("click", showHelp);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", charts.redraw);

listen({
  1: () => showTab("forwards"),
  2: () => showTab("sessions"),
  3: () => showTab("ended"),
  4: () => showTab("events"),
  "/": () => tables[tab]?.form.elements[0].focus(),
  ArrowDown: () => tables[tab]?.rows.step(1),
  ArrowUp: () => tables[tab]?.rows.step(-1),
  c: () => choose(currentForward()),
  s: () => currentForward() !== undefined && showSessionsOf(currentForward()),
  d: () => actOn(current("forwards"), switchForward),
  k: () => actOn(current("sessions"), killSession),
  n: () => tables[tab]?.turn(1),
  p: () => tables[tab]?.turn(-1),
  t: nextTheme,
  "?": showHelp,
});

showTheme();
const lookNow = everySecond(look);
Object.values(tables).forEach((table) => table.onChange(lookNow));
showTab("forwards");
