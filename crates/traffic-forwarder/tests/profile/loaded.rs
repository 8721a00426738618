//! A forwarder with an admin socket, and sessions that check every byte.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;
use testkit::{
    Behaviour, Finished, Forwarder, Http, LIMIT, Port, Target, Tool, connect, exchange, run,
    wait_until,
};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_traffic-forwarder");

/// Bytes of each lane of a session: enough for copying and for splicing.
const LENGTH: u64 = 400_000;
/// Number of concurrent sessions.
const CLIENTS: u64 = 3;

pub(crate) struct Loaded {
    dir: TempDir,
    _forwarder: Forwarder,
    pub(crate) http: Http,
    sessions: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Result<(), String>>>,
    _target: Target,
}

impl Loaded {
    #[track_caller]
    pub(crate) fn start() -> Self {
        let (dir, port, target) =
            (TempDir::new().unwrap(), Port::v4(), Target::start(Behaviour::Verify));
        let socket = dir.path().join("admin.sock");
        let config = format!(
            "[process]\nadmin = 'unix:{}'\n[log]\nsessions = false\n\
             [[forward]]\nname = 'web'\nlisten = '{}'\nto = '{}'\n",
            socket.display(),
            port.addr(),
            target.addr(),
        );
        let forwarder = Forwarder::binary(BINARY).config(config).start();
        forwarder.ready();
        let (sessions, over) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let address = port.addr();
        let clients = (0..CLIENTS).map(|client| {
            let (sessions, over) = (Arc::clone(&sessions), Arc::clone(&over));
            thread::spawn(move || {
                for session in 0.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let socket = connect(address).map_err(|error| error.to_string())?;
                    exchange(&socket, LENGTH, LENGTH, session * CLIENTS + client)?;
                    sessions.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            })
        });
        let clients = clients.collect();
        let http = Http::new(socket);
        Self { dir, _forwarder: forwarder, http, sessions, over, clients, _target: target }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// Runs a command of the program against this process.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Finished {
        let admin = format!("unix:{}", self.path("admin.sock"));
        Forwarder::binary(BINARY).args(arguments).args(["--admin", &admin]).run()
    }

    /// Takes a profile into a file of this name, and returns its path.
    #[track_caller]
    pub(crate) fn profile(&self, arguments: &[&str], name: &str) -> String {
        let file = self.path(name);
        self.ask(&[&["profile"], arguments, &["-o", &file]].concat()).success();
        file
    }

    /// Takes a flame graph, and returns its SVG text.
    #[track_caller]
    pub(crate) fn flame_graph(&self, arguments: &[&str]) -> String {
        fs::read_to_string(self.profile(arguments, "flame.svg")).unwrap()
    }

    /// Output of `go tool pprof` for a file.
    #[track_caller]
    pub(crate) fn pprof(&self, arguments: &[&str], file: &str) -> String {
        let mut go = Tool::find("go").command();
        // pprof requires a directory for downloads, but downloads nothing.
        go.env("HOME", self.dir.path()).env("PPROF_TMPDIR", self.dir.path());
        go.args(["tool", "pprof"]).args(arguments).arg(file);
        run(&mut go, LIMIT).success().text()
    }

    #[track_caller]
    pub(crate) fn wait_for_more_sessions(&self) {
        let before = self.sessions.load(Ordering::Relaxed);
        wait_until("more sessions", LIMIT, || {
            self.sessions.load(Ordering::Relaxed) >= before + 2 * CLIENTS
        });
    }

    /// Ends the load, and checks that all sessions got the right bytes.
    #[track_caller]
    pub(crate) fn finish(mut self) {
        self.wait_for_more_sessions();
        self.over.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            assert_eq!(client.join().unwrap(), Ok(()));
        }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
