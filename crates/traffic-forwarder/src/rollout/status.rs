//! `rollout status`: where each instance stands.

use crate::console::failure::CommandError;
use crate::console::screen::{Colour, Screen, cut, cut_within};
use crate::console::table::{Cell, Table, address, number, text, word};
use crate::console::units::seconds;
use crate::console::watch;
use crate::exit::Exit;
use crate::output::{say, say_json};
use crate::rollout::args;
use crate::rollout::locate::{self, Located};
use crate::rollout::reading;
use fleet::{Current, Found, Instance, InstanceState, TextHash, bounded};
use plan::{counted, escaped};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::SystemTime;

/// The width of most reasons.
const REASON: usize = 40;

/// The most columns of a name: any writer of the store chooses it. [`bounded`] counts what has no column, too.
const NAME: usize = 64;
/// The most columns of a version, likewise.
const VERSION: usize = 24;

/// The state of a fleet.
#[derive(Serialize)]
struct Status {
    /// `None` before the first publication.
    #[serde(flatten)]
    current: Option<Box<Current>>,
    instances: Vec<Row>,
    /// Names of instances whose status cannot be read.
    unreadable: Vec<String>,
    store: Vec<Member>,
}

/// One instance.
#[derive(Serialize)]
struct Row {
    name: String,
    /// The revision with which the text that it runs was published, if the store knows it.
    runs_revision: Option<u64>,
    #[serde(flatten)]
    instance: Instance,
}

/// One member of the store.
#[derive(Serialize)]
struct Member {
    endpoint: String,
    version: Option<String>,
    leader: bool,
    error: Option<String>,
}

pub(crate) async fn run(args: &args::Status) -> Result<Exit, CommandError> {
    let store = locate::find(&args.store)?;
    match args.watch.watch {
        Some(period) if args.json => watch::lines(period, async || read(&store).await).await,
        Some(period) => {
            let draw = async |screen: &Screen| Ok(show(&read(&store).await?, screen));
            watch::pages(period, draw).await
        }
        None => {
            let status = read(&store).await?;
            Ok(if args.json { say_json(&status) } else { say(&show(&status, &Screen::now())) })
        }
    }
}

async fn read(store: &Located) -> Result<Status, CommandError> {
    let (reading, members) = tokio::join!(reading::read_once(store), store.etcd.members());
    let reading = reading?;
    let current = match reading.found {
        Found::Damaged(damage) => return Err(reading::failed(&damage)),
        Found::Nothing => None,
        Found::Current(current) => Some(current),
    };
    let row = |(name, instance): (String, Instance)| Row {
        runs_revision: runs_revision(current.as_deref(), &instance),
        name,
        instance,
    };
    let instances = reading.instances.into_iter().map(row).collect();
    let members = members.into_iter().map(|member| match member.result {
        Ok(it) => {
            let (version, leader) = (Some(it.version), it.is_leader);
            Member { endpoint: member.endpoint, version, leader, error: None }
        }
        Err(error) => {
            let error = Some(error.to_string());
            Member { endpoint: member.endpoint, version: None, leader: false, error }
        }
    });
    let unreadable = reading.unreadable.into_iter().collect();
    Ok(Status { instances, unreadable, store: members.collect(), current })
}

/// The revision with which a running text was published.
fn runs_revision(current: Option<&Current>, instance: &Instance) -> Option<u64> {
    let (current, runs) = (current?, instance.runs?);
    let on_trial = current.trial.as_ref().filter(|trial| trial.text == runs);
    let on_trial = on_trial.map(|_| current.revision);
    let earlier = current.earlier.iter().find(|earlier| earlier.text == runs);
    let earlier = earlier.map(|earlier| earlier.revision);
    if instance.state == InstanceState::Trying {
        on_trial.or(earlier)
    } else {
        earlier.or(on_trial)
    }
}

fn show(status: &Status, screen: &Screen) -> String {
    let now = SystemTime::now();
    let mut all = format!("{}   {}\n", head(status, now), store(&status.store));
    let note = status.current.as_ref().map_or("", |current| current.note.as_str());
    if !note.is_empty() {
        all.extend(["note: ", &escaped(&bounded(note)), "\n"]);
    }
    // A fault of the whole store is the same error at each member.
    let faults: BTreeSet<_> = status.store.iter().filter_map(|it| it.error.as_ref()).collect();
    for error in faults {
        all += &(screen.paint(&format!("store: {}", escaped(&bounded(error))), Some(Colour::Bad))
            + "\n");
    }
    for name in &status.unreadable {
        let name = cut_within(&escaped(&bounded(name)), NAME);
        let text = format!("the status of {name} is not the JSON of an instance");
        all += &(screen.paint(&text, Some(Colour::Bad)) + "\n");
    }
    if !status.instances.is_empty() {
        all += "\n";
        all += &table(status, now).render(screen);
    }
    all
}

fn head(status: &Status, now: SystemTime) -> String {
    let count = status.instances.len();
    let Some(current) = &status.current else {
        let instances = match count {
            0 => "no instance is alive".to_owned(),
            count => format!("{} waiting", counted(count, "instance")),
        };
        return format!("nothing has been published yet: {instances}");
    };
    let age = age(&current.at, now);
    let ago = age.map_or_else(String::new, |age| format!(" {} ago", seconds(age)));
    let running = |text: TextHash| {
        let runs = |row: &&Row| row.instance.runs == Some(text);
        status.instances.iter().filter(runs).count()
    };
    let state = match (&current.trial, current.stable) {
        (Some(trial), _) => {
            let hold = trial.hold.as_secs_f64();
            let time = match age {
                Some(age) if age < hold => format!(", {age:.0} s of {hold:.0} s"),
                Some(_) => format!(", its {hold:.0} s are over"),
                None => String::new(),
            };
            format!("trying on {} of {count}{time}", running(trial.text))
        }
        (None, Some(stable)) => {
            let since = current.stable_revision().filter(|since| *since != current.revision);
            let text =
                since.map_or_else(String::new, |since| format!("the text of revision {since} is "));
            format!("{text}stable on {} of {count}", running(stable))
        }
        (None, None) => "no text is stable yet".to_owned(),
    };
    let by = cut_within(&escaped(&bounded(&current.by)), NAME);
    format!("revision {} by {by}{ago}: {state}", current.revision)
}

fn store(members: &[Member]) -> String {
    let working = members.iter().filter(|member| member.error.is_none()).count();
    format!("store: {working} of {}", members.len())
}

/// The whole seconds since a time in RFC 3339, which another host may have written.
fn age(at: &str, now: SystemTime) -> Option<f64> {
    let at = humantime::parse_rfc3339(at).ok()?;
    Some(now.duration_since(at).unwrap_or_default().as_secs_f64().floor())
}

fn table(status: &Status, now: SystemTime) -> Table<9> {
    let has_reasons = status.instances.iter().any(|row| !row.instance.why.is_empty());
    let columns = [
        address("INSTANCE"),
        word("VERSION").rank(4),
        word("RUNS").rank(1),
        word("STATE"),
        number("SINCE").rank(3),
        number("SESSIONS").rank(5),
        number("CONNECTS").rank(7),
        number("FAILED").rank(6),
        text("WHY").comfortable(REASON).only_if(has_reasons),
    ];
    Table::new(columns, status.instances.iter().map(|row| cells(row, now)))
}

fn cells(Row { name, runs_revision, instance }: &Row, now: SystemTime) -> [Cell; 9] {
    let runs = match (runs_revision, instance.runs) {
        (Some(revision), _) => revision.to_string(),
        (None, Some(hash)) => hash.short(),
        (None, None) => "-".to_owned(),
    };
    let colour = match instance.state {
        InstanceState::Stable | InstanceState::Confirmed => Colour::Good,
        InstanceState::Trying => Colour::Notable,
        InstanceState::Refused | InstanceState::FellBack => Colour::Bad,
    };
    let why = if instance.why.is_empty() { "-".to_owned() } else { bounded(&instance.why) };
    let since = age(&instance.since, now).map_or_else(|| "-".to_owned(), seconds);
    [
        Cell::from(cut_within(&escaped(&bounded(name)), NAME)),
        Cell::from(cut(&escaped(&bounded(&instance.version)), VERSION)),
        runs.into(),
        Cell::coloured(instance.state.to_string(), Some(colour)),
        since.into(),
        instance.sessions.to_string().into(),
        instance.connects.tried.to_string().into(),
        instance.connects.failed.to_string().into(),
        why.into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_age_has_no_fractions_of_a_second() {
        let at = humantime::parse_rfc3339("2026-12-02T10:00:00Z").unwrap();
        let shown = |millis| {
            let now = at + Duration::from_millis(millis);
            seconds(age("2026-12-02T10:00:00Z", now).unwrap())
        };
        assert_eq!([0, 342, 1999, 61_700].map(shown), ["0s", "0s", "1s", "1m01s"]);
        let early = at - Duration::from_secs(5);
        assert_eq!(age("2026-12-02T10:00:00Z", early), Some(0.0), "of a clock that is ahead");
    }
}
