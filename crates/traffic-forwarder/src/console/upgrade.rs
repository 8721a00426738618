//! `upgrade`: requests an upgrade and waits until the new process image answers.

use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::{command, foreign, overview, path, show, version};
use crate::exit::Exit;
use crate::warn;
use api::{LastUpgrade, Status, Upgrade};
use hyper::Method;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long to wait for the new process image. It needs milliseconds; this is for an overloaded
/// host.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(30);
/// Interval between status requests while waiting.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) async fn run(args: &command::Upgrade) -> Result<Exit, CommandError> {
    let admin = AdminApi::new(&args.query.connect)?;
    let binary = args.binary.as_deref().map(std::path::absolute).transpose();
    let binary = binary
        .map_err(|error| CommandError::Usage(format!("--binary: {}", flow::error_text(&error))))?;
    let binary = binary.as_ref().map(|binary| binary.as_os_str().as_bytes());
    let before = admin.status().await?;
    let allow_owner = args.allow_owner.then_some(&b"true"[..]);
    let parameters = [("binary", binary), ("allow_owner", allow_owner)];
    let path = path::with_query("/v1/upgrade", &parameters);
    let answer: Result<Upgrade, _> = admin.ask(Method::POST, &path).await;
    if let Err(failure @ CommandError::Refused(_)) = &answer
        && !args.query.json
    {
        warn(&format!("{failure}\n\n{}\n", stays(&before)));
        return Ok(failure.exit());
    }
    let answer = answer?;
    let after = arrival(&admin, &answer, before.last_upgrade.as_ref()).await?;
    let printed = show(&args.query, &after, |status| text(status, &answer));
    let failed = after.last_upgrade.is_some_and(|last| last.error.is_some());
    Ok(if failed { Exit::Failed } else { printed })
}

/// Polls until the upgrade has succeeded or failed, and returns that status.
async fn arrival(
    admin: &AdminApi,
    answer: &Upgrade,
    before: Option<&LastUpgrade>,
) -> Result<Status, CommandError> {
    let until = Instant::now() + ARRIVAL_LIMIT;
    loop {
        let status = admin.status().await;
        match status {
            Ok(status) if status.upgrades >= answer.upgrades => return Ok(status),
            Ok(status) if has_failed_since(&status, before) => return Ok(status),
            Err(failure) if !failure.is_absence() || Instant::now() >= until => {
                return Err(failure);
            }
            Ok(status) if Instant::now() >= until => return Ok(status),
            _ => sleep(LOOK).await,
        }
    }
}

fn has_failed_since(status: &Status, before: Option<&LastUpgrade>) -> bool {
    let last = status.last_upgrade.as_ref().filter(|last| last.error.is_some());
    last.is_some_and(|last| before.is_none_or(|before| before.at != last.at))
}

/// The line that follows a failed upgrade.
fn stays(status: &Status) -> String {
    let version = version::of(status);
    format!("nothing was changed: version {version} keeps running, pid {}", status.pid)
}

fn text(status: &Status, answer: &Upgrade) -> String {
    let Some(last) = &status.last_upgrade else {
        return "not upgraded yet: run `status` again\n".to_owned();
    };
    if let Some(error) = &last.error {
        let error = foreign::several_lines(error);
        return format!("not upgraded: {error}\n{}\n", stays(status));
    }
    let upgraded = format!(
        "upgraded from {} to {}, pid {}: {}\n",
        version::text(&answer.from, answer.from_build.as_deref()),
        version::of(status),
        status.pid,
        overview::resumed(last),
    );
    let warning = |text: &String| format!("warning: {}\n", plan::escaped(text));
    std::iter::once(upgraded).chain(last.warnings.iter().map(warning)).collect()
}
