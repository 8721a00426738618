//! `targets`: the targets of all forwards or of one, as a table.

use crate::console::command;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::screen::{Colour, Screen};
use crate::console::show;
use crate::console::status::one;
use crate::console::table::{Cell, Table, address, number, text};
use crate::console::target_check::{last_check, state};
use crate::console::units::seconds;
use crate::console::watch::{self, Page};
use crate::exit::Exit;
use api::{Forward, Target, TargetState, Word};
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
            let text = rendered(&all(&admin, name).await?, screen);
            Ok(Page { status: admin.status().await?, text })
        };
        return watch::run(period, draw).await;
    }
    let all = all(&admin, name).await?;
    Ok(show(query, &all, |all| rendered(all, &Screen::now())))
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

fn rendered(all: &[Targets], screen: &Screen) -> String {
    let rows: Vec<_> = all
        .iter()
        .flat_map(|Targets { forward, targets }| targets.iter().map(move |it| row(forward, it)))
        .collect();
    if rows.is_empty() {
        return "no targets\n".to_owned();
    }
    let columns = [
        text("FORWARD"),
        address("TARGET"),
        text("STATE"),
        number("SESSIONS"),
        number("WEIGHT").rank(1),
        number("CONNECTS").rank(3),
        number("FAILED").rank(4),
        number("CONNECT TIME").rank(6),
        text("FROM").rank(5),
        text("CHECK").rank(2),
    ];
    Table::new(columns, rows.into_iter()).render(screen) + &out_of_use(all)
}

/// A line for each target that is not up, since the table has no room for the reason.
fn out_of_use(all: &[Targets]) -> String {
    let targets = all.iter().flat_map(|it| it.targets.iter().map(move |target| (it, target)));
    let out_of_use = targets.filter(|(_, target)| target.state != TargetState::Up);
    let lines = out_of_use.map(|(Targets { forward, .. }, target)| {
        let forward = if all.len() > 1 { format!("{forward}: ") } else { String::new() };
        plan::escaped(&format!("{forward}{} is {}", target.address, state(target))) + "\n"
    });
    lines.collect()
}

fn row(forward: &str, target: &Target) -> [Cell; 10] {
    let sessions = match target.max_sessions {
        Some(limit) => format!("{}/{limit}", target.sessions),
        None => target.sessions.to_string(),
    };
    let backup = if target.backup { " backup" } else { "" };
    [
        forward.into(),
        Cell::from(&target.address),
        Cell::coloured(target.state.to_string(), Some(colour(&target.state))),
        sessions.into(),
        format!("{}{backup}", target.weight).into(),
        target.connects.to_string().into(),
        target.failed_connects.to_string().into(),
        target.connect_time.map_or_else(|| "-".to_owned(), seconds).into(),
        target.set.clone().unwrap_or_else(|| "-".to_owned()).into(),
        last_check(target).unwrap_or_else(|| "-".to_owned()).into(),
    ]
}

fn colour(state: &Word<TargetState>) -> Colour {
    match state {
        Word::Known(TargetState::Up) => Colour::Good,
        Word::Known(TargetState::Down) => Colour::Bad,
        Word::Known(TargetState::Drained | TargetState::Unknown) | Word::Other(_) => {
            Colour::Notable
        }
    }
}
