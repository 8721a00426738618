//! The directory `keep` that takes no writes, vanishes, or is damaged.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Instant;

use fleet::{InstanceState, On};
use testkit::{Etcd, LIMIT, Tool, wait_until};

use super::super::fixture::{Fleet, LONG, READ, forward, serves};
use super::fixture::{Faults, Local};
use crate::support::{forwarder, messages, unshare_arguments, with_mounts};

/// An instance whose `keep` is a file system of 64 KiB in its own mount namespace.
fn on_a_small_disk() -> Faults {
    let fleet = Fleet::on(Etcd::start(1));
    fs::create_dir(fleet.dir().join("keep")).unwrap();
    let mounts = r#"mount -t tmpfs -o size=64k,mode=700 tmpfs "$0/keep""#;
    let builder = with_mounts(fleet.dir(), mounts);
    let local = Local::of(&fleet.cluster);
    Faults::start_from(builder, fleet, &local)
}

/// `keep` as the instance sees it.
fn keep(faults: &Faults) -> PathBuf {
    let keep = faults.fleet.dir().join("keep");
    let root = PathBuf::from(format!("/proc/{}/root", faults.instance.forwarder.pid()));
    root.join(keep.strip_prefix("/").unwrap())
}

/// Runs a command with the mounts of the instance.
fn among_its_mounts(faults: &Faults, command: &[&str]) {
    let pid = faults.instance.forwarder.pid().to_string();
    let mut arguments = vec!["--target", &pid, "--mount"];
    if unshare_arguments("--mount").len() > 1 {
        arguments.extend(["--user", "--preserve-credentials"]);
    }
    Tool::find("nsenter").run([&arguments, command].concat(), LIMIT).success();
}

#[test]
fn a_full_disk_refuses_trials_and_a_read_only_one_changes_and_both_recover() {
    let faults = on_a_small_disk();
    let filler = keep(&faults).join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[1; 1024]).is_ok() {}
    drop(file);
    let revision = faults.next();
    let stable = faults.text(revision - 1);
    let trial = stable.clone() + &forward("new", &faults.spare, faults.target.addr());
    faults.fleet.records.publish(revision, Some(&stable), Some((&trial, On::ALL, LONG)));
    let status = faults.fleet.wait_for(revision, InstanceState::Refused);
    let words = ["the trial cannot be recorded", "no space left on device: free some space"];
    assert!(words.iter().all(|it| status.why.contains(it)), "{}", status.why);
    assert_eq!(status.why.matches("no space left").count(), 1, "{}", status.why);
    assert!(faults.conditions().contains(&"fleet_refused".to_owned()));
    assert!(faults.shown().contains(words[1]), "{}", faults.shown());
    let is_logged = |line: &str| line.contains("is not followed") && line.contains(words[0]);
    wait_until("a line", READ, || faults.instance.forwarder.count_lines(is_logged) == 1);
    faults.instance.http.get("/readyz").status(200);
    let begin = Instant::now();
    let revision = faults.publish();
    faults.is_not_followed(begin, words[1]);
    fs::remove_file(filler).unwrap();
    faults.runs(revision);

    let at = faults.fleet.dir().join("keep");
    let at = at.to_str().unwrap();
    among_its_mounts(&faults, &["mount", "-t", "tmpfs", "-o", "ro,mode=700", "tmpfs", at]);
    let begin = Instant::now();
    let revision = faults.publish();
    faults.is_not_followed(begin, "`keep` must be in a file system that takes writes");
    among_its_mounts(&faults, &["umount", at]);
    faults.runs(revision);
    faults.publish_reaches_it();
    faults.finish();
}

#[test]
fn a_removed_directory_is_made_again_and_a_removed_text_is_written_again() {
    let mut faults = Faults::start(1);
    let keep = faults.fleet.dir().join("keep");
    fs::remove_dir_all(&keep).unwrap();
    faults.publish_reaches_it();
    let texts = || {
        let names = fs::read_dir(&keep).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.to_str().unwrap().contains("/text-")).collect::<Vec<_>>()
    };
    wait_until("the text", LIMIT, || texts().len() == 1);
    fs::remove_file(&texts()[0]).unwrap();
    // A revision of the same text.
    let revision = faults.next();
    faults.fleet.records.publish(revision, Some(&faults.text(revision - 1)), None);
    faults.fleet.wait_for(revision, InstanceState::Stable);
    wait_until("the text again", LIMIT, || texts().len() == 1);
    faults.fleet.cluster.kill_member(0);
    faults.restart(&Local::of(&faults.fleet.cluster));
    assert!(serves(&faults.listen));
    faults.fleet.cluster.start_member(0);
    faults.fleet.cluster.wait_until_healthy();
    faults.is_healthy();
    faults.finish();
}

#[test]
fn a_damaged_state_is_reported_and_stays_beside_the_new_one() {
    const DAMAGED: &str = "{\"format\":1,\"clus";
    let mut faults = Faults::start(1);
    let (keep, local) = (faults.fleet.dir().join("keep"), Local::of(&faults.fleet.cluster));
    faults.fleet.cluster.kill_member(0);
    faults.stop();
    fs::write(keep.join("state.json"), DAMAGED).unwrap();
    faults.instance = super::fixture::run(forwarder(), &faults.fleet, &local);
    // The text of the last revision is unknown, and the store is away.
    assert!(!serves(&faults.listen));
    faults.instance.http.get("/readyz").status(503);
    let line = &messages(
        &faults.instance.forwarder,
        "the last good published configuration cannot be read: only the local forwards serve",
    )[0];
    let why = format!("`{}/state.json` is damaged", keep.display());
    assert!(line["error"].as_str().unwrap().contains(&why), "{line}");
    wait_until("the views to say so", READ, || faults.shown().contains(&why));
    assert_eq!(fs::read_to_string(keep.join("state.json")).unwrap(), DAMAGED);

    faults.fleet.cluster.start_member(0);
    faults.fleet.cluster.wait_until_healthy();
    faults.runs(faults.revision());
    assert_eq!(fs::read_to_string(keep.join("state.json.damaged")).unwrap(), DAMAGED);
    faults.instance.http.get("/readyz").status(200);
    faults.publish_reaches_it();
}

/// A call that fails is no damage: the next one may find the revision that the instance has followed, and its text.
#[test]
fn a_state_that_cannot_be_read_for_a_while_is_waited_for() {
    let mut faults = Faults::start(1);
    faults.publish_reaches_it();
    let (keep, local) = (faults.fleet.dir().join("keep"), Local::of(&faults.fleet.cluster));
    let (state, away) = (keep.join("state.json"), faults.fleet.dir().join("away"));
    faults.stop();
    fs::rename(&state, &away).unwrap();
    // open(2) fails for a socket, as it does without descriptors.
    let socket = UnixListener::bind(&state).unwrap();
    faults.fleet.records.publish(1, Some(&faults.text(1)), None);
    faults.instance = super::fixture::run(forwarder(), &faults.fleet, &local);
    assert!(!serves(&faults.listen));
    wait_until("the views to say so", READ, || {
        faults.view()["why"].as_str().is_some_and(|why| why.starts_with("could not read `"))
    });
    drop(socket);
    fs::remove_file(&state).unwrap();
    fs::rename(&away, &state).unwrap();
    let why = "the store went back to revision 1, and this instance has followed revision 2";
    wait_until("the state and its text", READ, || {
        faults.shown().contains(why) && serves(&faults.listen)
    });
    faults.is_not_followed(Instant::now(), why);
    faults.publish_reaches_it();
}

#[test]
fn the_sandbox_includes_keep() {
    let fleet = Fleet::on(Etcd::start(1));
    let mut local = Local::of(&fleet.cluster);
    local.process = "sandbox = true\n".to_owned();
    let mut faults = Faults::start_with(fleet, &local);
    if messages(&faults.instance.forwarder, "in its sandbox").is_empty() {
        println!("skipped: this kernel has no landlock");
        return;
    }
    faults.publish_reaches_it();
    faults.fleet.cluster.kill_member(0);
    faults.restart(&local);
    assert!(serves(&faults.listen));
    faults.finish();
}
