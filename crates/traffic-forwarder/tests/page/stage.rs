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
    Addr, Behaviour, Forwarder, Http, LIMIT, Peer, Port, Script, Socket, Target, connect,
    copy_program, wait_until,
};

use crate::browser::Browser;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_traffic-forwarder");
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Bytes of one exchange under load.
const SIZE: usize = 20_000;
/// Pause between two exchanges.
const PAUSE: Duration = Duration::from_millis(20);

/// A forwarder that can be killed and started again with the same configuration.
pub(crate) struct Stage {
    admin: Port,
    pub(crate) ports: Vec<Port>,
    /// The echo, unless the test has its own target.
    _echo: Option<Target>,
    /// Bytes returned for each byte sent.
    answer: usize,
    dir: TempDir,
    config: String,
    program: PathBuf,
    forwarder: Option<Forwarder>,
}

impl Stage {
    /// Starts a forwarder with forwards of these names and settings to an echo.
    #[track_caller]
    pub(crate) fn start(names: &[impl AsRef<str>], settings: &str) -> Self {
        Self::answering(names, settings, 1)
    }

    /// As `start`, with a target that returns each byte `answer` times.
    #[track_caller]
    pub(crate) fn answering(names: &[impl AsRef<str>], settings: &str, answer: usize) -> Self {
        let echo = Target::start(Behaviour::Multiply(answer));
        let stage = Self::to(echo.addr(), names, settings);
        Self { _echo: Some(echo), answer, ..stage }
    }

    /// As `start`, with this target.
    #[track_caller]
    pub(crate) fn to(target: &Addr, names: &[impl AsRef<str>], settings: &str) -> Self {
        let (admin, dir) = (Port::v4(), TempDir::new().unwrap());
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
            let (name, listen) = (name.as_ref(), port.addr());
            let route = format!("name = '{name}'\nlisten = '{listen}'\nto = '{target}'");
            writeln!(config, "[[forward]]\n{route}\n{settings}").unwrap();
        }
        let program = BINARY.into();
        let mut stage =
            Self { admin, ports, _echo: None, answer: 1, dir, config, program, forwarder: None };
        stage.run();
        stage
    }

    /// Starts the forwarder and waits until it is ready.
    #[track_caller]
    pub(crate) fn run(&mut self) {
        let forwarder = Forwarder::binary(&self.program).config(&self.config).start();
        forwarder.ready();
        self.forwarder = Some(forwarder);
    }

    /// Kills the forwarder.
    pub(crate) fn kill(&mut self) {
        self.forwarder = None;
    }

    /// Restarts the forwarder from a copy of the binary, and returns the copy's path.
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

    /// Address of the admin interface.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin.addr()
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.dir.path().join("token")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.admin())
    }

    pub(crate) fn anonymous(&self) -> Http {
        Http::new(self.admin.addr())
    }

    pub(crate) fn http(&self) -> Http {
        self.anonymous().header("Authorization", &format!("Bearer {TOKEN}"))
    }

    /// Output of a command of the program.
    #[track_caller]
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let reach = ["--admin", &self.admin.addr().to_string(), "--token-file"].map(str::to_owned);
        let program = Forwarder::binary(BINARY).args(arguments);
        program.args(&reach).arg(self.token_file()).run().success().text()
    }

    /// Opens the page with the token, and waits for the first figures.
    #[track_caller]
    pub(crate) fn page(&self) -> Browser {
        let mut browser = self.asking_page();
        browser.fill("[name=token]", TOKEN);
        browser.press(&["Enter"]);
        browser.wait_for_text("#state", "serving");
        browser
    }

    /// Opens the page, which asks for the token.
    #[track_caller]
    pub(crate) fn asking_page(&self) -> Browser {
        let mut browser = Browser::start();
        browser.window(1280, 800, "light");
        browser.open(&self.url());
        browser
    }

    /// Drains and resumes a forward until the page lists the events: its stream is open by then.
    #[track_caller]
    pub(crate) fn wait_for_events(&self, browser: &mut Browser, forward: &str) {
        wait_until("the event stream", LIMIT, || {
            for act in ["drain", "resume"] {
                self.http().post(&format!("/v1/forwards/{forward}/{act}")).success();
            }
            browser.texts("#events .what").iter().any(|name| name == "resume")
        });
    }

    /// Opens a served session of the forward at index `place`.
    #[track_caller]
    pub(crate) fn client(&self, place: usize) -> Socket {
        let client = connect(&self.ports[place]).unwrap();
        play(&client, Script::new().write_bytes(".").read_exactly(self.answer as u64));
        client
    }

    /// Open sessions, from the API.
    #[track_caller]
    pub(crate) fn sessions(&self) -> Vec<Value> {
        self.http().json("/v1/sessions")["sessions"].as_array().unwrap().clone()
    }

    /// Exchanges bytes through the forward at index `place`, at least once, until dropped.
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

/// `Drop` ends the load, and checks that all bytes came back.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A second panic during unwinding would abort and hide the first.
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking(), "the load failed");
    }
}

/// Plays a script on a socket, which stays open.
#[track_caller]
pub(crate) fn play(socket: &Socket, script: Script) {
    Peer::play("a socket", socket.try_clone().unwrap(), script).finish();
}

/// Sends one byte to the echo and back: the session is served.
#[track_caller]
pub(crate) fn ping(socket: &Socket) {
    play(socket, Script::new().write_bytes(".").read_exactly(1));
}
