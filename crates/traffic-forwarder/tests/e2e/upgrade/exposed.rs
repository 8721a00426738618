//! An upgrade to a program that others may write to is refused, unless the caller accepts it. Only
//! root can give files away; without root the tests pass without a check.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use testkit::{
    Behaviour, Forwarder, Port, Signal, Target, copy_program, permit_by_acl, remove_acl,
};

use super::echo::Echo;
use super::impostor::query;
use super::upgrading::{FAILED, wait_for_arrival};
use crate::support::{BINARY, Config, Operated, forwarder, messages, ping, served_client};

/// Ids of another user and of another group.
const OTHER: u32 = 64_999;

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn copy(dir: &TempDir, owner: u32, group: u32, mode: u32) -> PathBuf {
    let path = dir.path().join("program");
    copy_program(BINARY, &path);
    give(&path, owner, group, mode);
    path
}

fn give(path: &Path, owner: u32, group: u32, mode: u32) {
    chown(path, Some(owner), Some(group)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_program_of_others_is_refused_until_it_is_allowed() {
    if !is_root() {
        return;
    }
    let (dir, echo) = (TempDir::new().unwrap(), Echo::start(Config::new()));
    let operated = &echo.operated;
    let path = copy(&dir, 0, 0, 0o755);
    for (owner, group, mode, words) in [
        (OTHER, 0, 0o755, "the user with the id 64999 may write to it"),
        (0, OTHER, 0o775, "the group with the id 64999 may write to it"),
        (0, 0, 0o757, "every user may write to it"),
    ] {
        give(&path, owner, group, mode);
        let error = operated.http.post(&query(&path)).status(422).json()["error"].clone();
        assert_eq!(error["code"], "exposed_binary", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words) && message.contains("--allow-owner"), "{error}");
        ping(&echo.client);
    }
    let admin = operated.socket().to_string();
    let program = path.to_str().unwrap();
    let upgrade = ["upgrade", "--admin", &admin, "--binary", program];
    let refused = forwarder().args(upgrade).run();
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    assert!(refused.stderr.contains("nothing was changed"), "{refused}");
    // Each of them as it can be entered.
    let commands = format!(
        "end that with `chmod go-w {program}`, or accept it with `traffic-forwarder upgrade --binary \
         {program} --allow-owner --admin {admin}`"
    );
    assert!(refused.stderr.contains(&commands), "{refused}");
    give(&path, 0, 0, 0o755);
    if permit_by_acl(&path, OTHER, 6) {
        let error = operated.http.post(&query(&path)).status(422).json()["error"].clone();
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("the user with the id 64999 (by an ACL) may write"), "{error}");
        assert!(message.contains(&format!("`setfacl -x u:64999 {program}`")), "{error}");
    }
    forwarder().args(upgrade).arg("--allow-owner").run().success();
    wait_for_arrival(operated, 0);
    ping(&echo.client);
    remove_acl(&path);
    // The umask of root may leave the group's bit.
    give(&path, 0, 0, 0o775);
    operated.upgrade_to(path.to_str().unwrap());
    ping(&echo.client);
}

#[test]
fn a_signal_accepts_no_program_of_others() {
    if !is_root() {
        return;
    }
    let (dir, target, port) = (TempDir::new().unwrap(), Target::start(Behaviour::Echo), Port::v4());
    let path = copy(&dir, OTHER, 0, 0o755);
    let config = Config::new().forward(port.addr(), target.addr(), "");
    let operated = Operated::start_from(Forwarder::binary(&path), config);
    let warning = messages(&operated, "others may change the program").remove(0);
    assert_eq!(warning["writers"], "the user with the id 64999", "{warning}");
    let client = served_client(&port);
    operated.signal(Signal::USR2);
    let failed = operated.wait_for_message(FAILED);
    assert!(failed.contains("`traffic-forwarder upgrade --allow-owner`"), "{failed}");
    ping(&client);
    give(&path, 0, 0, 0o755);
    operated.signal(Signal::USR2);
    wait_for_arrival(&operated, 0);
    ping(&client);
}
