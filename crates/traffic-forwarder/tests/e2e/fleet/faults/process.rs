//! Faults of the process and of its surroundings: no descriptors, a log that takes nothing, the end in a trial, and
//! addresses of each kind.
//!
//! How a published configuration crosses them:
//!
//! | | a stable text | a trial |
//! |---|---|---|
//! | reload of the local file | `kept_text` | `reloads`: refused, or in force beside the trial by a signal |
//! | fall-back of `reload --confirm` | `supervisor/reload/published/tests.rs` | likewise: it waits |
//! | upgrade in place | here | `trials` |
//! | drain of a forward | here | here |
//! | shutdown | `follow` | here: its key leaves the store at once |
//! | kill and restart | `restarts` | `restarts` |
//! | exhaustion of descriptors | here | here: the trial is refused |
//! | a log that is blocked, or whose directory is gone | here | here |
//! | the older format | here: it has no `[fleet]` | – |
//! | IPv4, IPv6, Unix | here | here: a lost Unix listener ends it |

use std::fs;
use std::time::Duration;

use fleet::{InstanceState, On};
use tempfile::TempDir;
use testkit::{Etcd, LIMIT, Port, Signal, Tool, wait_until};

use super::super::fixture::{Fleet, LONG, NAME, PREFIX, forward, refuses, serves};
use super::fixture::{Faults, Local, RECOVERY};
use crate::support::{Config, Operated, forwarder, set_open_files};

impl Faults {
    /// Publishes a trial with a second forward, and returns its revision.
    fn try_more(&self, listen: impl std::fmt::Display) -> u64 {
        let stable = self.text(self.revision());
        let to = self.target.addr();
        let more = format!("{stable}[[forward]]\nname = 'new'\nlisten = '{listen}'\nto = '{to}'\n");
        let revision = self.next();
        self.fleet.records.publish(revision, Some(&stable), Some((&more, On::ALL, LONG)));
        revision
    }

    /// Tries a text, and takes it back. Does not read the log.
    #[track_caller]
    fn follows_a_trial_and_its_end(&self) {
        let trial = self.try_more(self.spare.addr());
        self.fleet.wait_for(trial, InstanceState::Trying);
        assert!(serves(&self.spare));
        let revision = self.publish();
        self.fleet.wait_for(revision, InstanceState::Stable);
        assert!(refuses(&self.spare));
        self.serves();
    }
}

#[test]
fn without_descriptors_a_trial_is_refused_and_a_text_waits() {
    let faults = Faults::start(1);
    // No new one, whichever of the open ones are closed.
    set_open_files(&faults.instance.forwarder, 0);
    let trial = faults.try_more(faults.spare.addr());
    let status = faults.fleet.wait_for(trial, InstanceState::Refused);
    assert!(status.why.contains("too many open files"), "{}", status.why);
    // The text of another revision begins when there are descriptors.
    let revision = faults.publish();
    wait_until("the reason", RECOVERY, || {
        faults
            .fleet
            .status()
            .is_some_and(|it| it.revision == revision && it.why.contains("too many open files"))
    });
    set_open_files(&faults.instance.forwarder, 10_000);
    faults.runs(revision);
    faults.publish_reaches_it();
    faults.finish();
}

#[test]
fn a_shutdown_in_a_trial_removes_the_status_before_the_sessions_end() {
    let mut faults = Faults::start(1);
    let trial = faults.try_more(faults.spare.addr());
    faults.fleet.wait_for(trial, InstanceState::Trying);
    faults.instance.forwarder.signal(Signal::TERM);
    wait_until(&format!("{NAME} to leave"), Duration::from_secs(5), || {
        faults.fleet.status().is_none()
    });
    assert!(faults.session_goes_on());
    assert_eq!(faults.instance.forwarder.exit_status(), None);
    faults.end_session();
    assert!(faults.instance.forwarder.wait_exit(LIMIT).success());
}

/// The pipe of the log is full, and its reader takes nothing.
#[test]
fn a_blocked_log_and_one_without_its_directory_hold_up_no_change() {
    let fleet = Fleet::on(Etcd::start(1));
    let logs = fleet.dir().join("logs");
    fs::create_dir(&logs).unwrap();
    let pipe = logs.join("pipe");
    Tool::find("mkfifo").run([&pipe], LIMIT).success();
    let _reader = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let mut local = Local::of(&fleet.cluster);
    local.log = format!("file = '{}'\nlevel = 'debug'\n", pipe.display());
    let faults = Faults::start_unlogged(fleet, &local);
    for _ in 0..200 {
        assert!(serves(&faults.listen));
    }
    faults.follows_a_trial_and_its_end();
    fs::rename(&logs, faults.fleet.dir().join("away")).unwrap();
    faults.instance.forwarder.signal(Signal::USR1);
    faults.follows_a_trial_and_its_end();
    faults.finish();
}

#[test]
fn an_upgrade_and_a_drained_forward_stay_through_revisions() {
    let faults = Faults::start(1);
    let post =
        |to: &str| _ = faults.instance.http.post(&format!("/v1/forwards/one/{to}")).success();
    post("drain");
    assert!(refuses(&faults.listen));
    let trial = faults.try_more(faults.spare.addr());
    faults.fleet.wait_for(trial, InstanceState::Trying);
    assert!(refuses(&faults.listen) && serves(&faults.spare));
    let revision = faults.publish();
    faults.fleet.wait_for(revision, InstanceState::Stable);
    assert!(refuses(&faults.listen) && refuses(&faults.spare));
    faults.instance.upgrade();
    assert!(refuses(&faults.listen));
    post("resume");
    faults.runs(revision);
    faults.publish_reaches_it();
    faults.finish();
}

#[test]
fn a_store_of_ipv6_brings_forwards_of_each_kind_and_a_lost_listener_ends_its_trial() {
    let fleet = Fleet::on(Etcd::start(1));
    let front = Port::v6();
    let store = fleet.cluster.endpoints().remove(0);
    let _relay = Config::new().forward(front.addr(), store, "").start();
    let mut local = Local::of(&fleet.cluster);
    local.from = format!("etcd://{}{PREFIX}", front.addr());
    let own = fleet.dir().join("own.sock");
    local.forwards = format!(
        "[[forward]]\nname = 'own'\nlisten = 'unix:{}'\nto = '127.0.0.1:1'\n",
        own.display()
    );
    let faults = Faults::start_with(fleet, &local);
    let six = Port::v6();
    let revision = faults.next();
    let text = faults.text(revision) + &forward("six", &six, faults.target.addr());
    faults.fleet.records.publish(revision, Some(&text), None);
    faults.fleet.wait_for(revision, InstanceState::Stable);
    assert!(serves(&six));
    // One that is lost before a trial ends no trial.
    fs::remove_file(own).unwrap();
    let socket = faults.fleet.dir().join("new.sock");
    let trial = faults.try_more(format!("unix:{}", socket.display()));
    faults.fleet.wait_for(trial, InstanceState::Trying);
    assert!(testkit::connect(testkit::Addr::Unix(socket.clone())).is_ok());
    fs::remove_file(&socket).unwrap();
    let status = faults.fleet.wait_for(trial, InstanceState::FellBack);
    let why = format!("listener lost: the file of unix:{} (forward new)", socket.display());
    assert!(status.why.starts_with(&why), "{}", status.why);
    assert!(faults.shown().contains("listener lost"), "{}", faults.shown());
    faults.serves();
    faults.finish();
}

#[test]
fn a_fleet_needs_a_restart_and_a_file_of_tables() {
    let dir = TempDir::new().unwrap();
    let config = Config::new().forward(Port::v4().addr(), Port::v4().addr(), "");
    let operated = Operated::start(config);
    let (cluster, keep) = (Etcd::start(1), dir.path().join("keep"));
    let table =
        format!("[fleet]\nfrom = '{}'\nkeep = '{}'\n", cluster.url("/path"), keep.display());
    let text = fs::read_to_string(operated.config_path()).unwrap();
    operated.write_config(&(text + &table));
    operated.http.post("/v1/reload").success();
    let waiting = operated.http.json("/v1/status")["waiting"].clone();
    assert!(waiting.to_string().contains("from"), "{waiting}");
    assert!(!keep.exists());

    let older = dir.path().join("older.conf");
    fs::write(&older, format!(":18080 | 127.0.0.1 | 9\n{table}")).unwrap();
    let refused = forwarder().args(["check", "-c", older.to_str().unwrap()]).run();
    assert_eq!(refused.status.code(), Some(2), "{refused}");
    let said = refused.text() + &refused.stderr;
    assert!(said.contains("this line is TOML") && said.contains("[fleet]"), "{refused}");
}
