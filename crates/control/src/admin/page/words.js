// Colours of states and verdicts, as in the commands. Red marks the server's `attention`.

/** Whether this condition of the API's `attention` holds for an item. */
export function holds({ attention }, condition) {
  return attention.some((it) => it.condition === condition);
}

export function stateTone(state) {
  if (state === "skipped") return "bad";
  return state === "active" || state === "serving" ? "good" : "notable";
}

export function fleetTone(state) {
  if (state === "refused" || state === "fell_back") return "bad";
  return state === "stable" || state === "confirmed" ? "good" : "notable";
}

export function verdictTone({ verdict, attention }) {
  if (attention.length > 0) return "bad";
  const known = { ok: "good", idle: undefined };
  return verdict in known ? known[verdict] : "notable";
}

/** A close reason, as the log and the metrics have it. */
export function closeReason({ by, phase, cause }) {
  return `${by}/${phase}/${cause}`;
}

/** The colour of a close reason: that of an orderly end is plain. */
export function closeTone({ cause }) {
  return cause === "fin" ? undefined : "notable";
}

/** The address of a session's target. That of a Unix target is its path, which a resolved one lacks. */
export function targetText({ target, target_address: address }) {
  return resolved(address) ?? target;
}

/** A session's target with its resolved address, if it has one. */
export function targetWithAddress({ target, target_address: address }) {
  const name = target ?? "none selected";
  return resolved(address) ? `${name} (${address})` : name;
}

function resolved(address) {
  return address === "unix" ? undefined : address;
}

/** The first item, and the number of the others. */
export function firstAndCount(addresses) {
  const [first = "-", ...others] = addresses;
  return others.every((other) => other === first) ? first : `${first} +${others.length}`;
}

/** The first target, the number of further ones, and of those that are down or unreachable. */
export function targets({ targets }) {
  const addresses = firstAndCount(targets.map((it) => it.address));
  const failing = ["down", "unreachable"].map((state) => {
    const count = targets.filter((it) => it.state === state).length;
    return count > 0 ? `, ${count} ${state}` : "";
  });
  return addresses + failing.join("");
}

/** The paths of both lanes; the phase of a session without lanes. */
export function paths({ phase, up, down }) {
  if (phase === "connect") return phase;
  return up.path === down.path ? up.path : `${up.path}/${down.path}`;
}
