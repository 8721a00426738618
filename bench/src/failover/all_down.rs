//! All targets are down, and come back.

use std::thread;
use std::time::Duration;

use super::clients::{self, Clients};
use super::play;
use super::program::Program;
use super::target::{Changing, State};
use super::way::{self, Way};
use crate::failure::{Failure, Result};
use crate::trial::stage::Stage;
use crate::trial::table::{Goal, Section, Table, cells, served_after, time};

const TEXT: &str = "\
Three targets serve; then all of them fail for eight seconds, with ten clients a second, which are all lost.
From the moment at which all three targets listen again, a client comes every 20 ms. A check whose failure means
*never use this target* (`expect`, `http`) delays the return, by design: until its `rise` successes.";

const COLUMNS: [&str; 2] = ["first client served after", "the longest wait of a client meanwhile"];

const DOWN: Duration = Duration::from_secs(8);
const INTERVAL: Duration = Duration::from_millis(100);
const BACK_LIMIT: Duration = Duration::from_secs(20);

/// The promise of `none_up = "try"`.
const GOAL: Duration = Duration::from_millis(100);

const CASES: [(&str, State); 2] = [
    ("All targets refuse, and are back", State::Refuses),
    ("No target answers a SYN, and all are back", State::Swallows),
];

struct Row {
    down: Clients,
    served_after: Option<Duration>,
}

/// Plays both cases with the programs that have several targets, one after the other: times count.
pub(super) fn play(stage: &Stage, programs: &[Program]) -> Section {
    let programs: Vec<_> = programs.iter().filter(|it| it.configs.several.is_some()).collect();
    let mut section = Section {
        title: "All targets are down, and back",
        text: TEXT,
        tables: vec![],
        goals: vec![],
    };
    for case in CASES {
        let played = play::all(&programs, &[case], |program, (_, failure)| {
            play_one(stage, program, *failure)
        });
        for played in played {
            let row = |(it, row): &play::Played<'_, Row>| (it.name.clone(), row_cells(row));
            let rows = played.iter().map(row).collect();
            section.tables.push(Table { title: case.0.to_owned(), columns: &COLUMNS, rows });
            section.goals.extend(goals(case.0, &played));
        }
    }
    section
}

fn play_one(stage: &Stage, program: &Program, failure: State) -> Result<Row> {
    let config = program.configs.several.as_ref().ok_or_else(|| Failure::new("one target only"))?;
    let addresses = play::targets(stage.port());
    let mut targets = addresses.map(Changing::serving);
    let running = way::start(stage, program, &Way::Addresses(config, &addresses, 0))?;
    play::settle(&running)?;
    for target in &mut targets {
        target.set(failure);
    }
    thread::scope(|scope| {
        let down = scope.spawn(|| Clients::come(running.address, DOWN, INTERVAL));
        thread::sleep(DOWN);
        for target in &mut targets {
            target.set(State::Serves);
        }
        let served_after = clients::first_served(running.address, BACK_LIMIT)?;
        let down = down.join().expect("clients do not panic")?;
        Ok(Row { down, served_after })
    })
}

fn row_cells(row: &Result<Row>) -> Vec<String> {
    cells(row, &COLUMNS, |row| {
        vec![served_after(row.served_after, BACK_LIMIT), time(row.down.slowest())]
    })
}

fn goals(title: &str, played: &[play::Played<'_, Row>]) -> Vec<Goal> {
    let ours = played.iter().filter(|(program, _)| program.key == "ours");
    let goal = |(program, row): &play::Played<'_, Row>| Goal {
        promise: format!(
            "{title}, {}: the first client is served within {} ms",
            program.name,
            GOAL.as_millis()
        ),
        result: row
            .as_ref()
            .map_or_else(ToString::to_string, |row| served_after(row.served_after, BACK_LIMIT)),
        is_met: row.as_ref().is_ok_and(|row| row.served_after.is_some_and(|time| time <= GOAL)),
    };
    ours.map(goal).collect()
}
