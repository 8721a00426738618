//! Commands that query or control a running process through its admin interface.

pub(crate) mod args;

pub(crate) mod command;
pub(crate) use command::Operation;

pub(crate) mod endpoint;

mod locate;

mod process_file;

pub(crate) mod process_options;

mod names;

pub(crate) mod connection;

pub(crate) mod trust;

pub(crate) mod failure;
pub(crate) mod fleet_line;
pub(crate) mod foreign;

pub(crate) mod path;

pub(crate) mod watch;

pub(crate) mod status;
pub(crate) mod switched;

pub(crate) mod overview;

pub(crate) mod target_check;
pub(crate) mod target_table;
mod targets;

mod ended_sessions;
mod session_query;
pub(crate) mod sessions;

pub(crate) mod forward_table;
pub(crate) mod session_table;

pub(crate) mod changes;
pub(crate) mod clients;
mod kill;

mod upgrade;

mod browser;
pub(crate) mod signals;
mod web;

mod profile;

pub(crate) mod runtime;

pub(crate) mod table;

pub(crate) mod screen;

pub(crate) mod units;

pub(crate) mod wrap;

pub(crate) mod version;

use crate::exit::Exit;
use crate::output::say_json;
use crate::{say, warn};
use args::QueryArgs;
use command::{Confirm, Named, Plan, Reload};
use connection::AdminApi;
use failure::CommandError;
use hyper::Method;
use locate::FileUse;
use runtime::block_on;
use serde::Serialize;
use std::os::unix::ffi::OsStrExt;
use switched::Verb;

/// Sends the command's request to the running process and prints the answer.
pub(crate) fn run(operation: &Operation) -> Exit {
    let result = match block_on(carry_out(operation)) {
        Ok(result) => result,
        Err(exit) => return exit,
    };
    result.unwrap_or_else(|failure| {
        match operation {
            Operation::Reload(_) | Operation::Plan(_)
                if failure.is_refusal() && !operation.json() =>
            {
                warn(&format!("{failure}\n\nnothing was changed\n"));
            }
            _ => failure.print(operation.json()),
        }
        failure.exit()
    })
}

async fn carry_out(operation: &Operation) -> Result<Exit, CommandError> {
    match operation {
        Operation::Status(args) => status::run(args).await,
        Operation::Targets(args) => targets::run(args).await,
        Operation::Clients(args) => clients::run(args).await,
        Operation::Sessions(args) => sessions::run(args).await,
        Operation::Kill(args) => kill::run(args).await,
        Operation::Drain(args) => admit(args, Verb::Drain).await,
        Operation::Resume(args) => admit(args, Verb::Resume).await,
        Operation::Reload(args) => reload(args).await,
        Operation::Plan(Plan { query }) => compare(query).await,
        Operation::Confirm(args) => confirm(args).await,
        Operation::Upgrade(args) => upgrade::run(args).await,
        Operation::Profile(args) => profile::run(args).await,
        Operation::Web(args) => web::run(args).await,
        Operation::Top(connect) => crate::top::run(connect).await,
    }
}

/// Drains or resumes a forward or one of its targets, as `verb` says.
async fn admit(Named { name, target, query }: &Named, verb: Verb) -> Result<Exit, CommandError> {
    let admin = AdminApi::new(&query.connect)?;
    let path = format!("/v1/forwards/{}/{}", path::part(name), verb.word());
    let path = path::with_query(&path, &[("target", target.as_ref().map(String::as_bytes))]);
    let done: api::Done =
        names::suggest(&admin, name, admin.ask(Method::POST, &path).await).await?;
    if query.json {
        return Ok(say_json(&done));
    }
    // The act is done, even if the process answers no more.
    let forward = status::one(&admin, name).await.ok();
    let switched = switched::Switched { name, target: target.as_deref(), verb, done: &done };
    if let Some(warning) = forward.as_ref().and_then(|forward| switched.warning(forward)) {
        warn(&format!("warning: {warning}\n"));
    }
    Ok(say(&switched.text(forward.as_ref())))
}

async fn reload(args: &Reload) -> Result<Exit, CommandError> {
    let Reload { dry_run, confirm, query } = args;
    if *dry_run {
        return compare(query).await;
    }
    let within = confirm.map(plan::units::format_duration);
    let admin = AdminApi::for_file(&query.connect, FileUse::Reload)?;
    if let Some(file) = &query.connect.conf {
        let (file, status) = (process_file::absolute(file)?, admin.status().await?);
        if !process_file::runs_with(&status, &file) {
            return Err(process_file::other_file(&status, &file));
        }
    }
    let parameters = [("confirm", within.as_ref().map(String::as_bytes))];
    change(&admin, query, &path::with_query("/v1/reload", &parameters)).await
}

/// Lists the changes that a reload would make, of the file of `-c` or of the process's own.
async fn compare(query: &QueryArgs) -> Result<Exit, CommandError> {
    let admin = AdminApi::for_file(&query.connect, FileUse::Compare)?;
    let mut other = None;
    if let Some(file) = &query.connect.conf {
        let (file, status) = (process_file::absolute(file)?, admin.status().await?);
        other = Some(file).filter(|file| !process_file::runs_with(&status, file));
    }
    let other = other.as_ref().map(|file| file.as_os_str().as_bytes());
    let parameters = [("dry_run", Some(&b"true"[..])), ("file", other)];
    change(&admin, query, &path::with_query("/v1/reload", &parameters)).await
}

async fn change(admin: &AdminApi, query: &QueryArgs, path: &str) -> Result<Exit, CommandError> {
    let answer: api::Reload = admin.ask(Method::POST, path).await?;
    Ok(show(query, &answer, |reload| {
        changes::text(reload, admin.options(), &screen::Screen::now())
    }))
}

async fn confirm(Confirm { generation, query }: &Confirm) -> Result<Exit, CommandError> {
    let generation = generation.map(|generation| generation.to_string());
    let parameters = [("generation", generation.as_ref().map(String::as_bytes))];
    let path = path::with_query("/v1/confirm", &parameters);
    let done: api::Done = AdminApi::new(&query.connect)?.ask(Method::POST, &path).await?;
    Ok(show(query, &done, |_| "confirmed: the configuration is kept\n".to_owned()))
}

/// Prints an answer: as JSON with `--json`, otherwise as `text` renders it.
fn show<Answer: Serialize>(
    query: &QueryArgs,
    answer: &Answer,
    text: impl FnOnce(&Answer) -> String,
) -> Exit {
    if query.json { say_json(answer) } else { say(&text(answer)) }
}
