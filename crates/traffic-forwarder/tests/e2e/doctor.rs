//! `doctor` on hosts with low limits, and checks that its claims hold.

mod checked;
mod claims;
mod findings;
mod fleet;
mod report;
mod taken;

use doctor::Check;
use serde_json::Value;
use testkit::{ForwarderBuilder, Port};

use crate::support::Config;

/// The report of `doctor`, and its exit code.
struct Examined {
    report: Value,
    code: Option<i32>,
}

impl Examined {
    /// Runs `doctor` of this program on this configuration.
    #[track_caller]
    fn by(program: ForwarderBuilder, config: &Config) -> Self {
        Self::with(program.arg("doctor"), config)
    }

    /// The same without connecting to targets: a connection leaves its port in `TIME_WAIT`.
    #[track_caller]
    fn by_looking(program: ForwarderBuilder, config: &Config) -> Self {
        Self::with(program.args(["doctor", "--no-connect"]), config)
    }

    #[track_caller]
    fn with(command: ForwarderBuilder, config: &Config) -> Self {
        Self::of_text(command, &config.text())
    }

    #[track_caller]
    fn of_text(command: ForwarderBuilder, text: &str) -> Self {
        Self::of(command.config(text))
    }

    #[track_caller]
    fn of(command: ForwarderBuilder) -> Self {
        let finished = command.arg("--json").run();
        assert!(finished.stderr.is_empty(), "{finished}");
        let report = serde_json::from_slice(&finished.stdout);
        let report = report.unwrap_or_else(|error| panic!("{error}: {finished}"));
        Self { report, code: finished.status.code() }
    }

    #[track_caller]
    fn finding(&self, check: Check) -> &Value {
        let all = self.report["checks"].as_array().unwrap();
        all.iter().find(|it| it["check"] == check.as_str()).expect("every check is in the report")
    }

    #[track_caller]
    fn assert_verdict(&self, check: Check, verdict: &str) {
        let finding = self.finding(check);
        assert_eq!(finding["verdict"], verdict, "{finding:#}");
    }

    /// Asserts the overall verdict, and the exit code that follows from it.
    #[track_caller]
    fn assert_overall(&self, verdict: &str) {
        assert_eq!(self.report["verdict"], verdict, "{:#}", self.report);
        assert_eq!(self.code, Some(i32::from(verdict == "fail")));
    }
}

/// A forward to an address without a listener.
fn to_closed_port() -> (Port, Config) {
    let closed = Port::v4();
    let config = two_workers().forward(Port::v4().addr(), closed.addr(), "");
    (closed, config)
}

/// Workers need descriptors: the same number on every machine.
fn two_workers() -> Config {
    Config::new().process("workers = 2")
}
