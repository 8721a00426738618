// The facts of one session, open or ended, as names and texts.

import { bytes, many, rate, seconds } from "./units.js";
import { closeReason, targetWithAddress } from "./words.js";

export function factsOfSession(session) {
  const { verdict, half_closed: closed } = session;
  return [
    ["phase", `${session.phase}, worker ${session.worker}`],
    ["forward", session.forward],
    ["client", clientText(session)],
    ["target", targetWithAddress(session)],
    ["started", `${session.started}, ${seconds(session.age)} ago, ${connectedText(session)}`],
    ["idle", seconds(session.idle)],
    ["up", laneText(session.up)],
    ["down", laneText(session.down)],
    ["client tcp", tcpText(session.client_tcp)],
    ["target tcp", tcpText(session.target_tcp)],
    ["verdict", closed ? `${verdict}: ${halfClosedText(closed)}` : verdict],
  ];
}

export function factsOfRecord(session) {
  const { close } = session;
  const lane = (way) => ({
    bytes: session[`bytes_${way}`],
    path: session[`path_${way}`],
    fallback: session[`fallback_${way}`],
    stalled: session[`stalled_${way}`],
  });
  return [
    ["ended", `${session.ended}, ${seconds(session.ago)} ago`],
    ["closed", closeReason(close) + (close.errno ? ` (${close.errno})` : "")],
    ["forward", session.forward],
    ["client", clientText(session)],
    ["target", `${targetWithAddress(session)}, ${many(session.attempts, "attempt")}`],
    ["started", `${session.started}, lasted ${seconds(session.duration)}, ${connectedText(session)}`],
    ["up", laneText(lane("up"))],
    ["down", laneText(lane("down"))],
    ["client tcp", tcpText(session.client_tcp)],
    ["target tcp", tcpText(session.target_tcp)],
    ["verdict", session.verdict],
  ];
}

function clientText({ client, proxy, listener, sni }) {
  return `${client}${proxy ? ` by ${proxy}` : ""} at ${listener}${sni ? ` for ${sni}` : ""}`;
}

function connectedText({ connect_time: connected, first_byte: first }) {
  const took = connected == null ? "not connected" : `connected after ${seconds(connected)}`;
  return took + (first == null ? "" : `, first byte after ${seconds(first)}`);
}

/** The time that is left to a session of which one peer has sent its FIN. */
function halfClosedText({ by, left }) {
  const end = left == null ? "no timeout ends it" : `it ends in ${seconds(left)}, unless a byte moves`;
  return `the ${by} has sent its FIN; ${end}`;
}

function laneText({ bytes: moved, path, fallback, rate: speed, rate_limit: limit, held, stalled, ended }) {
  return [
    bytes(moved) + (path === "none" ? "" : ` by ${path}`) + (fallback === "none" ? "" : ` (${fallback})`),
    speed != null && rate(speed) + (limit == null ? "" : ` of at most ${rate(limit)}`),
    held > 0 && `${bytes(held)} held`,
    stalled > 0 && `stalled for ${seconds(stalled)}`,
    ended && "ended",
  ].filter(Boolean).join(", ");
}

/** `TCP_INFO` of a connection; a record has a part of it. */
function tcpText(tcp) {
  if (!tcp) return "-";
  const { unsent, unacked, lost, congestion_window: segments, backoffs } = tcp;
  return [
    `rtt ${seconds(tcp.rtt)}`,
    many(tcp.retransmits, "retransmit"),
    unsent != null && `${bytes(unsent)} unsent`,
    unacked != null && `${unacked} unacknowledged`,
    lost != null && `${lost} lost`,
    segments != null && `window ${segments} segments`,
    backoffs != null && many(backoffs, "backoff"),
  ].filter(Boolean).join(", ");
}
