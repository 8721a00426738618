//! Certificates that end, and new ones in their place.

use std::fs;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use plan::{FleetStore, StoreUrl};
use tempfile::TempDir;
use testkit::{Authority, Certificate, Etcd, EtcdTls, wait_until};

use super::super::fixture::{Fleet, PREFIX};
use super::fixture::{Faults, Local, RECOVERY};

fn install(from: &Certificate, dir: &Path) {
    fs::copy(&from.file, dir.join("own.pem")).unwrap();
    fs::copy(&from.key, dir.join("own.key")).unwrap();
}

fn lines(ca: &Path, certificate: &Path, key: &Path) -> String {
    let [ca, certificate, key] = [ca, certificate, key].map(|path| path.display().to_string());
    format!("ca = '{ca}'\ncertificate = '{certificate}'\nkey = '{key}'\n")
}

/// The metric of the end of a file, in days from now.
fn days_left(faults: &Faults, file: &str) -> Option<f64> {
    let name = format!("fleet_certificate_expiry_timestamp_seconds{{file=\"{file}\"}}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    Some((faults.metric(&name)? - now) / 86_400.0)
}

#[track_caller]
fn shows_expiry(faults: &Faults) {
    wait_until("the end of the certificate", RECOVERY, || {
        days_left(faults, "certificate").is_some_and(|days| (28.0..=31.0).contains(&days))
    });
    assert!(days_left(faults, "ca").is_some_and(|days| days > 0.0));
}

#[test]
fn a_certificate_that_has_expired_is_replaced_without_a_reload_and_named_anew_by_one() {
    let authority = Authority::new();
    let good = authority.issue("good", "clientAuth", 30);
    let expired = authority.issue("expired", "clientAuth", -1);
    let mut tls = EtcdTls::new(&authority, "serverAuth,clientAuth");
    tls.client = Some(good.clone());
    let cluster = Etcd::start_with(3, Some(tls), &[]);
    let (dir, ca) = (TempDir::new().unwrap(), authority.file());
    install(&good, dir.path());
    let (own, key) = (dir.path().join("own.pem"), dir.path().join("own.key"));
    let local = Local::of(&cluster).fleet(&lines(&ca, &own, &key));
    let url = StoreUrl { tls: true, endpoints: cluster.endpoints(), prefix: PREFIX.to_owned() };
    let certificate = Some((good.file.clone(), good.key.clone()));
    let publisher = FleetStore { ca: Some(ca.clone()), certificate, ..FleetStore::at(url) };
    let mut faults = Faults::start_with(Fleet::with_login(cluster, &publisher), &local);

    shows_expiry(&faults);
    install(&expired, dir.path());
    let begin = Instant::now();
    // Open connections outlive their certificates.
    for member in 0..3 {
        faults.fleet.cluster.kill_member(member);
        faults.fleet.cluster.start_member(member);
    }
    faults.fleet.cluster.wait_until_healthy();
    faults.is_away(begin, "it refuses the file `certificate`");
    install(&good, dir.path());
    faults.is_healthy();
    faults.publish_reaches_it();

    let begin = Instant::now();
    let missing = dir.path().join("missing.pem");
    faults.reload(&Local::of(&faults.fleet.cluster).fleet(&lines(&missing, &own, &key)));
    faults.is_away(begin, "missing.pem` cannot be read");
    wait_until("no end of the missing file", RECOVERY, || days_left(&faults, "ca").is_none());
    // All three at other paths.
    let other_ca = dir.path().join("ca.pem");
    fs::copy(&ca, &other_ca).unwrap();
    let other = Local::of(&faults.fleet.cluster).fleet(&lines(&other_ca, &good.file, &good.key));
    faults.reload(&other);
    faults.is_healthy();
    faults.publish_reaches_it();
    faults.finish();
}
