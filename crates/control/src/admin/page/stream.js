// Reads the stream of events. An EventSource could not send the token.

import { open } from "./api.js";

// In milliseconds, before a stream that ended is asked for again.
const PAUSE = 1000;

/** The events of a stream: `{ name, data }`. What is no event is passed over. */
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

/** Tells `tell` of each event while somebody can see the page, over every interruption. */
export function watch(path, tell) {
  let stop = new AbortController();

  async function run() {
    while (!document.hidden) {
      stop = new AbortController();
      try {
        const response = await open(path, "GET", stop.signal);
        for await (const event of eventsOf(response.body)) tell(event);
      } catch {
        // Whoever polls says what is wrong with the process; here it is only tried again.
      }
      await new Promise((resume) => setTimeout(resume, PAUSE));
    }
  }

  document.addEventListener("visibilitychange", () => {
    // A browser has few connections to a server for all of its tabs.
    if (document.hidden) stop.abort();
    else run();
  });
  run();
}
