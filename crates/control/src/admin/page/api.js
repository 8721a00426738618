// Requests to the admin interface. The token is stored for this tab only, and sent only in the
// Authorization header.

const KEY = "traffic-forwarder token";
// In milliseconds. The server's own limit is thirty seconds.
const PATIENCE = 31_000;

// `traffic-forwarder web` passes the key of its port in the fragment, which no server and no log gets.
const FRAGMENT = "#key=";

if (location.hash.startsWith(FRAGMENT)) {
  keepToken(location.hash.slice(FRAGMENT.length));
  history.replaceState(null, "", location.pathname);
}

/** The server did not answer, or not completely. */
export class Absent extends Error {}

/** An error answer: `code` is for programs, `message` for people. */
export class Refused extends Error {
  constructor(status, { code, message }) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Whether a token has only characters that a header may have. */
export function isToken(text) {
  return /^[!-~]+$/.test(text);
}

export function keepToken(token) {
  sessionStorage.setItem(KEY, token);
}

export function hasToken() {
  return sessionStorage.getItem(KEY) !== null;
}

function headers() {
  return hasToken() ? { Authorization: `Bearer ${sessionStorage.getItem(KEY)}` } : {};
}

/** Sends a request, and returns the response before its body. */
export async function open(path, method, signal) {
  const request = { method, signal, headers: headers(), cache: "no-store", credentials: "omit" };
  const response = await fetch(path, request).catch((failure) => {
    throw new Absent("the process does not answer", { cause: failure });
  });
  if (response.ok) return response;
  const failure = await response.json().catch(() => ({}));
  const unknown = { code: "unknown", message: `${method} ${path}: status ${response.status}` };
  throw new Refused(response.status, failure.error ?? unknown);
}

/** Sends a request, and returns the JSON of the response. */
export async function ask(path, method = "GET") {
  const response = await open(path, method, AbortSignal.timeout(PATIENCE));
  return response.json().catch((failure) => {
    throw new Absent("the answer was cut short", { cause: failure });
  });
}

/** A path with the parameters that have a value. */
export function withQuery(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  return `${path}?${new URLSearchParams(given)}`;
}

/** The path of a forward. Its name may be an address, so it is percent-encoded. */
export function forwardPath(name) {
  return `/v1/forwards/${encodeURIComponent(name)}`;
}
