//! What a reload changed, or would, line by line.

use crate::console::same_process::SameProcess;
use crate::console::screen::{Colour, Screen, columns};
use crate::console::units::seconds;
use api::{Change, Effect, ForwardSummary, Reload, RemadeFile, Word};
use plan::counted;
use plan::{Section, Setting, escaped};
use std::slice;

struct Line {
    sign: char,
    name: String,
    text: String,
}

/// The same lines whether it was done or only asked for; the heading says which.
pub(crate) fn text(reload: &Reload, same: &SameProcess, screen: &Screen) -> String {
    let lines: Vec<Line> = lines(reload).collect();
    let width = lines.iter().map(|line| columns(&line.name)).max().unwrap_or(0);
    let stays = if reload.unchanged == 1 { "stays as it is" } else { "stay as they are" };
    let unchanged = format!("{} {stays}", counted(reload.unchanged, "forward"));
    let trial = reload.confirm_within.map(|within| trial(reload, within, same));
    let mut all = vec![heading(reload, lines.is_empty())];
    all.extend(lines.iter().map(|line| line.render(width, screen)));
    all.push(unchanged);
    all.extend(waiting(&reload.settings).map(|it| format!("waits for a restart: {it}")));
    all.extend(reload.skipped.iter().map(|skipped| format!("skipped: {}", escaped(skipped))));
    all.extend(trial);
    all.push(String::new());
    all.join("\n")
}

/// The deadline of the trial, and the command that keeps its configuration.
pub(crate) fn on_trial(within: f64, generation: u64, same: &SameProcess) -> String {
    let within = seconds(within);
    let confirm = same.complete(&format!("`traffic-forwarder confirm {generation}`"));
    format!("goes back in {within} unless {confirm} follows")
}

fn trial(reload: &Reload, within: f64, same: &SameProcess) -> String {
    let generation = reload.generation;
    // A plan is likely followed by a plain reload, which the trial refuses.
    let taken =
        if reload.dry_run { "; until then only `reload --confirm TIME` is taken" } else { "" };
    let goes_back = on_trial(within, generation, same);
    format!("generation {generation} is on trial and {goes_back}{taken}")
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
        (true, true) => "nothing was changed, and a reload would change nothing".to_owned(),
        (true, false) => "nothing was changed; a reload would do this:".to_owned(),
        (false, true) => {
            format!("reloaded, and nothing is different: generation {}", reload.generation)
        }
        (false, false) => format!("reloaded: generation {}", reload.generation),
    }
}

/// The settings that no reload applies, each with its table, as configured and as in force.
pub(crate) fn waiting(settings: &[Change]) -> impl Iterator<Item = String> {
    settings.iter().filter(|it| it.effect == Effect::Restart).map(|it| {
        let table = table_of(&it.key);
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
    let settings = settings.flat_map(|it| changes(table_of(&it.key), slice::from_ref(it), None));
    let changed = reload.changed.iter();
    let changed = changed.flat_map(|it| changes(&it.name, &it.changes, Some(it.sessions)));
    let added = reload.added.iter().map(|forward| summary('+', forward, ""));
    let again = if reload.dry_run { " (skipped: would be tried again)" } else { " (bound again)" };
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

/// Its forward may be unchanged otherwise.
fn remade(RemadeFile { name, listen }: &RemadeFile, dry_run: bool) -> Line {
    let what = if dry_run { "is missing, and would be made again" } else { "was made again" };
    let text = format!("{listen}: its socket file {what}");
    Line { sign: '+', name: escaped(name), text: escaped(&text) }
}

/// The table that a setting of the whole process stands in.
fn table_of(key: &str) -> &'static str {
    let of_process = |it: &&Setting| matches!(it.section, Section::Process | Section::Log);
    let setting = plan::settings().iter().filter(of_process).find(|it| it.key == key);
    // A newer process may have one that is not known here.
    setting.map_or("settings", |it| it.section.header())
}

fn summary(sign: char, forward: &ForwardSummary, end: &str) -> Line {
    let text = format!("{} -> {}{end}", forward.listen, forward.to);
    Line { sign, name: escaped(&forward.name), text: escaped(&text) }
}

/// One line for each key. `open` is how many sessions there are.
fn changes(name: &str, changes: &[Change], open: Option<u32>) -> impl Iterator<Item = Line> {
    changes.iter().map(move |change| {
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
        let (old, new) = (value(&change.old), value(&change.new));
        let open = open.map_or_else(String::new, |open| format!("; {open} open"));
        let text = format!("{}: {old} -> {new} ({}{open})", change.key, effect(&change.effect));
        Line { sign: '~', name: escaped(name), text: escaped(&text) }
    })
}

fn effect(effect: &Word<Effect>) -> String {
    match effect {
        Word::Known(Effect::NewSessions) => "holds for new sessions".to_owned(),
        Word::Known(Effect::AllSessions) => "holds for all sessions".to_owned(),
        Word::Known(Effect::Process) => "holds at once".to_owned(),
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
    use api::ChangedForward;

    const SCREEN: Screen = Screen { size: None, colours: false };

    fn forward(name: &str, sessions: u32) -> ForwardSummary {
        let (listen, to) = (":80".to_owned(), "web:8080".to_owned());
        ForwardSummary { name: name.to_owned(), listen, to, sessions }
    }

    fn change(key: &str, effect: &str) -> Change {
        let (key, effect) = (key.to_owned(), Word::of(effect));
        Change { key, old: Some("1h".to_owned()), new: None, effect }
    }

    fn reload(dry_run: bool) -> Reload {
        let changes = vec![change("idle_timeout", "all_sessions"), change("to", "new_sessions")];
        Reload {
            dry_run,
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
    fn every_change_is_told_with_the_sessions_it_touches() {
        let expected = "\
reloaded: generation 3
~ [log]     level: 1h -> not set (holds at once)
+ web       :80 -> web:8080
+ :90       :80 -> web:8080 (bound again)
+ db        unix:/db: its socket file was made again
~ database  idle_timeout: 1h -> not set (holds for all sessions; 2 open)
~ database  to: 1h -> not set (holds for new sessions; 2 open)
- old       :80 -> web:8080 (1 open session drains)
7 forwards stay as they are
waits for a restart: [process] workers is not set (in force: 1h)
skipped: a.conf:3:1: `x` is not a port
generation 3 is on trial and goes back in 1m00s unless `traffic-forwarder confirm 3` follows
";
        assert_eq!(text(&reload(false), &SameProcess::default(), &SCREEN), expected);
    }

    #[test]
    fn a_dry_run_differs_in_its_heading_and_in_what_is_done_only() {
        let [dry, done] =
            [true, false].map(|dry| text(&reload(dry), &SameProcess::default(), &SCREEN));
        assert!(dry.starts_with("nothing was changed; a reload would do this:\n"), "{dry}");
        let dry = dry.replace("(skipped: would be tried again)", "(bound again)");
        let dry = dry.replace("is missing, and would be made again", "was made again");
        let dry = dry.replace("; until then only `reload --confirm TIME` is taken", "");
        assert!(dry.lines().skip(1).eq(done.lines().skip(1)), "{dry}{done}");
    }

    #[test]
    fn no_change_is_told_too() {
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
            "reloaded, and nothing is different: generation 3\n1 forward stays as it is\n";
        assert_eq!(text(&none, &SameProcess::default(), &SCREEN), expected);
    }

    /// A reload does not do what is left for a restart.
    #[test]
    fn a_dry_run_promises_nothing_of_what_waits_for_a_restart() {
        let workers = Change {
            key: "workers".to_owned(),
            old: Some("\"auto\"".to_owned()),
            new: Some("1".to_owned()),
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
        let expected = "nothing was changed, and a reload would change nothing\n\
                        1 forward stays as it is\n\
                        waits for a restart: [process] workers = 1 (in force: \"auto\")\n";
        assert_eq!(text(&only, &SameProcess::default(), &SCREEN), expected);
    }
}
