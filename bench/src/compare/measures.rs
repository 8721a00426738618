//! Measures of the comparison.

use super::job::Job;

/// One measure: one chart, one table.
#[derive(Clone, Debug)]
pub(crate) struct Measure {
    /// Selects it (`--only`), and names its files.
    pub(crate) key: String,
    /// Heading in the report.
    pub(crate) title: String,
    /// How it is measured, in one sentence.
    pub(crate) how: &'static str,
    pub(crate) job: Job,
    /// The figures it gives; the first is the one that counts.
    pub(crate) columns: Vec<Column>,
    /// The most sessions that it holds at once.
    pub(crate) sessions: usize,
}

/// One column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its key in the raw results.
    pub(crate) key: &'static str,
    /// Its name and unit.
    pub(crate) title: &'static str,
    /// Whether it is drawn.
    pub(crate) drawn: bool,
}

const fn drawn(key: &'static str, title: &'static str) -> Column {
    Column { key, title, drawn: true }
}

const fn told(key: &'static str, title: &'static str) -> Column {
    Column { key, title, drawn: false }
}

const CPU_PER_OP: Column = told("cpu_us", "its CPU, µs each");
const CPU_SECONDS: Column = told("cpu_s", "its CPU, s");
const PEAK: Column = told("peak_mib", "its peak memory, MiB");
const P50: Column = told("p50_us", "p50, µs");
const P99: Column = told("p99_us", "p99, µs");

/// All measures. `quick` holds fewer idle sessions.
pub(crate) fn all(quick: bool) -> Vec<Measure> {
    let mut measures = Vec::new();
    for (sessions, size) in [(1, 64), (64, 64), (1000, 64), (64, 4096), (64, 32_768)] {
        measures.push(rr(sessions, size));
    }
    measures.push(crr(32));
    measures.extend([1, 16].map(bulk));
    measures.push(probe());
    measures.extend([1, 16].map(beside));
    measures.push(balance(8, 2));
    measures.push(idle(if quick { 200 } else { 4000 }));
    measures.push(crowd(if quick { 300 } else { 9000 }));
    measures.push(forwards(if quick { 500 } else { 10_000 }));
    measures
}

fn rr(sessions: usize, size: usize) -> Measure {
    let bytes = if size < 1024 { format!("{size} B") } else { format!("{} KiB", size / 1024) };
    let many = if sessions == 1 { "1 session".to_owned() } else { format!("{sessions} sessions") };
    Measure {
        key: format!("rr-{size}-x{sessions}"),
        title: format!("{bytes} request and response, {many}"),
        how: "Closed loop: each session sends its next request when the response is complete.",
        job: Job::Rr { sessions, size },
        columns: vec![drawn("rate", "per second"), P50, P99, CPU_PER_OP, CPU_SECONDS, PEAK],
        sessions,
    }
}

fn crr(parallel: usize) -> Measure {
    Measure {
        key: "crr".to_owned(),
        title: format!("Connect, request, response, close; {parallel} at a time"),
        how: "64 bytes each way; the client closes with a FIN, from 16 source addresses.",
        job: Job::Crr { parallel },
        columns: vec![drawn("rate", "per second"), P50, P99, CPU_PER_OP, CPU_SECONDS, PEAK],
        sessions: parallel,
    }
}

fn bulk(streams: usize) -> Measure {
    let many = if streams == 1 { "1 stream".to_owned() } else { format!("{streams} streams") };
    Measure {
        key: format!("bulk-x{streams}"),
        title: format!("Bulk, {many}"),
        how: "To a sink, until it has read the last byte.",
        job: Job::Bulk { streams },
        columns: vec![
            drawn("rate", "GiB per second"),
            drawn("cpu_s_gib", "its CPU, s per GiB"),
            CPU_SECONDS,
            PEAK,
        ],
        sessions: streams,
    }
}

fn probe() -> Measure {
    Measure {
        key: "probe".to_owned(),
        title: "Latency of a probe under load".to_owned(),
        how: "Open loop, 64 B: the same load for all on 64 sessions, and one session that probes \
              at 1 % of it. The load is 70 % of what the slowest subject can do that does at \
              least three quarters of what the fastest forwarder does.",
        job: Job::Probe,
        columns: vec![
            drawn("p50_us", "p50, µs"),
            drawn("p99_us", "p99, µs"),
            told("p999_us", "p99.9, µs"),
            told("load", "load, per second"),
            CPU_SECONDS,
            PEAK,
        ],
        sessions: 65,
    }
}

fn beside(streams: usize) -> Measure {
    let many = if streams == 1 { "1 bulk stream" } else { &format!("{streams} bulk streams") };
    Measure {
        key: format!("beside-x{streams}"),
        title: format!("Latency of one session beside {many}"),
        how: "Open loop, 64 B, 200 per second: by itself, and then while the bulk streams run as \
              fast as they can. What they add to the p99 is theirs and the load generator's: \
              direct has the load generator's part.",
        job: Job::Beside { streams },
        columns: vec![
            drawn("p50_us", "p50, µs"),
            drawn("p99_us", "p99, µs"),
            drawn("added_us", "added to the p99, µs"),
            told("p999_us", "p99.9, µs"),
            told("bulk", "bulk, GiB per second"),
            CPU_SECONDS,
            PEAK,
        ],
        sessions: streams + 1,
    }
}

fn balance(streams: usize, workers: usize) -> Measure {
    Measure {
        key: "balance".to_owned(),
        title: format!("{streams} bulk streams on {workers} workers"),
        how: "How many streams a worker carries, told by what its epoll instance watches near the \
              end of the run. Where workers share one instance, any worker serves any stream, \
              and there is no figure.",
        job: Job::Balance { streams, workers },
        columns: vec![
            drawn("most", "streams of the busiest worker"),
            told("least", "streams of the least busy one"),
            told("rate", "GiB per second"),
            CPU_SECONDS,
            PEAK,
        ],
        sessions: streams,
    }
}

fn idle(sessions: usize) -> Measure {
    Measure {
        key: "idle".to_owned(),
        title: "An idle session".to_owned(),
        how: "The growth of RssAnon and of the open descriptors, per session; each has exchanged \
              one byte. Forwarders with a limit hold fewer sessions.",
        job: Job::Idle { sessions },
        columns: vec![
            drawn("bytes", "bytes of user memory"),
            told("descriptors", "descriptors"),
            told("sessions", "sessions held"),
            PEAK,
        ],
        // As many as the forwarder can hold; see `Job::Idle`.
        sessions: 1,
    }
}

fn crowd(idle: usize) -> Measure {
    Measure {
        key: "crowd".to_owned(),
        title: format!("64 busy sessions beside {idle} idle ones"),
        how: "64 B request and response, closed loop: beside one idle session, then beside many.",
        job: Job::Crowd { idle },
        columns: vec![
            told("rate_many", "per second beside many"),
            told("rate_one", "per second beside one"),
            drawn("kept", "% kept"),
            PEAK,
        ],
        sessions: idle + 64,
    }
}

fn forwards(count: usize) -> Measure {
    Measure {
        key: "forwards".to_owned(),
        title: format!("{count} forwards in one file"),
        how: "From the start of the process until the last forward of the file has carried a byte \
              there and back and all of them listen; and the memory then (VmRSS).",
        job: Job::Forwards { count },
        columns: vec![
            drawn("start_ms", "until all serve, ms"),
            drawn("rss_mib", "resident memory, MiB"),
            CPU_SECONDS,
            PEAK,
        ],
        sessions: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_are_unique_and_every_measure_has_a_chart() {
        let measures = all(false);
        let keys: HashSet<_> = measures.iter().map(|measure| &measure.key).collect();
        assert_eq!((keys.len(), measures.len()), (15, 15));
        assert!(measures.iter().all(|measure| measure.columns.iter().any(|column| column.drawn)));
    }
}
