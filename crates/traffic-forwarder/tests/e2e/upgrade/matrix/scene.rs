//! A process with open sessions, and ways to take its resources away.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{
    Behaviour, Forwarder, ForwarderBuilder, LIMIT, Listener, Place, Port, Script, Signal, Socket,
    Target, Tool, connect, copy_program, run, wait_until,
};

use super::super::upgrading::FAILED;
use crate::support::{BINARY, forwarder, ping, play, served_client, write_until_full};

/// Longest pause of a session in an upgrade of a debug build on a busy host.
const PAUSE: Duration = Duration::from_secs(3);

pub(super) struct Scene {
    dir: TempDir,
    pub(super) forwarder: Forwarder,
    _echo: Target,
    port: Port,
    idle: Socket,
    /// A session that exchanges bytes during the whole upgrade.
    probe: Socket,
    full: (Socket, Socket, u64),
    /// Address of the admin interface, as the commands take it.
    admin: String,
    /// Reader of standard error, where that is the log.
    reader: RefCell<Option<File>>,
    /// Lowered limits, with the values to restore.
    lowered: RefCell<Vec<(&'static str, &'static str)>>,
}

/// A shell script that sends standard error into a named pipe.
const INTO_PIPE: &str = "exec \"$0\" \"$@\" 2>\"$LOG_PIPE\"";

/// A directory for the socket and the log of a process of another user.
fn furnished_directory() -> TempDir {
    let dir = TempDir::new().unwrap();
    // A command trusts no socket in a directory that every user may write in.
    fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o775)).unwrap();
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).unwrap();
    fs::set_permissions(&logs, PermissionsExt::from_mode(0o777)).unwrap();
    write_secret(&dir.path().join("token"));
    dir
}

impl Scene {
    /// Starts the process, as another user where root is exempt from the limit.
    pub(super) fn start(thing: &str) -> Self {
        let dir = furnished_directory();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let (echo, port) = (Target::start(Behaviour::Echo), Port::v4());
        let (bulk, sink) = (Port::v4(), Listener::bind(Place::V4));
        let admin_port = Port::v4();
        let (admin, more) = match thing {
            "token file" => {
                (admin_port.addr().to_string(), format!("admin_token_file = '{}'", at("token")))
            }
            _ => (format!("unix:{}", at("admin.sock")), String::new()),
        };
        let sandbox = thing == "sandbox directory";
        let file = match thing {
            "log pipe" => String::new(),
            "disk" => "file = '/dev/full'".to_owned(),
            _ => format!("file = '{}'", at("logs/log")),
        };
        let config = format!(
            "[process]\nadmin = '{admin}'\n{more}\nsandbox = {sandbox}\nworkers = 2\n[log]\nformat = \
             'json'\n{file}\n[[forward]]\nlisten = '{}'\nto = '{}'\n[[forward]]\nlisten = '{}'\nto = \
             '{}'\npath = 'splice'\n",
            port.addr(),
            echo.addr(),
            bulk.addr(),
            sink.addr()
        );
        let (forwarder, reader) = started(thing, &dir, config);
        wait_until("it listens", LIMIT, || connect(&port).is_ok());
        let [idle, probe] = [(); 2].map(|()| served_client(&port));
        let (client, target) = (connect(&bulk).unwrap(), sink.accept());
        let sent = write_until_full(&client, 1);
        let (full, reader) = ((client, target, sent), RefCell::new(reader));
        Self {
            dir,
            forwarder,
            _echo: echo,
            port,
            idle,
            probe,
            full,
            admin,
            reader,
            lowered: RefCell::default(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path("logs/log")
    }

    pub(super) fn admin(&self) -> PathBuf {
        self.path("admin.sock")
    }

    pub(super) fn move_away(&self, name: &str) {
        fs::rename(self.path(name), self.path("elsewhere")).unwrap();
    }

    /// Puts a named pipe at `path`: opening it blocks.
    pub(super) fn put_fifo(path: &Path) {
        fs::remove_file(path).unwrap();
        run(Command::new("mkfifo").args(["-m", "600"]).arg(path), LIMIT).success();
    }

    pub(super) fn lock(path: &Path) {
        fs::set_permissions(path, PermissionsExt::from_mode(0o000)).unwrap();
    }

    /// Lowers a soft limit of the process, until [`Self::continues`] raises it to `after`.
    pub(super) fn lower(&self, name: &'static str, value: &str, after: &'static str) {
        self.limit(name, value);
        self.lowered.borrow_mut().push((name, after));
    }

    /// Sets the limit as the user of the process: root may lack the capability.
    fn limit(&self, name: &str, value: &str) {
        let pid = self.forwarder.pid();
        let user = fs::metadata(format!("/proc/{pid}")).unwrap().uid().to_string();
        let prlimit = Tool::find("prlimit");
        let mut command = Command::new(Tool::find("setpriv").path());
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]).arg(prlimit.path());
        command.args(["--pid", &pid.to_string(), &format!("--{name}={value}:")]);
        run(&mut command, LIMIT).success();
    }

    /// Limits its memory so that no further thread's stack fits.
    pub(super) fn limit_memory(&self) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.forwarder.pid())).unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
        let size: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
        self.lower("as", &((size + 1024) * 1024).to_string(), "unlimited");
    }

    pub(super) fn close_stderr(&self) {
        assert!(self.reader.take().is_some(), "it is read");
    }

    /// Ends sessions until their records fill the pipe, and more wait.
    pub(super) fn fill_stderr(&self) {
        for _ in 0..300 {
            served_client(&self.port);
        }
    }

    /// Upgrades, and returns the command's exit code and answer; `by_signal`, the result from the log. A
    /// session exchanges bytes all the time.
    pub(super) fn upgrade(&self, by_signal: bool) -> String {
        let probe = self.probe.try_clone().unwrap();
        let (done, is_done) = channel::<()>();
        thread::scope(|scope| {
            let probing = scope.spawn(move || {
                let mut longest = Duration::ZERO;
                while is_done.try_recv() == Err(TryRecvError::Empty) {
                    let since = Instant::now();
                    ping(&probe);
                    longest = longest.max(since.elapsed());
                }
                longest
            });
            let said = if by_signal { self.by_signal() } else { self.by_command() };
            drop(done);
            let longest = probing.join().expect("the session continues");
            assert!(longest < PAUSE, "a session waited for {longest:?}: {said}");
            said
        })
    }

    fn by_command(&self) -> String {
        let token = self.path("known");
        write_secret(&token);
        let program = self.path("program");
        // Root trusts no socket in a directory of another user below /tmp.
        let command = if program.exists() { other_user(&program) } else { forwarder() };
        let command = command.args(["upgrade", "--admin", &self.admin]);
        let on_port = !self.admin.starts_with("unix:");
        let command = if on_port { command.arg("--token-file").arg(token) } else { command };
        let finished = command.run();
        let code = finished.status.code().unwrap_or(-1);
        format!("{code} {}{}", finished.text(), finished.stderr)
    }

    fn by_signal(&self) -> String {
        let outcomes = || {
            let log = fs::read_to_string(self.log()).unwrap();
            let lines =
                log.lines().filter(|line| line.contains("\"upgraded\"") || line.contains(FAILED));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let before = outcomes().len();
        self.forwarder.signal(Signal::USR2);
        wait_until("the end of the upgrade", LIMIT * 3, || outcomes().len() > before);
        let last = outcomes().pop().unwrap();
        if last.contains(FAILED) { format!("1 {last}") } else { format!("0 upgraded from {last}") }
    }

    /// Checks that old sessions and a new one lose no byte, and that another upgrade succeeds.
    pub(super) fn continues(self, refused: bool, by_signal: bool) {
        if refused {
            for (name, value) in self.lowered.take() {
                self.limit(name, value);
            }
            let said = self.upgrade(by_signal);
            assert!(said.starts_with("0 upgraded from "), "{said}");
        }
        ping(&self.idle);
        served_client(&self.port);
        let (client, target, sent) = &self.full;
        play(target, Script::new().expecting(1).read_exactly(*sent).write_bytes("!"));
        play(client, Script::new().read_exactly(1));
        assert_eq!(self.forwarder.exit_status(), None);
        if let Some(reader) = self.reader.take() {
            assert_losses_are_counted(reader);
        }
    }
}

/// Reads the log again: it has only whole lines, and one of them counts the lost ones.
fn assert_losses_are_counted(reader: File) {
    let (line, lines) = channel();
    thread::spawn(move || {
        // The thread ends with the process, or with the test.
        for read in BufReader::new(reader).lines().map_while(Result::ok) {
            let _ = line.send(read);
        }
    });
    let mut found = false;
    while !found {
        let line = lines.recv_timeout(LIMIT).expect("a line with the number of lost ones");
        let json: Value = serde_json::from_str(&line).expect(&line);
        found = json["message"] == "lines were lost: standard error could not be written";
    }
}

fn write_secret(path: &Path) {
    fs::write(path, "0123456789abcdef\n").unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// The program, as the other user.
fn other_user(program: &Path) -> ForwarderBuilder {
    let user = ["--reuid", "65533", "--regid", "65533", "--clear-groups"];
    Forwarder::binary(Tool::find("setpriv").path()).args(user).arg(program)
}

/// Starts the process, with a reader of its standard error where that is the log.
fn started(thing: &str, dir: &TempDir, config: String) -> (Forwarder, Option<File>) {
    match thing {
        // Root is exempt from this limit. The other user must be able to execute the program.
        "threads" => {
            let (program, file) = (dir.path().join("program"), dir.path().join("it.conf"));
            copy_program(BINARY, &program);
            fs::write(&file, config).unwrap();
            std::os::unix::fs::chown(dir.path(), Some(65533), None).unwrap();
            (other_user(&program).arg("-c").arg(file).start(), None)
        }
        "log pipe" => {
            let pipe = dir.path().join("pipe");
            run(Command::new("mkfifo").arg(&pipe), LIMIT).success();
            let builder = forwarder().through("/bin/sh", ["-c", INTO_PIPE]);
            let started = builder.env("LOG_PIPE", &pipe).config(config).start();
            let reader = File::open(&pipe).unwrap();
            (started, Some(reader))
        }
        _ => (forwarder().config(config).start(), None),
    }
}
