//! The subset of Markdown in our documents.

/// A parsed Markdown file with its name.
pub(crate) struct Document {
    pub(crate) name: String,
    text: String,
}

/// A fenced block with its info string.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Info string behind the fence, such as `toml`.
    pub(crate) info: String,
    pub(crate) text: String,
    /// File and line, for messages.
    pub(crate) place: String,
}

impl Document {
    pub(crate) fn new(name: &str, text: String) -> Self {
        Self { name: name.to_owned(), text }
    }

    /// All fenced blocks, in order.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (number, line) in self.text.lines().enumerate() {
            let place = format!("{}:{}", self.name, number + 1);
            let fence = line.trim_start().strip_prefix("```");
            assert!(fence.is_none() || line.starts_with("```"), "{place}: an indented fence");
            match (fence, &mut open) {
                (Some(info), None) => {
                    open = Some(Block { info: info.to_owned(), text: String::new(), place });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => block.text.extend([line, "\n"]),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", self.name);
        blocks
    }

    /// Lines outside of blocks.
    pub(crate) fn prose(&self) -> Vec<&str> {
        let mut in_block = false;
        let outside = |line: &&str| {
            let fence = line.starts_with("```");
            in_block ^= fence;
            !in_block && !fence
        };
        self.text.lines().filter(outside).collect()
    }

    /// Heading levels, in order.
    pub(crate) fn heading_levels(&self) -> Vec<usize> {
        let level = |line: &str| line.bytes().take_while(|byte| *byte == b'#').count();
        self.prose().into_iter().map(level).filter(|level| *level > 0).collect()
    }

    /// Rows of all tables as cells, with heads and delimiter rows.
    pub(crate) fn rows(&self) -> Vec<Vec<&str>> {
        self.prose().into_iter().filter_map(cells).collect()
    }

    /// Rows of the first table with this head.
    pub(crate) fn table(&self, head: &[&str]) -> Vec<Vec<&str>> {
        self.tables(head).next().unwrap_or_else(|| panic!("{}: no table {head:?}", self.name))
    }

    /// Rows of all tables with this head, concatenated.
    pub(crate) fn all_tables(&self, head: &[&str]) -> Vec<Vec<&str>> {
        self.tables(head).flatten().collect()
    }

    fn tables<'a>(&'a self, head: &[&str]) -> impl Iterator<Item = Vec<Vec<&'a str>>> {
        let prose = self.prose();
        let is_head = |line: &&str| cells(line).is_some_and(|cells| cells == head);
        let starts: Vec<_> = (0..prose.len()).filter(|at| is_head(&prose[*at])).collect();
        // The delimiter row follows the head.
        let rows = move |at: usize| prose[at + 2..].iter().map_while(|line| cells(line)).collect();
        starts.into_iter().map(rows)
    }

    /// Targets of all links.
    pub(crate) fn links(&self) -> Vec<&str> {
        let starts = self.text.match_indices("](").map(|(at, _)| &self.text[at + 2..]);
        starts.filter_map(|link| Some(link.split_once(')')?.0)).collect()
    }

    /// Code spans of the prose, without backquotes.
    pub(crate) fn code_spans(&self) -> Vec<String> {
        let text = self.prose().join("\n");
        text.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " ")).collect()
    }
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}
