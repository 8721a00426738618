//! `include`: the directives of other files in its place, within bounds.

use super::words::{self, Directive};
use crate::Include;
use crate::note::Place;

/// As deep as files may include each other, and as many as may be included.
const DEPTH_MAX: usize = 8;
const FILES_MAX: usize = 1000;

/// As many bytes as they may have together: files that include others several times grow fast.
const BYTES_MAX: usize = 16 * 1024 * 1024;

pub(super) struct Files<'i, 'f> {
    include: &'i mut Include<'f>,
    count: usize,
    bytes: usize,
    /// First place at which a limit was exceeded. Nothing more is included, and the files read so
    /// far are useless: the missing ones may contain rules.
    pub(super) exceeded: Option<(Place, String)>,
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
                    directive.fault = Some(why);
                    expanded.push(directive);
                }
            }
        }
        expanded
    }

    fn included(&mut self, directive: &Directive, depth: usize) -> Result<Vec<Directive>, String> {
        if self.exceeded.is_some() {
            return Ok(Vec::new());
        }
        let sources = (self.include)(directive.argument())?;
        // An include that gives nothing has its price, too.
        self.count += sources.len().max(1);
        self.bytes += sources.iter().map(|source| source.text.len()).sum::<usize>();
        if let Some(why) = self.bound(depth) {
            self.exceeded = Some((directive.place.clone(), why));
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for source in sources {
            let parsed = words::parse(&source.name, &source.text);
            let directives =
                parsed.map_err(|fault| format!("{}: {}", fault.place, fault.message))?;
            all.extend(self.expand_at(directives, depth + 1));
        }
        Ok(all)
    }

    /// The limit that is exceeded, if any.
    fn bound(&self, depth: usize) -> Option<String> {
        if depth >= DEPTH_MAX {
            Some(format!("files include each other more than {DEPTH_MAX} deep"))
        } else if self.count > FILES_MAX {
            Some(format!("more than {FILES_MAX} files are included"))
        } else if self.bytes > BYTES_MAX {
            Some(format!("the included files have more than {BYTES_MAX} bytes"))
        } else {
            None
        }
    }
}
