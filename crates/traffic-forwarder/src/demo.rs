//! `demo`: a small HTTP target, a forward to it and a client, in one process.

use crate::cli;
use crate::exit::Exit;
use crate::output::{say, say_as_is, warn};
use plan::{Admin, AdminSocket, Level};
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Large enough for the session to switch to splice.
const LARGE: usize = 8 * 1024 * 1024;
/// Timeout of each step of the self-check.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a failed step waits to see whether the demo is being stopped: then it says nothing about forwarding.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

const PAGE: &[u8] = b"<!doctype html><title>traffic-forwarder</title>\
    <h1>It works</h1><p>This page came from the target, through traffic-forwarder.</p>\n";

pub(crate) fn run(demo: &cli::Demo) -> Exit {
    let verdict = Verdict::default();
    match prepare(demo.port, &verdict) {
        Ok((plan, target)) => show(plan, target, demo, &verdict),
        Err(error) => {
            warn(&format!("error: demo: {error}\n"));
            Exit::Failed
        }
    }
}

/// The result of the self-check, once it has ended.
type Verdict = Arc<OnceLock<bool>>;

/// The reason why the demo cannot start.
#[derive(Debug)]
enum DemoError {
    Target(io::Error),
    FreePort(io::Error),
    Plan(plan::Problems),
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(error) => write!(f, "listen for the target: {}", flow::error_text(error)),
            Self::FreePort(error) => write!(f, "find a free port: {}", flow::error_text(error)),
            Self::Plan(problems) => f.write_str(&problems.render(false)),
        }
    }
}

/// Starts the target and plans a forward to it.
fn prepare(port: u16, verdict: &Verdict) -> Result<(plan::Plan, SocketAddr), DemoError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(DemoError::Target)?;
    let target = listener.local_addr().map_err(DemoError::Target)?;
    let verdict = Arc::clone(verdict);
    std::thread::spawn(move || serve_target(&listener, &verdict));
    let listen = free_address(port).map_err(DemoError::FreePort)?;
    let input =
        plan::Input { forwards: vec![format!("{listen}={target}")], ..plan::Input::default() };
    let reading = plan::read(&input);
    reading.plan.map(|plan| (plan, target)).ok_or(DemoError::Plan(reading.problems))
}

/// The requested port on loopback, or a free one if it is in use.
fn free_address(wanted: u16) -> std::io::Result<SocketAddr> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    probe.local_addr()
}

fn show(mut plan: plan::Plan, target: SocketAddr, demo: &cli::Demo, good: &Verdict) -> Exit {
    let listen = plan.forwards[0].routes[0].listen.to_string();
    // Until the self-check has finished, its lines are the only output.
    let quiet = plan::Log { level: Level::Warn, ..plan.log.clone() };
    if let Err(error) = observe::log::start_log(&quiet) {
        warn(&format!("error: {error}\n"));
        return Exit::Failed;
    }
    let printed = introduce(&listen, target, demo.port);
    if printed != Exit::Done {
        return printed;
    }
    let (once, level) = (demo.once, plan.log.level);
    let folder = match (!once).then(Folder::create).transpose() {
        Ok(folder) => folder,
        Err(error) => {
            warn(&format!("error: demo: create a directory: {}\n", flow::error_text(&error)));
            return Exit::Failed;
        }
    };
    let socket = folder.as_ref().map(|folder| folder.0.join("admin.sock")).unwrap_or_default();
    if !once {
        let socket = Some(AdminSocket::At(socket.clone()));
        plan.process.admin = Admin { socket, ..Admin::OFF };
    }
    let verdict = Arc::clone(good);
    let (serving, stop) = channel::<()>();
    let served = control::serve(
        plan::Input::default(),
        control::Prepared::new(plan, plan::FilesRead::default()),
        None,
        move |stopper| {
            std::thread::spawn(move || {
                let Some(is_good) = check(&listen, &stop) else { return };
                let _ = verdict.set(is_good);
                if once {
                    stopper.stop();
                } else {
                    say_as_is(&invitation(&listen, &socket));
                    observe::log::set_level(level);
                }
            });
        },
    );
    drop(serving);
    conclude(served, good.get())
}

/// The exit status, from the result of serving and of the self-check, if it has ended.
fn conclude(served: Result<(), control::ServeError>, is_good: Option<&bool>) -> Exit {
    let problem = match (served, is_good) {
        (Ok(()), Some(true)) => return Exit::Done,
        (Ok(()), Some(false)) => return Exit::Failed,
        (Ok(()), None) => "stopped before the end of its self-check".to_owned(),
        (Err(error), _) => error.to_string(),
    };
    warn(&format!("error: demo: {problem}\n"));
    Exit::Failed
}

/// Prints the target and the forward; `wanted` is the requested port.
fn introduce(listen: &str, target: SocketAddr, wanted: u16) -> Exit {
    let taken = if wanted == 0 || listen.ends_with(&format!(":{wanted}")) {
        String::new()
    } else {
        format!("   (port {wanted} is in use)")
    };
    say(&format!(
        "target   http://{target}/   (a small HTTP server in this process)\n\
         forward  {listen} -> {target}{taken}\n\n"
    ))
}

/// A directory of this process alone. `Drop` removes it.
struct Folder(PathBuf);

impl Folder {
    fn create() -> io::Result<Self> {
        let name = format!("traffic-forwarder-demo-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A directory that is left behind is empty, and in the way of no other process.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What to do with a running demo.
fn invitation(listen: &str, socket: &Path) -> String {
    let admin = plan::shell_word(&format!("unix:{}", socket.display()));
    format!(
        "\nTry it:  curl http://{listen}/   Ctrl-C ends the demo.\n\
         Watch it from another terminal, or in a browser:\n  \
         traffic-forwarder top --admin {admin}\n  \
         traffic-forwarder web --admin {admin}\n\
         Session records follow:\n\n"
    )
}

/// Sends requests through the forward and compares every byte of the answers. `None` if the demo stops meanwhile,
/// which drops the sender of `stop`.
fn check(address: &str, stop: &Receiver<()>) -> Option<bool> {
    let requests: [(&str, &str, Vec<u8>); 3] = [
        ("a page", "/page", PAGE.to_vec()),
        ("8 MiB", "/large", large()),
        ("an answer after the client's FIN", "/half-close", PAGE.to_vec()),
    ];
    let mut good = true;
    for (what, path, expected) in requests {
        let began = Instant::now();
        let line = match request(address, path) {
            Ok(body) if body == expected => {
                let took = began.elapsed().as_secs_f64();
                format!("ok    {what}: {} bytes in {took:.4} s", body.len())
            }
            Ok(body) => format!("WRONG {what}: {} bytes differ", body.len()),
            Err(error) => format!("WRONG {what}: {error}"),
        };
        let is_right = line.starts_with("ok");
        if !is_right && stop.recv_timeout(STOP_TIMEOUT) == Err(RecvTimeoutError::Disconnected) {
            return None;
        }
        good &= is_right && say(&format!("{line}\n")) == Exit::Done;
    }
    Some(good)
}

fn request(address: &str, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(STEP_TIMEOUT))?;
    stream.set_write_timeout(Some(STEP_TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
    if path == "/half-close" {
        stream.shutdown(std::net::Shutdown::Write)?;
    }
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    let head = response.windows(4).position(|window| window == b"\r\n\r\n");
    let head = head.ok_or_else(|| std::io::Error::other("the response has no HTTP header"))?;
    Ok(response.split_off(head + 4))
}

// === the target ===

fn serve_target(listener: &TcpListener, verdict: &Verdict) {
    for stream in listener.incoming().flatten() {
        let verdict = Arc::clone(verdict);
        std::thread::spawn(move || {
            // A client that disconnects is not a failure of the demo; the self-check reports its
            // own errors.
            let _ = answer(&stream, &verdict);
        });
    }
}

fn answer(mut stream: &TcpStream, verdict: &Verdict) -> std::io::Result<()> {
    stream.set_read_timeout(Some(STEP_TIMEOUT))?;
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    // The head of an HTTP request: lines up to an empty one. Bounded, since any local process may
    // connect.
    while lines.len() < 100 {
        let mut line = String::new();
        if reader.by_ref().take(8192).read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        lines.push(line);
    }
    let path = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or("/").to_owned();
    if path == "/half-close" {
        reader.read_to_end(&mut Vec::new())?;
    }
    if path == "/" && verdict.get().is_none() {
        // `curl --retry` waits for the self-check, and a script that then ends the demo lets it finish.
        write!(stream, "HTTP/1.0 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")?;
        return stream.shutdown(std::net::Shutdown::Write);
    }
    let body = if path == "/large" { large() } else { PAGE.to_vec() };
    let kind = if path == "/large" { "application/octet-stream" } else { "text/html" };
    let length = body.len();
    write!(stream, "HTTP/1.0 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n")?;
    stream.write_all(&body)?;
    stream.shutdown(std::net::Shutdown::Write)
}

/// Data without a short period, so that a lost or duplicated block is detected.
fn large() -> Vec<u8> {
    (0u64..LARGE as u64 / 8)
        .flat_map(|i| (i ^ 0x9E37_79B9).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes())
        .collect()
}
