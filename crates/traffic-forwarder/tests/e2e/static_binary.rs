//! The static binary as in the container image: alone in its root, read-only, as a user without
//! privileges. It forwards, resolves names by the hosts file and by DNS, and answers its commands.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{
    Behaviour, Finished, Forwarder, LIMIT, Port, Target, Tool, copy_program, exchange, run,
};

use crate::support::{Config, in_network_namespace, test_name};

/// A complete build on a slow machine.
const BUILDING: Duration = Duration::from_secs(1800);
/// Prefix of the names in the DNS; all of them resolve to the loopback address.
const IN_DNS: &[u8] = b"dns";
/// User of the image.
const USER: &str = "65532";

/// Builds the static binary if it is out of date. Its code is that of the test profile; the test
/// depends on its linking only.
fn binary() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let versions = run(Command::new("rustc").arg("-vV"), LIMIT).success().text();
        let host = versions.lines().find_map(|line| line.strip_prefix("host: "));
        let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is inside");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--bin", "traffic-forwarder", "--message-format=json"]);
        cargo.args(["--target", host.expect("rustc names the host"), "--target-dir"]);
        cargo.arg(target_dir).current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo.env("RUSTFLAGS", "-C target-feature=+crt-static");
        let messages = run(&mut cargo, BUILDING).success().text();
        let executable = messages.lines().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        executable.expect("cargo says where the binary is")
    })
}

/// Makes `$0` the root directory, and runs the rest of the arguments in it.
const ENTER: &str = r#"mount --bind "$0" "$0" &&
    mount -t tmpfs -o "$RUN_OPTIONS" tmpfs "$0/run/traffic-forwarder" &&
    mount -o remount,ro,bind "$0" &&
    exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid \
        chroot $CHROOT_OPTION "$0" "$@""#;

/// Whether other users exist: a user namespace that maps root alone has none.
fn has_other_users() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap();
    map.split_whitespace().last() != Some("1")
}

/// The option of chroot(1) that sets the user.
fn chroot_option() -> Option<String> {
    has_other_users().then(|| format!("--userspec={USER}:{USER}"))
}

/// Options of the tmpfs for the admin socket: its owner.
fn run_options() -> String {
    let owner = if has_other_users() { format!(",uid={USER},gid={USER}") } else { String::new() };
    format!("mode=0700{owner}")
}

struct Image(TempDir);

impl Image {
    fn new(config: &str) -> Self {
        let dir = TempDir::new().unwrap();
        for name in ["etc", "run/traffic-forwarder"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        // chroot's user must be able to enter.
        run(Command::new("chmod").arg("755").arg(dir.path()), LIMIT).success();
        copy_program(binary(), dir.path().join("traffic-forwarder"));
        let image = Self(dir);
        image.write("etc/hosts", "127.0.0.1 hosts.test\n");
        image.write("etc/resolv.conf", "nameserver 127.0.0.1\n");
        // The program must ignore it: its modules would belong to another C library.
        image.write("etc/nsswitch.conf", "hosts: nothing\n");
        image.write("etc/forwarder.toml", config);
        image
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn start(&self) -> Forwarder {
        let forwarder = Forwarder::binary(Tool::find("unshare").path())
            .args(["--mount", "sh", "-c", ENTER])
            .arg(self.0.path())
            .args(["/traffic-forwarder", "-c", "/etc/forwarder.toml"])
            .env("CHROOT_OPTION", chroot_option().unwrap_or_default())
            .env("RUN_OPTIONS", run_options())
            .start();
        forwarder.ready();
        forwarder
    }

    /// Runs a command of our program in the forwarder's root, as the same user.
    fn command(&self, forwarder: &Forwarder, arguments: &[&str]) -> Finished {
        let mut command = Tool::find("nsenter").command();
        command.arg(format!("--mount=/proc/{}/ns/mnt", forwarder.pid())).arg("chroot");
        command.args(chroot_option()).arg(self.0.path()).arg("/traffic-forwarder");
        run(command.args(arguments), LIMIT)
    }
}

/// A name server with one kind of name.
fn serve_names() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).unwrap();
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut query) {
            socket.send_to(&answer(&query[..length]), client).unwrap();
        }
    });
}

/// The answer to a query with one question (RFC 1035, section 4).
fn answer(query: &[u8]) -> Vec<u8> {
    const HEADER: usize = 12;
    const ADDRESS: [u8; 4] = [0, 1, 0, 1];
    let name_end = HEADER + query[HEADER..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let question = &query[HEADER..name_end + ADDRESS.len()];
    let is_known = question[1..].starts_with(IN_DNS);
    let is_answered = is_known && question.ends_with(&ADDRESS);
    // A response, recursion available; "no such name" for all unknown names.
    let flags = [0x81, if is_known { 0x80 } else { 0x83 }];
    let counts = [0, 1, 0, u8::from(is_answered), 0, 0, 0, 0];
    let mut answer = [&query[..2], &flags, &counts, question].concat();
    if is_answered {
        // The name of the question, an address, for 60 seconds, of four bytes.
        answer.extend([0xc0, 0x0c]);
        answer.extend(ADDRESS);
        answer.extend([0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    answer
}

#[test]
#[ignore = "make test-nightly: it builds the program without shared libraries"]
fn alone_in_its_root_it_resolves_forwards_and_answers() {
    let name = test_name!(alone_in_its_root_it_resolves_forwards_and_answers);
    // Built where there is a network; inside the namespace it is up to date.
    binary();
    in_network_namespace(name, "true", || {
        serve_names();
        let (target, in_hosts, in_dns) = (Target::start(Behaviour::Verify), Port::v4(), Port::v4());
        let at = |name: &str| format!("{name}:{}", target.addr().tcp().port());
        let config = Config::new()
            .admin("auto")
            .forward(in_hosts.addr(), at("hosts.test"), "")
            .forward(in_dns.addr(), at("dns.test"), "");
        let image = Image::new(&config.text());
        let forwarder = image.start();
        for port in [&in_hosts, &in_dns] {
            exchange(testkit::connect(port).unwrap(), 100_000, 100_000, 1).unwrap();
        }
        let records = forwarder.wait_for_records(2);
        assert!(records.iter().all(|record| record.close_reason() == "client/relay/fin"));
        image.command(&forwarder, &["status", "--check"]).success();
        let status = image.command(&forwarder, &["status"]).success().text();
        for port in [&in_hosts, &in_dns] {
            assert!(status.contains(&port.to_string()), "{status}");
        }
        let maps = fs::read_to_string(format!("/proc/{}/maps", forwarder.pid())).unwrap();
        assert!(!maps.contains(".so"), "a shared library was loaded: {maps}");
        let capabilities = fs::read_to_string(format!("/proc/{}/status", forwarder.pid())).unwrap();
        let permitted = capabilities.lines().find(|line| line.starts_with("CapPrm:")).unwrap();
        assert!(permitted.ends_with("\t0000000000000000"), "{permitted}");
    });
}
