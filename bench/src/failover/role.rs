//! The primary becomes a replica, which an HTTP check says.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::clients::Session;
use super::play;
use super::program::Program;
use super::roles::{Asked, Roles};
use super::way::{self, Way};
use crate::failure::{Failure, Result};
use crate::trial::stage::Stage;
use crate::trial::table::{Goal, Section, Table, cells, time};

const TEXT: &str = "\
Two servers; `GET /primary` is answered with 200 by the primary and with 503 by the replica. Five clients write a
line every 50 ms, each in one session; a client whose session breaks opens another. Then the roles change, and
sessions stay open: a replica answers each write with an error. The check has failed when the former primary has
answered 503 for the third time, which every program here needs. A write may have been on its way at that
moment: those of the 200 ms that follow do not count as later.";

const COLUMNS: [&str; 4] = [
    "writes to a replica",
    "of these, after its check had failed",
    "the last one after",
    "first write to the new primary after",
];

const WRITERS: usize = 5;
const INTERVAL: Duration = Duration::from_millis(50);
/// From the change of roles to the end.
const OBSERVED: Duration = Duration::from_secs(15);
/// Failed checks after which each program takes a target out of use.
const FALL: usize = 3;
const ON_ITS_WAY: Duration = Duration::from_millis(200);

/// All times are counted from the change of roles.
struct Row {
    to_replica: Vec<Duration>,
    check_failed: Option<Duration>,
    first_to_primary: Option<Duration>,
}

/// Plays the case with the programs that have HTTP checks.
pub(super) fn play(stage: &Stage, programs: &[Program]) -> Section {
    let programs: Vec<_> = programs.iter().filter(|it| it.configs.role.is_some()).collect();
    let played = play::all(&programs, &[()], |program, ()| play_one(stage, program));
    let played: Vec<_> = played.into_iter().flatten().collect();
    let row = |(it, row): &play::Played<'_, Row>| (it.name.clone(), row_cells(row));
    let rows = played.iter().map(row).collect();
    let title = "The roles of two servers change".to_owned();
    Section {
        title: "A primary becomes a replica",
        text: TEXT,
        tables: vec![Table { title, columns: &COLUMNS, rows }],
        goals: goals(&played),
    }
}

fn play_one(stage: &Stage, program: &Program) -> Result<Row> {
    let config = program.configs.role.as_ref().ok_or_else(|| Failure::new("no checks"))?;
    let (port, check_port) = (stage.port(), stage.port());
    let addresses = [1, 2].map(|last| SocketAddr::from(([127, 0, 2, last], port)));
    let roles = Roles::start(&addresses, check_port)?;
    let running = way::start(stage, program, &Way::Addresses(config, &addresses, check_port))?;
    play::settle(&running)?;
    let stop = AtomicBool::new(false);
    let changed = thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| write(running.address, &stop));
        }
        thread::sleep(Duration::from_secs(1));
        let changed = roles.swap();
        play::wait_until(changed, OBSERVED);
        stop.store(true, Ordering::Relaxed);
        changed
    });
    let after = |list: Vec<Asked>, server| {
        let asked = list.into_iter().filter(move |it| it.server == server);
        let mut times: Vec<_> =
            asked.filter_map(|it| it.at.checked_duration_since(changed)).collect();
        times.sort();
        times
    };
    Ok(Row {
        to_replica: after(roles.writes(), 0),
        check_failed: after(roles.refused_checks(), 0).get(FALL - 1).copied(),
        first_to_primary: after(roles.writes(), 1).first().copied(),
    })
}

/// Writes lines, in another session when one has broken.
fn write(address: SocketAddr, stop: &AtomicBool) {
    let mut session = None;
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(INTERVAL);
        let Some(open) = &mut session else {
            session = Session::open(address).ok();
            continue;
        };
        match open.exchange(Instant::now()) {
            Ok(()) | Err(super::clients::Loss::WrongBytes) => {}
            Err(_) => session = None,
        }
    }
}

impl Row {
    /// Writes to the former primary after its check had failed.
    fn late(&self) -> usize {
        let Some(failed) = self.check_failed else { return self.to_replica.len() };
        self.to_replica.iter().filter(|at| **at > failed + ON_ITS_WAY).count()
    }
}

fn row_cells(row: &Result<Row>) -> Vec<String> {
    cells(row, &COLUMNS, |row| {
        let or_none = |at: Option<&Duration>| at.map_or_else(|| "–".to_owned(), |it| time(*it));
        let late = match (row.late(), row.check_failed) {
            (late, None) => format!("**{late}** (it was not checked three times)"),
            (0, _) => "0".to_owned(),
            (late, _) => format!("**{late}**"),
        };
        vec![
            row.to_replica.len().to_string(),
            late,
            or_none(row.to_replica.last()),
            or_none(row.first_to_primary.as_ref()),
        ]
    })
}

fn goals(played: &[play::Played<'_, Row>]) -> Vec<Goal> {
    let ours = played.iter().filter(|(program, _)| program.is_ours());
    let goal = |(program, row): &play::Played<'_, Row>| {
        let late = row.as_ref().map(Row::late);
        Goal {
            promise: format!("{}: no write to a replica after its check failed", program.name),
            result: late.as_ref().map_or_else(ToString::to_string, |late| format!("{late} writes")),
            is_met: matches!(late, Ok(0)),
        }
    };
    ours.map(goal).collect()
}
