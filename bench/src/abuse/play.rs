//! Plays a case with one program after the other.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use testkit::{Behaviour, Target};

use super::case::{Attack, Case, NETWORKS, NOWHERE};
use super::neighbour::Service;
use super::program::Program;
use super::{crowd, syn_flood};
use crate::failure::{Context as _, Failure, Result};
use crate::trial::stage::{Stage, address_values, command};
use crate::trial::table::{Goal, Section, Table, cells};

/// The crowd is there for this time when the neighbour comes.
const BEFORE: Duration = Duration::from_secs(1);

/// ip-sysctl.rst in the kernel's documentation; of this network namespace.
const NONLOCAL_BIND: &str = "/proc/sys/net/ipv6/ip_nonlocal_bind";

const COLUMNS: [&str; 5] =
    ["neighbours served", "median", "slowest", "attempts of the crowd", "held at the end"];

struct Row {
    service: Service,
    taken: crowd::Taken,
}

/// Gives this network namespace the addresses of the cases.
pub(super) fn add_addresses() -> Result<()> {
    // Any address of the networks can then be bound.
    fs::write(NONLOCAL_BIND, "1").context(NONLOCAL_BIND)?;
    let networks = NETWORKS.map(|network| format!("-6 route add local {network}/48 dev lo"));
    // Answers to half-open connections go nowhere, instead of being refused at once.
    let nowhere = format!("route add blackhole {NOWHERE}/24");
    for arguments in networks.into_iter().chain([nowhere]) {
        let status = Command::new("ip").args(arguments.split(' ')).status().context("run ip")?;
        if !status.success() {
            return Err(Failure::new(format!("`ip {arguments}` failed")));
        }
    }
    Ok(())
}

/// The results of a case, with all programs that have a configuration for it.
pub(super) fn all(stage: &Stage, programs: &[Program], case: &Case) -> Section {
    let mut section =
        Section { title: case.title, text: case.text, tables: Vec::new(), goals: Vec::new() };
    let mut rows = Vec::new();
    for program in programs {
        let Some(template) = (case.template)(&program.configs) else { continue };
        let row = one(stage, program, template, case.attack);
        if program.is_ours() && (case.promises)(&program.key) {
            section.goals.push(goal(case, program, &row));
        }
        let of = |row: &Row| {
            let mut cells = row.service.cells();
            cells.extend([row.taken.tried, row.taken.held].map(|count| count.to_string()));
            cells
        };
        rows.push((program.name.clone(), cells(&row, &COLUMNS, of)));
    }
    section.tables.push(Table { title: String::new(), columns: &COLUMNS, rows });
    section
}

fn one(stage: &Stage, program: &Program, template: &str, attack: Attack) -> Result<Row> {
    let target = Target::start(Behaviour::Echo);
    let keys = ["target", "target_host", "target_port"];
    let values = address_values(keys, target.addr().tcp());
    let listen = attack.listen(stage.port());
    let running = stage.start(program, listen, template, values, |_, words| Ok(command(words)))?;
    let (stop, address) = (AtomicBool::new(false), running.address);
    thread::scope(|scope| {
        let crowd = scope.spawn(|| match attack {
            Attack::HalfOpen => syn_flood::send_all(address, attack, &stop),
            _ => crowd::take_all(address, attack, &stop),
        });
        thread::sleep(BEFORE);
        let service = Service::measure(address, attack);
        stop.store(true, Ordering::Relaxed);
        let taken = crowd.join().unwrap_or_else(|_| Err(Failure::new("the crowd panicked")))?;
        Ok(Row { service: service?, taken })
    })
}

fn goal(case: &Case, program: &Program, row: &Result<Row>) -> Goal {
    let lost = row.as_ref().map(|row| row.service.lost);
    Goal {
        promise: format!("{}, {}: every neighbour is served", case.title, program.name),
        result: lost.as_ref().map_or_else(ToString::to_string, |lost| format!("{lost} lost")),
        is_met: matches!(lost, Ok(0)),
    }
}
