//! The results as a page.

use std::fmt::Write;

use super::FleetOptions;
use super::cases::Played;
use super::large::Published;
use super::ledger::Counts;
use super::model::{Model, Rates};
use super::times::Times;
use crate::stats::{Spread, figure, float, wide};
use crate::trial::page::write_table;
use crate::trial::table::Table;

/// The results of a run.
#[derive(Default)]
pub(super) struct Results {
    pub(super) facts: Vec<(&'static str, String)>,
    /// CPUs that other programs kept busy during the run.
    pub(super) others: f64,
    pub(super) cases: Vec<Played>,
    pub(super) times: Times,
    pub(super) counts: Counts,
    pub(super) large: Vec<Published>,
    pub(super) model: Option<Model>,
}

const HEAD: &str = "\
# A fleet under faults and load

Written by `make fleet`; nothing in it is typed by hand. `bench/src/fleet` plays it, in namespaces of its own, and writes this
page only if every promise was kept: otherwise it ends with the first one that was broken.

";

/// CPUs that other programs may keep busy on a machine that counts as quiet.
const QUIET: f64 = 0.2;

const SHARED: &str = "
**The machine was shared with other programs during this run**: times are longer than those of a quiet one.
";

/// Writing to a string does not fail: the results of `write!` are of no interest.
pub(super) fn write(options: &FleetOptions, results: &Results) -> String {
    let mut page = String::from(HEAD);
    page.push_str("| | |\n|---|---|\n");
    for (name, value) in &results.facts {
        let _ = writeln!(page, "| {name} | {value} |");
    }
    if results.others > QUIET {
        page.push_str(SHARED);
    }
    if !results.cases.is_empty() {
        cases(&mut page, options, results);
    }
    if !results.times.rows.is_empty() {
        times(&mut page, options, &results.times);
    }
    if !results.large.is_empty() {
        large(&mut page, &results.large);
    }
    if let Some(results) = &results.model {
        model(&mut page, results);
    }
    page
}

fn cases(page: &mut String, options: &FleetOptions, results: &Results) {
    let (instances, all) = (options.instances(), options.forwards());
    let (forwards, unchanged) = (count(wide(all)), count(wide(all - 10)));
    let Counts { short, messages, bytes, killed } = results.counts;
    let [short, messages, killed] = [short, messages, killed].map(count);
    let mebibytes = count(bytes >> 20);
    let _ = write!(
        page,
        "\n## Traffic through everything\n\n\
         Three members of etcd, {instances} instances with a loopback address each, and one text of {forwards} forwards, each with a \
         target address of its own. Of these, {unchanged} are equal in all texts, and the others lead elsewhere in each. \
         Each unchanged forward has a session at one of the instances that sends a message of up to 8 KiB every second and \
         goes on through all cases; {rate} times a second, another session begins at any instance and forward, sends a message \
         and ends. Both ends compare every byte, and the client the address of the target. A session is stuck after 15 s without \
         an answer.\n\n\
         After each case, every instance has the same revision, runs its text, and leads each changed forward to its target. \
         Over all cases and rounds: {short} short sessions, {messages} messages, {mebibytes} MiB compared, **no byte wrong, and \
         no session cut** but {killed} of killed instances.\n",
        rate = options.short_rate(),
    );
    let rows = results.cases.iter().map(|it| {
        let counts = [it.counts.short, it.counts.messages, it.counts.killed];
        let [short, messages, killed] = counts.map(count);
        let time = format!("{:.1} s", it.time.as_secs_f64());
        (it.title.to_owned(), vec![it.result.clone(), time, short, messages, killed])
    });
    let table = Table {
        title: String::new(),
        columns: &[
            "result",
            "time",
            "short sessions meanwhile",
            "messages",
            "sessions of killed instances",
        ],
        rows: rows.collect(),
    };
    write_table(page, &table);
}

fn times(page: &mut String, options: &FleetOptions, times: &Times) {
    let _ = write!(
        page,
        "\n## Times\n\nIn milliseconds, of {} rounds each, with the traffic above. An instance runs or confirms a text when its status in the \
         store says so; an observer with a watch sees that and the decisions of the publisher within a few milliseconds.\n",
        options.rounds()
    );
    let rows = times.rows.iter().filter_map(|(name, values)| {
        let Spread { low, median, high } = Spread::of(values)?;
        Some(((*name).to_owned(), [median, low, high].map(figure).to_vec()))
    });
    let table = Table {
        title: String::new(),
        columns: &["median", "lowest", "highest"],
        rows: rows.collect(),
    };
    write_table(page, &table);
}

fn large(page: &mut String, published: &[Published]) {
    page.push_str(
        "\n## A large text\n\n\
         One text at one instance, with a hold of 1 s, from the start of `publish` until the instance runs or refuses it. Each forward has a \
         listener, and each listener is an open file: a text beyond the host's limit of open files is refused as a whole, with the \
         message below, and then as many forwards are published as 2,000 files less than the limit. Bytes go through 200 of them.\n",
    );
    let rows = published.iter().map(|it| {
        let mebibytes = |bytes: u64| format!("{} MiB", figure(float(bytes) / float(1 << 20)));
        let parts = if it.parts == 1 { "part" } else { "parts" };
        let stored = format!("{} in {} {parts}", mebibytes(it.stored), it.parts);
        let result = if it.refusal.is_some() { "refused" } else { "runs" };
        let time = format!("{:.2} s", it.time.as_secs_f64());
        (
            it.what.clone(),
            vec![mebibytes(it.bytes), stored, result.to_owned(), time, mebibytes(it.rss)],
        )
    });
    let columns = &["text", "in the store", "result", "after", "memory of the instance"];
    write_table(page, &Table { title: String::new(), columns, rows: rows.collect() });
    for refusal in published.iter().filter_map(|it| it.refusal.as_ref()) {
        let _ = write!(page, "\n```text\n{refusal}\n```\n");
    }
}

fn model(page: &mut String, model: &Model) {
    let Model { instances, started, rest, trial, read, confirmed } = model;
    let [read, confirmed] =
        [read, confirmed].map(|times| times.map(|time| figure(time.as_secs_f64())));
    let _ = write!(
        page,
        "\n## {} instances at one member\n\n\
         A model: each instance has the client, the decisions and the times of a real one (`crates/fleet`), and runs nothing. They start at a \
         hundred a second; after {} s all had a status. Then `publish` puts a text of 1,000 forwards on trial at all. Half of them ran it {} s after the \
         trial was in the store, and all after {} s: each waits for a random time of up to 2 s, so that they do not all read at once. \
         Half had confirmed it {} s after it was stable, all after {} s. No request failed, and no lease expired.\n",
        count(wide(*instances)),
        figure(started.as_secs_f64()),
        read[0],
        read[1],
        confirmed[0],
        confirmed[1],
    );
    let row =
        |name: &str, of: &dyn Fn(&Rates) -> String| (name.to_owned(), vec![of(rest), of(trial)]);
    let rows = vec![
        row("reads in a second", &|it| figure(it.reads)),
        row("writes of a status in a second", &|it| figure(it.writes)),
        row("renewals of a lease in a second", &|it| figure(it.renewals)),
        row("watches", &|it| format!("{:.0}", it.watches)),
        row("leases", &|it| format!("{:.0}", it.leases)),
        row("CPUs busy with etcd", &|it| figure(it.cpus)),
        row("memory of etcd", &|it| format!("{} MiB", it.rss >> 20)),
        row("CPUs busy with the model itself", &|it| figure(it.own_cpus)),
    ];
    let columns = &["at rest", "during the trial"];
    write_table(page, &Table { title: String::new(), columns, rows });
}

/// A number of things, with groups of digits.
fn count(number: u64) -> String {
    if number < 1000 { number.to_string() } else { figure(float(number)) }
}
