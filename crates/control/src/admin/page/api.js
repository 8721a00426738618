// Asks the admin interface. The token is kept for this tab only, and goes nowhere but into the
// header of a request.

const KEY = "traffic-forwarder token";
// In milliseconds. The server itself gives up after thirty seconds.
const PATIENCE = 31_000;

/** Nobody answered, or not to the end. */
export class Absent extends Error {}

/** The server said no: `code` is its word for programs, `message` its text for people. */
export class Refused extends Error {
  constructor(status, { code, message }) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Whether a token can be sent at all. */
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

/** Asks, and returns the answer before its body was read. */
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

/** Asks, and returns the answer's JSON. */
export async function ask(path, method = "GET") {
  const response = await open(path, method, AbortSignal.timeout(PATIENCE));
  return response.json().catch((failure) => {
    throw new Absent("the answer was cut short", { cause: failure });
  });
}

/** A path with those parameters that have a value. */
export function withQuery(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  return `${path}?${new URLSearchParams(given)}`;
}

/** The path of a forward; its name may be an address. */
export function forwardPath(name) {
  return `/v1/forwards/${encodeURIComponent(name)}`;
}
