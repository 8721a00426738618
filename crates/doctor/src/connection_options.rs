//! Options of connections to targets.

use crate::check::Check;
use crate::finding::{Finding, FindingDetail, Verdict};
use host::RefusedOption;

/// Judges the options that the kernel does not grant.
pub(super) fn connection_options(refused: &[RefusedOption]) -> Finding {
    let check = Check::ConnectionOptions;
    if refused.is_empty() {
        return Finding::new(check, Verdict::Ok, "the kernel grants the options of all forwards");
    }
    let of = |it: &RefusedOption| FindingDetail::new(Verdict::Fail, &it.forward, it.to_string());
    let forwards = plan::counted(refused.len(), "forward");
    let found = format!("the kernel does not grant the options of {forwards}");
    Finding::new(check, Verdict::Fail, found).details(refused.iter().map(of))
}
