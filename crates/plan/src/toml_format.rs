//! Parser for TOML files, on the document tree of crate `toml`. Every problem has a location, and
//! one problem does not hide the others.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::document::{Document, OneLineDefaults};
use crate::draft::{Draft, ForwardOnly};
use crate::forward_only::FORWARD_ONLY;
use crate::health_check_table::KINDS;
use crate::plan::ForwardSettings;
use crate::problem::{ParseError, Problems, Severity};
use crate::process_table::process;
use crate::setting::{Section, Setting};
use crate::settings::settings;
use crate::table::Table;
use crate::text::{Source, Span, nearest, quoted};
use crate::toml_fleet::fleet;
use crate::toml_mistakes::Parts;
use crate::toml_values::{Entries, Reader};
use crate::units::format_duration;

/// The tables that a text may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of them, in the file of one machine.
    Local,
    /// `[defaults]` and `[[forward]]`, in a text for a fleet.
    Published,
}

/// Top-level tables by key.
const TABLES: [&str; 5] = ["process", "log", "fleet", "defaults", "forward"];

/// Those that only the file of one machine has.
const LOCAL_TABLES: [&str; 3] = ["process", "log", "fleet"];

/// The settings allowed in `[[forward]]`.
const IN_FORWARD: [&[Setting]; 2] = [FORWARD_ONLY, ForwardSettings::SETTINGS];

/// Size limit for error recovery: the parser keeps all errors it recovers from, and a large file
/// full of errors would exhaust the memory. A larger text gets only its first error.
const RECOVERY_MAX: usize = 1024 * 1024;

/// Whether the text is TOML without syntax errors.
pub(crate) fn parses(source: &Source) -> bool {
    DeTable::parse(source.text()).is_ok()
}

/// Parses a configuration file.
pub(crate) fn read<'a>(source: &'a Source, scope: Scope, problems: &mut Problems) -> Document<'a> {
    let (tables, errors) = parse(source.text());
    let mut reader = Reader {
        source,
        problems,
        broken: HashSet::new(),
        paths: Vec::new(),
        prefix_files: HashSet::new(),
    };
    for error in &errors {
        reader.syntax_error(error);
    }
    reader.document(scope, tables.get_ref())
}

/// Parses the tables. Returns all syntax errors, or only the first for a large text.
fn parse(text: &str) -> (Spanned<DeTable<'_>>, Vec<toml::de::Error>) {
    if text.len() <= RECOVERY_MAX {
        return DeTable::parse_recoverable(text);
    }
    match DeTable::parse(text) {
        Ok(tables) => (tables, Vec::new()),
        Err(error) => (Spanned::new(0..0, DeTable::new()), vec![error]),
    }
}

impl<'a> Reader<'a, '_> {
    fn syntax_error(&mut self, error: &toml::de::Error) {
        let span = self.source.span(error.span().unwrap_or_default());
        let message = match span.text() {
            "" => error.message().to_owned(),
            text if text.contains('\n') => error.message().to_owned(),
            text => format!("{}: {}", error.message(), quoted(text)),
        };
        if self.broken.insert(self.source.line(span.range.start)) {
            self.problems.push(Severity::Error, &span, &ParseError::new(0..0, message));
        }
    }

    fn document(&mut self, scope: Scope, tables: Entries<'_, '_>) -> Document<'a> {
        let mut document = Document::default();
        for key in tables.keys().filter(|key| !TABLES.contains(&key.get_ref().as_ref())) {
            self.unknown_table(key);
        }
        match scope {
            Scope::Local => self.local_tables(&mut document, tables),
            Scope::Published => self.refuse_local_tables(tables),
        }
        let mut defaults = ForwardSettings::default();
        let mut has_share = false;
        if let Some(table) = self.table(tables, "defaults") {
            self.fill(&mut defaults, table);
            self.passive(table, &defaults);
            self.health_check(table, &defaults);
            self.accept_proxy(table, &defaults);
            self.per_client(table, &defaults);
            has_share = table.contains_key("share");
        }
        for (table, range) in self.forwards(tables) {
            let draft = self.forward(table, range, defaults.clone());
            document.drafts.push(draft);
        }
        let share = defaults.share.filter(|_| has_share);
        document.one_line_defaults = OneLineDefaults(ForwardSettings { share, ..defaults });
        document.paths = std::mem::take(&mut self.paths);
        document
    }

    /// Parses the tables that only the file of one machine has.
    fn local_tables(&mut self, document: &mut Document<'a>, tables: Entries<'_, '_>) {
        if let Some(table) = self.table(tables, "process") {
            document.process = process(self, table);
        }
        if let Some(table) = self.table(tables, "log") {
            self.fill(&mut document.log, table);
        }
        if let Some((key, _)) = tables.get_key_value("fleet") {
            document.has_fleet = true;
            let header = self.source.span(key.span());
            document.fleet = self.table(tables, "fleet").and_then(|it| fleet(self, it, &header));
        }
    }

    /// Reports the tables that a published text may not have.
    fn refuse_local_tables(&mut self, tables: Entries<'_, '_>) {
        for (key, _) in LOCAL_TABLES.iter().filter_map(|name| tables.get_key_value(*name)) {
            let name = key.get_ref();
            let error = ParseError::new(0..0, format!("a published text has no `[{name}]`"));
            let hint = format!("`[{name}]` stays in the local file of each machine");
            self.report(&self.source.span(key.span()), &error.hint(hint));
        }
    }

    fn unknown_table(&mut self, key: &Spanned<Cow<'_, str>>) {
        let name = key.get_ref().as_ref();
        let error = ParseError::new(0..0, format!("unknown table or key {}", quoted(name)));
        let section = settings().iter().find(|setting| setting.key == name);
        let error = match (section, nearest(name, &TABLES)) {
            (Some(setting), _) => {
                error.hint(format!("`{name}` belongs in {}", setting.section.header()))
            }
            (None, Some("forward")) => error.hint("did you mean `[[forward]]`?"),
            (None, Some(near)) => error.hint(format!("did you mean `[{near}]`?")),
            (None, None) => {
                error.hint("the tables are [process], [log], [fleet], [defaults], [[forward]]")
            }
        };
        self.report(&self.source.span(key.span()), &error);
    }

    /// A table that may be given once.
    fn table<'t, 'i>(&mut self, tables: Entries<'t, 'i>, name: &str) -> Option<Entries<'t, 'i>> {
        let (key, value) = tables.get_key_value(name)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            let message = format!("`{name}` must be a table and is written once, as `[{name}]`");
            self.report(&self.source.span(key.span()), &ParseError::new(0..0, message));
        }
        table
    }

    /// The `[[forward]]` tables with their locations.
    fn forwards<'t, 'i>(
        &mut self,
        tables: Entries<'t, 'i>,
    ) -> Vec<(Entries<'t, 'i>, Range<usize>)> {
        let Some((key, value)) = tables.get_key_value("forward") else { return Vec::new() };
        let hint = "each forward starts with `[[forward]]`, in double brackets";
        let Some(values) = value.get_ref().as_array() else {
            let error = ParseError::new(0..0, "`forward` must be a list of tables").hint(hint);
            self.report(&self.source.span(key.span()), &error);
            return Vec::new();
        };
        let mut forwards = Vec::new();
        for value in values {
            if let Some(table) = value.get_ref().as_table() {
                forwards.push((table, value.span()));
            } else {
                let error = ParseError::new(0..0, "a forward must be a table").hint(hint);
                self.report(&self.source.span(value.span()), &error);
            }
        }
        forwards
    }

    /// Parses one forward, as far as it is valid.
    fn forward(
        &mut self,
        table: Entries<'_, '_>,
        range: Range<usize>,
        defaults: ForwardSettings,
    ) -> Draft<'a> {
        let span = self.source.span(range);
        let mut settings = defaults;
        let mut own = ForwardOnly::default();
        for (setting, parsed) in self.entries(&IN_FORWARD, table) {
            if setting.section == Section::Forward {
                own.set(self.source, setting, parsed);
            } else {
                self.note_paths(setting, &parsed);
                settings.set(setting, parsed.value);
            }
        }
        self.passive(table, &settings);
        self.health_check(table, &settings);
        self.accept_proxy(table, &settings);
        self.first_bytes(table, &settings);
        self.per_client(table, &settings);
        self.on_down(table, &settings);
        self.transparent(table, &settings);
        self.mptcp(table, &settings, own.may_use_tcp());
        self.socket_rights(table, &settings, own.may_have_unix_listener());
        let parts = Parts {
            unix_listener: own.may_have_unix_listener(),
            tcp_listener: own.may_bind_tcp(),
            routes: table.contains_key("route"),
        };
        self.mistakes(table, &settings, &parts);
        self.required(table, "listen", "listen = \":port\"", &span);
        if !table.contains_key("route") {
            self.required(table, "to", "to = \"host:port\"", &span);
        }
        own.into_draft(table.contains_key("name"), settings, span)
    }

    /// Compares the two durations of `passive`, of which one may come from `[defaults]`.
    fn passive(&mut self, table: Entries<'_, '_>, settings: &ForwardSettings) {
        let (Some(given), Some(passive)) = (table.get("passive"), settings.passive) else { return };
        if passive.down_max < passive.down {
            let (down, most) = (format_duration(passive.down), format_duration(passive.down_max));
            let message = format!("`down_max` is {most}, and `down` is longer: {down}");
            let error = ParseError::new(0..0, message);
            let error = error.hint(format!("give `down_max` {down} or more, or a shorter `down`"));
            self.report(&self.source.span(given.span()), &error);
        }
    }

    /// Reports an `accept_proxy` that trusts no peer: every client would be refused.
    fn accept_proxy(&mut self, table: Entries<'_, '_>, settings: &ForwardSettings) {
        let (Some(given), Some(accept)) = (table.get("accept_proxy"), &settings.accept_proxy)
        else {
            return;
        };
        // Another value, or one of `from`, is reported already.
        let is_reported = given.get_ref().as_table().is_none_or(|it| it.contains_key("from"));
        if accept.from.is_none() && !is_reported {
            let error = ParseError::new(0..0, "this `accept_proxy` trusts no peer".to_owned());
            let error =
                error.hint("add `from = [\"10.0.0.0/8\"]` with the addresses of the proxies");
            self.report(&self.source.span(given.span()), &error);
        }
    }

    /// Reports a `receive_buffer` that may not hold the first bytes of a client, which are read as a whole.
    fn first_bytes(&mut self, table: Entries<'_, '_>, settings: &ForwardSettings) {
        const LEAST: u64 = 64 << 10;
        let reads = table.contains_key("route") || settings.accept_proxy.is_some();
        if !reads || settings.receive_buffer.is_none_or(|size| size >= LEAST) {
            return;
        }
        let keys = ["receive_buffer", "route", "accept_proxy"];
        let Some(given) = keys.iter().find_map(|key| table.get(*key)) else { return };
        let message = "this `receive_buffer` may not hold a PROXY header or a TLS ClientHello";
        let error = ParseError::new(0..0, message.to_owned());
        let error = error.hint("give `receive_buffer = \"64KiB\"` or more, or \"auto\"");
        self.report(&self.source.span(given.span()), &error);
    }

    /// Reports a `burst` without `new`, of which one may come from `[defaults]`.
    fn per_client(&mut self, table: Entries<'_, '_>, settings: &ForwardSettings) {
        let (Some(given), Some(limits)) = (table.get("per_client"), &settings.per_client) else {
            return;
        };
        // A wrong value of `new` is reported already.
        let is_reported = given.get_ref().as_table().is_none_or(|it| it.contains_key("new"));
        if limits.burst.is_some() && limits.new.is_none() && !is_reported {
            let error = ParseError::new(0..0, "`burst` has no effect without `new`".to_owned());
            let error = error.hint("add `new = \"20/s\"`, or leave out `burst`");
            self.report(&self.source.span(given.span()), &error);
        }
    }

    /// Reports a `check` whose parts, of which some may come from `[defaults]`, do not fit together.
    fn health_check(&mut self, table: Entries<'_, '_>, settings: &ForwardSettings) {
        let (Some(given), Some(check)) = (table.get("check"), &settings.check) else { return };
        let table = given.get_ref().as_table();
        let is_no = |value: &Spanned<DeValue<'_>>| value.get_ref().as_bool() == Some(false);
        let names_a_kind =
            |key: &&str| table.and_then(|it| it.get(*key)).is_some_and(|it| !is_no(it));
        // A kind with a wrong value is reported already.
        let is_reported = check.has_no_kind() && KINDS.iter().any(names_a_kind);
        if let Some(error) = check.mistake().filter(|_| !is_reported) {
            self.report(&self.source.span(given.span()), &error);
        }
    }

    /// Reports an `on_down` of a forward without a check. One in `[defaults]` is for the forwards that have
    /// a check, and beside `check = "off"` it awaits that the check is on again.
    fn on_down(&mut self, table: Entries<'_, '_>, settings: &ForwardSettings) {
        let Some((key, _)) = table.get_key_value("on_down") else { return };
        let has_check = settings.check.is_some() || table.contains_key("check");
        if settings.on_down.is_some() && !has_check {
            let error = ParseError::new(0..0, "`on_down` has no effect without `check`");
            let error = error.hint("add a `check`, or leave out `on_down`");
            self.report(&self.source.span(key.span()), &error);
        }
    }

    /// Reports a `transparent` beside a `local_address`, of which one may come from `[defaults]`.
    fn transparent(&mut self, table: Entries<'_, '_>, settings: &ForwardSettings) {
        let key = table.get_key_value("transparent").or(table.get_key_value("local_address"));
        let both = settings.transparent && !settings.local_address.0.is_empty();
        if let Some((key, _)) = key.filter(|_| both) {
            let message = "with `transparent`, connections come from the address of the client, and not from \
                           `local_address`";
            let error = ParseError::new(0..0, message).hint("leave out one of them");
            self.report(&self.source.span(key.span()), &error);
        }
    }

    /// Reports an `mptcp` of a forward that has neither a listener nor a target of TCP. One in `[defaults]` is for the
    /// forwards that have.
    fn mptcp(&mut self, table: Entries<'_, '_>, settings: &ForwardSettings, may_apply: bool) {
        let Some((key, _)) = table.get_key_value("mptcp") else { return };
        if settings.mptcp && !may_apply {
            let message = "`mptcp` has no effect on Unix sockets and on those that are passed";
            let error = ParseError::new(0..0, message).hint("leave out `mptcp`");
            self.report(&self.source.span(key.span()), &error);
        }
    }

    /// Reports rights on socket files of a forward that has none. Those in `[defaults]` are for the forwards that
    /// have Unix listeners.
    fn socket_rights(
        &mut self,
        table: Entries<'_, '_>,
        settings: &ForwardSettings,
        may_apply: bool,
    ) {
        let (mode, owner, group) = (settings.mode.is_some(), &settings.owner, &settings.group);
        let given = [("mode", mode), ("owner", owner.is_some()), ("group", group.is_some())];
        for (name, _) in given.into_iter().filter(|(_, is_set)| *is_set && !may_apply) {
            let Some((key, _)) = table.get_key_value(name) else { continue };
            let message = format!("`{name}` has no effect without a Unix listener");
            let hint = format!("listen on `unix:/path`, or leave out `{name}`");
            self.report(&self.source.span(key.span()), &ParseError::new(0..0, message).hint(hint));
        }
    }

    fn required(&mut self, table: Entries<'_, '_>, key: &str, example: &str, forward: &Span<'a>) {
        // After a syntax error, the key may be in a part that the parser skipped.
        if !table.contains_key(key) && self.broken.is_empty() {
            let error = ParseError::new(0..0, format!("this forward has no `{key}`"));
            self.report(forward, &error.hint(format!("add `{example}`")));
        }
    }
}
