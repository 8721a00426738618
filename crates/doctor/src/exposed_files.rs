//! The program, the configuration file and the files that it names, which only root and the process's user should change.

use crate::check::Check;
use crate::finding::{Finding, FindingDetail, Verdict};
use host::ExposedFile;
use plan::Plan;

/// The files that others may change. Call it before the switch to the configured user. Empty unless
/// root asks: another user may examine a private plan that root never runs.
pub(super) fn look(plan: &Plan) -> Vec<ExposedFile> {
    if host::own_user() == 0 { host::exposed_files(plan) } else { Vec::new() }
}

/// Judges the files.
pub(super) fn exposed_files(exposed: &[ExposedFile]) -> Finding {
    if exposed.is_empty() {
        let found =
            "only root and the process's user may change the program and the files that it reads";
        return Finding::new(Check::ExposedFiles, Verdict::Ok, found);
    }
    let details = exposed
        .iter()
        .map(|file| FindingDetail::new(Verdict::Warn, &file.path.display(), file.statement()));
    let found = "what others write there is done with the rights of root";
    let changes = exposed.iter().map(ExposedFile::remedy);
    Finding::new(Check::ExposedFiles, Verdict::Warn, found).details(details).change(changes)
}
