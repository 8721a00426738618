//! The certificates between this host and a cluster.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use futures_util::future::join_all;

use super::Etcd;
use super::tls::certificates;
use super::validity::Validity;

/// A certificate, and its dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCertificate {
    /// The place of the certificate.
    pub of: CertificateOf,
    /// The dates, or the fault of the file.
    pub validity: Result<Validity, String>,
}

/// The place of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateOf {
    /// One of the file `ca`.
    Authority(PathBuf),
    /// One of the file `certificate`.
    Client(PathBuf),
    /// The one that the member `HOST:PORT` shows.
    Member(String),
}

/// The last seconds in which certificates of this host are valid. `None` without the file, or if it cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expiry {
    /// The file `certificate`: the first end in its chain.
    pub certificate: Option<SystemTime>,
    /// The file `ca`: the last end, since an authority may stay in it beside its successor.
    pub ca: Option<SystemTime>,
}

impl Etcd {
    /// Reads the files `certificate` and `ca`. Blocks.
    pub fn expiry(&self) -> Expiry {
        let Some(tls) = self.members.tls() else { return Expiry::default() };
        let ends = |path: &Path| -> Vec<SystemTime> {
            let certificates = certificates(path).unwrap_or_default();
            certificates.iter().filter_map(|it| Some(Validity::of(it)?.until)).collect()
        };
        let certificate = tls.certificate.as_ref();
        Expiry {
            certificate: certificate.and_then(|(path, _)| ends(path).into_iter().min()),
            ca: tls.ca.as_deref().and_then(|path| ends(path).into_iter().max()),
        }
    }

    /// The certificates of the files, and those of the members that can be reached. A member whose certificate is refused
    /// is left out: [`members`](Self::members) has the reason.
    pub(crate) async fn certificates(&self) -> Vec<FoundCertificate> {
        let Some(tls) = self.members.tls() else { return Vec::new() };
        let authorities = tls.ca.as_deref().map(|it| of_file(it, CertificateOf::Authority));
        let client = tls.certificate.as_ref().map(|(it, _)| of_file(it, CertificateOf::Client));
        let of_members = join_all((0..self.members.len()).map(|it| self.of_member(it))).await;
        let of_files = authorities.into_iter().chain(client).flatten();
        of_files.chain(of_members.into_iter().flatten()).collect()
    }

    async fn of_member(&self, member: usize) -> Option<FoundCertificate> {
        let shown = self.members.certificate(member).await?.ok()?;
        let of = CertificateOf::Member(self.members.name(member).to_owned());
        Some(FoundCertificate { of, validity: validity(&shown) })
    }
}

fn of_file(path: &Path, of: fn(PathBuf) -> CertificateOf) -> Vec<FoundCertificate> {
    let found = |validity| FoundCertificate { of: of(path.to_owned()), validity };
    match certificates(path) {
        Ok(all) => all.iter().map(|it| found(validity(it))).collect(),
        Err(failure) => vec![found(Err(failure.cause()))],
    }
}

fn validity(certificate: &[u8]) -> Result<Validity, String> {
    Validity::of(certificate).ok_or_else(|| "has a certificate without dates".to_owned())
}
