//! One of three targets fails, in one of four ways; the others serve.

use std::time::{Duration, Instant};

use super::clients::Clients;
use super::play;
use super::program::Program;
use super::target::{Changing, State};
use super::way::{self, Way};
use crate::failure::{Failure, Result};
use crate::trial::stage::Stage;
use crate::trial::table::{Goal, Section, Table, cells, time};

const TEXT: &str = "\
Three targets serve; then one of them fails. Clients come at that moment, ten a second for 2.5 seconds, and
again 15 seconds later, when checks have had time for three failures. *Slowest* is the longest time until a
client's answer, or until its loss; a client waits for 12 seconds. Two of three targets work all the time.";

const COLUMNS: [&str; 4] =
    ["clients lost at once", "the slowest", "clients lost 15 s later", "the slowest"];

/// Clients come for this time.
const WAVE: Duration = Duration::from_millis(2500);
const INTERVAL: Duration = Duration::from_millis(100);
/// From the failure to the second wave.
const LATER: Duration = Duration::from_secs(15);

struct Case {
    title: &'static str,
    state: State,
}

const CASES: [Case; 4] = [
    Case { title: "One of three targets refuses", state: State::Refuses },
    Case { title: "One of three targets answers no SYN", state: State::Swallows },
    Case { title: "One of three targets accepts and stays silent", state: State::Silent },
    Case { title: "One of three targets accepts and resets", state: State::Resets },
];

struct Row {
    at_once: Clients,
    later: Clients,
}

/// Plays all cases with the programs that have several targets.
pub(super) fn play(stage: &Stage, programs: &[Program]) -> Section {
    let programs: Vec<_> = programs.iter().filter(|it| it.configs.several.is_some()).collect();
    let played = play::all(&programs, &CASES, |program, case| play_one(stage, program, case));
    let results = CASES.iter().zip(&played);
    let table = |(case, played): (&Case, &Vec<play::Played<'_, Row>>)| Table {
        title: case.title.to_owned(),
        columns: &COLUMNS,
        rows: played.iter().map(|(it, row)| (it.name.clone(), row_cells(row))).collect(),
    };
    Section {
        title: "One of several targets fails",
        text: TEXT,
        tables: results.clone().map(table).collect(),
        goals: results.flat_map(|(case, played)| goals(case, played)).collect(),
    }
}

fn play_one(stage: &Stage, program: &Program, case: &Case) -> Result<Row> {
    let config = program.configs.several.as_ref().ok_or_else(|| Failure::new("one target only"))?;
    let addresses = play::targets(stage.port());
    let mut targets = addresses.map(Changing::serving);
    let running = way::start(stage, program, &Way::Addresses(config, &addresses, 0))?;
    play::settle(&running)?;
    let begun = Instant::now();
    targets[0].set(case.state);
    let at_once = Clients::come(running.address, WAVE, INTERVAL)?;
    play::wait_until(begun, LATER);
    let later = Clients::come(running.address, WAVE, INTERVAL)?;
    Ok(Row { at_once, later })
}

fn row_cells(row: &Result<Row>) -> Vec<String> {
    cells(row, &COLUMNS, |row| {
        let waves = [&row.at_once, &row.later];
        waves.iter().flat_map(|wave| [wave.describe(), time(wave.slowest())]).collect()
    })
}

/// Where the connect fails, no client may be lost; elsewhere, none after a check has seen it.
fn goals(case: &Case, played: &[play::Played<'_, Row>]) -> Vec<Goal> {
    let fails_to_connect = matches!(case.state, State::Refuses | State::Swallows);
    let ours = played.iter().filter(|(program, _)| program.is_ours());
    let checked = |key: &str| key.ends_with("-check");
    let goal = |(program, row): &play::Played<'_, Row>| {
        let lost = row
            .as_ref()
            .map(|row| row.later.lost() + if fails_to_connect { row.at_once.lost() } else { 0 });
        let when = if fails_to_connect { "no client is lost" } else { "no client is lost later" };
        Goal {
            promise: format!("{}, {}: {when}", case.title, program.name),
            result: lost.as_ref().map_or_else(ToString::to_string, |lost| format!("{lost} lost")),
            is_met: matches!(lost, Ok(0)),
        }
    };
    ours.filter(|(program, _)| fails_to_connect || checked(&program.key)).map(goal).collect()
}
