//! Faults of the files that `[fleet]` names.

use rustls::pki_types::pem;
use std::error::Error;
use std::fmt;
use std::io;

/// Why a file of `[fleet]` cannot be used.
#[derive(Debug)]
pub enum FileFault {
    /// The file cannot be opened or read.
    Unreadable(io::Error),
    /// A directory, a pipe or a device.
    NotRegular,
    /// The file has more than this number of bytes.
    TooLong(u64),
    /// The password is not UTF-8.
    NotText,
    /// There is no password.
    NoPassword,
    /// There are several lines instead of one password.
    SeveralLines,
    /// The PEM is damaged.
    Pem(pem::Error),
    /// There is no certificate in PEM.
    NoCertificate,
    /// There is no private key in PEM.
    NoKey(pem::Error),
    /// The certificate does not belong to the key, or cannot be used with it.
    OtherKey(rustls::Error),
    /// A certificate cannot be that of an authority.
    NoAuthority(rustls::Error),
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {}", flow::error_text(error)),
            Self::NotRegular => f.write_str("is not a regular file: write its content to a file"),
            Self::TooLong(limit) => write!(f, "is longer than {} MiB", limit >> 20),
            Self::NotText => f.write_str("is not UTF-8"),
            Self::NoPassword => f.write_str("is empty: write the password of `user` into it"),
            Self::SeveralLines => {
                f.write_str("has several lines: expected the password of `user` alone")
            }
            Self::Pem(error) => write!(f, "is damaged: {error}"),
            Self::NoCertificate => f.write_str("has no certificate in PEM"),
            Self::NoKey(_) => f.write_str("has no private key in PEM"),
            Self::OtherKey(error) => write!(f, "does not match its key: {error}"),
            Self::NoAuthority(error) => {
                write!(f, "has a certificate that is not a CA certificate: {error}")
            }
        }
    }
}

impl Error for FileFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreadable(error) => Some(error),
            Self::Pem(error) | Self::NoKey(error) => Some(error),
            Self::OtherKey(error) | Self::NoAuthority(error) => Some(error),
            Self::NotRegular
            | Self::TooLong(_)
            | Self::NotText
            | Self::NoPassword
            | Self::SeveralLines
            | Self::NoCertificate => None,
        }
    }
}
