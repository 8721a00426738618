//! Readings of the host, from `/proc` and `/sys`. A missing one is `None`: a container may hide it.

use crate::capacity::FILES_BEFORE_SERVING;
use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// `CAP_SYS_ADMIN` and `CAP_SYS_RESOURCE`, which lift the limits of pipes (capabilities(7)).
const ABOVE_PIPE_LIMITS: u64 = 1 << 21 | 1 << 24;

/// Readings taken at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The effective user of this process.
    pub user_id: u32,
    /// The soft limit of `RLIMIT_NOFILE`.
    pub soft_files: u64,
    /// The hard limit of `RLIMIT_NOFILE`, to which a process may raise its soft one.
    pub hard_files: u64,
    /// Maximum of the hard limit (`fs.nr_open`).
    pub nr_open: Option<u64>,
    /// Descriptors open when a serving process computes its capacity.
    pub open_files: u64,
    /// Files open in the whole system (`fs.file-nr`).
    pub system_files: Option<u64>,
    /// Maximum of files open in the whole system (`fs.file-max`).
    pub file_max: Option<u64>,
    /// Maximum length of a listener's queue (`net.core.somaxconn`).
    pub somaxconn: Option<u64>,
    /// Maximum of handshakes in flight per listener (`net.ipv4.tcp_max_syn_backlog`).
    pub max_syn_backlog: Option<u64>,
    /// Whether a full SYN queue answers with cookies (`net.ipv4.tcp_syncookies`); 0 is off.
    pub syncookies: Option<u64>,
    /// Ephemeral ports, including reserved ones (`net.ipv4.ip_local_port_range`).
    pub local_ports: Option<RangeInclusive<u16>>,
    /// Ports excluded from the ephemeral range (`net.ipv4.ip_local_reserved_ports`).
    pub reserved_ports: Vec<RangeInclusive<u16>>,
    /// Whether a port in TIME_WAIT may be reused (`net.ipv4.tcp_tw_reuse`); 0 is off.
    pub tw_reuse: Option<u64>,
    /// The first port that needs no capability.
    pub unprivileged_port_start: Option<u16>,
    /// Whether an interface has an IPv6 address. Creating an IPv6 socket would not prove that.
    pub has_ipv6: bool,
    /// Maximum of pages in the pipes of one user (`fs.pipe-user-pages-soft`); 0 is no limit.
    pub pipe_user_pages_soft: Option<u64>,
    /// Maximum size of an unprivileged process's pipe, in bytes (`fs.pipe-max-size`).
    pub pipe_max_size: Option<u64>,
    /// Whether this process has a capability that lifts the limits of pipes.
    pub is_above_pipe_limits: bool,
    /// Size of a memory page, in bytes.
    pub page_size: u64,
    /// Thresholds of TCP memory, in pages: low, pressure, maximum (`net.ipv4.tcp_mem`).
    pub tcp_mem: Option<[u64; 3]>,
    /// Pages in the buffers of all TCP sockets.
    pub tcp_pages_used: u64,
    /// Minimum sizes of a receive buffer and of a send buffer, in bytes.
    pub least_buffers: Option<[u64; 2]>,
    /// Maximum sizes of both.
    pub most_buffers: Option<[u64; 2]>,
    /// Available memory of the host, in bytes.
    pub available_memory: Option<u64>,
    /// Memory left under the control group's limit, in bytes; `None` without a limit.
    pub group_memory: Option<u64>,
    /// Size of the connection-tracking table; `None` without connection tracking.
    pub conntrack_max: Option<u64>,
    /// Entries in use in the connection-tracking table.
    pub conntrack_count: Option<u64>,
}

impl Host {
    /// Reads `proc` and `sys` below `root`.
    pub fn read(root: &Path) -> Self {
        let read = |path: &str| read_to_string(root.join(path)).ok();
        let setting = |name: &str| read(&format!("proc/sys/{name}"));
        let number = |name: &str| setting(name).and_then(|text| nth(&text, 0));
        let ports = setting("net/ipv4/ip_local_port_range");
        let file_nr = setting("fs/file-nr");
        let status = read("proc/self/status").unwrap_or_default();
        let capabilities = after(&status, "CapEff:");
        let capabilities = capabilities.and_then(|hex| u64::from_str_radix(hex, 16).ok());
        // Minimum, default and maximum.
        let buffers = |place: usize| {
            let of = |name: &str| setting(name).and_then(|text| nth::<u64>(&text, place));
            Some([of("net/ipv4/tcp_rmem")?, of("net/ipv4/tcp_wmem")?])
        };
        Self {
            user_id: sys::user_id(),
            soft_files: sys::open_files_limit(),
            hard_files: sys::hard_open_files_limit(),
            nr_open: number("fs/nr_open"),
            open_files: sys::open_files().unwrap_or(0) + FILES_BEFORE_SERVING,
            system_files: file_nr.as_ref().and_then(|text| nth(text, 0)),
            file_max: number("fs/file-max"),
            somaxconn: number("net/core/somaxconn"),
            max_syn_backlog: number("net/ipv4/tcp_max_syn_backlog"),
            syncookies: number("net/ipv4/tcp_syncookies"),
            local_ports: ports.and_then(|text| Some(nth(&text, 0)?..=nth(&text, 1)?)),
            reserved_ports: setting("net/ipv4/ip_local_reserved_ports")
                .map(|text| port_ranges(&text))
                .unwrap_or_default(),
            tw_reuse: number("net/ipv4/tcp_tw_reuse"),
            unprivileged_port_start: setting("net/ipv4/ip_unprivileged_port_start")
                .and_then(|text| nth(&text, 0)),
            has_ipv6: read("proc/net/if_inet6").is_some_and(|addresses| !addresses.is_empty()),
            pipe_user_pages_soft: number("fs/pipe-user-pages-soft"),
            pipe_max_size: number("fs/pipe-max-size"),
            is_above_pipe_limits: capabilities.is_some_and(|it| it & ABOVE_PIPE_LIMITS != 0),
            page_size: sys::page_size(),
            tcp_mem: setting("net/ipv4/tcp_mem")
                .and_then(|text| Some([nth(&text, 0)?, nth(&text, 1)?, nth(&text, 2)?])),
            tcp_pages_used: read("proc/net/sockstat").map_or(0, |text| tcp_pages(&text)),
            least_buffers: buffers(0),
            most_buffers: buffers(2),
            available_memory: read("proc/meminfo")
                .and_then(|text| after(&text, "MemAvailable:")?.parse::<u64>().ok())
                .map(|kilobytes| kilobytes * 1024),
            group_memory: read("proc/self/cgroup").and_then(|text| group_memory(root, &text)),
            conntrack_max: number("net/netfilter/nf_conntrack_max"),
            conntrack_count: number("net/netfilter/nf_conntrack_count"),
        }
    }

    /// The user that the readings apply to, for texts.
    pub fn user(&self) -> String {
        format!("the user with the id {}", self.user_id)
    }

    /// Number of ephemeral ports that are neither reserved nor in `own`, the ports of our listeners.
    pub fn usable_ports(&self, own: &BTreeSet<u16>) -> Option<u64> {
        let is_usable = |port: &u16| !self.is_reserved(*port) && !own.contains(port);
        Some(self.local_ports.clone()?.filter(is_usable).count() as u64)
    }

    /// Whether the port is excluded from the ephemeral range.
    pub fn is_reserved(&self, port: u16) -> bool {
        self.reserved_ports.iter().any(|range| range.contains(&port))
    }
}

/// Parses the word at this index, counted from 0.
pub fn nth<N: FromStr>(text: &str, index: usize) -> Option<N> {
    text.split_whitespace().nth(index)?.parse().ok()
}

/// The first word after `key`, which starts a line.
fn after<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()
}

/// Parses ports and ranges such as `8080,9000-9010`.
fn port_ranges(text: &str) -> Vec<RangeInclusive<u16>> {
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    text.trim().split(',').filter_map(range).collect()
}

/// Pages in TCP buffers, from `TCP: inuse 4 orphan 0 tw 0 alloc 5 mem 7`.
fn tcp_pages(sockstat: &str) -> u64 {
    let line = sockstat.lines().find_map(|line| line.strip_prefix("TCP:"));
    let mut words = line.unwrap_or_default().split_whitespace().skip_while(|word| *word != "mem");
    words.nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0)
}

/// Memory left by the tightest of the nested control groups (version 2), in bytes. The page cache
/// counts as free.
fn group_memory(root: &Path, groups: &str) -> Option<u64> {
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let top = root.join("sys/fs/cgroup");
    let inner: PathBuf = top.join(path.trim_end_matches('/'));
    inner.ancestors().take_while(|group| group.starts_with(&top)).filter_map(left_in).min()
}

fn left_in(group: &Path) -> Option<u64> {
    let read = |name: &str| read_to_string(group.join(name)).ok();
    // "max" does not parse: no limit.
    let most: u64 = nth(&read("memory.max")?, 0)?;
    let used: u64 = nth(&read("memory.current")?, 0)?;
    let stat = read("memory.stat").unwrap_or_default();
    let cached = after(&stat, "inactive_file ").and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
    Some(most.saturating_sub(used.saturating_sub(cached)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A temporary root directory with these files.
    fn root_of(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn readings_come_from_the_files_of_the_kernel() {
        let root = root_of(&[
            ("proc/sys/fs/file-nr", "522\t0\t2466177\n"),
            ("proc/sys/fs/file-max", "2466177\n"),
            ("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
            ("proc/sys/net/ipv4/ip_local_reserved_ports", "40000,41000-41009\n"),
            ("proc/sys/net/ipv4/ip_unprivileged_port_start", "1024\n"),
            ("proc/sys/net/ipv4/tcp_mem", "10\t20\t30\n"),
            ("proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t33554432\n"),
            ("proc/sys/net/ipv4/tcp_wmem", "8192\t16384\t4194304\n"),
            ("proc/net/sockstat", "sockets: used 14\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 7\n"),
            ("proc/net/if_inet6", "00000000000000000000000000000001 01 80 10 80       lo\n"),
            ("proc/meminfo", "MemTotal:  9 kB\nMemAvailable:   5 kB\n"),
            ("proc/self/status", "Name:\tx\nCapEff:\t0000000001000000\n"),
        ]);
        let host = Host::read(root.path());
        assert_eq!((host.system_files, host.file_max), (Some(522), Some(2_466_177)));
        assert_eq!(host.local_ports, Some(32768..=60999));
        assert_eq!(host.reserved_ports, [40_000..=40_000, 41_000..=41_009]);
        assert!(host.is_reserved(41_009) && !host.is_reserved(41_010));
        assert_eq!(host.unprivileged_port_start, Some(1024));
        assert_eq!((host.tcp_mem, host.tcp_pages_used), (Some([10, 20, 30]), 7));
        assert_eq!(host.least_buffers, Some([4096, 8192]));
        assert_eq!(host.most_buffers, Some([33_554_432, 4_194_304]));
        assert_eq!((host.available_memory, host.group_memory), (Some(5120), None));
        assert!(host.is_above_pipe_limits && host.has_ipv6);
        assert_eq!(host.conntrack_max, None);
    }

    #[test]
    fn the_tightest_control_group_counts_and_page_cache_is_free() {
        let root = root_of(&[
            ("proc/self/cgroup", "4:memory:/old\n0::/a/b\n"),
            ("sys/fs/cgroup/a/memory.max", "1000\n"),
            ("sys/fs/cgroup/a/memory.current", "700\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 100\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.current", "600\n"),
        ]);
        assert_eq!(Host::read(root.path()).group_memory, Some(400));
    }

    #[test]
    fn missing_files_are_missing_readings() {
        let host = Host::read(Path::new("/nowhere"));
        assert_eq!((host.somaxconn, host.local_ports, host.tcp_mem), (None, None, None));
    }
}
