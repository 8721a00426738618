//! Files of patterns (`-f`), within bounds.

use std::collections::HashMap;

use crate::Include;

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
}

impl<'i, 'f> Files<'i, 'f> {
    pub(super) fn new(include: &'i mut Include<'f>) -> Self {
        Self { include, read: HashMap::new(), bytes: 0, patterns: 0 }
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
        // It is one file, not a pattern of names.
        let is_name = !path.contains(['*', '?']) && self.bytes < BYTES_MAX;
        let files = is_name.then(|| (self.include)(path).ok()).flatten()?;
        let [file] = &files[..] else { return None };
        self.bytes = self.bytes.saturating_add(file.text.len());
        let lines = file.text.lines().map(str::trim);
        let is_pattern = |line: &&str| !line.is_empty() && !line.starts_with('#');
        (self.bytes <= BYTES_MAX).then(|| lines.filter(is_pattern).map(str::to_owned).collect())
    }
}
