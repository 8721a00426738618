//! The client's end, and the verdict.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use rustix::fd::{AsFd, BorrowedFd};
use serde_json::{Value, json};

use super::duplex::{Duplex, Scratch, Totals};
use super::script::Script;
use super::server::next;
use super::wire::Hello;
use crate::failure::{Context, Failure, Result};
use crate::hub::{Hub, Next, Service};
use crate::random::mix;
use crate::report::Report;
use crate::window::seconds;

/// `tf-load verify`.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// Where to connect to; behind it, `serve verify`.
    #[arg(long, value_name = "ADDR")]
    target: SocketAddr,
    /// Sessions at the same time; each that ends is followed by another.
    #[arg(long, default_value_t = 32)]
    sessions: usize,
    /// How long new sessions are begun.
    #[arg(long, value_name = "S", default_value = "5", value_parser = seconds)]
    seconds: Duration,
    /// The same seed gives the same sessions.
    #[arg(long, value_name = "X", default_value_t = 1)]
    seed: u64,
    /// How sessions may end.
    #[arg(long, value_enum, default_value_t = Endings::All)]
    endings: Endings,
    /// How long a session may stand still before that is a difference.
    #[arg(long, value_name = "S", default_value = "15", value_parser = seconds)]
    stall: Duration,
    /// The result as a JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How sessions may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Endings {
    /// Both lanes in order, in either sequence, at once or with a half-close between.
    Orderly,
    /// Also with a reset from either side, which the other side must see as a reset.
    All,
}

/// Plays sessions for the given time, and compares notes with the server.
pub(crate) fn run(options: &Verify) -> Result<Report> {
    if options.sessions == 0 {
        return Err(Failure::new("--sessions must be at least 1"));
    }
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let run = mix(u64::from(clock.subsec_nanos()) ^ clock.as_secs() << 32);
    let mut hub = Hub::new(Player::new(options), None)?;
    let end = Instant::now() + options.seconds;
    let mut begun = 0;
    while Instant::now() < end || hub.len() > 0 {
        while hub.len() < options.sessions && Instant::now() < end {
            begin(&mut hub, options, run, begun)?;
            begun += 1;
        }
        hub.turn(Some(Duration::from_millis(100)))?;
        if hub.service.look_for_stalls() {
            hub.serve_all();
        }
    }
    let server = ask(options.target, run, hub.service.totals.complete)?;
    Ok(report(options, begun, &hub.service.totals, &server))
}

fn begin(hub: &mut Hub<Player>, options: &Verify, run: u64, index: u64) -> Result<()> {
    let bit = if options.endings == Endings::All { mix(index) & 1 } else { 0 };
    let seed = (mix(options.seed ^ mix(index)) & !1) | bit;
    let socket = crate::socket::open(options.target)?;
    let hello = Hello::Session { run, seed }.encode();
    // A new socket has room for 24 bytes.
    sys::stream::send(socket.as_fd(), &hello).context("introduce a session")?;
    hub.add(socket, Duplex::client(seed, &Script::of(seed)))
}

/// Sessions of the client.
struct Player {
    scratch: Scratch,
    totals: Totals,
    stall: Duration,
    looked_at: Instant,
}

impl Player {
    fn new(options: &Verify) -> Self {
        let (scratch, totals) = (Scratch::new(), Totals::default());
        Self { scratch, totals, stall: options.stall, looked_at: Instant::now() }
    }

    /// Whether it is time to look at sessions that have no events.
    fn look_for_stalls(&mut self) -> bool {
        let due = self.looked_at.elapsed() > Duration::from_secs(1);
        if due {
            self.looked_at = Instant::now();
        }
        due
    }
}

impl Service for Player {
    type Session = Duplex;

    fn open(&mut self) -> Duplex {
        // A client has no listener: this is never called, and the session would be an empty one.
        Duplex::client(0, &Script::of(0))
    }

    fn ready(&mut self, socket: BorrowedFd<'_>, duplex: &mut Duplex, _mark: bool) -> Next {
        let standing = duplex.step(socket, &mut self.scratch);
        if self.totals.add(duplex, &standing) || duplex.moved_at.elapsed() < self.stall {
            return next(&standing);
        }
        let (sent, received) = duplex.moved();
        let (seed, stall) = (duplex.seed, self.stall);
        self.totals.differ(format!(
            "session {seed:#x}: no progress for {stall:?} with {sent} bytes sent and {received} \
             received"
        ));
        Next::Reset
    }
}

/// Queries the server's observations until it has seen the end of all sessions, or until the time
/// limit.
fn ask(target: SocketAddr, run: u64, complete: u64) -> Result<Value> {
    const LIMIT: Duration = Duration::from_secs(5);
    let begun = Instant::now();
    loop {
        let mut stream = TcpStream::connect_timeout(&target, LIMIT).context("ask the server")?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(&Hello::Report { run }.encode())?;
        let mut text = String::new();
        stream.read_to_string(&mut text).context("the server's report")?;
        let report: Value = serde_json::from_str(&text).context("the server's report")?;
        let ended = report["complete"].as_u64() >= Some(complete) && report["open"] == 0;
        if ended || begun.elapsed() > LIMIT {
            return Ok(report);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn report(options: &Verify, begun: u64, client: &Totals, server: &Value) -> Report {
    let mut found: Vec<String> = Vec::new();
    found.extend(client.told.iter().map(|words| format!("at the client, {words}")));
    let told = server["told"].as_array().into_iter().flatten().filter_map(Value::as_str);
    found.extend(told.map(|words| format!("at the server, {words}")));
    let server_complete = server["complete"].as_u64().unwrap_or(0);
    if client.differences == 0 && server_complete != client.complete {
        found.push(format!("complete: {} for us, {server_complete} there", client.complete));
    }
    let open = server["open"].as_u64().unwrap_or(0);
    if open > 0 {
        found.push(format!("{open} sessions never ended at the server"));
    }
    let ok = found.is_empty() && client.complete + client.resets == begun;
    let (up, down) = (client.bytes_sent, client.bytes_received);
    let json = json!({
        "kind": "verify", "seed": options.seed, "sessions": begun, "complete": client.complete,
        "resets": client.resets, "bytes_up": up, "bytes_down": down, "ok": ok,
        "differences": found, "server": server,
    });
    let verdict = if ok { "no difference".to_owned() } else { found.join("\n") };
    let line = format!(
        "verify, seed {}: {begun} sessions ({} with a reset), {} MiB up, {} MiB down: {verdict}",
        options.seed,
        client.resets,
        up >> 20,
        down >> 20,
    );
    Report { json, line, ok }
}
