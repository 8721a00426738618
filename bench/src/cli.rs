//! Command-line interface of `tf-load`.

use clap::{Parser, Subcommand};

use crate::abuse;
use crate::client::{bulk, crr, idle, latency, rr};
use crate::compare;
use crate::failover;
use crate::failure::Result;
use crate::fidelity;
use crate::fleet;
use crate::report::Report;
use crate::serve;
use crate::verify;

/// Loads a TCP forwarder, measures it, checks it, and compares it with others.
#[derive(Parser, Debug)]
#[command(version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Be the target: echo, sink, source, mixed or verify.
    Serve(serve::Serve),
    /// Request and response on open sessions, closed loop (with `serve echo`).
    Rr(rr::Rr),
    /// Connect, request, response, close (with `serve echo`).
    Crr(crr::Crr),
    /// Bytes as fast as they go (with `serve sink`, or `serve source`).
    Bulk(bulk::Bulk),
    /// Hold sessions that do nothing, until standard input ends (with `serve echo`).
    Idle(idle::Idle),
    /// Latency at a fixed rate, open loop (with `serve echo`).
    Latency(latency::Latency),
    /// The same at a low rate, to be run beside another load.
    Probe(latency::Latency),
    /// Check every byte at both ends (with `serve verify`).
    Verify(verify::Verify),
    /// Compare forwarders side by side.
    Compare(compare::Compare),
    /// Show what forwarders do with the ends of a connection.
    Fidelity(fidelity::Fidelity),
    /// Show which clients forwarders lose when targets, name servers or roles fail.
    Failover(failover::Failover),
    /// Show what clients that take all they get leave to others.
    Abuse(abuse::Abuse),
    /// Show what a fleet of instances serves through roll-outs and faults, and how fast it follows.
    Fleet(fleet::FleetOptions),
}

/// Requests per second of `latency` and of `probe`.
const LATENCY_RATE: f64 = 1000.0;
const PROBE_RATE: f64 = 100.0;

impl Cli {
    /// Runs the command. Returns whether all checks passed.
    pub(crate) fn run(&self) -> Result<bool> {
        let (report, json) = match &self.command {
            Command::Serve(options) => match serve::run(options)? {},
            Command::Rr(options) => (rr::run(options)?, options.common.json),
            Command::Crr(options) => (crr::run(options)?, options.common.json),
            Command::Bulk(options) => (bulk::run(options)?, options.common.json),
            Command::Idle(options) => return idle::run(options).map(|()| true),
            Command::Latency(options) => {
                (latency::run(options, LATENCY_RATE)?, options.common.json)
            }
            Command::Probe(options) => (latency::run(options, PROBE_RATE)?, options.common.json),
            Command::Verify(options) => (verify::run(options)?, options.json),
            Command::Compare(options) => return compare::run(options),
            Command::Fidelity(options) => return fidelity::run(options),
            Command::Failover(options) => return failover::run(options),
            Command::Abuse(options) => return abuse::run(options),
            Command::Fleet(options) => return fleet::run(options),
        };
        Report::print(&report, json);
        Ok(report.ok)
    }
}
