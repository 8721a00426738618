//! A forwarder with an admin port, an echo behind it, and its page in a browser.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{
    Behaviour, Forwarder, Http, Peer, Port, Script, Socket, Target, connect, copy_program,
};

use crate::browser::Browser;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_traffic-forwarder");
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Bytes of an exchange under load.
const SIZE: usize = 20_000;
/// Between two exchanges.
const PAUSE: Duration = Duration::from_millis(20);

/// What is needed to run the same forwarder again.
pub(crate) struct Stage {
    admin: Port,
    pub(crate) ports: Vec<Port>,
    _target: Target,
    /// Bytes that come back for each.
    answer: usize,
    dir: TempDir,
    config: String,
    program: PathBuf,
    forwarder: Option<Forwarder>,
}

impl Stage {
    /// Forwards to an echo by these names, with these settings.
    #[track_caller]
    pub(crate) fn start(names: &[impl AsRef<str>], settings: &str) -> Self {
        Self::answering(names, settings, 1)
    }

    /// The same, with a target that sends each byte back so many times.
    #[track_caller]
    pub(crate) fn answering(names: &[impl AsRef<str>], settings: &str, answer: usize) -> Self {
        let (admin, dir) = (Port::v4(), TempDir::new().unwrap());
        let target = Target::start(Behaviour::Multiply(answer));
        let ports: Vec<_> = names.iter().map(|_| Port::v4()).collect();
        let token = dir.path().join("token");
        fs::write(&token, TOKEN).unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        let mut config = format!(
            "[process]\nworkers = 2\nadmin = '{}'\nadmin_token_file = '{}'\n",
            admin.addr(),
            token.display()
        );
        for (name, port) in names.iter().zip(&ports) {
            let (name, listen, to) = (name.as_ref(), port.addr(), target.addr());
            let route = format!("name = '{name}'\nlisten = '{listen}'\nto = '{to}'");
            writeln!(config, "[[forward]]\n{route}\n{settings}").unwrap();
        }
        let program = BINARY.into();
        let mut stage =
            Self { admin, ports, _target: target, answer, dir, config, program, forwarder: None };
        stage.run();
        stage
    }

    /// Starts the forwarder.
    #[track_caller]
    pub(crate) fn run(&mut self) {
        let forwarder = Forwarder::binary(&self.program).config(&self.config).start();
        forwarder.ready();
        self.forwarder = Some(forwarder);
    }

    /// Kills it: nobody answers until it runs again.
    pub(crate) fn kill(&mut self) {
        self.forwarder = None;
    }

    /// Starts it again from a copy of the program, whose place it returns.
    #[track_caller]
    pub(crate) fn run_a_copy(&mut self) -> &Path {
        self.kill();
        self.program = self.dir.path().join("program");
        copy_program(BINARY, &self.program);
        self.run();
        &self.program
    }

    pub(crate) fn pid(&self) -> u32 {
        self.forwarder.as_ref().unwrap().pid()
    }

    /// Where the admin interface is.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin.addr()
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.dir.path().join("token")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.admin())
    }

    pub(crate) fn nobody(&self) -> Http {
        Http::new(self.admin.addr())
    }

    pub(crate) fn http(&self) -> Http {
        self.nobody().header("Authorization", &format!("Bearer {TOKEN}"))
    }

    /// What a command of the program prints.
    #[track_caller]
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let reach = ["--admin", &self.admin.addr().to_string(), "--token-file"].map(str::to_owned);
        let program = Forwarder::binary(BINARY).args(arguments);
        program.args(&reach).arg(self.token_file()).run().success().text()
    }

    /// The page, in a browser that has given the token, when the first numbers are there.
    #[track_caller]
    pub(crate) fn page(&self) -> Browser {
        let mut browser = self.asking_page();
        browser.fill("[name=token]", TOKEN);
        browser.press(&["Enter"]);
        browser.wait_for_text("#state", "serving");
        browser
    }

    /// The page as long as it asks for the token.
    #[track_caller]
    pub(crate) fn asking_page(&self) -> Browser {
        let mut browser = Browser::start();
        browser.window(1280, 800, "light");
        browser.open(&self.url());
        browser
    }

    /// A client of the forward at this place that is being served.
    #[track_caller]
    pub(crate) fn client(&self, place: usize) -> Socket {
        let client = connect(&self.ports[place]).unwrap();
        play(&client, Script::new().write_bytes(".").read_exactly(self.answer as u64));
        client
    }

    /// The open sessions.
    #[track_caller]
    pub(crate) fn sessions(&self) -> Vec<Value> {
        self.http().json("/v1/sessions")["sessions"].as_array().unwrap().clone()
    }

    /// Bytes back and forth through the forward at this place, at least once, until it is dropped.
    pub(crate) fn load(&self, place: usize) -> Load {
        let (client, stop) = (self.client(place), Arc::new(AtomicBool::new(false)));
        let (stopped, answer) = (Arc::clone(&stop), (SIZE * self.answer) as u64);
        let thread = thread::spawn(move || {
            loop {
                let exchange = Script::new().write_bytes(vec![b'.'; SIZE]);
                play(&client, exchange.read_exactly(answer).pause(PAUSE));
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        Load { stop, thread: Some(thread) }
    }
}

/// Ends on `Drop`; then all of its bytes have come back.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A panic while a panic unwinds would hide the first one.
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking(), "the load failed");
    }
}

/// Plays a script on a socket that stays open after it.
#[track_caller]
pub(crate) fn play(socket: &Socket, script: Script) {
    Peer::play("a socket", socket.try_clone().unwrap(), script).finish();
}

/// A byte to the echo and back: proof that a session is served.
#[track_caller]
pub(crate) fn ping(socket: &Socket) {
    play(socket, Script::new().write_bytes(".").read_exactly(1));
}
