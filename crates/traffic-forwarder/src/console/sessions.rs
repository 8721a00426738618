//! `sessions`: the open sessions as a table, or one session in full.

use crate::console::args::WatchArgs;
use crate::console::command;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::screen::Screen;
use crate::console::session_table::{resolved, table};
use crate::console::table::facts;
use crate::console::units::{bytes, rate, seconds};
use crate::console::watch::{self, Page};
use crate::console::{ended_sessions, session_query, show};
use crate::exit::Exit;
use api::{EndedSession, ErrorCode, HalfClosed, Lane, Session, Sessions, Tcp};
use flow::Fallback;
use hyper::Method;
use plan::counted;
use serde::Serialize;

pub(crate) async fn run(args: &command::Sessions) -> Result<Exit, CommandError> {
    let admin = AdminApi::new(&args.query.connect)?;
    match args.id {
        Some(id) => answer(&admin, args, async || one(&admin, id).await, one_text).await,
        None if args.ended => {
            let list = async || ended_sessions::list(&admin, args).await;
            let text = |sessions: &_, screen: &_| {
                ended_sessions::list_text(sessions, args.is_filtered(), screen)
            };
            answer(&admin, args, list, text).await
        }
        None => {
            let text = |sessions: &_, screen: &_| list_text(sessions, args, screen);
            answer(&admin, args, async || list(&admin, args).await, text).await
        }
    }
}

/// Requests and prints, once or with `--watch` periodically.
async fn answer<T: Serialize>(
    admin: &AdminApi,
    command::Sessions { watch: WatchArgs { watch }, query, .. }: &command::Sessions,
    ask: impl AsyncFn() -> Result<T, CommandError>,
    text: impl Fn(&T, &Screen) -> String,
) -> Result<Exit, CommandError> {
    match *watch {
        None => Ok(show(query, &ask().await?, |found| text(found, &Screen::now()))),
        Some(period) if query.json => watch::lines(period, ask).await,
        Some(period) => {
            let draw = async |screen: &Screen| {
                let status = admin.status().await?;
                Ok(Page { status, text: text(&ask().await?, screen) })
            };
            watch::run(period, draw).await
        }
    }
}

async fn list(admin: &AdminApi, args: &command::Sessions) -> Result<Sessions, CommandError> {
    let more = [("sort", Some(args.sort.word().as_bytes())), ("rates", Some(&b"true"[..]))];
    session_query::find(admin, "/v1/sessions", args, &more).await
}

/// A session, open or ended.
#[derive(Serialize)]
#[serde(untagged)]
enum Found {
    Open(Box<Session>),
    Ended(Box<EndedSession<'static>>),
}

/// The session with this number; if none is open, the last one that has ended.
async fn one(admin: &AdminApi, id: u64) -> Result<Found, CommandError> {
    let open = admin.ask(Method::GET, &format!("/v1/sessions/{id}?rates=true")).await;
    match open {
        Err(CommandError::Refused(error)) if error.code == ErrorCode::NotFound => {
            let ended = admin.ask(Method::GET, &format!("/v1/sessions/ended/{id}")).await;
            ended.map(Found::Ended).map_err(|_| CommandError::Refused(error))
        }
        open => open.map(Found::Open),
    }
}

fn list_text(
    Sessions { total, sessions }: &Sessions,
    args: &command::Sessions,
    screen: &Screen,
) -> String {
    if *total == 0 {
        let none =
            if args.is_filtered() { "no open session matches\n" } else { "no open sessions\n" };
        return none.to_owned();
    }
    let count = match sessions.len() {
        shown if shown < *total => format!("{shown} of {total} sessions; --limit shows more"),
        _ => counted(*total, "session"),
    };
    let sessions: Vec<_> = sessions.iter().collect();
    format!("{}\n{count}\n", table(&sessions, args.sort.word()).render(screen))
}

fn one_text(found: &Found, _: &Screen) -> String {
    match found {
        Found::Open(session) => facts(&facts_of(session)),
        Found::Ended(session) => facts(&ended_sessions::facts_of(session)),
    }
}

/// All known facts of a session, as name and text.
pub(crate) fn facts_of(session: &Session) -> [(&'static str, String); 11] {
    let address = resolved(session.target_address.as_deref());
    let address = address.map(|address| format!(" ({address})"));
    let proxy = session.proxy.as_ref().map(|address| format!(" by {address}"));
    let proxy = proxy.unwrap_or_default();
    let sni = session.sni.as_ref().map(|name| format!(" for {name}")).unwrap_or_default();
    let connected = session.connect_time.map_or_else(
        || "not connected".to_owned(),
        |took| format!("connected after {}", seconds(took)),
    );
    let first_byte = session.first_byte.map(|took| format!(", first byte after {}", seconds(took)));
    let connected = connected + first_byte.as_deref().unwrap_or_default();
    [
        ("session", format!("{}, {}, worker {}", session.id, session.phase, session.worker)),
        ("forward", session.forward.clone()),
        ("client", format!("{}{proxy} at {}{sni}", session.client, session.listener)),
        ("target", format!("{}{}", session.target, address.unwrap_or_default())),
        ("started", format!("{}, {} ago, {connected}", session.started, seconds(session.age))),
        ("idle", seconds(session.idle)),
        ("up", lane(&session.up)),
        ("down", lane(&session.down)),
        ("client tcp", tcp(session.client_tcp.as_ref())),
        ("target tcp", tcp(session.target_tcp.as_ref())),
        ("verdict", verdict(session)),
    ]
}

/// The verdict, with the time that is left where one side has closed.
fn verdict(session: &Session) -> String {
    let Some(HalfClosed { by, left }) = &session.half_closed else {
        return session.verdict.to_string();
    };
    let left = left.map_or_else(
        || "no timeout ends it".to_owned(),
        |left| format!("it ends in {}, unless a byte moves", seconds(left)),
    );
    format!("{}: the {by} has sent its FIN; {left}", session.verdict)
}

fn lane(lane: &Lane) -> String {
    let mut text = format!("{} by {}", bytes(lane.bytes), lane.path);
    let fallback = Some(&lane.fallback).filter(|reason| **reason != Fallback::None);
    let more = [
        fallback.map(|reason| format!(" ({reason})")),
        lane.rate.map(|per_second| format!(", {}", rate(Some(per_second)))),
        lane.rate_limit.map(|limit| format!(" of at most {}/s", bytes(limit))),
        (lane.held > 0).then(|| format!(", {} held", bytes(lane.held))),
        (lane.stalled > 0.0).then(|| format!(", stalled for {}", seconds(lane.stalled))),
        lane.ended.then(|| ", ended".to_owned()),
    ];
    text.extend(more.into_iter().flatten());
    text
}

fn tcp(tcp: Option<&Tcp>) -> String {
    let Some(tcp) = tcp else { return "-".to_owned() };
    format!(
        "rtt {}, {}, {} unsent, {} unacknowledged, {} lost, window {} segments, {}",
        seconds(tcp.rtt),
        counted(tcp.retransmits, "retransmit"),
        bytes(tcp.unsent.into()),
        tcp.unacked,
        tcp.lost,
        tcp.congestion_window,
        counted(tcp.backoffs, "backoff"),
    )
}
