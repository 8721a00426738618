//! Where and when it was measured.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// Machine, kernel and date, as pairs.
pub(crate) fn describe() -> Vec<(&'static str, String)> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    vec![
        ("Date", today()),
        ("CPU", cpu_model().unwrap_or_else(|| std::env::consts::ARCH.to_owned())),
        ("CPUs of the machine", cpus.to_string()),
        ("Kernel", setting("kernel/osrelease")),
        ("Congestion control", setting("net/ipv4/tcp_congestion_control")),
    ]
}

fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn setting(path: &str) -> String {
    let text = fs::read_to_string(format!("/proc/sys/{path}"));
    text.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// The commit of the working directory, marked if files differ from it.
pub(crate) fn commit() -> String {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty", "--exclude", "*"]).stdin(Stdio::null());
    let output = git.output().ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|| "unknown".to_owned())
}

/// Today's date in UTC, as `2026-01-31`.
fn today() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = civil(now.as_secs() / 86_400);
    format!("{year}-{month:02}-{day:02}")
}

/// Year, month and day of a day since 1970-01-01.
fn civil(mut day: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    while day >= days_of_year(year) {
        day -= days_of_year(year);
        year += 1;
    }
    let february = days_of_year(year) - 337;
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day + 1)
}

fn days_of_year(year: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (day, date) in [
            (0, (1970, 1, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_453, (2025, 12, 31)),
            (20_454, (2026, 1, 1)),
        ] {
            assert_eq!(civil(day), date);
        }
    }

    #[test]
    fn the_machine_is_described() {
        assert!(describe().iter().all(|(_, value)| !value.is_empty()));
    }
}
