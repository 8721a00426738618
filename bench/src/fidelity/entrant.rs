//! Programs under test.

use std::path::Path;

use super::Fidelity;
use crate::compare::OURS;
use crate::compare::adapter::{self, Adapter};
use crate::compare::subject::Subject;
use crate::failure::{Failure, Result};

/// A column of the table.
#[derive(Debug)]
pub(super) struct Entrant {
    pub(super) name: String,
    pub(super) is_ours: bool,
    /// `None`: the client connects to the target itself.
    pub(super) subject: Option<Subject>,
}

/// Entrants that are here, and the names and packages of those that are not.
pub(super) type Found = (Vec<Entrant>, Vec<(String, String)>);

impl Entrant {
    fn of(subject: Subject, is_ours: bool) -> Self {
        Self { name: subject.adapter.name.clone(), is_ours, subject: Some(subject) }
    }

    /// The program that it runs; those of one program stand side by side.
    pub(super) fn program(&self) -> Option<&Path> {
        self.subject.as_ref().map(|subject| subject.binary.as_path())
    }
}

/// Looks for all that the options ask for.
pub(super) fn find(options: &Fidelity) -> Result<Found> {
    let wanted = |key: &str| {
        options.subjects.is_empty() || options.subjects.iter().any(|subject| subject == key)
    };
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    if wanted("direct") {
        found.push(Entrant { name: "direct".to_owned(), is_ours: false, subject: None });
    }
    if wanted("ours") {
        found.extend(ours(&std::path::absolute(&options.ours)?)?);
    }
    for adapter in adapter::read_all(&options.peers)?.iter().filter(|it| wanted(&it.key)) {
        match Subject::find(adapter) {
            Some(subject) => found.push(Entrant::of(subject, false)),
            None => missing.push((adapter.name.clone(), adapter.package.clone())),
        }
    }
    if found.is_empty() {
        return Err(Failure::new("--subjects selects nothing that is here"));
    }
    Ok((found, missing))
}

/// Ours, once for each path: some sessions are too short for it to choose splice by itself.
fn ours(binary: &Path) -> Result<Vec<Entrant>> {
    if !binary.is_file() {
        let words = format!("{} is not there: build it with `make build`", binary.display());
        return Err(Failure::new(words));
    }
    let adapter = adapter::parse("ours", OURS)?;
    let on_path = |path: &str| {
        let forward = adapter.forward.as_ref().map(|text| format!("{text}path = \"{path}\"\n"));
        let (key, name) = (format!("ours-{path}"), format!("{}, {path}", adapter.name));
        let adapter = Adapter { key, name, forward, ..adapter.clone() };
        Entrant::of(Subject::at(&adapter, binary.to_owned()), true)
    };
    Ok(["copy", "splice"].map(on_path).into())
}
