//! The report of a reload or dry run, one line per change.

use crate::console::process_options::ProcessOptions;
use crate::console::screen::{Colour, Screen, columns};
use crate::console::units::seconds;
use api::{Change, ChangedForward, Effect, ForwardSummary, Reload, RemadeFile, Word};
use plan::counted;
use plan::{Section, Setting, escaped};
use std::slice;

struct Line {
    sign: char,
    name: String,
    text: String,
}

/// Renders a reload or a dry run. Both have the same lines; the heading names the difference.
pub(crate) fn text(reload: &Reload, options: &ProcessOptions, screen: &Screen) -> String {
    let lines: Vec<Line> = lines(reload).collect();
    let width = lines.iter().map(|line| columns(&line.name)).max().unwrap_or(0);
    let unchanged = format!("{} unchanged", counted(reload.unchanged, "forward"));
    let trial = reload.confirm_within.map(|within| trial(reload, within, options));
    let mut all = vec![heading(reload, lines.is_empty() && !reload.new_tokens)];
    all.extend(lines.iter().map(|line| line.render(width, screen)));
    all.extend(new_tokens(reload));
    all.push(unchanged);
    all.extend(reload.file.as_deref().map(|file| format!("file: {}", escaped(file))));
    all.extend(waiting(&reload.settings).map(|it| format!("waits for a restart: {it}")));
    all.extend(reload.skipped.iter().map(|skipped| format!("skipped: {}", escaped(skipped))));
    all.extend(trial);
    all.push(String::new());
    all.join("\n")
}

/// Renders the changes between two texts that no process runs yet: without sessions.
pub(crate) fn of_texts(
    added: &[ForwardSummary],
    changed: &[ChangedForward],
    removed: &[ForwardSummary],
    unchanged: usize,
    screen: &Screen,
) -> String {
    let changed = changed.iter().flat_map(|it| changes(&it.name, &it.changes, None));
    let added = added.iter().map(|forward| summary('+', forward, ""));
    let removed = removed.iter().map(|forward| summary('-', forward, ""));
    let lines: Vec<Line> = added.chain(changed).chain(removed).collect();
    let width = lines.iter().map(|line| columns(&line.name)).max().unwrap_or(0);
    let lines = lines.iter().map(|line| line.render(width, screen) + "\n").collect::<String>();
    format!("{lines}{} unchanged\n", counted(unchanged, "forward"))
}

/// The deadline of the trial, and the command that keeps its configuration.
pub(crate) fn on_trial(within: f64, generation: u64, options: &ProcessOptions) -> String {
    let within = seconds(within);
    let confirm = options.complete(&format!("`traffic-forwarder confirm {generation}`"));
    format!("reverts in {within} unless you run {confirm}")
}

fn trial(reload: &Reload, within: f64, options: &ProcessOptions) -> String {
    let generation = reload.generation;
    // After `plan`, an operator often runs a plain `reload`, which the process refuses during a
    // trial.
    let taken =
        if reload.dry_run { "; until then only `reload --confirm TIME` is accepted" } else { "" };
    let reverts = on_trial(within, generation, options);
    format!("generation {generation} is on trial and {reverts}{taken}")
}

fn new_tokens(reload: &Reload) -> Option<String> {
    let text = if reload.dry_run {
        "the file of the admin tokens has others: a reload puts them in force"
    } else {
        "the admin tokens were read again: others are in force"
    };
    reload.new_tokens.then(|| text.to_owned())
}

impl Line {
    fn render(&self, width: usize, screen: &Screen) -> String {
        let Self { sign, name, text } = self;
        let padding = " ".repeat(width - columns(name));
        let sign = screen.paint(&sign.to_string(), Some(colour(*sign)));
        format!("{sign} {name}{padding}  {text}")
    }
}

fn heading(reload: &Reload, nothing: bool) -> String {
    match (reload.dry_run, nothing) {
        (true, true) => "dry run: a reload would change nothing".to_owned(),
        (true, false) => "dry run: a reload would make these changes:".to_owned(),
        (false, true) => {
            format!("reloaded: generation {}, no changes", reload.generation)
        }
        (false, false) => format!("reloaded: generation {}", reload.generation),
    }
}

/// Settings that need a restart, each with its table, its configured value and the value in force.
pub(crate) fn waiting(settings: &[Change]) -> impl Iterator<Item = String> {
    settings.iter().filter(|it| it.effect == Effect::Restart).map(|it| {
        let table = table_of(it);
        let configured = match &it.new {
            Some(value) => format!("= {value}"),
            None => "is not set".to_owned(),
        };
        let in_force = it.old.as_deref().unwrap_or("not set");
        escaped(&format!("{table} {} {configured} (in force: {in_force})", it.key))
    })
}

fn lines(reload: &Reload) -> impl Iterator<Item = Line> {
    let settings = reload.settings.iter().filter(|it| it.effect != Effect::Restart);
    let settings = settings.flat_map(|it| changes(table_of(it), slice::from_ref(it), None));
    let changed = reload.changed.iter();
    let changed = changed.flat_map(|it| changes(&it.name, &it.changes, Some(it.sessions)));
    let added = reload.added.iter().map(|forward| summary('+', forward, ""));
    let again = if reload.dry_run { " (skipped: would be retried)" } else { " (bound again)" };
    let retried = reload.retried.iter().map(move |forward| summary('+', forward, again));
    let remade = reload.remade.iter().map(|file| remade(file, reload.dry_run));
    let removed = reload.removed.iter().map(|forward| {
        let open = match forward.sessions {
            0 => " (no open sessions)".to_owned(),
            1 => " (1 open session drains)".to_owned(),
            open => format!(" ({open} open sessions drain)"),
        };
        summary('-', forward, &open)
    });
    settings.chain(added).chain(retried).chain(remade).chain(changed).chain(removed)
}

/// A recreated socket file. The forward may be otherwise unchanged.
fn remade(RemadeFile { name, listen }: &RemadeFile, dry_run: bool) -> Line {
    let what = if dry_run { "is missing and would be recreated" } else { "was recreated" };
    let text = format!("{listen}: its socket file {what}");
    Line { sign: '+', name: escaped(name), text: escaped(&text) }
}

/// The table of the file that contains a process-wide setting.
fn table_of(change: &Change) -> &str {
    // An older process does not say it.
    change.section.as_deref().unwrap_or_else(|| {
        let of_process = |it: &&Setting| matches!(it.section, Section::Process | Section::Log);
        let setting = plan::settings().iter().filter(of_process).find(|it| it.key == change.key);
        // A newer process may report a setting that this version does not have.
        setting.map_or("settings", |it| it.section.header())
    })
}

fn summary(sign: char, forward: &ForwardSummary, end: &str) -> Line {
    let text = format!("{} -> {}{end}", forward.listen, forward.to);
    Line { sign, name: escaped(&forward.name), text: escaped(&text) }
}

/// One line per changed key. `open` is the number of open sessions of the forward.
fn changes(name: &str, changes: &[Change], open: Option<u32>) -> impl Iterator<Item = Line> {
    changes.iter().map(move |change| {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
        let what = match change.parts.join(", ") {
            parts if parts.is_empty() => {
                format!("{} -> {}", value(&change.old), value(&change.new))
            }
            parts => parts,
        };
        let open = open.map_or_else(String::new, |open| format!("; {open} open"));
        let text = format!("{}: {what} ({}{open})", change.key, effect(&change.effect));
        Line { sign: '~', name: escaped(name), text: escaped(&text) }
    })
}

fn effect(effect: &Word<Effect>) -> String {
    match effect {
        Word::Known(Effect::NewSessions) => "applies to new sessions".to_owned(),
        Word::Known(Effect::AllSessions) => "applies to all sessions".to_owned(),
        Word::Known(Effect::Process) => "applies at once".to_owned(),
        other => other.as_str().replace('_', " "),
    }
}

fn colour(sign: char) -> Colour {
    match sign {
        '+' => Colour::Good,
        '-' => Colour::Bad,
        _ => Colour::Notable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Screen = Screen { size: None, colours: false };

    fn forward(name: &str, sessions: u32) -> ForwardSummary {
        let (listen, to) = (":80".to_owned(), "web:8080".to_owned());
        ForwardSummary { name: name.to_owned(), listen, to, sessions }
    }

    fn change(key: &str, effect: &str) -> Change {
        let (key, effect) = (key.to_owned(), Word::of(effect));
        Change {
            section: None,
            key,
            old: Some("1h".to_owned()),
            new: None,
            parts: Vec::new(),
            effect,
        }
    }

    fn reload(dry_run: bool) -> Reload {
        let parts = ["added 'b:1'", "removed 'a:1'"].map(str::to_owned).to_vec();
        let to = Change { parts, ..change("to", "new_sessions") };
        let changes = vec![change("idle_timeout", "all_sessions"), to];
        Reload {
            new_tokens: false,
            dry_run,
            file: Some("/etc/a.conf".to_owned()),
            generation: 3,
            added: vec![forward("web", 0)],
            changed: vec![ChangedForward { name: "database".to_owned(), sessions: 2, changes }],
            removed: vec![forward("old", 1)],
            unchanged: 7,
            retried: vec![forward(":90", 0)],
            remade: vec![RemadeFile { name: "db".to_owned(), listen: "unix:/db".to_owned() }],
            settings: vec![change("workers", "restart"), change("level", "process")],
            skipped: vec!["a.conf:3:1: `x` is not a port".to_owned()],
            confirm_within: Some(60.0),
        }
    }

    #[test]
    fn every_change_is_listed_with_the_sessions_it_affects() {
        let expected = "\
reloaded: generation 3
~ [log]     level: 1h -> not set (applies at once)
+ web       :80 -> web:8080
+ :90       :80 -> web:8080 (bound again)
+ db        unix:/db: its socket file was recreated
~ database  idle_timeout: 1h -> not set (applies to all sessions; 2 open)
~ database  to: added 'b:1', removed 'a:1' (applies to new sessions; 2 open)
- old       :80 -> web:8080 (1 open session drains)
7 forwards unchanged
file: /etc/a.conf
waits for a restart: [process] workers is not set (in force: 1h)
skipped: a.conf:3:1: `x` is not a port
generation 3 is on trial and reverts in 1m00s unless you run `traffic-forwarder confirm 3`
";
        assert_eq!(text(&reload(false), &ProcessOptions::default(), &SCREEN), expected);
    }

    #[test]
    fn a_dry_run_reads_like_the_reload_but_for_its_heading_and_tenses() {
        let [dry, done] =
            [true, false].map(|dry| text(&reload(dry), &ProcessOptions::default(), &SCREEN));
        assert!(dry.starts_with("dry run: a reload would make these changes:\n"), "{dry}");
        let dry = dry.replace("(skipped: would be retried)", "(bound again)");
        let dry = dry.replace("is missing and would be recreated", "was recreated");
        let dry = dry.replace("; until then only `reload --confirm TIME` is accepted", "");
        assert!(dry.lines().skip(1).eq(done.lines().skip(1)), "{dry}{done}");
    }

    #[test]
    fn a_reload_without_changes_says_so() {
        let none = Reload {
            added: Vec::new(),
            changed: Vec::new(),
            retried: Vec::new(),
            remade: Vec::new(),
            removed: Vec::new(),
            settings: Vec::new(),
            unchanged: 1,
            skipped: Vec::new(),
            confirm_within: None,
            ..reload(false)
        };
        let expected =
            "reloaded: generation 3, no changes\n1 forward unchanged\nfile: /etc/a.conf\n";
        assert_eq!(text(&none, &ProcessOptions::default(), &SCREEN), expected);
    }

    /// Settings that wait for a restart are not part of the reload.
    #[test]
    fn a_dry_run_does_not_count_settings_that_need_a_restart() {
        let workers = Change {
            section: None,
            key: "workers".to_owned(),
            old: Some("\"auto\"".to_owned()),
            new: Some("1".to_owned()),
            parts: Vec::new(),
            effect: Effect::Restart.into(),
        };
        let only = Reload {
            added: Vec::new(),
            changed: Vec::new(),
            retried: Vec::new(),
            remade: Vec::new(),
            removed: Vec::new(),
            settings: vec![workers],
            unchanged: 1,
            skipped: Vec::new(),
            confirm_within: None,
            ..reload(true)
        };
        let expected = "dry run: a reload would change nothing\n\
                        1 forward unchanged\n\
                        file: /etc/a.conf\n\
                        waits for a restart: [process] workers = 1 (in force: \"auto\")\n";
        assert_eq!(text(&only, &ProcessOptions::default(), &SCREEN), expected);
    }
}
