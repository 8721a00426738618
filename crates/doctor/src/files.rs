//! Open files: of the process, and of the whole system.

use crate::check::Check;
use crate::demand::Demand;
use crate::finding::{Finding, Verdict, goal};
use host::{Host, NoRoom};

/// Judges the limit of the process, which raises its soft limit to the hard one.
pub(super) fn open_files(demand: &Demand<'_>, host: &Host) -> Finding {
    let Host { soft_files, hard_files, nr_open, open_files, .. } = *host;
    let fits = demand.fits_in(hard_files, open_files);
    let nr_open_text = nr_open.map_or_else(|| "not known".to_owned(), |most| most.to_string());
    let found = format!(
        "soft limit {}, raised to the hard one, {}; fs.nr_open is {nr_open_text}",
        limit_text(soft_files),
        limit_text(hard_files)
    );
    let finding = of_room(Check::OpenFiles, fits, demand, found);
    let Some(allowed) = finding.sessions else { return finding };
    let needed = demand.files_for(goal(allowed, demand.sessions), open_files);
    let above = nr_open.filter(|most| needed > *most);
    let raise = above.map(|_| format!("sysctl -w fs.nr_open={needed}"));
    finding.change(raise.into_iter().chain([
        format!("LimitNOFILE={needed} under [Service] of a systemd unit"),
        format!("ulimit -n {needed}, as root, in the shell that starts it"),
    ]))
}

/// Judges the system-wide limit.
pub(super) fn system_files(demand: &Demand<'_>, host: &Host) -> Finding {
    let (Some(most), Some(used)) = (host.file_max, host.system_files) else {
        return Finding::unknown(Check::SystemFiles);
    };
    let found = format!("fs.file-max is {}, and {used} are open", limit_text(most));
    // `used` includes the files of other processes; ours are all additional.
    let fits = demand.fits_in(most.saturating_sub(used), 0);
    let finding = of_room(Check::SystemFiles, fits, demand, found);
    let Some(allowed) = finding.sessions else { return finding };
    let needed = used.saturating_add(demand.files_for(goal(allowed, demand.sessions), 0));
    finding.change([format!("sysctl -w fs.file-max={needed}")])
}

fn of_room(
    check: Check,
    fits: Result<Option<u64>, NoRoom>,
    demand: &Demand<'_>,
    found: String,
) -> Finding {
    match fits {
        Ok(Some(sessions)) => Finding::limit(check, sessions, demand.sessions, found),
        Ok(None) => Finding::new(check, Verdict::Ok, found),
        Err(no_room) => Finding::limit(check, 0, demand.sessions, no_room.to_string()),
    }
}

/// The text of a limit. From `i64::MAX` on the kernel means "no limit".
fn limit_text(limit: u64) -> String {
    if limit >= i64::MAX as u64 { "none".to_owned() } else { limit.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{check_table, one_forward};

    #[test]
    fn sessions_follow_from_the_hard_limit() {
        let host = |soft_files, hard_files| Host {
            soft_files,
            hard_files,
            nr_open: Some(1 << 20),
            open_files: 4,
            ..Host::default()
        };
        let cases = [
            // Left by 1 listener, 2 workers, the pipes, the admin interface and the reserve.
            (host(20_000, 20_000), Verdict::Ok, Some((20_000 - 4 - 1 - 4 - 1250 - 64 - 48) / 2)),
            (host(64, 1024), Verdict::Warn, Some((1024 - 4 - 1 - 4 - 64 - 64 - 48) / 2)),
            (host(64, 64), Verdict::Fail, Some(0)),
            (host(1024, u64::MAX), Verdict::Ok, None),
        ];
        check_table(&one_forward(1000), &cases, open_files);
    }

    #[test]
    fn the_suggested_change_is_sufficient() {
        let plan = one_forward(1000);
        let demand = Demand::of(&plan);
        let host = Host { hard_files: 1024, nr_open: Some(1024), ..Host::default() };
        let change = open_files(&demand, &host).change;
        let needed: u64 = change[0].strip_prefix("sysctl -w fs.nr_open=").unwrap().parse().unwrap();
        assert!(change[1].starts_with(&format!("LimitNOFILE={needed} ")), "{change:?}");
        let raised = Host { hard_files: needed, nr_open: Some(needed), ..Host::default() };
        assert_eq!(open_files(&demand, &raised).verdict, Verdict::Ok);
    }

    #[test]
    fn system_files_in_use_are_subtracted() {
        let host =
            |most, used| Host { file_max: Some(most), system_files: Some(used), ..Host::default() };
        let cases = [
            (host(9_223_372_036_854_775_807, 500), Verdict::Ok, None),
            (host(20_000, 19_000), Verdict::Warn, Some((1000 - 1 - 4 - 62 - 64 - 48) / 2)),
            (host(20_000, 19_990), Verdict::Fail, Some(0)),
            (Host::default(), Verdict::Ok, None),
        ];
        check_table(&one_forward(1000), &cases, system_files);
    }
}
