//! A supervisor with published texts, on Unix sockets in a private directory.

mod histories;

use super::*;
use crate::api_format::Moment;
use crate::start::{STOP_LIMIT, control_runtime, start};
use crate::supervisor::reload::{NotConfirmed, ReloadOptions, TrialEnd};
use api::FleetState;
use fleet::NOT_CONFIRMED;
use host::{ActivatedSockets, Notifier};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const HOLD: Duration = Duration::from_secs(60);
/// Time beyond the hold.
const MARGIN: Duration = Duration::from_secs(10);
const LATER: Duration = Duration::from_secs(3600);

struct Fixture {
    dir: TempDir,
    supervisor: Supervisor,
}

impl Fixture {
    fn start() -> Self {
        let dir = TempDir::new().expect("a directory");
        let config = dir.path().join("local.toml");
        let local = local(&dir, &["local"]);
        fs::write(&config, local).expect("write into an own directory");
        let input = plan::Input { config: Some(config), ..plan::Input::default() };
        let plan = plan::read(&input).plan.expect("a valid configuration");
        let (notifier, activated) = (Notifier::from_environment(), ActivatedSockets::default());
        let supervisor = start(input, plan, notifier, activated).expect("a start");
        Self { dir, supervisor }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_local(&self, names: &[&str]) {
        let text = local(&self.dir, names);
        fs::write(self.path("local.toml"), text).expect("write into an own directory");
    }

    fn text(&self, revision: u64, names: &[&str]) -> Published {
        let text = forwards(&self.dir, names);
        Published { revision, hash: TextHash::of(&text).to_string(), text: text.into() }
    }

    fn names(&self) -> Vec<&str> {
        self.supervisor.plan.forwards.iter().map(|forward| forward.name.as_str()).collect()
    }

    /// Whether each forward accepts a client, and no other does.
    fn listens(&self, names: &[&str]) -> bool {
        let all = ["local", "more", "a", "b", "c"];
        all.iter().all(|name| {
            let is_accepted = std::os::unix::net::UnixStream::connect(self.path(name)).is_ok();
            is_accepted == names.contains(name)
        })
    }

    fn runs(&self) -> Option<u64> {
        self.supervisor.published().running.map(|good| good.revision)
    }

    fn attention(&self) -> Vec<String> {
        self.supervisor.status().attention.into_iter().map(|it| it.text).collect()
    }

    async fn reload(&mut self, confirm: Option<Duration>) -> Result<(), ReloadError> {
        let options = ReloadOptions { confirm, ..ReloadOptions::default() };
        self.supervisor.reload(&options, "admin").await.map(|_| ())
    }
}

/// The status of an instance that has just read this revision, which is stable.
fn status(revision: u64) -> FleetStatus {
    FleetStatus {
        name: "one".to_owned(),
        problem: None,
        read_at: Some(Moment::now()),
        revision: Some(revision),
        current_revision: Some(revision),
        running_revision: None,
        state: FleetState::Stable,
        why: None,
        since: None,
        keep: KeepStatus::default(),
        expiry: fleet::Expiry::default(),
    }
}

fn forwards(dir: &TempDir, names: &[&str]) -> String {
    let forward = |name: &&str| {
        let path = dir.path().join(name);
        format!(
            "[[forward]]\nname = '{name}'\nlisten = 'unix:{}'\nto = '127.0.0.1:9'\n",
            path.display()
        )
    };
    names.iter().map(forward).collect()
}

fn local(dir: &TempDir, names: &[&str]) -> String {
    let fleet = "[process]\nworkers = 1\n[fleet]\nfrom = 'etcd://127.0.0.1:1/p'\n";
    format!("{fleet}keep = '{}/keep'\n{}", dir.path().display(), forwards(dir, names))
}

fn play(history: impl AsyncFnOnce(&mut Fixture)) {
    control_runtime().expect("a runtime").block_on(async {
        let mut fixture = Fixture::start();
        history(&mut fixture).await;
        fixture.supervisor.stop(STOP_LIMIT, STOP_LIMIT);
    });
}

#[test]
fn a_published_text_runs_beside_the_local_file_and_through_its_reloads() {
    play(async |it| {
        assert!(!it.supervisor.has_text() && it.listens(&["local"]));
        let view = it.supervisor.fleet_view().expect("a fleet");
        assert_eq!((view.store.as_str(), view.store_up), ("etcd://127.0.0.1:1/p", false));
        assert!(view.state == FleetState::Waiting && view.revision.is_none());
        let text = it.text(1, &["a"]);
        it.supervisor.apply_published(text, None).await.expect("a good text");
        let refused = FleetStatus {
            state: FleetState::Refused,
            why: Some("a port is taken".to_owned()),
            ..status(1)
        };
        it.supervisor.set_fleet_status(refused);
        assert_eq!(it.attention(), ["revision 1 of the fleet was refused: a port is taken"]);
        let (problem, why) = (Some("timed out".to_owned()), Some("its store went back".to_owned()));
        it.supervisor.set_fleet_status(FleetStatus { problem, why, ..status(1) });
        let expected = [
            "the fleet's store cannot be read (last read 0s ago): timed out",
            "the fleet: its store went back",
        ];
        assert_eq!(it.attention(), expected);
        assert!(it.supervisor.has_text() && it.listens(&["local", "a"]));
        assert_eq!((it.runs(), it.supervisor.published().on_trial), (Some(1), None));
        it.write_local(&["more"]);
        it.reload(None).await.expect("a good file");
        assert_eq!(it.names(), ["more", "a"]);
        assert!(it.listens(&["more", "a"]));
        assert_eq!(it.supervisor.lost_listeners(), [""; 0]);
        fs::remove_file(it.path("a")).expect("remove the listener's file");
        let lost = it.supervisor.lost_listeners().pop().expect("a lost listener");
        assert!(lost.contains("forward a") && lost.ends_with("is gone"), "{lost}");
        // The file on disk is wrong, and what runs of it is merged with the next text.
        fs::write(it.path("local.toml"), "wrong = 1\n").expect("write into an own directory");
        let text = it.text(2, &["b"]);
        it.supervisor.apply_published(text, None).await.expect("a good text");
        assert!(it.listens(&["more", "b"]));
        // Both have a forward of this name.
        it.write_local(&["b"]);
        let refusal = it.reload(None).await.expect_err("a name in both").one_line();
        assert!(refusal.starts_with("revision 2:2:9: the name `b` is taken"), "{refusal}");
        assert!(it.listens(&["more", "b"]));
    });
}

#[test]
fn a_text_that_cannot_run_changes_nothing() {
    play(async |it| {
        let good = it.text(1, &["a"]);
        it.supervisor.apply_published(good, None).await.expect("a good text");
        let taken = std::os::unix::net::UnixListener::bind(it.path("b")).expect("a socket");
        for text in [it.text(2, &["local"]), it.text(3, &["a", "b"])] {
            for hold in [None, Some(HOLD)] {
                let generation = it.supervisor.generation;
                let result = it.supervisor.apply_published(text.clone(), hold).await;
                assert!(result.is_err(), "{text:?}");
                assert_eq!((it.runs(), it.supervisor.generation), (Some(1), generation));
                assert!(it.supervisor.trials.running().is_none());
            }
        }
        drop(taken);
        fs::remove_file(it.path("b")).expect("remove an own file");
        let text = it.text(3, &["a", "b"]);
        it.supervisor.apply_published(text, None).await.expect("a good text");
        assert!(it.listens(&["local", "a", "b"]));
    });
}

#[test]
fn a_trial_of_the_fleet_is_decided_by_the_fleet_alone() {
    play(async |it| {
        let good = it.text(1, &["a"]);
        it.supervisor.apply_published(good, None).await.expect("a good text");
        let text = it.text(2, &["b"]);
        it.supervisor.apply_published(text, Some(HOLD)).await.expect("a good text");
        for confirm in [None, Some(HOLD)] {
            let refusal = it.reload(confirm).await.expect_err("a trial runs");
            assert!(matches!(refusal, ReloadError::FleetTrial { revision: 2, .. }), "{refusal}");
        }
        assert_eq!(it.supervisor.confirm(None), Err(NotConfirmed::OfFleet(2)));
        // The end of the trial decides about the published text alone.
        it.write_local(&["local", "more"]);
        it.supervisor.reload_by("SIGHUP").await;
        assert!(it.listens(&["local", "more", "b"]));
        assert!(it.supervisor.fall_back_published("it failed").await);
        assert!(it.listens(&["local", "more", "a"]) && it.runs() == Some(1));
        let how = TrialEnd::TakenBack("it failed".to_owned());
        assert_eq!(it.supervisor.published().ended, Some(EndedTrial { revision: 2, how }));
        assert!(!it.supervisor.fall_back_published("again").await);
        assert!(
            !it.supervisor.confirm_published() && !it.supervisor.extend_published(2, HOLD).await
        );
        let text = it.text(3, &["b"]);
        it.supervisor.apply_published(text, Some(HOLD)).await.expect("a good text");
        assert_eq!(it.supervisor.published().ended, None);
        assert!(it.supervisor.confirm_published());
        it.supervisor.fall_back_if_unconfirmed(Instant::now() + LATER).await;
        assert!(it.runs() == Some(3) && it.listens(&["local", "more", "b"]));
    });
}

#[test]
fn a_trial_without_a_decision_falls_back_ten_seconds_after_its_hold() {
    play(async |it| {
        let text = it.text(1, &["a"]);
        it.supervisor.apply_published(text, Some(HOLD)).await.expect("a good text");
        let left = it.supervisor.published().on_trial.expect("a trial");
        assert!(left > HOLD && left <= HOLD + MARGIN);
        assert!(it.supervisor.extend_published(2, 2 * HOLD).await);
        it.supervisor.fall_back_if_unconfirmed(Instant::now() + HOLD + MARGIN).await;
        assert_eq!(it.runs(), Some(1), "it was extended");
        it.supervisor.fall_back_if_unconfirmed(Instant::now() + LATER).await;
        assert!(it.runs().is_none() && it.listens(&["local"]) && !it.supervisor.has_text());
        let ended = EndedTrial { revision: 2, how: TrialEnd::Deadline };
        assert_eq!(it.supervisor.published().ended, Some(ended));
        let standing = it.supervisor.published().standing();
        let Running::Settled { text: None, ended: Some((2, why)) } = standing else {
            panic!("{standing:?}");
        };
        assert_eq!(why, NOT_CONFIRMED);
    });
}

#[test]
fn another_text_ends_a_trial_first_and_waits_for_one_of_an_operator() {
    play(async |it| {
        for (revision, name) in [(1, "a"), (2, "b")] {
            let text = it.text(revision, &[name]);
            it.supervisor.apply_published(text, Some(HOLD)).await.expect("a good text");
        }
        assert!(it.listens(&["local", "b"]));
        it.supervisor.fall_back_if_unconfirmed(Instant::now() + LATER).await;
        assert!(it.listens(&["local"]), "the first text was never kept");
        it.write_local(&["local", "more"]);
        it.reload(Some(HOLD)).await.expect("a good file");
        let text = it.text(3, &["c"]);
        let refusal = it.supervisor.apply_published(text.clone(), None).await.expect_err("a trial");
        assert!(matches!(refusal, ReloadError::OnTrial { .. }));
        assert!(it.supervisor.published().on_trial.is_none() && !it.supervisor.confirm_published());
        it.supervisor.confirm(None).expect("the operator's trial");
        it.supervisor.apply_published(text.clone(), None).await.expect("a good text");
        assert!(it.listens(&["local", "more", "c"]));
        it.supervisor.drain("test");
        let refusal = it.supervisor.apply_published(text, None).await.expect_err("it shuts down");
        assert!(matches!(refusal, ReloadError::Draining));
    });
}
