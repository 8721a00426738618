//! Files of patterns (`-f`), within bounds.

use std::collections::HashMap;

use crate::Include;
use crate::note::{SourcePlace, quoted};
use crate::section::{Config, Noted};

/// As many bytes as the files of patterns may have together.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// As many patterns as all tests may have together, each time that one is used: many rules may name one long list.
const PATTERNS_MAX: usize = 2_000_000;

/// Files of patterns.
pub(super) struct Files<'i, 'f> {
    include: &'i mut Include<'f>,
    read: HashMap<String, Option<Vec<String>>>,
    bytes: usize,
    patterns: usize,
    /// The line whose patterns are read.
    place: SourcePlace,
    /// Files that cannot be read, each with the first line that names it.
    faults: Vec<(SourcePlace, String)>,
}

impl<'i, 'f> Files<'i, 'f> {
    pub(super) fn new(include: &'i mut Include<'f>) -> Self {
        let place = SourcePlace { file: "".into(), line: 0 };
        Self { include, read: HashMap::new(), bytes: 0, patterns: 0, place, faults: Vec::new() }
    }

    /// The patterns that are read next are of this line.
    pub(super) fn at(&mut self, place: &SourcePlace) -> &mut Self {
        self.place.clone_from(place);
        self
    }

    /// Notes the files that could not be read.
    pub(super) fn note_faults(self, config: &mut Config) {
        for (place, message) in self.faults {
            config.not_converted(&place, message, "write its patterns into the file");
        }
    }

    /// The patterns in a file, one per line; `None` if it cannot be read.
    pub(super) fn patterns(&mut self, path: &str) -> Option<&[String]> {
        if !self.read.contains_key(path) {
            let patterns = self.load(path);
            self.read.insert(path.to_owned(), patterns);
        }
        let patterns = self.read.get(path)?.as_deref()?;
        self.patterns = self.patterns.saturating_add(patterns.len());
        (self.patterns <= PATTERNS_MAX).then_some(patterns)
    }

    /// Counts the patterns of a test that is used again. `false` if they are too many.
    pub(super) fn admit(&mut self, patterns: usize) -> bool {
        self.patterns = self.patterns.saturating_add(patterns);
        self.patterns <= PATTERNS_MAX
    }

    fn load(&mut self, path: &str) -> Option<Vec<String>> {
        let read = self.text(path);
        if let Err(why) = &read {
            let message = format!("`-f` {}: {why}", quoted(path));
            self.faults.push((self.place.clone(), message));
        }
        let text = read.ok()?;
        let lines = text.lines().map(str::trim);
        let is_pattern = |line: &&str| !line.is_empty() && !line.starts_with('#');
        Some(lines.filter(is_pattern).map(str::to_owned).collect())
    }

    fn text(&mut self, path: &str) -> Result<String, String> {
        if path.contains(['*', '?']) {
            return Err("its name must have neither `*` nor `?`".to_owned());
        }
        let too_large = || format!("all files of patterns have more than {BYTES_MAX} bytes");
        if self.bytes > BYTES_MAX {
            return Err(too_large());
        }
        let files = (self.include)(path).map_err(|error| error.to_string())?;
        let text: String = files.into_iter().map(|file| file.text).collect();
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > BYTES_MAX { Err(too_large()) } else { Ok(text) }
    }
}
