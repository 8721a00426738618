// Short amounts with units, in the format of the commands.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
// A value that would round to 1024 uses the next unit.
const LARGEST = 1023.5;

function scaled(amount) {
  let unit = 0;
  while (amount >= LARGEST && unit + 1 < UNITS.length) {
    amount /= 1024;
    unit += 1;
  }
  return `${amount.toFixed(unit > 0 && amount < 9.95 ? 1 : 0)} ${UNITS[unit]}`;
}

/** A size in powers of 1024, with two to three digits: `0 B`, `1.5 KiB`, `12 MiB`. */
export function bytes(amount) {
  return scaled(amount);
}

/** Bytes per second; a dash if unknown. */
export function rate(perSecond) {
  if (perSecond == null) return "-";
  return perSecond >= 0.5 ? `${scaled(perSecond)}/s` : "0 B/s";
}

function pair(large, largeUnit, small, smallUnit) {
  return `${large}${largeUnit}${String(small).padStart(2, "0")}${smallUnit}`;
}

/** Seconds in the two largest units that fit, or one below a minute: `2h05m`, `45s`, `0.9ms`. */
export function seconds(amount) {
  const micros = amount * 1e6;
  if (micros < 1) return "0s";
  if (micros < 999.5) return `${micros.toFixed(0)}us`;
  const millis = micros / 1e3;
  if (millis < 9.95) return `${millis.toFixed(1)}ms`;
  if (millis < 999.5) return `${millis.toFixed(0)}ms`;
  const whole = Math.round(amount);
  const minutes = Math.floor(whole / 60);
  const hours = Math.floor(minutes / 60);
  if (minutes < 1) return `${whole}s`;
  if (hours < 1) return pair(minutes, "m", whole % 60, "s");
  if (hours < 24) return pair(hours, "h", minutes % 60, "m");
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** `1 session`, `2 sessions`. */
export function many(count, what) {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** A version and, if known, the commit of the build. */
export function versionText({ version, build }) {
  return build ? `${version} (${build})` : version;
}
