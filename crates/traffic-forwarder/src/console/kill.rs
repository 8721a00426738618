//! `kill`: resets one session, or all that match.

use crate::console::command;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::{names, path, show};
use crate::exit::Exit;
use crate::say;
use api::{Done, Killed, Sessions};
use hyper::Method;
use plan::counted;
use std::io::{IsTerminal, stdin, stdout};

/// A parameter of the query, and its value.
type Parameter<'a> = (&'static str, Option<&'a [u8]>);

pub(crate) async fn run(args: &command::Kill) -> Result<Exit, CommandError> {
    let command::Kill { id, forward, target, client, yes, query } = args;
    let admin = AdminApi::new(&query.connect)?;
    if let Some(id) = id {
        let done: Done = admin.ask(Method::DELETE, &format!("/v1/sessions/{id}")).await?;
        return Ok(show(query, &done, |_| format!("session {id} is killed\n")));
    }
    let client = client.map(|client| client.to_string());
    let parameters = [
        ("forward", forward.as_ref().map(String::as_bytes)),
        ("target", target.as_ref().map(String::as_bytes)),
        ("client", client.as_ref().map(String::as_bytes)),
    ];
    let is_asked = !yes && !query.json && stdin().is_terminal() && stdout().is_terminal();
    if is_asked && let Some(exit) = decline(&admin, forward.as_deref(), &parameters).await? {
        return Ok(exit);
    }
    let answer = admin.ask(Method::DELETE, &path::with_query("/v1/sessions", &parameters)).await;
    let killed = match forward {
        Some(name) => names::suggest(&admin, name, answer).await?,
        None => answer?,
    };
    Ok(show(query, &killed, |Killed { sessions }| match sessions {
        0 => "no open session matches\n".to_owned(),
        1 => "1 session is killed\n".to_owned(),
        many => format!("{many} sessions are killed\n"),
    }))
}

/// Shows the number of sessions that match, and asks. Returns the exit code if none may be killed.
async fn decline(
    admin: &AdminApi,
    forward: Option<&str>,
    parameters: &[Parameter<'_>],
) -> Result<Option<Exit>, CommandError> {
    if let Some(name) = forward {
        // Unlike a list, a kill takes no part of a name.
        super::status::one(admin, name).await?;
    }
    let limited: Vec<_> = parameters.iter().copied().chain([("limit", Some(&b"0"[..]))]).collect();
    let Sessions { total, .. } =
        admin.ask(Method::GET, &path::with_query("/v1/sessions", &limited)).await?;
    if total == 0 {
        return Ok(Some(say("no open session matches\n")));
    }
    let printed = say(&format!("{} will be reset. Continue? [y/N] ", counted(total, "session")));
    if printed != Exit::Done {
        return Ok(Some(printed));
    }
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(CommandError::Terminal)?;
    let is_yes = matches!(answer.trim(), "y" | "Y" | "yes");
    Ok((!is_yes).then(|| say("nothing was killed\n")))
}
