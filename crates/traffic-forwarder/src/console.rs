//! The commands that question or steer a running process, over its admin interface.

pub(crate) mod reach;

pub(crate) mod command;
pub(crate) use command::Operation;

pub(crate) mod place;

mod whereabouts;

mod same_process;

mod names;

pub(crate) mod connection;

pub(crate) mod failure;

pub(crate) mod path;

pub(crate) mod watch;

pub(crate) mod status;

mod overview;

pub(crate) mod sessions;

mod changes;

mod upgrade;

mod profile;

mod table;

pub(crate) mod screen;

pub(crate) mod units;

pub(crate) mod version;

use crate::exit::Exit;
use crate::output::say_json;
use crate::{say, warn};
use command::{Confirm, Kill, Named, Plan, Reload};
use connection::Client;
use failure::Failure;
use hyper::Method;
use reach::{Reach, Whom};
use serde::Serialize;
use std::os::unix::ffi::OsStrExt;

/// Asks the running process, and prints what it answers.
pub(crate) fn run(operation: &Operation) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            warn(&format!("error: start a runtime: {error}\n"));
            return Exit::Failed;
        }
    };
    runtime.block_on(carry_out(operation)).unwrap_or_else(|failure| {
        failure.tell(operation.json());
        failure.exit()
    })
}

async fn carry_out(operation: &Operation) -> Result<Exit, Failure> {
    match operation {
        Operation::Status(wanted) => status::run(wanted).await,
        Operation::Sessions(wanted) => sessions::run(wanted).await,
        Operation::Kill(wanted) => kill(wanted).await,
        Operation::Drain(wanted) => admit(wanted, "drain").await,
        Operation::Resume(wanted) => admit(wanted, "resume").await,
        Operation::Reload(wanted) => reload(wanted).await,
        Operation::Plan(wanted) => compare(wanted).await,
        Operation::Confirm(wanted) => confirm(wanted).await,
        Operation::Upgrade(wanted) => upgrade::run(wanted).await,
        Operation::Profile(wanted) => profile::run(wanted).await,
        Operation::Top(whom) => crate::top::run(whom).await,
    }
}

async fn kill(Kill { id, reach }: &Kill) -> Result<Exit, Failure> {
    let client = Client::new(&reach.whom)?;
    let done: api::Done = client.ask(Method::DELETE, &format!("/v1/sessions/{id}")).await?;
    Ok(show(reach, &done, |_| format!("session {id} is killed\n")))
}

/// Whether a forward takes new sessions.
async fn admit(Named { name, reach }: &Named, verb: &str) -> Result<Exit, Failure> {
    let client = Client::new(&reach.whom)?;
    let path = format!("/v1/forwards/{}/{verb}", path::part(name));
    let done = names::suggest(&client, name, client.ask(Method::POST, &path).await).await?;
    Ok(show(reach, &done, |done: &api::Done| {
        let already = if done.changed { "" } else { " already" };
        format!("{} is {}{already}\n", plan::escaped(name), plan::escaped(done.state.as_str()))
    }))
}

async fn reload(Reload { dry_run, confirm, reach }: &Reload) -> Result<Exit, Failure> {
    let within = confirm.map(plan::units::format_duration);
    let parameters = [
        ("dry_run", dry_run.then_some(&b"true"[..])),
        ("confirm", within.as_ref().map(String::as_bytes)),
    ];
    let client = Client::new(&reach.whom)?;
    change(&client, reach, &path::with_query("/v1/reload", &parameters)).await
}

async fn compare(Plan { reach }: &Plan) -> Result<Exit, Failure> {
    // The process that reads it has another working directory.
    let file = reach.whom.conf.as_deref().map(std::path::absolute).transpose();
    let file = file.map_err(|error| Failure::Usage(format!("-c: {error}")))?;
    let file = file.as_ref().map(|file| file.as_os_str().as_bytes());
    let parameters = [("dry_run", Some(&b"true"[..])), ("file", file)];
    // The file is compared with what runs: where that is asked, it does not say.
    let client = Client::new(&Whom { conf: None, ..reach.whom.clone() })?;
    change(&client, reach, &path::with_query("/v1/reload", &parameters)).await
}

async fn change(client: &Client, reach: &Reach, path: &str) -> Result<Exit, Failure> {
    let answer: Result<api::Reload, _> = client.ask(Method::POST, path).await;
    if let Err(failure @ Failure::Refused(_)) = &answer
        && !reach.json
    {
        warn(&format!("{failure}\n\nnothing was changed\n"));
        return Ok(failure.exit());
    }
    Ok(show(reach, &answer?, |reload| {
        changes::text(reload, client.same_process(), &screen::Screen::now())
    }))
}

async fn confirm(Confirm { generation, reach }: &Confirm) -> Result<Exit, Failure> {
    let generation = generation.map(|generation| generation.to_string());
    let parameters = [("generation", generation.as_ref().map(String::as_bytes))];
    let path = path::with_query("/v1/confirm", &parameters);
    let done: api::Done = Client::new(&reach.whom)?.ask(Method::POST, &path).await?;
    Ok(show(reach, &done, |_| "confirmed: the configuration stays\n".to_owned()))
}

/// Prints an answer: for programs as it came, for people as `text` says it.
fn show<Answer: Serialize>(
    reach: &Reach,
    answer: &Answer,
    text: impl FnOnce(&Answer) -> String,
) -> Exit {
    if reach.json { say_json(answer) } else { say(&text(answer)) }
}
