// Reads the event stream with fetch, because an EventSource cannot send the token.

import { open } from "./api.js";

// Time before an ended stream is requested again, in milliseconds.
const PAUSE = 1000;

/** The events of a stream: `{ name, data }`. Skips comments. */
async function* eventsOf(stream) {
  let rest = "";
  for await (const text of texts(stream)) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = new Map(block.split("\n").map((line) => line.split(/: ?(.*)/s, 2)));
      if (fields.has("data")) {
        yield { name: fields.get("event"), data: JSON.parse(fields.get("data")) };
      }
    }
  }
}

async function* texts(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** Calls `handle` with each event while the page is visible. Reconnects after interruptions. */
export function watch(path, handle) {
  let stop = new AbortController();

  async function run() {
    while (!document.hidden) {
      stop = new AbortController();
      try {
        const response = await open(path, "GET", stop.signal);
        for await (const event of eventsOf(response.body)) handle(event);
      } catch {
        // The polling shows errors of the process; the stream only reconnects.
      }
      await new Promise((resume) => setTimeout(resume, PAUSE));
    }
  }

  document.addEventListener("visibilitychange", () => {
    // A hidden page closes the stream: all tabs share a browser's few connections to a server.
    if (document.hidden) stop.abort();
    else run();
  });
  run();
}
