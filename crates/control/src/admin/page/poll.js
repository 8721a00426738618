// Looks again and again while somebody can see the page, never twice at the same time.

// In milliseconds, from one look to the next.
const PERIOD = 1000;

/** Returns what begins it: from then on `look` is called every second, and at once when asked. */
export function everySecond(look) {
  let timer;
  let running = false;
  let again = false;

  async function run() {
    clearTimeout(timer);
    if (running) {
      again = true;
      return;
    }
    if (document.hidden) return;
    running = true;
    const began = performance.now();
    await look();
    running = false;
    const pause = again ? 0 : PERIOD - (performance.now() - began);
    again = false;
    timer = setTimeout(run, Math.max(pause, 0));
  }

  document.addEventListener("visibilitychange", run);
  return run;
}
