//! A process of another user that took the port of the admin interface, or made a socket where every user may. It is
//! this program, and forwards what it gets to the test.

use std::fs::{self, Permissions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use tempfile::TempDir;
use testkit::{Addr, Forwarder, LIMIT, Listener, Place, Port, copy_program};

use crate::support::{BINARY, Config, Console, forwarder};

const TOKEN: &str = "the-one-that-opens-the-door";
const THIEF: u32 = 65534;

/// A forwarder of this user. `None` if the test does not run as root.
fn forwarder_of(user: u32, dir: &TempDir, listen: &str, to: &Addr) -> Option<Forwarder> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let copy = dir.path().join("traffic-forwarder");
    copy_program(BINARY, &copy);
    let ids = [format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".to_owned()];
    let builder = Forwarder::binary("setpriv").args(ids).arg(copy);
    let forwarder = builder.arg(format!("{listen}={to}")).start();
    forwarder.ready();
    Some(forwarder)
}

/// A directory that every user may write in, as /tmp.
fn open_directory() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o1777)).unwrap();
    dir
}

/// What the command sends to the process at the address of `admin`, which the listener gets. Connections that
/// an earlier command closed without a byte come before it.
fn question(listener: &Listener, arguments: &[&str]) -> String {
    let _asking = forwarder().args(arguments).start();
    let mut bytes = [0; 4096];
    for _ in 0..8 {
        let mut socket = listener.accept();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let length = socket.read(&mut bytes).unwrap_or(0);
        if length > 0 {
            return String::from_utf8_lossy(&bytes[..length]).into_owned();
        }
    }
    panic!("no request of {arguments:?}");
}

#[test]
fn a_token_is_not_sent_to_another_user() {
    let (dir, port, target) = (open_directory(), Port::v4(), Listener::bind(Place::V4));
    let admin = port.addr().to_string();
    let Some(_thief) = forwarder_of(THIEF, &dir, &admin, target.addr()) else { return };
    let console = Console::new();
    let token = console.file("token", TOKEN);
    let process = format!("admin_token_file = '{token}'");
    let config = Config::new().admin(&admin).process(&process).forward(":1", "h:1", "");
    let file = console.file("forwards.toml", &config.text());
    for options in [&["--admin", &admin, "--token-file", &token][..], &["-c", &file]] {
        for command in ["status", "sessions", "kill", "reload", "plan", "upgrade", "top"] {
            let arguments = match command {
                "kill" => vec![command, "1"],
                command => vec![command],
            };
            let refused = forwarder().args(arguments).args(options).run();
            assert_eq!(refused.status.code(), Some(1), "{refused}");
            for words in [&*admin, "(id 65534)", "the token was not sent"] {
                assert!(refused.stderr.contains(words), "{words}: {refused}");
            }
        }
    }
    let json = forwarder().args(["status", "--json", "-c", &file]).run();
    assert!(json.stderr.contains("\"untrusted_listener\""), "{json}");
    let probe = question(&target, &["status", "--check", "--admin", &admin]);
    assert!(probe.starts_with("GET /readyz") && !probe.contains(TOKEN), "{probe}");
}

/// The user of the configuration may have dropped root.
#[test]
fn a_token_is_sent_to_the_user_of_the_configuration_and_to_the_owner_of_its_file() {
    let (dir, port, target) = (open_directory(), Port::v4(), Listener::bind(Place::V4));
    let admin = port.addr().to_string();
    let Some(_process) = forwarder_of(THIEF, &dir, &admin, target.addr()) else { return };
    let console = Console::new();
    let token = console.file("token", TOKEN);
    let process = format!("user = '{THIEF}'\ngroup = '{THIEF}'\nadmin_token_file = '{token}'");
    let config = Config::new().admin(&admin).process(&process).forward(":1", "h:1", "");
    let file = console.file("forwards.toml", &config.text());
    let is_sent = |arguments: &[&str]| question(&target, arguments).contains(TOKEN);
    assert!(is_sent(&["status", "-c", &file]));
    assert!(is_sent(&["status", "--admin", &admin, "-c", &file, "--token-file", &token]));
    std::os::unix::fs::chown(&token, Some(THIEF), None).unwrap();
    assert!(is_sent(&["status", "--admin", &admin, "--token-file", &token]));
}

#[test]
fn a_token_is_never_sent_to_a_unix_socket() {
    let (console, listener) = (Console::new(), Listener::bind(Place::Unix));
    let token = console.file("token", TOKEN);
    let admin = listener.addr().to_string();
    let question = question(&listener, &["status", "--admin", &admin, "--token-file", &token]);
    assert!(question.starts_with("GET /v1/status") && !question.contains(TOKEN), "{question}");
}

#[test]
fn a_socket_of_another_user_in_an_open_directory_is_refused() {
    let (dir, target) = (open_directory(), Listener::bind(Place::V4));
    let admin = format!("unix:{}", dir.path().join("admin.sock").display());
    let Some(_thief) = forwarder_of(THIEF, &dir, &admin, target.addr()) else { return };
    let refused = forwarder().args(["status", "--admin", &admin]).run();
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    for words in [&*admin, "(id 65534)", "nothing was sent"] {
        assert!(refused.stderr.contains(words), "{words}: {refused}");
    }
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    assert!(question(&target, &["status", "--admin", &admin]).starts_with("GET /v1/status"));
}

/// The thief made the directory, too: it is private, in one where every user may make directories.
#[test]
fn a_socket_below_an_open_directory_is_refused() {
    let (dir, target) = (open_directory(), Listener::bind(Place::V4));
    let inner = dir.path().join("traffic-forwarder.d");
    fs::create_dir(&inner).unwrap();
    let admin = format!("unix:{}", inner.join("admin.sock").display());
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return;
    }
    std::os::unix::fs::chown(&inner, Some(THIEF), None).unwrap();
    let Some(_thief) = forwarder_of(THIEF, &dir, &admin, target.addr()) else { return };
    let refused = forwarder().args(["status", "--admin", &admin]).run();
    assert_eq!(refused.status.code(), Some(1), "{refused}");
    for words in [&*admin, "(id 65534)", "nothing was sent", &*dir.path().to_string_lossy()] {
        assert!(refused.stderr.contains(words), "{words}: {refused}");
    }
}
