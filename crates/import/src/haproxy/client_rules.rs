//! `tcp-request`: which clients may connect, and how many of one.

use std::time::Duration;

use plan::Prefix;

use super::acl::{Acls, Groups, Literal, Test};
use super::keywords::CLIENT_RULES;
use super::patterns::Files;
use super::per_client::PerClient;
use super::time;
use super::words::Line;
use crate::access::{Access, common};
use crate::grouped_notes::GroupedNotes;
use crate::note::quoted;
use crate::route::Listen;
use crate::section::{Noted, Section};

/// As many rules are read behind one that rejects all but some.
const NARROWED_MAX: usize = 100;

/// The stages at which HAProxy decides, in order.
const LEVELS: [&str; 3] = ["connection", "session", "content"];

/// Lines of a frontend about its clients.
#[derive(Clone, Default)]
pub(super) struct ClientRules<'a> {
    pub(super) lines: Vec<&'a Line>,
    /// `stick-table` of the frontend itself.
    pub(super) table: Option<&'a Line>,
}

/// What the rules are converted with.
pub(super) struct Around<'x> {
    pub(super) listens: &'x [Listen],
    /// Whether clients must send a PROXY header.
    pub(super) has_header: bool,
    /// Whether routes choose targets by hellos.
    pub(super) has_routes: bool,
}

/// What the rules say about hellos.
#[derive(Default)]
pub(super) struct Hellos {
    /// How long one is awaited.
    pub(super) delay: Option<Duration>,
    /// Whether one is awaited at all.
    pub(super) are_awaited: bool,
}

/// A rule about addresses that decides for these clients.
enum Clients {
    All,
    In(Vec<Prefix>),
    NotIn(Vec<Prefix>),
}

/// The rules of one level so far, as rules of which the first that matches decides.
#[derive(Default)]
struct Decisions {
    rules: Vec<(Prefix, bool)>,
    /// Clients that are not decided; all at first.
    rest: Option<Vec<Prefix>>,
    /// The verdict on the others.
    others: Option<bool>,
    refuses_all_but_some: bool,
    /// Rules since some are left.
    narrowed: usize,
}

impl Decisions {
    /// Adds a rule. Fails if no list can say the same.
    fn add(&mut self, clients: Clients, is_allowed: bool) -> Option<()> {
        let within = |prefixes: Vec<Prefix>, rest: &Option<Vec<Prefix>>| match rest {
            Some(rest) => common(&prefixes, rest),
            None => prefixes,
        };
        self.narrowed += usize::from(self.rest.is_some());
        match clients {
            _ if self.is_complete() => {}
            _ if self.narrowed > NARROWED_MAX => return None,
            Clients::All => {
                self.refuses_all_but_some |= !is_allowed;
                match self.rest.replace(Vec::new()) {
                    Some(rest) => self.rules.extend(rest.into_iter().map(|it| (it, is_allowed))),
                    None => self.others = Some(is_allowed),
                }
            }
            Clients::In(prefixes) => {
                let prefixes = within(prefixes, &self.rest);
                self.rules.extend(prefixes.into_iter().map(|it| (it, is_allowed)));
            }
            Clients::NotIn(prefixes) => {
                if self.others.is_some_and(|others| others != is_allowed) {
                    return None;
                }
                self.refuses_all_but_some |= !is_allowed;
                self.rest = Some(within(prefixes, &self.rest));
                self.others = Some(is_allowed);
            }
        }
        Some(())
    }

    fn is_complete(&self) -> bool {
        self.rest.as_ref().is_some_and(Vec::is_empty)
    }

    /// The clients that are allowed so far.
    fn allowed(&self) -> Vec<Prefix> {
        self.rules.iter().filter(|(_, is_allowed)| *is_allowed).map(|(it, _)| *it).collect()
    }

    /// Clients without a rule are allowed.
    fn lists(mut self) -> Option<Access> {
        let rest = self.rest.take().unwrap_or_default();
        self.rules.extend(rest.into_iter().map(|it| (it, true)));
        let others = self.others.unwrap_or(true);
        let refuses = !others || self.rules.iter().any(|(_, is_allowed)| !is_allowed);
        refuses.then(|| Access::by_first_match(&self.rules, others))
    }
}

/// The conversion of one frontend's rules.
struct Conversion<'a, 'x> {
    around: &'x Around<'x>,
    per_client: PerClient<'a>,
    hellos: Hellos,
    /// Clients without a hello are refused here.
    refuses_plain: Option<&'a Line>,
}

/// Sets lists and limits. `table_of` finds the `stick-table` of another section.
pub(super) fn convert<'a>(
    rules: &ClientRules<'a>,
    (acls, files): (&Acls, &mut Files<'_, '_>),
    around: &Around<'_>,
    table_of: impl Fn(&str) -> Option<&'a Line>,
    section: &mut Section,
    grouped: &mut GroupedNotes,
) -> Hellos {
    let (per_client, hellos) = (PerClient::default(), Hellos::default());
    let mut conversion = Conversion { around, per_client, hellos, refuses_plain: None };
    let mut lists: Option<Access> = None;
    for level in LEVELS {
        let mut decisions = Decisions::default();
        let mut first = None;
        for line in rules.lines.iter().copied().filter(|line| line.word(1) == level) {
            let condition = || acls.condition(line.from(3), files.at(&line.place));
            if conversion.line(line, condition, &mut decisions).is_none() {
                let message =
                    format!("{}: rules decide about clients", quoted(&line.words.join(" ")));
                section.comment_out(&line.place, message, CLIENT_RULES);
            }
            first = first.or(Some(line));
        }
        conversion.check_level(level, &decisions, first, section);
        match (decisions.lists(), &lists, first) {
            (None, ..) | (_, _, None) => {}
            (Some(own), None, _) => lists = Some(own),
            (Some(_), Some(_), Some(line)) => {
                let message = "`tcp-request`: rules of two levels decide about addresses";
                section.comment_out(&line.place, message, CLIENT_RULES);
            }
        }
    }
    if let Some(lists) = lists {
        lists.set(section);
    }
    for line in rules.lines.iter().filter(|line| line.word(1) == "inspect-delay") {
        conversion.hellos.delay = time(line.word(2));
        if !around.has_routes {
            grouped.add(&line.place, "inspect-delay");
        }
    }
    conversion.finish(rules, table_of, section, grouped)
}

impl<'a> Conversion<'a, '_> {
    /// Takes a rule. `None` if our settings cannot say it.
    fn line(
        &mut self,
        line: &'a Line,
        condition: impl FnOnce() -> Option<Groups>,
        decisions: &mut Decisions,
    ) -> Option<()> {
        let is_allowed = match line.word(2) {
            "accept" => true,
            "reject" => false,
            "track-sc0" if line.word(3) == "src" => {
                let table = match line.from(4) {
                    [] => "",
                    [word, name] if word == "table" => name,
                    _ => return None,
                };
                self.per_client.track(line, table);
                return Some(());
            }
            _ => return None,
        };
        for group in condition()? {
            let tests: Vec<_> = group.into_iter().filter(|it| it.test != Test::Always).collect();
            self.rule(line, &tests, is_allowed, decisions)?;
        }
        Some(())
    }

    fn rule(
        &mut self,
        line: &'a Line,
        tests: &[Literal],
        is_allowed: bool,
        decisions: &mut Decisions,
    ) -> Option<()> {
        let is_content = line.word(1) == "content";
        match tests {
            [] if is_content && self.hellos.are_awaited => {
                self.refuses_plain = self.refuses_plain.or((!is_allowed).then_some(line));
            }
            [Literal { is_not, test: Test::Hello }] if is_content && *is_not != is_allowed => {
                self.hellos.are_awaited = true;
                self.refuses_plain = self.refuses_plain.or((!is_allowed).then_some(line));
            }
            // A client with a hello was accepted before.
            _ if is_content && self.hellos.are_awaited => return None,
            [] => decisions.add(Clients::All, is_allowed)?,
            [Literal { is_not, test: Test::Source(prefixes) }] => {
                let wrap = if *is_not { Clients::NotIn } else { Clients::In };
                decisions.add(wrap(prefixes.clone()), is_allowed)?;
            }
            [Literal { is_not: false, test }, others @ ..]
                if !is_allowed && !self.per_client.is_full() =>
            {
                let mut exempt = decisions.allowed();
                for other in others {
                    let Literal { is_not: true, test: Test::Source(prefixes) } = other else {
                        return None;
                    };
                    exempt.extend(prefixes);
                }
                self.per_client.limit(line, test, exempt)?;
            }
            _ => return None,
        }
        Some(())
    }

    /// Notes rules whose lists would be about other clients.
    fn check_level(
        &self,
        level: &str,
        decisions: &Decisions,
        first: Option<&Line>,
        section: &mut Section,
    ) {
        let Some(line) = first else { return };
        let decides = !decisions.rules.is_empty() || decisions.refuses_all_but_some;
        if level == "connection" && self.around.has_header && decides {
            let message = "`tcp-request connection`: it is about the proxy, and our lists are about its clients";
            section.comment_out(&line.place, message, "name the proxies in `from` of accept_proxy");
        }
        let is_unix =
            |listen: &Listen| matches!(listen, Listen::Other(text) if text.starts_with("unix:"));
        if decisions.refuses_all_but_some && self.around.listens.iter().any(is_unix) {
            let message = "clients of Unix sockets are rejected, and here they are always allowed";
            section.comment_out(&line.place, message, "set `mode` of the socket");
        }
    }

    fn finish(
        self,
        rules: &ClientRules<'a>,
        table_of: impl Fn(&str) -> Option<&'a Line>,
        section: &mut Section,
        grouped: &mut GroupedNotes,
    ) -> Hellos {
        if let Some(line) = self.refuses_plain {
            let words = quoted(&line.words.join(" "));
            if self.around.has_routes {
                let message = format!("{words}: a client without a hello gets the default target");
                section.not_converted(&line.place, message, "leave `to` out to refuse it");
            } else {
                let message =
                    format!("{words}: clients that do not begin with TLS would be served");
                section.comment_out(&line.place, message, "give it a `route`, or keep HAProxy");
            }
        }
        let table = match self.per_client.table() {
            Some(name) => table_of(name),
            None => rules.table,
        };
        if self.per_client.is_empty()
            && let Some(table) = rules.table
        {
            grouped.add(&table.place, "stick-table");
        }
        self.per_client.set(table, section, grouped);
        self.hellos
    }
}
