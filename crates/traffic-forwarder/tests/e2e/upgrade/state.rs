//! The state that one image hands to the next, open to changes by a test.

use std::fs;
use std::thread;

use handover::{File, Forwards, Part, Process, Worker, WriteFile};
use serde_json::Value;
use testkit::{LIMIT, wait_until};

use super::impostor::Impostor;
use super::upgrading::{arrivals, wait_for_arrival};
use crate::support::Operated;

/// The whole state, as messages.
pub(super) struct State {
    pub(super) process: Process,
    pub(super) forwards: Forwards,
    pub(super) workers: Vec<Worker>,
}

impl State {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let file = File::read(bytes);
        assert_eq!(file.damage, None);
        let part = |part| file.part(part).unwrap();
        Self {
            process: handover::decode(part(Part::Process)).unwrap(),
            forwards: handover::decode(part(Part::Forwards)).unwrap(),
            workers: file.all(Part::Worker).map(|bytes| handover::decode(bytes).unwrap()).collect(),
        }
    }

    pub(super) fn written(&self) -> Vec<u8> {
        let own = [
            (Part::Process, handover::encode(&self.process)),
            (Part::Forwards, handover::encode(&self.forwards)),
        ];
        let workers = self.workers.iter().map(|worker| (Part::Worker, handover::encode(worker)));
        let parts: Vec<_> = own.into_iter().chain(workers).collect();
        let mut bytes = WriteFile::head(parts.len());
        for (part, body) in &parts {
            bytes.extend(WriteFile::part_head(*part, body));
            bytes.extend(body);
        }
        bytes
    }
}

/// Changes the messages and keeps the checksums right.
pub(super) fn rewrite(bytes: &[u8], change: impl FnOnce(&mut State)) -> Vec<u8> {
    let mut state = State::read(bytes);
    change(&mut state);
    state.written()
}

/// Upgrades the process to itself, with a changed state. `meanwhile` is called while no image
/// serves. Returns the log line about the upgrade.
pub(super) fn upgrade_with(
    operated: &Operated,
    change: impl FnOnce(Vec<u8>) -> Vec<u8>,
    meanwhile: impl FnOnce(),
) -> Value {
    let before = arrivals(operated).len();
    let impostor = Impostor::new("swaps");
    let (http, path) = (operated.http.clone(), impostor.query());
    let asking = thread::spawn(move || http.post(&path).status);
    let state = impostor.file("state");
    wait_until("the state", LIMIT, || state.exists());
    assert_eq!(asking.join().unwrap(), 202);
    meanwhile();
    let changed = change(fs::read(state).unwrap());
    fs::write(impostor.file("new"), changed).unwrap();
    fs::rename(impostor.file("new"), impostor.file("instead")).unwrap();
    wait_for_arrival(operated, before)
}
