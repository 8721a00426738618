// Polls while the page is visible, one request at a time.

// Time between two polls, in milliseconds.
const PERIOD = 1000;

/** Returns a function that starts to call `look` every second, and later calls it at once. */
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
