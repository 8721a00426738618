//! TLS to a member. The files are read for each connection, so that they may be replaced at any time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use plan::HOST_AUTHORITIES;

use super::failure::Failure;
use super::files;
use crate::file_fault::FileFault;

/// The errors with which a server without TLS ends the handshake.
const HANDSHAKE_ENDS: [io::ErrorKind; 3] =
    [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];

/// The files of TLS.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    /// Authorities of the members; `None` is the host's own set.
    pub(super) ca: Option<PathBuf>,
    /// The client's certificate chain, and its key.
    pub(super) certificate: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// Makes a connection to `host` a TLS session.
    pub(super) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let tls = self.clone();
        // On a thread: a disk may take its time, and the host's own authorities are a hundred certificates.
        let config = spawn_blocking(move || tls.config()).await;
        let config = config.map_err(|error| Failure::Tls(error.to_string()))??;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Failure::Tls(format!("`{host}` is not a host name")))?;
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, stream).await.map_err(|error| match tls_error(&error) {
            Some(error) => Failure::Tls(self.explain(error)),
            None if HANDSHAKE_ENDS.contains(&error.kind()) => Failure::Tls(
                "the server ended the connection in the handshake, as etcd without TLS does: write `etcd://` in \
                 `from` if it has none, or else look at its log"
                    .to_owned(),
            ),
            None => Failure::Connect(flow::error_text(&error)),
        })
    }

    fn config(&self) -> Result<ClientConfig, Failure> {
        let config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| Failure::Tls(error.to_string()))?
                .with_root_certificates(self.authorities()?);
        let Some((chain_file, key_file)) = &self.certificate else {
            return Ok(config.with_no_client_auth());
        };
        let chain = certificates(chain_file)?;
        let file = |path: &Path, fault| Failure::File { path: path.into(), fault };
        let key = PrivateKeyDer::from_pem_slice(&files::read(key_file)?)
            .map_err(|error| file(key_file, FileFault::NoKey(error)))?;
        config
            .with_client_auth_cert(chain, key)
            .map_err(|error| file(chain_file, FileFault::OtherKey(error)))
    }

    fn authorities(&self) -> Result<RootCertStore, Failure> {
        let mut roots = RootCertStore::empty();
        if let Some(path) = &self.ca {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| Failure::File {
                    path: path.clone(),
                    fault: FileFault::NoAuthority(error),
                })?;
            }
            return Ok(roots);
        }
        let path = HOST_AUTHORITIES.iter().map(Path::new).find(|path| path.exists());
        let path = path.ok_or_else(|| {
            Failure::Tls(
                "this host has no file of trusted authorities: set `ca`, or install the package \
                 `ca-certificates`"
                    .to_owned(),
            )
        })?;
        // A host may trust certificates that are not used for this, such as very old ones.
        roots.add_parsable_certificates(certificates(path)?);
        Ok(roots)
    }

    /// The meaning of a failure, and its remedy.
    pub(super) fn explain(&self, error: &rustls::Error) -> String {
        use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage};
        let meaning = match error {
            InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => "its certificate has expired: renew it",
            InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            ) => "its certificate is not valid yet: compare the clocks",
            InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) if self.ca.is_some() => {
                "its certificate is not signed by an authority in the file `ca`"
            }
            InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => {
                "no authority that this host trusts has signed its certificate: name yours in `ca`"
            }
            InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => "its certificate is for other names: use one of those in `from`",
            InvalidMessage(_) => "it does not speak TLS: write `etcd://` in `from`",
            AlertReceived(alert) => self.explain_alert(*alert),
            _ => return error.to_string(),
        };
        format!("{meaning} ({error})")
    }

    fn explain_alert(&self, alert: AlertDescription) -> &'static str {
        let refusals = [
            AlertDescription::BadCertificate,
            AlertDescription::CertificateRequired,
            AlertDescription::CertificateExpired,
            AlertDescription::CertificateRevoked,
            AlertDescription::CertificateUnknown,
            AlertDescription::UnsupportedCertificate,
            AlertDescription::UnknownCA,
        ];
        match (refusals.contains(&alert), &self.certificate) {
            (true, None) => "it requires a client certificate: set `certificate` and `key`",
            (true, Some(_)) => {
                "it refuses the file `certificate`: it must be signed by an authority in etcd's \
                 `--trusted-ca-file`, be valid now, and be good for clients (`clientAuth`)"
            }
            (false, _) => "it ended the handshake",
        }
    }
}

/// The error of TLS behind an error of the connection.
pub(super) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// All certificates of a file.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let failed = |fault| Failure::File { path: path.to_owned(), fault };
    let bytes = files::read(path)?;
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let parsed = parsed.map_err(|error| failed(FileFault::Pem(error)))?;
    if parsed.is_empty() {
        return Err(failed(FileFault::NoCertificate));
    }
    Ok(parsed)
}
