//! `sessions`: the open sessions as a table, or one session in full.

use crate::console::command;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::screen::Screen;
use crate::console::session_table::table;
use crate::console::table::facts;
use crate::console::units::{bytes, rate, seconds};
use crate::console::watch::{self, Page};
use crate::console::{names, path, show};
use crate::exit::Exit;
use api::{HalfClosed, Lane, Session, Sessions, Tcp};
use flow::Fallback;
use hyper::Method;
use plan::counted;

pub(crate) async fn run(args: &command::Sessions) -> Result<Exit, CommandError> {
    let (admin, query) = (AdminApi::new(&args.query.connect)?, &args.query);
    if let Some(period) = args.watch.watch.filter(|_| query.json) {
        return match args.id {
            Some(id) => watch::lines(period, async || one(&admin, id).await).await,
            None => watch::lines(period, async || list(&admin, args).await).await,
        };
    }
    if let Some(period) = args.watch.watch {
        let draw = async |screen: &Screen| {
            let status = admin.status().await?;
            let text = match args.id {
                Some(id) => one_text(&one(&admin, id).await?),
                None => list_text(&list(&admin, args).await?, args.sort, screen),
            };
            Ok(Page { status, text })
        };
        return watch::run(period, draw).await;
    }
    if let Some(id) = args.id {
        return Ok(show(query, &one(&admin, id).await?, one_text));
    }
    let sessions = list(&admin, args).await?;
    Ok(show(query, &sessions, |sessions| list_text(sessions, args.sort, &Screen::now())))
}

async fn list(admin: &AdminApi, args: &command::Sessions) -> Result<Sessions, CommandError> {
    let limit = args.limit.to_string();
    let parameters = [
        ("forward", args.forward.as_ref().map(String::as_bytes)),
        ("target", args.target.as_ref().map(String::as_bytes)),
        ("client", args.client.as_ref().map(String::as_bytes)),
        ("sort", Some(args.sort.word().as_bytes())),
        ("limit", Some(limit.as_bytes())),
        ("rates", Some(b"true")),
    ];
    let answer = admin.ask(Method::GET, &path::with_query("/v1/sessions", &parameters)).await;
    match &args.forward {
        Some(name) => names::suggest(admin, name, answer).await,
        None => answer,
    }
}

async fn one(admin: &AdminApi, id: u64) -> Result<Session, CommandError> {
    admin.ask(Method::GET, &format!("/v1/sessions/{id}?rates=true")).await
}

fn list_text(
    Sessions { total, sessions }: &Sessions,
    sort: command::Sort,
    screen: &Screen,
) -> String {
    if *total == 0 {
        return "no open sessions\n".to_owned();
    }
    let count = match sessions.len() {
        shown if shown < *total => format!("{shown} of {total} sessions; --limit shows more"),
        _ => counted(*total, "session"),
    };
    let sessions: Vec<_> = sessions.iter().collect();
    format!("{}\n{count}\n", table(&sessions, sort.word()).render(screen))
}

fn one_text(session: &Session) -> String {
    facts(&facts_of(session))
}

/// All known facts of a session, as name and text.
pub(crate) fn facts_of(session: &Session) -> [(&'static str, String); 11] {
    let address = session.target_address.as_ref().map(|address| format!(" ({address})"));
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
