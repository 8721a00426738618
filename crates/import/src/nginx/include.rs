//! `include`: the directives of other files in its place, within bounds.

use super::words::{self, Directive, WordFault};
use crate::Include;
use crate::note::SourcePlace;
use std::error::Error;
use std::fmt;

/// As deep as files may include each other, and as many as may be included.
const DEPTH_MAX: usize = 8;
const FILES_MAX: usize = 1000;

/// As many bytes as they may have together: files that include others several times grow fast.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// The reason why the files of an `include` cannot take its place.
enum IncludeError {
    Unreadable(Box<dyn Error>),
    Syntax(WordFault),
}

impl fmt::Display for IncludeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::Syntax(fault) => write!(f, "{}: {}", fault.place, fault.message),
        }
    }
}

/// The limit that the included files exceed.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    Depth,
    Files,
    Bytes,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Depth => write!(f, "files include each other more than {DEPTH_MAX} deep"),
            Self::Files => write!(f, "more than {FILES_MAX} files are included"),
            Self::Bytes => write!(f, "the included files have more than {BYTES_MAX} bytes"),
        }
    }
}

pub(super) struct Files<'i, 'f> {
    include: &'i mut Include<'f>,
    count: usize,
    bytes: usize,
    /// First place at which a limit was exceeded. Nothing more is included, and the files read so
    /// far are useless: the missing ones may contain rules.
    pub(super) exceeded: Option<(SourcePlace, Limit)>,
}

impl<'i, 'f> Files<'i, 'f> {
    pub(super) fn new(include: &'i mut Include<'f>) -> Self {
        Self { include, count: 0, bytes: 0, exceeded: None }
    }

    /// Replaces each `include` by the included directives. An `include` that cannot be read stays.
    pub(super) fn expand(&mut self, directives: Vec<Directive>) -> Vec<Directive> {
        self.expand_at(directives, 0)
    }

    fn expand_at(&mut self, directives: Vec<Directive>, depth: usize) -> Vec<Directive> {
        let mut expanded = Vec::new();
        for mut directive in directives {
            if directive.name() != "include" {
                expanded.push(directive);
                continue;
            }
            match self.included(&directive, depth) {
                Ok(files) => expanded.extend(files),
                Err(why) => {
                    directive.fault = Some(why.to_string());
                    expanded.push(directive);
                }
            }
        }
        expanded
    }

    fn included(
        &mut self,
        directive: &Directive,
        depth: usize,
    ) -> Result<Vec<Directive>, IncludeError> {
        if self.exceeded.is_some() {
            return Ok(Vec::new());
        }
        let sources = (self.include)(directive.argument()).map_err(IncludeError::Unreadable)?;
        // An include that gives nothing has its price, too.
        self.count += sources.len().max(1);
        self.bytes += sources.iter().map(|source| source.text.len()).sum::<usize>();
        if let Some(limit) = self.bound(depth) {
            self.exceeded = Some((directive.place.clone(), limit));
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for source in sources {
            let directives =
                words::parse(&source.name, &source.text).map_err(IncludeError::Syntax)?;
            all.extend(self.expand_at(directives, depth + 1));
        }
        Ok(all)
    }

    /// The limit that is exceeded, if any.
    fn bound(&self, depth: usize) -> Option<Limit> {
        if depth >= DEPTH_MAX {
            Some(Limit::Depth)
        } else if self.count > FILES_MAX {
            Some(Limit::Files)
        } else if self.bytes > BYTES_MAX {
            Some(Limit::Bytes)
        } else {
            None
        }
    }
}
