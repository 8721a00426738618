//! The counters of a member of etcd, and of its process.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use testkit::{Etcd, Http};

use super::Rates;

/// Counters at one moment.
pub(super) struct Reading {
    at: Instant,
    /// Of all requests, those of the JSON interface included (<https://etcd.io/docs/latest/metrics/>).
    reads: f64,
    writes: f64,
    watches: f64,
    leases: usize,
    cpu: Duration,
    own_cpu: Duration,
    rss: u64,
}

impl Reading {
    pub(super) fn of(cluster: &Etcd) -> Self {
        let endpoint: Option<SocketAddr> = cluster.endpoints()[0].parse().ok();
        let address = endpoint.expect("an endpoint is an address");
        let metrics = Http::new(address).get("/metrics").success().body;
        let leases = cluster.ctl(["lease", "list"]);
        let process = cluster.process(0);
        Self {
            at: Instant::now(),
            reads: sum(&metrics, "grpc_server_handled_total", r#"grpc_method="Range""#),
            writes: sum(&metrics, "grpc_server_handled_total", r#"grpc_method="Txn""#),
            watches: sum(&metrics, "etcd_debugging_mvcc_watcher_total", ""),
            leases: leases.lines().filter(|line| is_lease(line)).count(),
            cpu: process.cpu_time(),
            own_cpu: own_cpu(),
            rss: process.rss_bytes(),
        }
    }

    /// Rates since an earlier reading, with this number of renewals.
    pub(super) fn since(&self, before: &Self, renewals: f64) -> Rates {
        let seconds = (self.at - before.at).as_secs_f64();
        let cpus = |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64() / seconds;
        Rates {
            reads: (self.reads - before.reads) / seconds,
            writes: (self.writes - before.writes) / seconds,
            renewals: renewals / seconds,
            watches: self.watches,
            leases: crate::stats::float(crate::stats::wide(self.leases)),
            cpus: cpus(self.cpu, before.cpu),
            rss: self.rss,
            own_cpus: cpus(self.own_cpu, before.own_cpu),
        }
    }
}

/// The sum of a metric over all labels with this part.
fn sum(metrics: &str, name: &str, label: &str) -> f64 {
    let of = |line: &str| {
        let labels = line.strip_prefix(name)?;
        let (labels, value) = labels.rsplit_once(' ')?;
        let is_it = labels.is_empty() || labels.starts_with('{') && labels.contains(label);
        is_it.then(|| value.parse::<f64>().ok()).flatten()
    };
    metrics.lines().filter_map(of).sum()
}

/// A line of `etcdctl lease list`: an identifier in hexadecimal digits.
fn is_lease(line: &str) -> bool {
    !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// CPU time of this process, which runs the model.
fn own_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_summed_over_their_labels() {
        let metrics = "# HELP a x\na 3\na_b 7\nh{m=\"Range\",c=\"OK\"} 10\nh{m=\"Range\",c=\"No\"} 2\nh{m=\"Txn\"} 1e+3\n";
        assert!((sum(metrics, "a", "") - 3.0).abs() < 1e-9);
        assert!((sum(metrics, "h", "m=\"Range\"") - 12.0).abs() < 1e-9);
        assert!((sum(metrics, "h", "m=\"Txn\"") - 1000.0).abs() < 1e-9);
        assert!(is_lease("694d7f2a5bd39e04") && !is_lease("found 1000 leases") && !is_lease(""));
    }
}
