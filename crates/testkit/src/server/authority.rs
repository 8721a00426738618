//! An authority for certificates, by openssl.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::tool::Tool;
use crate::wait::LIMIT;

/// An authority with its own directory.
#[derive(Debug)]
pub struct Authority {
    dir: TempDir,
}

/// Files of a certificate and of its key, as PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub file: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let (key, file) = (dir.path().join("ca.key"), dir.path().join("ca.pem"));
        let mut openssl = vec!["req", "-x509", "-newkey", "ec", "-pkeyopt"];
        openssl.extend(["ec_paramgen_curve:P-256", "-nodes", "-days", "300", "-subj", "/CN=tests"]);
        openssl.extend(["-keyout", text(&key), "-out", text(&file)]);
        Tool::find("openssl").run(openssl, LIMIT);
        Self { dir }
    }

    /// The authority's own certificate.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// A certificate for `127.0.0.1` and `localhost`, as this client, for `usage`: `serverAuth`, `clientAuth` or both
    /// with a comma. It ends in `days`, which may be negative.
    pub fn issue(&self, name: &str, usage: &str, days: i32) -> Certificate {
        let path = |ending: &str| self.dir.path().join(format!("{name}.{ending}"));
        let (key, request, file, extensions) = (path("key"), path("csr"), path("pem"), path("ext"));
        let names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
        fs::write(&extensions, format!("{names}\nextendedKeyUsage={usage}\n"))
            .expect("write into an own directory");
        let (openssl, subject) = (Tool::find("openssl"), format!("/CN={name}"));
        let mut args = vec!["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        args.extend(["-nodes", "-subj", &subject, "-keyout", text(&key), "-out", text(&request)]);
        openssl.run(args, LIMIT);
        let (ca, ca_key, days) = (self.file(), self.dir.path().join("ca.key"), days.to_string());
        let mut args = vec!["x509", "-req", "-in", text(&request), "-out", text(&file)];
        args.extend(["-CA", text(&ca), "-CAkey", text(&ca_key), "-CAcreateserial"]);
        args.extend(["-days", &days, "-extfile", text(&extensions)]);
        openssl.run(args, LIMIT);
        Certificate { file, key }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}
