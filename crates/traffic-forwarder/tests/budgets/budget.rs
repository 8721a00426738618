//! The budget file: limits of system calls and instructions per operation of each history.

use std::collections::BTreeMap;
use std::{fmt, fs};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bench/budgets.toml");

/// Limit of one figure, per operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    /// The same on every machine: fails if higher or lower.
    Exactly(u32),
    /// The figure varies with kernel and timing.
    AtMost(f64),
}

/// Limits for one operation of a history.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Name of the history in the file.
    pub(crate) history: String,
    /// Description of one operation.
    pub(crate) operation: String,
    /// Limits by system call name.
    pub(crate) calls: BTreeMap<String, Limit>,
    /// Limit for each call not in `calls`.
    pub(crate) other: Limit,
    /// Limit for the sum of all calls.
    pub(crate) all: Option<Limit>,
    /// Instruction limits, by architecture.
    pub(crate) instructions: BTreeMap<String, Limit>,
}

/// Budgets by history name.
#[derive(Debug)]
pub(crate) struct Budgets(BTreeMap<String, Budget>);

impl Budgets {
    pub(crate) fn read() -> Self {
        let text = fs::read_to_string(FILE).unwrap_or_else(|error| panic!("{FILE}: {error}"));
        Self::parse(&text)
    }

    /// Budget of a history; panics if the file has none.
    #[track_caller]
    pub(crate) fn of(&self, history: &str) -> &Budget {
        self.0.get(history).unwrap_or_else(|| panic!("{FILE} has no budget [{history}]"))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn parse(text: &str) -> Self {
        let table = DeTable::parse(text).unwrap_or_else(|error| panic!("{FILE}: {error}"));
        let budget = |(history, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let history = Entry { path: AsRef::<str>::as_ref(history.get_ref()).to_owned(), value };
            (history.path.clone(), Budget::read(&history))
        };
        Self(table.get_ref().iter().map(budget).collect())
    }
}

impl Budget {
    fn read(history: &Entry<'_>) -> Self {
        let mut fields = history.entries();
        let mut take = |name: &str| fields.remove(name);
        let operation = take("operation").unwrap_or_else(|| history.wrong("needs an `operation`"));
        let mut calls = take("calls").map(|calls| calls.limits()).unwrap_or_default();
        let other = calls.remove("other").unwrap_or(Limit::AtMost(0.0));
        let all = calls.remove("all");
        let instructions = take("instructions").map(|limits| limits.limits()).unwrap_or_default();
        if let Some(unknown) = fields.keys().next() {
            history.wrong(&format!("has no `{unknown}`"));
        }
        let (history, operation) = (history.path.clone(), operation.text());
        Self { history, operation, calls, other, all, instructions }
    }
}

/// A value of the file with its path of keys.
struct Entry<'a> {
    path: String,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Entry<'a> {
    fn wrong(&self, what: &str) -> ! {
        panic!("{FILE}: `{}` {what}", self.path)
    }

    fn entries(&self) -> BTreeMap<String, Entry<'a>> {
        let DeValue::Table(table) = self.value.get_ref() else { self.wrong("must be a table") };
        let entry = |(key, value): (&Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let key = AsRef::<str>::as_ref(key.get_ref()).to_owned();
            let path = format!("{}.{key}", self.path);
            (key, Entry { path, value })
        };
        table.iter().map(entry).collect()
    }

    fn limits(&self) -> BTreeMap<String, Limit> {
        self.entries().into_iter().map(|(name, entry)| (name, entry.limit())).collect()
    }

    /// A whole number, or `{ at_most = NUMBER }`.
    fn limit(&self) -> Limit {
        if let DeValue::Integer(number) = self.value.get_ref()
            && let Ok(number) = number.as_str().parse()
        {
            return Limit::Exactly(number);
        }
        let mut fields = self.entries();
        match (fields.remove("at_most"), fields.len()) {
            (Some(most), 0) => Limit::AtMost(most.number()),
            _ => self.wrong("must be a whole number or { at_most = NUMBER }"),
        }
    }

    fn number(&self) -> f64 {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => number.as_str().parse(),
            DeValue::Float(number) => number.as_str().parse(),
            _ => self.wrong("must be a number"),
        };
        number.unwrap_or_else(|error| self.wrong(&format!("must be a number: {error}")))
    }

    fn text(&self) -> String {
        let DeValue::String(text) = self.value.get_ref() else { self.wrong("must be a text") };
        text.to_string()
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(number) => write!(f, "exactly {number}"),
            Self::AtMost(number) => write!(f, "at most {number}"),
        }
    }
}

#[test]
fn a_budget_is_parsed() {
    let text = "[x]\noperation = 'o'\ncalls = { all = { at_most = 2.5 }, sendto = 2 }\n";
    let budgets = Budgets::parse(text);
    let budget = budgets.of("x");
    assert_eq!(budget.calls, BTreeMap::from([("sendto".to_owned(), Limit::Exactly(2))]));
    assert_eq!((budget.all, budget.other), (Some(Limit::AtMost(2.5)), Limit::AtMost(0.0)));
}

#[test]
#[should_panic(expected = "`x` has no `cals`")]
fn an_unknown_key_is_rejected() {
    Budgets::parse("[x]\noperation = 'o'\ncals = {}\n");
}
