//! Pipes for splicing: their number and size, and whether splicing works.

use crate::check::Check;
use crate::demand::Demand;
use crate::finding::{Finding, Verdict};
use crate::splice_trial::{SpliceError, Spliced};
use engine::PIPE_SIZES;
use host::Host;
use plan::PathChoice;

/// Number of simultaneously splicing lanes below which a warning is given.
const FEW: u64 = 16;

/// Judges the number and size of pipes. They are no limit on sessions: a lane without one copies.
pub(super) fn pipes(demand: &Demand<'_>, host: &Host) -> Finding {
    let pool = demand.pipes_in(host.hard_files, host.open_files);
    if host.is_above_pipe_limits {
        let found = format!(
            "{pool} pipes of {}, by the open-file limit; those of {} are not limited",
            size_text(PIPE_SIZES[0] as u64),
            host.user()
        );
        return Finding::new(Check::Pipes, Verdict::Ok, found);
    }
    let (Some(pages), Some(largest)) = (host.pipe_user_pages_soft, host.pipe_max_size) else {
        return Finding::unknown(Check::Pipes);
    };
    let wanted = PIPE_SIZES[0] as u64;
    let sizes = PIPE_SIZES.iter().map(|size| *size as u64);
    let Some(size) = sizes.clone().find(|size| *size <= largest) else {
        let found = format!("fs.pipe-max-size is {largest}, too small for splicing: lanes copy");
        return Finding::new(Check::Pipes, Verdict::Warn, found).change([raise_size(wanted)]);
    };
    let granted = if pages == 0 { pool } else { pool.min(pages * host.page_size / size) };
    let found = format!(
        "{granted} lanes may splice at the same time with pipes of {}, others copy: \
         fs.pipe-user-pages-soft is {pages}, fs.pipe-max-size {largest}, and {pool} pipes are made \
         at most",
        size_text(size)
    );
    let is_short = size < wanted || granted < FEW.min(pool);
    let verdict = if is_short { Verdict::Warn } else { Verdict::Ok };
    let for_all = pool.max(1) * wanted / host.page_size.max(1);
    let size = (size < wanted).then(|| raise_size(wanted));
    let count = (granted < pool).then(|| format!("sysctl -w fs.pipe-user-pages-soft={for_all}"));
    Finding::new(Check::Pipes, verdict, found).change(size.into_iter().chain(count))
}

fn raise_size(size: u64) -> String {
    format!("sysctl -w fs.pipe-max-size={size}")
}

/// Judges the result of splicing on trial.
pub(super) fn splice(demand: &Demand<'_>, spliced: &Result<Spliced, SpliceError>) -> Finding {
    let copies = |forward: &plan::Forward| forward.settings.path == PathChoice::Copy;
    let is_needed = !demand.plan.forwards.iter().all(|forward| copies(forward));
    match spliced {
        Ok(Spliced { bytes, pipe, intact: true }) => {
            let found = format!(
                "{} went from a socket through a pipe of {} into a socket",
                size_text(*bytes),
                size_text(*pipe)
            );
            Finding::new(Check::Splice, Verdict::Ok, found)
        }
        Ok(_) => {
            let found = "spliced bytes were corrupted: do not splice with this kernel";
            let verdict = if is_needed { Verdict::Fail } else { Verdict::Ok };
            Finding::new(Check::Splice, verdict, found).change(["path = \"copy\"".to_owned()])
        }
        Err(error) => {
            let verdict = if is_needed { Verdict::Warn } else { Verdict::Ok };
            let found = format!("splicing failed, so lanes copy: {error}");
            Finding::new(Check::Splice, verdict, found)
        }
    }
}

fn size_text(bytes: u64) -> String {
    plan::sizes::format_size(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{check_table, one_forward, plan_of};

    fn host(pages: u64, largest: u64) -> Host {
        Host {
            hard_files: 20_000,
            pipe_user_pages_soft: Some(pages),
            pipe_max_size: Some(largest),
            page_size: 4096,
            ..Host::default()
        }
    }

    #[test]
    fn few_or_small_pipes_are_a_warning() {
        let cases = [
            (host(16_384, 1 << 20), Verdict::Ok, None),
            (host(0, 1 << 20), Verdict::Ok, None),
            (host(1024, 1 << 20), Verdict::Warn, None),
            (host(16_384, 1 << 18), Verdict::Warn, None),
            (host(16_384, 4096), Verdict::Warn, None),
            (Host { is_above_pipe_limits: true, ..host(0, 4096) }, Verdict::Ok, None),
            (Host { pipe_max_size: None, ..host(0, 0) }, Verdict::Ok, None),
        ];
        check_table(&one_forward(1000), &cases, pipes);
    }

    #[test]
    fn the_pool_has_the_size_of_the_process_s_own() {
        let plan = one_forward(1000);
        let finding = pipes(&Demand::of(&plan), &host(16_384, 1 << 20));
        assert!(finding.found.starts_with("64 lanes"), "{finding:?}");
        assert!(finding.found.contains("625 pipes are made at most"), "{finding:?}");
        assert_eq!(finding.change, ["sysctl -w fs.pipe-user-pages-soft=160000"]);
    }

    #[test]
    fn failed_splicing_matters_unless_every_forward_copies() {
        let judge = |path: &str, spliced| {
            let forward = format!("[[forward]]\nlisten = ':1'\nto = 'a:1'\npath = '{path}'\n");
            splice(&Demand::of(&plan_of(&forward)), &spliced).verdict
        };
        let spliced = |intact| Ok(Spliced { bytes: 1 << 20, pipe: 1 << 16, intact });
        let refused = || Err(SpliceError::Splice(sys::Errno::PERM));
        for path in ["auto", "splice"] {
            assert_eq!(judge(path, spliced(true)), Verdict::Ok);
            assert_eq!(judge(path, refused()), Verdict::Warn);
            assert_eq!(judge(path, spliced(false)), Verdict::Fail);
        }
        assert_eq!(judge("copy", refused()), Verdict::Ok);
        assert_eq!(judge("copy", spliced(false)), Verdict::Ok);
    }
}
