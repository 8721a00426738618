//! `rollout show`: prints a published text.

use crate::console::failure::CommandError;
use crate::console::screen::Screen;
use crate::exit::Exit;
use crate::output::{say_as_is, say_json};
use crate::rollout::args::Show;
use crate::rollout::{locate, reading};
use fleet::{Current, TextHash};
use plan::{counted, escaped_lines};
use serde::Serialize;

#[derive(Serialize)]
struct Shown {
    revision: u64,
    hash: TextHash,
    text: String,
}

pub(crate) async fn run(args: &Show) -> Result<Exit, CommandError> {
    let store = locate::find(&args.store)?;
    let fleet = reading::read_once(&store).await?;
    let nothing = || CommandError::Store("nothing has been published yet".to_owned());
    let current = fleet.current().ok_or_else(nothing)?;
    let (revision, hash) = match args.revision {
        Some(revision) => (revision, of_revision(current, revision)?),
        None => current.stable_revision().zip(current.stable).ok_or_else(|| {
            let message = "no text is stable yet: `rollout show` with the number of the revision \
                           prints the one on trial";
            CommandError::Store(message.to_owned())
        })?,
    };
    let text = reading::text(&store, hash).await?;
    Ok(if args.json {
        say_json(&Shown { revision, hash, text })
    } else if Screen::now().size.is_some() {
        say_as_is(&escaped_lines(&text))
    } else {
        say_as_is(&text)
    })
}

/// The text of a revision that the store still knows.
fn of_revision(current: &Current, revision: u64) -> Result<TextHash, CommandError> {
    let trial = current.trial.as_ref().map(|trial| trial.text);
    let present = (current.revision == revision).then_some(trial.or(current.stable)).flatten();
    let mut earlier = current.earlier.iter();
    let earlier = earlier.find(|earlier| earlier.revision == revision).map(|it| it.text);
    present.or(earlier).ok_or_else(|| {
        let known: Vec<String> =
            current.earlier.iter().map(|earlier| earlier.revision.to_string()).collect();
        let known = match known.as_slice() {
            [] => "no text has been stable yet".to_owned(),
            known => {
                format!("the last {}: {}", counted(known.len(), "stable text"), known.join(", "))
            }
        };
        CommandError::Usage(format!("revision {revision} has no text in the store; {known}"))
    })
}
