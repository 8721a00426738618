//! An instance that serves while its store, its disk or its process has a fault.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use fleet::{InstanceState, TextHash};
use serde_json::Value;
use testkit::{
    Behaviour, Etcd, ForwarderBuilder, Http, LIMIT, Port, Signal, Target, wait_for, wait_until,
};

use super::super::fixture::{Fleet, NAME, PREFIX, Running, forward};
use super::traffic::Traffic;
use crate::support::{forwarder, messages};

/// Time within which every view shows a fault.
const SHOWN: Duration = Duration::from_secs(15);
/// Time within which an instance is well again: a failed reading is repeated after 3 s, and a login or an election may
/// take its time on a busy machine.
pub(super) const RECOVERY: Duration = Duration::from_secs(20);
const AWAY: &str =
    "the fleet's store cannot be read: what runs goes on, and it is read again every few seconds";
const BACK: &str = "the fleet's store can be read again";

/// The local file of an instance.
#[derive(Clone, Debug)]
pub(super) struct Local {
    /// Without an address, the file has no `[fleet]`.
    pub(super) from: String,
    pub(super) name: String,
    /// Further lines of `[process]`, `[log]`, `[fleet]`, and forwards.
    pub(super) process: String,
    pub(super) log: String,
    pub(super) fleet: String,
    pub(super) forwards: String,
}

impl Local {
    /// A file with this store.
    pub(super) fn of(cluster: &Etcd) -> Self {
        let [process, log, fleet, forwards] = [const { String::new() }; 4];
        let name = NAME.to_owned();
        Self { from: cluster.url(PREFIX), name, process, log, fleet, forwards }
    }

    pub(super) fn fleet(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.fleet);
        self
    }

    fn text(&self, dir: &Path) -> String {
        let Self { from, name, process, log, fleet, forwards } = self;
        let dir = dir.display();
        let keep = format!("keep = '{dir}/keep'\n");
        let keep = if fleet.contains("keep =") { "" } else { &keep };
        let fleet = format!("[fleet]\nfrom = '{from}'\nname = '{name}'\n{keep}{fleet}\n");
        let fleet = if from.is_empty() { "" } else { &fleet };
        format!(
            "[process]\nworkers = 1\nadmin = 'unix:{dir}/admin.sock'\n{process}\n\
             [log]\nformat = 'json'\n{log}\n{fleet}{forwards}"
        )
    }
}

/// An instance that follows a store, with a session through a published forward.
pub(super) struct Faults {
    pub(super) fleet: Fleet,
    pub(super) instance: Running,
    pub(super) listen: Port,
    pub(super) target: Target,
    /// For a second forward.
    pub(super) spare: Port,
    traffic: Option<Traffic>,
    /// The latest revision.
    revision: Cell<u64>,
    /// Failures of the store that the log has reported.
    reported: Cell<usize>,
}

impl Faults {
    /// On a cluster of this many members.
    pub(super) fn start(members: usize) -> Self {
        let fleet = Fleet::on(Etcd::start(members));
        let local = Local::of(&fleet.cluster);
        Self::start_with(fleet, &local)
    }

    pub(super) fn start_with(fleet: Fleet, local: &Local) -> Self {
        Self::start_from(forwarder(), fleet, local)
    }

    /// From a builder with further arguments or an environment.
    pub(super) fn start_from(builder: ForwarderBuilder, fleet: Fleet, local: &Local) -> Self {
        let instance = run(builder, &fleet, local);
        let mut faults = Self::of(fleet, instance);
        faults.publish_reaches_it();
        faults.traffic = Some(Traffic::start(&faults.listen));
        faults
    }

    /// With a log that the test does not read.
    pub(super) fn start_unlogged(fleet: Fleet, local: &Local) -> Self {
        let instance = spawn(forwarder(), &fleet, local);
        let mut faults = Self::of(fleet, instance);
        let revision = faults.publish();
        faults.fleet.wait_for(revision, InstanceState::Stable);
        faults.traffic = Some(Traffic::start(&faults.listen));
        faults
    }

    fn of(fleet: Fleet, instance: Running) -> Self {
        let [listen, spare] = [(); 2].map(|()| Port::v4());
        let (traffic, target) = (None, Target::start(Behaviour::Echo));
        let (revision, reported) = (Cell::new(0), Cell::new(0));
        Self { fleet, instance, listen, target, spare, traffic, revision, reported }
    }

    /// Whether the open session has transferred all its bytes so far.
    pub(super) fn session_goes_on(&self) -> bool {
        self.traffic.as_ref().is_none_or(Traffic::is_well)
    }

    /// Ends the session, which must have transferred all its bytes.
    #[track_caller]
    pub(super) fn end_session(&mut self) {
        self.traffic.take().unwrap().finish();
    }

    /// Ends its session, and then kills the process.
    pub(super) fn stop(&mut self) {
        self.end_session();
        self.instance.forwarder.signal(Signal::KILL);
        self.instance.forwarder.wait_exit(LIMIT);
    }

    /// Kills the process, and starts it with the same directory.
    pub(super) fn restart(&mut self, local: &Local) {
        self.stop();
        self.instance = run(forwarder(), &self.fleet, local);
        self.reported.set(0);
        self.traffic = Some(Traffic::start(&self.listen));
    }

    pub(super) fn write(&self, local: &Local) {
        self.instance.forwarder.write_config(&local.text(self.fleet.dir()));
    }

    #[track_caller]
    pub(super) fn reload(&self, local: &Local) -> Value {
        self.write(local);
        self.instance.http.post("/v1/reload").success().json()
    }

    /// The latest revision that the test has published.
    pub(super) fn revision(&self) -> u64 {
        self.revision.get()
    }

    /// The text of a revision: each differs.
    pub(super) fn text(&self, revision: u64) -> String {
        let limit = 100 + revision;
        forward("one", &self.listen, self.target.addr()) + &format!("max_sessions = {limit}\n")
    }

    /// Counts one more revision.
    pub(super) fn next(&self) -> u64 {
        self.revision.set(self.revision.get() + 1);
        self.revision.get()
    }

    /// Writes the next revision, whose text is stable.
    pub(super) fn publish(&self) -> u64 {
        let revision = self.next();
        self.fleet.records.publish(revision, Some(&self.text(revision)), None);
        revision
    }

    /// Writes the next revision, which the instance runs by itself, and shows in each view.
    #[track_caller]
    pub(super) fn publish_reaches_it(&self) {
        let revision = self.publish();
        self.runs(revision);
        self.fleet.wait_for(revision, InstanceState::Stable);
    }

    /// Has the command publish the next two revisions, whose numbers the command takes from the status of the
    /// instance: a trial, and the same text as stable.
    #[track_caller]
    pub(super) fn publish_by_command(&self) {
        let known = self.revision();
        self.fleet.wait_within(RECOVERY, "its status", |status| status.revision == known);
        let (revision, file) = (self.next(), self.fleet.dir().join("next.toml"));
        fs::write(&file, self.text(revision)).unwrap();
        let (from, file) = (self.fleet.cluster.url(PREFIX), file.display().to_string());
        forwarder().args(["publish", &file, "--hold", "1s", "--from", &from]).run().success();
        let runs = TextHash::of(&self.text(revision));
        self.fleet.wait_within(RECOVERY, "its confirmation", |status| {
            status.runs == Some(runs) && status.state == InstanceState::Confirmed
        });
        self.next();
        self.is_healthy();
    }

    /// Waits until the instance runs the text of a revision and has nothing to complain about.
    #[track_caller]
    pub(super) fn runs(&self, revision: u64) {
        let hash = TextHash::of(&self.text(revision)).to_string();
        wait_until(&format!("revision {revision} to run"), RECOVERY, || {
            let view = self.view();
            view["revision"] == revision && view["runs"] == hash.as_str()
        });
        self.is_healthy();
    }

    /// Waits until no view has a complaint.
    #[track_caller]
    pub(super) fn is_healthy(&self) {
        wait_until("a healthy fleet", RECOVERY, || {
            let view = self.view();
            view["store_up"] == true && view["problem"].is_null() && view["why"].is_null()
        });
        assert!(self.conditions().is_empty(), "{:?}", self.conditions());
        let shown = self.shown();
        assert!(!shown.contains("the fleet:") && !shown.contains("the fleet's store"), "{shown}");
        assert_eq!(self.metric("fleet_store_up"), Some(1.0));
        let revision = self.view()["revision"].as_f64();
        assert_eq!(self.metric("fleet_revision"), revision);
        assert!(self.metric("fleet_read_age_seconds").is_some_and(|age| age < 15.0));
        // Each failure that the log has reported is over.
        let count = |message| messages(&self.instance.forwarder, message).len();
        wait_until("a line about the end", RECOVERY, || count(BACK) == count(AWAY));
        self.reported.set(count(AWAY));
        self.serves();
    }

    /// Waits until all views say that the store is away, with these words, since at least `begin`.
    #[track_caller]
    pub(super) fn is_away(&self, begin: Instant, words: &str) {
        let revision = self.metric("fleet_revision");
        wait_until(&format!("the store to be away: {words}"), left(begin), || {
            let view = self.view();
            view["store_up"] == false
                && view["problem"].as_str().is_some_and(|problem| problem.contains(words))
        });
        assert!(self.conditions().contains(&"fleet_store_away".to_owned()));
        let shown = self.shown();
        let has_both =
            shown.contains("the fleet's store cannot be read (last read ") && shown.contains(words);
        assert!(has_both, "{words}: {shown}");
        assert_eq!(self.metric("fleet_store_up"), Some(0.0));
        assert_eq!(self.metric("fleet_revision"), revision);
        let age = self.metric("fleet_read_age_seconds");
        self.instance.http.get("/readyz").status(200);
        let reported = self.reported.get();
        let line = wait_for("a line about the store", left(begin), || {
            messages(&self.instance.forwarder, AWAY).into_iter().nth(reported)
        });
        let error = line["error"].as_str().unwrap_or_default();
        assert!(error.contains(words) && line["level"] == "warn", "{words}: {line}");
        wait_until("the age to grow", SHOWN, || self.metric("fleet_read_age_seconds") > age);
        self.serves();
    }

    /// Waits until all views say that the published configuration is not followed, with these words. The store answers.
    #[track_caller]
    pub(super) fn is_not_followed(&self, begin: Instant, words: &str) {
        wait_until(&format!("no following: {words}"), left(begin), || {
            let view = self.view();
            view["store_up"] == true && view["why"].as_str().is_some_and(|why| why.contains(words))
        });
        wait_until("the condition", left(begin), || {
            self.conditions().contains(&"fleet_not_followed".to_owned())
        });
        let shown = self.shown();
        assert!(shown.contains(words), "{words}: {shown}");
        assert_eq!(self.metric("fleet_store_up"), Some(1.0));
        self.instance.http.get("/readyz").status(200);
        wait_until(&format!("a line: {words}"), left(begin), || {
            let has_words = |line: &str| line.contains("\"warn\"") && line.contains(words);
            self.instance.forwarder.count_lines(has_words) > 0
        });
        self.serves();
    }

    /// `fleet` of the instance's status.
    pub(super) fn view(&self) -> Value {
        self.instance.http.json("/v1/status")["fleet"].clone()
    }

    /// The conditions of `status --json` that concern the fleet.
    pub(super) fn conditions(&self) -> Vec<String> {
        let socket = self.fleet.dir().join("admin.sock");
        let admin = format!("unix:{}", socket.display());
        let status = forwarder().args(["status", "--json", "--admin", &admin]).run().success();
        let status: Value = serde_json::from_slice(&status.stdout).unwrap();
        let all = status["status"]["attention"].as_array().unwrap().iter();
        let all = all.filter_map(|it| it["condition"].as_str()).map(str::to_owned);
        all.filter(|it| it.starts_with("fleet_")).collect()
    }

    /// The text of `status`.
    pub(super) fn shown(&self) -> String {
        let admin = format!("unix:{}", self.fleet.dir().join("admin.sock").display());
        let text = forwarder().args(["status", "--admin", &admin]).run().success().text();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// A metric of the process, without its first part.
    pub(super) fn metric(&self, name: &str) -> Option<f64> {
        let text = self.instance.http.get("/metrics").success().body;
        let name = format!("traffic_forwarder_{name} ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok())
    }

    /// Asserts that the session goes on and that others begin.
    #[track_caller]
    pub(super) fn serves(&self) {
        assert!(self.session_goes_on(), "the open session ended");
        assert!(super::super::fixture::serves(&self.listen));
    }

    /// Ends the session, which must have transferred all its bytes.
    #[track_caller]
    pub(super) fn finish(mut self) {
        self.end_session();
    }
}

pub(super) fn run(builder: ForwarderBuilder, fleet: &Fleet, local: &Local) -> Running {
    let running = spawn(builder, fleet, local);
    running.forwarder.ready();
    running
}

fn spawn(builder: ForwarderBuilder, fleet: &Fleet, local: &Local) -> Running {
    let socket = fleet.dir().join("admin.sock");
    // A killed process leaves its socket.
    let _ = fs::remove_file(&socket);
    let forwarder = builder.config(local.text(fleet.dir())).start();
    Running { forwarder, http: Http::new(socket) }
}

#[track_caller]
fn left(begin: Instant) -> Duration {
    SHOWN.saturating_sub(begin.elapsed())
}
