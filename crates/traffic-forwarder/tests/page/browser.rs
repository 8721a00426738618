//! A headless browser, steered by `driver.mjs`. It is ended on `Drop`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};
use testkit::{LIMIT, Tool, wait_until};

/// One page in a browser of its own.
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

    /// Has it do something. Playwright waits until it can be done, but not for ever.
    #[track_caller]
    fn tell(&mut self, command: &Value) -> Value {
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
        self.tell(&json!({ "do": "open", "url": url }));
    }

    /// The size of the window in pixels, and whether the system prefers `light` or `dark`.
    #[track_caller]
    pub(crate) fn window(&mut self, width: u32, height: u32, scheme: &str) {
        let window = json!({ "do": "window", "width": width, "height": height, "scheme": scheme });
        self.tell(&window);
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub(crate) fn evaluate(&mut self, script: &str) -> Value {
        self.tell(&json!({ "do": "evaluate", "script": script }))
    }

    /// Waits until an expression in the page is true.
    #[track_caller]
    pub(crate) fn wait(&mut self, script: &str) {
        self.tell(&json!({ "do": "wait", "script": script }));
    }

    /// Waits until the text of an element has this in it.
    #[track_caller]
    pub(crate) fn wait_for_text(&mut self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        let script =
            format!("document.querySelector({selector})?.textContent.includes({text}) ?? false");
        self.wait(&script);
    }

    /// The texts of all elements of this kind, as they are shown.
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
        self.tell(&json!({ "do": "click", "selector": selector }));
    }

    #[track_caller]
    pub(crate) fn fill(&mut self, selector: &str, text: &str) {
        self.tell(&json!({ "do": "fill", "selector": selector, "text": text }));
    }

    #[track_caller]
    pub(crate) fn select(&mut self, selector: &str, value: &str) {
        self.tell(&json!({ "do": "select", "selector": selector, "value": value }));
    }

    /// Presses keys, by their names, one after the other.
    #[track_caller]
    pub(crate) fn press(&mut self, keys: &[&str]) {
        for key in keys {
            self.tell(&json!({ "do": "press", "key": key }));
        }
    }

    #[track_caller]
    pub(crate) fn screenshot(&mut self, path: &str) {
        self.tell(&json!({ "do": "screenshot", "path": path }));
    }

    /// What the browser complained of since the last time, such as errors and broken policies.
    #[track_caller]
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        serde_json::from_value(self.tell(&json!({ "do": "complaints" }))).unwrap()
    }

    /// What was asked since the last time: the address, and the size of the answer's body in bytes
    /// when it was whole.
    #[track_caller]
    pub(crate) fn answers(&mut self) -> Vec<(String, u64)> {
        let answers = self.tell(&json!({ "do": "answers" }));
        let answer = |answer: &Value| {
            (answer["url"].as_str().unwrap().to_owned(), answer["bytes"].as_u64().unwrap())
        };
        answers.as_array().unwrap().iter().map(answer).collect()
    }

    /// Waits until an address with this in it is asked from now on.
    #[track_caller]
    pub(crate) fn wait_for_question(&mut self, part: &str) {
        self.answers();
        let what = format!("the page asks for {part}");
        wait_until(&what, LIMIT, || self.answers().iter().any(|(url, _)| url.contains(part)));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends with its input, and the browser with the driver.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
