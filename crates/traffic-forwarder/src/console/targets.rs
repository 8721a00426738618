//! `targets`: the targets of all forwards or of one, as a table.

use crate::console::command;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::screen::Screen;
use crate::console::show;
use crate::console::status::one;
use crate::console::target_check::state;
use crate::console::target_table::table;
use crate::console::watch::{self, Page};
use crate::exit::Exit;
use api::{Forward, Target, TargetState};
use serde::Serialize;

/// The targets of one forward.
#[derive(Serialize)]
struct Targets {
    forward: String,
    targets: Vec<Target>,
}

pub(crate) async fn run(args: &command::Targets) -> Result<Exit, CommandError> {
    let (admin, query) = (AdminApi::new(&args.query.connect)?, &args.query);
    let name = args.forward.as_deref();
    if let Some(period) = args.watch.watch.filter(|_| query.json) {
        return watch::lines(period, async || all(&admin, name).await).await;
    }
    if let Some(period) = args.watch.watch {
        let draw = async |screen: &Screen| {
            let text = rendered(&all(&admin, name).await?, name, screen);
            Ok(Page { status: admin.status().await?, text })
        };
        return watch::run(period, draw).await;
    }
    let all = all(&admin, name).await?;
    Ok(show(query, &all, |all| rendered(all, name, &Screen::now())))
}

/// The targets of this forward, or of every one.
async fn all(admin: &AdminApi, name: Option<&str>) -> Result<Vec<Targets>, CommandError> {
    let forwards = match name {
        Some(name) => vec![one(admin, name).await?],
        None => admin.forwards().await?.forwards,
    };
    let targets = |Forward { name, targets, .. }| Targets { forward: name, targets };
    Ok(forwards.into_iter().map(targets).collect())
}

fn rendered(all: &[Targets], name: Option<&str>, screen: &Screen) -> String {
    let targets =
        all.iter().flat_map(|it| it.targets.iter().map(move |target| (&*it.forward, target)));
    let targets: Vec<_> = targets.collect();
    if targets.is_empty() {
        let of = name.map(|name| format!(" of {}", plan::escaped(name))).unwrap_or_default();
        return format!("no targets{of}\n");
    }
    table(&targets, None).render(screen) + &out_of_use(&targets, all.len() > 1)
}

/// A line for each target that is not up, since the table has no room for the reason.
fn out_of_use(targets: &[(&str, &Target)], is_forward_shown: bool) -> String {
    let out_of_use = targets.iter().filter(|(_, target)| target.state != TargetState::Up);
    let lines = out_of_use.map(|(forward, target)| {
        let forward = if is_forward_shown { format!("{forward}: ") } else { String::new() };
        plan::escaped(&format!("{forward}{} is {}", target.address, state(target))) + "\n"
    });
    lines.collect()
}
