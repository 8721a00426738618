// Drives a browser: one command per line on standard input, as JSON, and one result per line on
// standard output, `{ "ok": ... }` or `{ "error": "..." }`.

import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
];
// In milliseconds: the longest wait for a state, and the polling interval.
const WAIT_LIMIT = 60_000;
const STEP = 20;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ARGS });
const page = await browser.newPage();
page.setDefaultTimeout(WAIT_LIMIT);

// Read by the tests: complaints of the browser, and responses of any server.
const complaints = [];
const answers = [];
page.on("pageerror", (error) => complaints.push(error.stack));
page.on("console", (message) => {
  if (["error", "warning"].includes(message.type())) complaints.push(message.text());
});
page.on("requestfinished", async (request) => {
  const { responseBodySize: bytes } = await request.sizes();
  answers.push({ url: request.url(), bytes });
});
page.on("request", (request) => answers.push({ url: request.url(), bytes: 0 }));

// Not page.waitForFunction(): it needs eval(), which the page's policy forbids.
async function wait({ script }) {
  const end = Date.now() + WAIT_LIMIT;
  while (!(await page.evaluate(script))) {
    if (Date.now() > end) throw new Error(`timed out; the page: ${await page.innerText("body")}`);
    await new Promise((resume) => setTimeout(resume, STEP));
  }
}

const COMMANDS = {
  open: async ({ url }) => void (await page.goto(url)),
  window: async ({ width, height, scheme }) => {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: scheme });
  },
  evaluate: ({ script }) => page.evaluate(script),
  wait,
  click: ({ selector }) => page.click(selector),
  fill: ({ selector, text }) => page.fill(selector, text),
  select: async ({ selector, value }) => void (await page.selectOption(selector, value)),
  press: ({ key }) => page.keyboard.press(key),
  screenshot: async ({ path }) => void (await page.screenshot({ path })),
  complaints: async () => complaints.splice(0),
  answers: async () => answers.splice(0),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  const answer = await COMMANDS[command.do](command).then(
    (ok) => ({ ok: ok ?? null }),
    (error) => ({ error: error.message }),
  );
  console.log(JSON.stringify(answer));
}
await browser.close();
