//! A headless browser, driven by `driver.mjs`. `Drop` ends it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};
use testkit::{LIMIT, Tool, wait_until};

/// One page in a new browser.
pub(crate) struct Browser {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Browser {
    #[track_caller]
    pub(crate) fn start() -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page");
        let mut node = Tool::find("node").command();
        node.arg("driver.mjs").current_dir(folder);
        node.env("CHROMIUM", Tool::find("chromium").path());
        let mut child = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    /// Sends a command and returns its result. Playwright waits, for a bounded time, until the
    /// command is possible.
    #[track_caller]
    fn command(&mut self, command: &Value) -> Value {
        let mut line = String::new();
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
        self.output.read_line(&mut line).unwrap();
        let missing = "the driver ended; `make test-deps` installs what it needs";
        let answer: Value = serde_json::from_str(&line).expect(missing);
        assert!(answer["error"].is_null(), "{command}: {}", answer["error"]);
        answer["ok"].clone()
    }

    #[track_caller]
    pub(crate) fn open(&mut self, url: &str) {
        self.command(&json!({ "do": "open", "url": url }));
    }

    /// Sets the window's size in pixels, and the system's colour scheme: `light` or `dark`.
    #[track_caller]
    pub(crate) fn window(&mut self, width: u32, height: u32, scheme: &str) {
        let window = json!({ "do": "window", "width": width, "height": height, "scheme": scheme });
        self.command(&window);
    }

    /// Evaluates a JavaScript expression in the page.
    #[track_caller]
    pub(crate) fn evaluate(&mut self, script: &str) -> Value {
        self.command(&json!({ "do": "evaluate", "script": script }))
    }

    /// Waits until a JavaScript expression is true.
    #[track_caller]
    pub(crate) fn wait(&mut self, script: &str) {
        self.command(&json!({ "do": "wait", "script": script }));
    }

    /// Waits until an element's text contains `text`.
    #[track_caller]
    pub(crate) fn wait_for_text(&mut self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        let script =
            format!("document.querySelector({selector})?.textContent.includes({text}) ?? false");
        self.wait(&script);
    }

    /// Visible texts of all matching elements.
    #[track_caller]
    pub(crate) fn texts(&mut self, selector: &str) -> Vec<String> {
        let script = format!(
            "[...document.querySelectorAll({})].map((element) => element.innerText.trim())",
            json!(selector)
        );
        serde_json::from_value(self.evaluate(&script)).unwrap()
    }

    #[track_caller]
    pub(crate) fn click(&mut self, selector: &str) {
        self.command(&json!({ "do": "click", "selector": selector }));
    }

    #[track_caller]
    pub(crate) fn fill(&mut self, selector: &str, text: &str) {
        self.command(&json!({ "do": "fill", "selector": selector, "text": text }));
    }

    #[track_caller]
    pub(crate) fn select(&mut self, selector: &str, value: &str) {
        self.command(&json!({ "do": "select", "selector": selector, "value": value }));
    }

    /// Presses keys by name, one after the other.
    #[track_caller]
    pub(crate) fn press(&mut self, keys: &[&str]) {
        for key in keys {
            self.command(&json!({ "do": "press", "key": key }));
        }
    }

    #[track_caller]
    pub(crate) fn screenshot(&mut self, path: &str) {
        self.command(&json!({ "do": "screenshot", "path": path }));
    }

    /// Errors and policy violations reported by the browser since the last call.
    #[track_caller]
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        serde_json::from_value(self.command(&json!({ "do": "complaints" }))).unwrap()
    }

    /// Requests since the last call: URL, and body size of the complete response in bytes.
    #[track_caller]
    pub(crate) fn answers(&mut self) -> Vec<(String, u64)> {
        let answers = self.command(&json!({ "do": "answers" }));
        let answer = |answer: &Value| {
            (answer["url"].as_str().unwrap().to_owned(), answer["bytes"].as_u64().unwrap())
        };
        answers.as_array().unwrap().iter().map(answer).collect()
    }

    /// Waits for the next request whose URL contains `part`.
    #[track_caller]
    pub(crate) fn wait_for_request(&mut self, part: &str) {
        self.answers();
        let what = format!("a request for {part}");
        wait_until(&what, LIMIT, || self.answers().iter().any(|(url, _)| url.contains(part)));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver exits at the end of its input, and ends the browser.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
