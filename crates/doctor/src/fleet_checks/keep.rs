//! The directory `keep`.

use crate::check::Check;
use crate::directories::command_to_make;
use crate::finding::{Finding, FindingDetail, Verdict};
use crate::fleet_trial::{FleetTrial, KeepHolder, KeepTrial};
use fleet::KeepError;
use host::Host;

/// Free space below which a warning is given, beside room for another copy of the files: a text of 10,000 forwards has
/// 1.5 MiB.
const LITTLE: u64 = 16 << 20;

/// Judges whether the process can keep the last good text.
pub(crate) fn fleet_keep(trial: Option<&FleetTrial>, host: &Host) -> Finding {
    match trial {
        Some(trial) => judge(&trial.keep, host),
        None => Finding::new(Check::FleetKeep, Verdict::Ok, "the configuration has no [fleet]"),
    }
}

fn judge(KeepTrial { path, found, holder }: &KeepTrial, host: &Host) -> Finding {
    let finding = |verdict, text: String| Finding::new(Check::FleetKeep, verdict, text);
    let place = path.display();
    if let Some(KeepHolder { process, is_own: false }) = holder {
        let text = format!("process {process} uses {place} with another configuration");
        let change = "keep = \"...\": another directory for each instance".to_owned();
        return finding(Verdict::Fail, text).change([change]);
    }
    if let Some(error) = &found.fault {
        let change = match error {
            // Its text has the commands.
            KeepError::Exposed { .. } => None,
            _ => Some(command_to_make(path, host)),
        };
        return finding(Verdict::Fail, error.to_string()).change(change);
    }
    let damage = found.damage.as_ref();
    let damage = damage.map(|error| FindingDetail::new(Verdict::Warn, &place, error.to_string()));
    let in_memory = found.is_in_memory.then(|| {
        let text =
            "it is in memory: after a reboot without the store, the machine would have no forwards";
        FindingDetail::new(Verdict::Warn, &place, text)
    });
    let free = found.free.filter(|free| *free < LITTLE.saturating_add(found.used));
    let free = free.map(|free| {
        let text = format!("{} MiB are free: trials are refused when it is full", free >> 20);
        FindingDetail::new(Verdict::Warn, &place, text)
    });
    let text = match (holder, found.exists) {
        (Some(KeepHolder { process, .. }), _) => format!("process {process} uses {place}"),
        (None, true) => format!("the last good text can be kept in {place}"),
        (None, false) => format!("{place} can be created"),
    };
    let elsewhere = in_memory.as_ref().map(|_| "keep = \"/var/lib/traffic-forwarder\"".to_owned());
    let details = damage.into_iter().chain(in_memory).chain(free);
    finding(Verdict::Ok, text).details(details).change(elsewhere)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet::ExaminedKeep;
    use std::io;

    fn found() -> ExaminedKeep {
        let (fault, damage, is_in_memory) = (None, None, false);
        ExaminedKeep { exists: true, fault, damage, is_in_memory, free: Some(1 << 30), used: 1000 }
    }

    fn verdict(found: ExaminedKeep, holder: Option<KeepHolder>) -> Verdict {
        let trial = KeepTrial { path: "/var/lib/tf".into(), found, holder };
        judge(&trial, &Host::default()).verdict
    }

    fn failed(act: &'static str) -> KeepError {
        let error = io::ErrorKind::PermissionDenied.into();
        KeepError::Io { act, path: "/var/lib/tf".into(), error }
    }

    #[test]
    fn another_instance_or_an_unusable_directory_fails() {
        let holder = |is_own| Some(KeepHolder { process: 7, is_own });
        assert_eq!(verdict(found(), None), Verdict::Ok);
        assert_eq!(verdict(found(), holder(true)), Verdict::Ok);
        assert_eq!(verdict(found(), holder(false)), Verdict::Fail);
        assert_eq!(verdict(ExaminedKeep { exists: false, ..found() }, None), Verdict::Ok);
        let fault = Some(failed("create"));
        assert_eq!(verdict(ExaminedKeep { fault, ..found() }, None), Verdict::Fail);
    }

    #[test]
    fn loss_at_a_reboot_little_space_and_damage_warn() {
        for worse in [
            ExaminedKeep { is_in_memory: true, ..found() },
            ExaminedKeep { free: Some(LITTLE), ..found() },
            ExaminedKeep { damage: Some(failed("read")), ..found() },
        ] {
            let text = format!("{worse:?}");
            assert_eq!(verdict(worse, None), Verdict::Warn, "{text}");
        }
        assert_eq!(verdict(ExaminedKeep { free: None, ..found() }, None), Verdict::Ok, "unknown");
    }
}
