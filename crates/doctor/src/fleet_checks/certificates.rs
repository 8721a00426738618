//! The dates of the certificates between this host and the store.

use super::examined;
use crate::check::Check;
use crate::finding::{Finding, FindingDetail, Verdict};
use crate::fleet_trial::FleetTrial;
use fleet::{CertificateOf, Examined, FoundCertificate, Validity};
use std::time::{Duration, SystemTime};

/// Time before the end of a certificate from which on it is to be renewed.
const SOON: Duration = Duration::from_secs(30 * DAY);
const DAY: u64 = 24 * 60 * 60;

/// Judges the dates of all certificates by the clock of this host.
pub(crate) fn fleet_certificates(trial: Option<&FleetTrial>) -> Finding {
    match examined(Check::FleetCertificates, trial) {
        Ok((_, examined)) => judge(examined),
        Err(finding) => finding,
    }
}

fn judge(Examined { certificates, at, .. }: &Examined) -> Finding {
    let finding = |found: &str| Finding::new(Check::FleetCertificates, Verdict::Ok, found);
    if certificates.is_empty() {
        return finding("no certificate was seen");
    }
    let details: Vec<_> = certificates.iter().map(|it| detail(it, certificates, *at)).collect();
    let faulty = details.iter().filter(|detail| detail.verdict != Verdict::Ok).count();
    let found = match faulty {
        0 => format!("all of {} are valid for 30 days at least", details.len()),
        _ => format!("{faulty} of {} are not valid, or soon will not be", details.len()),
    };
    let change =
        "renew them, at the same paths: files are read at each connection, without a reload";
    let clock = "compare the clock of this host, by which the dates are judged (`date`)";
    finding(&found).details(details).change([change.to_owned(), clock.to_owned()])
}

fn detail(found: &FoundCertificate, all: &[FoundCertificate], now: SystemTime) -> FindingDetail {
    let of = match &found.of {
        CertificateOf::Authority(path) => format!("`ca`, {}", path.display()),
        CertificateOf::Client(path) => format!("`certificate`, {}", path.display()),
        CertificateOf::Member(endpoint) => endpoint.clone(),
    };
    let validity = match &found.validity {
        Ok(validity) => validity,
        Err(fault) => return FindingDetail::new(Verdict::Fail, &of, fault.as_str()),
    };
    let (verdict, text) = state(validity, now);
    // A file may have the authorities of before and after a renewal.
    let is_valid = |it: &FoundCertificate| {
        it.of == found.of && it.validity.as_ref().is_ok_and(|it| state(it, now).0 == Verdict::Ok)
    };
    let is_authority = matches!(found.of, CertificateOf::Authority(_));
    let has_other = is_authority && all.iter().any(is_valid);
    let verdict = if has_other { verdict.min(Verdict::Warn) } else { verdict };
    FindingDetail::new(verdict, &of, text)
}

fn state(Validity { from, until }: &Validity, now: SystemTime) -> (Verdict, String) {
    let day = Validity::day;
    if now < *from {
        return (Verdict::Fail, format!("not valid before {}", day(*from)));
    }
    match until.duration_since(now) {
        Err(_) => (Verdict::Fail, format!("expired on {}", day(*until))),
        Ok(left) => {
            let verdict = if left < SOON { Verdict::Warn } else { Verdict::Ok };
            let days = left.as_secs() / DAY;
            (verdict, format!("valid until {} ({})", day(*until), plan::counted(days, "day")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(day * DAY)
    }

    fn found(of: CertificateOf, from: u64, until: u64) -> FoundCertificate {
        FoundCertificate { of, validity: Ok(Validity { from: at(from), until: at(until) }) }
    }

    fn judged(certificates: Vec<FoundCertificate>) -> Finding {
        let (members, voters, rights) = (Vec::new(), None, None);
        judge(&Examined { members, certificates, voters, rights, at: at(1000) })
    }

    #[test]
    fn the_days_before_and_after_an_end_differ() {
        let member = || CertificateOf::Member("a:1".to_owned());
        for (from, until, expected, text) in [
            (1, 1030, Verdict::Ok, "valid until 1972-10-27 (30 days)"),
            (1, 1029, Verdict::Warn, "valid until 1972-10-26 (29 days)"),
            (1, 1000, Verdict::Warn, "valid until 1972-09-27 (0 days)"),
            (1, 999, Verdict::Fail, "expired on 1972-09-26"),
            (1001, 2000, Verdict::Fail, "not valid before 1972-09-28"),
        ] {
            let finding = judged(vec![found(member(), from, until)]);
            assert_eq!((finding.verdict, finding.details[0].found.as_str()), (expected, text));
        }
    }

    #[test]
    fn an_authority_of_before_a_renewal_warns_beside_the_new_one() {
        let authority = |until| found(CertificateOf::Authority("ca.pem".into()), 1, until);
        assert_eq!(judged(vec![authority(999)]).verdict, Verdict::Fail);
        assert_eq!(judged(vec![authority(999), authority(2000)]).verdict, Verdict::Warn);
        assert_eq!(judged(vec![authority(2000), authority(2000)]).verdict, Verdict::Ok);
    }

    #[test]
    fn an_unusable_file_fails() {
        let of = CertificateOf::Client("own.pem".into());
        let validity = Err("cannot be read: no such file".to_owned());
        let finding = judged(vec![FoundCertificate { of, validity }]);
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(finding.details[0].of.contains("own.pem"), "{finding:?}");
    }
}
