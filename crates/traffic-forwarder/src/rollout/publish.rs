//! `publish`: checks a text, shows its changes, and brings it to the instances.

use crate::console::failure::CommandError;
use crate::console::screen::Screen;
use crate::exit::Exit;
use crate::output::{say, warn};
use crate::rollout::args::Publish;
use crate::rollout::changes;
use crate::rollout::locate::{self, Located};
use crate::rollout::reading;
use crate::rollout::run::{self, Upload};
use fleet::{Publication, Request};
use plan::{Plan, PlanDiff, escaped};
use std::path::Path;

pub(crate) async fn run(args: &Publish) -> Result<Exit, CommandError> {
    let name = name_of(&args.file);
    let text = match plan::read_text_to_publish(&args.file) {
        Ok(text) => text,
        Err(problems) => {
            warn(&problems.render(Screen::of_errors().colours));
            return Ok(Exit::Usage);
        }
    };
    let checked = plan::read_published(&name, &text);
    let plan = match checked.plan {
        Some(plan) if checked.problems.is_empty() => plan,
        _ => {
            warn(&checked.problems.render(Screen::of_errors().colours));
            return Ok(Exit::Usage);
        }
    };
    let packed = fleet::pack(&text).map_err(|error| CommandError::Usage(error.to_string()))?;
    let store = locate::find(&args.store)?;
    show_changes(&store, &plan).await?;
    let publication = Publication {
        text: packed.hash,
        canary: args.canary.clone(),
        random: control::random_u64(),
        hold: args.hold,
        note: args.note.clone(),
        needs: plan::published_needs(&name, &text),
    };
    let upload = Upload { text: packed, dry_run: args.dry_run };
    run::run(&store, Request::Publish(publication), Some(upload)).await
}

fn name_of(file: &Path) -> String {
    if file == Path::new("-") {
        return "standard input".to_owned();
    }
    file.to_string_lossy().into_owned()
}

/// Prints the changes against the stable text.
async fn show_changes(store: &Located, plan: &Plan) -> Result<(), CommandError> {
    let reading = reading::read_once(store).await?;
    let stable = reading.current().and_then(|it| Some((it.stable_revision()?, it.stable?)));
    let Some((revision, hash)) = stable else {
        let none = Plan { forwards: Vec::new(), ..plan.clone() };
        let changes = changes::text(&PlanDiff::new(&none, plan), &Screen::now());
        say(&format!("no text is stable yet; this one has these forwards:\n{changes}"));
        return Ok(());
    };
    let before = reading::text(store, hash).await;
    let before = before.map(|text| plan::read_published(&format!("revision {revision}"), &text));
    match before.map(|reading| reading.plan) {
        Ok(Some(before)) => {
            let changes = changes::text(&PlanDiff::new(&before, plan), &Screen::now());
            say(&format!("changes against the stable text of revision {revision}:\n{changes}"));
        }
        Ok(None) => warn(&format!(
            "warning: this version cannot read the stable text of revision {revision}, so its changes are not \
             shown\n"
        )),
        Err(error) => {
            let error = escaped(&error.to_string());
            warn(&format!("warning: the changes are not shown: {error}\n"));
        }
    }
    Ok(())
}
