//! A name server fails or misbehaves, and then knows new addresses.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use testkit::{Behaviour, Place, Target};

use super::clients::{self, Clients};
use super::name_server::{Manner, NameServer};
use super::play;
use super::program::Program;
use super::way::{self, Way};
use crate::failure::{Failure, Result};
use crate::trial::stage::Stage;
use crate::trial::table::{Goal, Section, Table, cells, served_after, time};

const TEXT: &str = "\
The target is a name with several addresses; its records are valid for one second. Once the program serves, the
name server misbehaves for 40 seconds, in which four clients come per second, and all targets work. Then the
name server is well again, but all targets have moved to three new addresses: from that moment, a client comes
every 20 ms.";

const COLUMNS: [&str; 3] =
    ["clients lost", "the slowest", "first client served at the new addresses after"];

/// Longer than HAProxy's `hold`, 30 seconds by default.
const BAD: Duration = Duration::from_secs(40);
const INTERVAL: Duration = Duration::from_millis(250);
const MOVED_LIMIT: Duration = Duration::from_secs(40);

/// The port of resolvers that have no setting for it.
const NAME_SERVER_PORT: u16 = 53;

/// Targets of the cases with large sets.
const MANY: u8 = 90;

struct Case {
    title: &'static str,
    /// How the name server answers while the program starts.
    at_first: Manner,
    manner: Manner,
    addresses: u8,
}

const CASES: [Case; 8] = [
    Case::of("The name server is silent", Manner::Silent),
    Case::of("The name server has failed (SERVFAIL)", Manner::Failing),
    Case::of("The name server says that there is no such name (NXDOMAIN)", Manner::NoSuchName),
    Case::of("The answer has no addresses", Manner::Empty),
    Case::of("The answer is about another name", Manner::OtherName),
    Case::of("The answer is garbage", Manner::Garbage),
    Case {
        title: "Each answer is another third of 90 addresses",
        at_first: Manner::Thirds,
        manner: Manner::Thirds,
        addresses: MANY,
    },
    Case {
        title: "Answers by UDP are truncated, answers by TCP are complete",
        at_first: Manner::Truncated,
        manner: Manner::Truncated,
        addresses: MANY,
    },
];

impl Case {
    const fn of(title: &'static str, manner: Manner) -> Self {
        Self { title, at_first: Manner::Correct, manner, addresses: 3 }
    }
}

struct Row {
    bad: Clients,
    moved: Option<Duration>,
}

/// Plays all cases with the programs that have a configuration for names.
pub(super) fn play(stage: &Stage, programs: &[Program]) -> Section {
    let programs: Vec<_> = programs.iter().filter(|it| it.configs.names.is_some()).collect();
    let played = play::all(&programs, &CASES, |program, case| play_one(stage, program, case));
    let results = CASES.iter().zip(&played);
    let table = |(case, played): (&Case, &Vec<play::Played<'_, Row>>)| Table {
        title: case.title.to_owned(),
        columns: &COLUMNS,
        rows: played.iter().map(|(it, row)| (it.name.clone(), row_cells(row))).collect(),
    };
    Section {
        title: "A name server misbehaves",
        text: TEXT,
        tables: results.clone().map(table).collect(),
        goals: results.flat_map(|(case, played)| goals(case, played)).collect(),
    }
}

fn play_one(stage: &Stage, program: &Program, case: &Case) -> Result<Row> {
    let config = program.configs.names.as_ref().ok_or_else(|| Failure::new("no names"))?;
    let port = stage.port();
    let at =
        |ip: &Ipv4Addr| Target::start_at(Place::At(SocketAddr::from((*ip, port))), Behaviour::Echo);
    let first: Vec<_> = (1..=case.addresses).map(|last| Ipv4Addr::new(127, 0, 3, last)).collect();
    let second = [1, 2, 3].map(|last| Ipv4Addr::new(127, 0, 4, last));
    let targets: Vec<_> = match case.addresses {
        // One listener at all addresses costs less than very many.
        MANY.. => vec![at(&Ipv4Addr::UNSPECIFIED)],
        _ => first.iter().map(at).collect(),
    };
    let [high, low] = port.to_be_bytes();
    let here = SocketAddr::from(([127, 53, high, low], NAME_SERVER_PORT));
    let name_server = NameServer::start(here, case.at_first, first)?;
    let way = Way::Name(config, port, name_server.address());
    let running = way::start(stage, program, &way)?;
    play::settle(&running)?;
    name_server.set(case.manner, None);
    let bad = Clients::come(running.address, BAD, INTERVAL)?;
    drop(targets);
    let _targets = second.each_ref().map(at);
    let well = if case.manner == Manner::Truncated { case.manner } else { Manner::Correct };
    name_server.set(well, Some(second.to_vec()));
    let moved = clients::first_served(running.address, MOVED_LIMIT)?;
    Ok(Row { bad, moved })
}

fn row_cells(row: &Result<Row>) -> Vec<String> {
    cells(row, &COLUMNS, |row| {
        vec![row.bad.describe(), time(row.bad.slowest()), served_after(row.moved, MOVED_LIMIT)]
    })
}

fn goals(case: &Case, played: &[play::Played<'_, Row>]) -> Vec<Goal> {
    let ours = played.iter().filter(|(program, _)| program.is_ours());
    let goal = |(program, row): &play::Played<'_, Row>| {
        let lost = row.as_ref().map(|row| row.bad.lost());
        Goal {
            promise: format!("{}, {}: no client is lost", case.title, program.name),
            result: lost.as_ref().map_or_else(ToString::to_string, |lost| format!("{lost} lost")),
            is_met: matches!(lost, Ok(0)),
        }
    };
    ours.map(goal).collect()
}
