// Ties the parts together: one look at the API every second, and what follows from it.

import { Absent, Refused, ask, forwardPath, withQuery } from "./api.js";
import * as charts from "./charts.js";
import * as details from "./details.js";
import { askForToken } from "./dialogs.js";
import { byId, make, setText } from "./dom.js";
import { watch } from "./events.js";
import { forwardsTable, switchForward } from "./forwards.js";
import { listen, showHelp } from "./keys.js";
import * as notices from "./notices.js";
import { everySecond } from "./poll.js";
import { MOST_NAMED, showProcess, showTroubles } from "./process.js";
import { killSession, sessionsTable } from "./sessions.js";
import { tellEvent } from "./happened.js";

const tables = {
  forwards: forwardsTable(details.openForward),
  sessions: sessionsTable(details.openSession),
};
let tab = "forwards";

// === looking ===

async function look() {
  try {
    const [status, troubles, shown, chosen] = await Promise.all([
      ask("/v1/status?rates=true"),
      ask(withQuery("/v1/forwards", { trouble: true, limit: MOST_NAMED })),
      tables[tab] && lookAtTable(tables[tab]),
      lookAtChosen(),
      details.look(),
    ]);
    if (notices.isAnother(status)) charts.forget();
    notices.compare(status);
    showProcess(status);
    showTroubles(status, troubles);
    showCounts(status);
    if (shown) tables[tab].show(shown);
    const listed = tab === "forwards" ? (shown.answer?.forwards ?? []) : [];
    charts.remember(status, [...listed, ...chosen]);
    document.body.dataset.looks = Number(document.body.dataset.looks ?? 0) + 1;
  } catch (failure) {
    missed(failure);
  }
}
