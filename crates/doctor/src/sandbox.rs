//! The kernel's support for `sandbox`.

use crate::check::Check;
use crate::demand::Demand;
use crate::finding::{Finding, FindingDetail, Verdict};
use host::Kernel;

/// Judges the rehearsal of the sandbox. It is always ok if `sandbox` is off. Without landlock the
/// process starts with a warning.
pub(super) fn sandbox(demand: &Demand<'_>, rehearsal: &Result<Kernel, Vec<String>>) -> Finding {
    let wanted = demand.plan.process.sandbox;
    let asked = if wanted { "" } else { "; the configuration does not enable it" };
    let finding = |verdict, found: String| {
        let verdict = if wanted { verdict } else { Verdict::Ok };
        Finding::new(Check::Sandbox, verdict, format!("{found}{asked}"))
    };
    match rehearsal {
        Ok(Kernel::Restricts { abi, lacks }) if lacks.is_empty() => {
            finding(Verdict::Ok, format!("this kernel has landlock, version {abi}"))
        }
        Ok(Kernel::Restricts { abi, lacks }) => {
            let lacks = lacks.join(", ");
            let found = format!("this kernel's landlock, version {abi}, cannot restrict {lacks}");
            finding(Verdict::Ok, found)
        }
        Ok(Kernel::HasNone(why)) => finding(Verdict::Warn, (*why).to_owned()),
        Err(faults) => {
            let details = faults.iter().filter(|_| wanted);
            let details =
                details.map(|fault| FindingDetail::new(Verdict::Fail, &"sandbox", fault.as_str()));
            finding(Verdict::Fail, "the sandbox cannot be made".to_owned()).details(details)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::plan_of;

    #[test]
    fn the_sandbox_is_judged_only_if_enabled() {
        let restricts = |lacks| Ok(Kernel::Restricts { abi: 3, lacks });
        let none = || Ok(Kernel::HasNone("this kernel has no landlock"));
        let fault = || Err(vec!["it is in `/`".to_owned()]);
        let judge = |wanted: bool, rehearsal: Result<Kernel, Vec<String>>| {
            let forward = "[[forward]]\nlisten = ':1'\nto = 'a:1'\n";
            let plan = plan_of(&format!("[process]\nsandbox = {wanted}\n{forward}"));
            sandbox(&Demand::of(&plan), &rehearsal)
        };
        for rehearsal in [restricts(vec![]), restricts(vec!["signals"]), none(), fault()] {
            assert_eq!(judge(false, rehearsal).verdict, Verdict::Ok);
        }
        assert_eq!(judge(true, restricts(vec![])).verdict, Verdict::Ok);
        let old = judge(true, restricts(vec!["signals"]));
        assert_eq!(old.verdict, Verdict::Ok);
        assert!(old.found.contains("version 3, cannot restrict signals"), "{old:?}");
        assert_eq!(judge(true, none()).verdict, Verdict::Warn);
        let failed = judge(true, fault());
        assert_eq!((failed.verdict, failed.details.len()), (Verdict::Fail, 1), "{failed:?}");
    }
}
