//! The token that a client must present where the admin interface listens on a TCP port.

use std::error::Error;
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Minimum length of a token, in bytes: a shorter one can be guessed.
const TOKEN_MIN: usize = 16;
const TOKEN_MAX: usize = 4096;

/// The secret that a client must send on a TCP port.
pub struct Token(String);

/// Returns the problem with the token in this file; `None` if it can be used.
pub fn token_fault(path: &Path) -> Option<TokenError> {
    Token::read(path).err()
}

/// A file whose token cannot be used.
#[derive(Debug)]
pub struct TokenError {
    path: PathBuf,
    fault: TokenFault,
}

#[derive(Debug)]
enum TokenFault {
    Unreadable(io::Error),
    NotAFile,
    ReadableByOthers,
    TooLong,
    NoWord,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token file `{}` ", self.path.display())?;
        match &self.fault {
            TokenFault::Unreadable(error) => write!(f, "cannot be read: {error}"),
            TokenFault::NotAFile => f.write_str("is not a file"),
            TokenFault::ReadableByOthers => {
                f.write_str("may be read by other users: chmod 600 it, and make a new token")
            }
            TokenFault::TooLong => write!(f, "is longer than {TOKEN_MAX} bytes"),
            TokenFault::NoWord => write!(
                f,
                "must hold one word of at least {TOKEN_MIN} ASCII characters, such as \
                 `openssl rand -hex 32` writes"
            ),
        }
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.fault {
            TokenFault::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}

impl Token {
    /// Reads the token from a file with no permissions for group and others.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let fault = |fault| TokenError { path: path.to_owned(), fault };
        let read = |error| fault(TokenFault::Unreadable(error));
        let file = std::fs::metadata(path).map_err(read)?;
        if !file.is_file() {
            // Opening a pipe would block.
            return Err(fault(TokenFault::NotAFile));
        }
        if file.mode() & 0o077 != 0 {
            return Err(fault(TokenFault::ReadableByOthers));
        }
        if file.len() > TOKEN_MAX as u64 {
            return Err(fault(TokenFault::TooLong));
        }
        let token = std::fs::read_to_string(path).map_err(read)?;
        let token = token.trim();
        if token.len() < TOKEN_MIN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(fault(TokenFault::NoWord));
        }
        Ok(Self(token.to_owned()))
    }

    /// Restores the token that the previous process image read from its file.
    pub fn restore(token: String) -> Self {
        Self(token)
    }

    /// The secret in plain text, for the handoff and for requests.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in time that depends on the length only, so timing reveals no prefix.
    pub fn is(&self, given: &str) -> bool {
        let pairs = self.0.bytes().zip(given.bytes());
        let difference = pairs.fold(0, |difference, (a, b)| difference | (a ^ b));
        self.0.len() == given.len() && std::hint::black_box(difference) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const TOKEN: &str = "0123456789abcdef";

    #[test]
    fn a_token_file_must_be_private_and_hold_one_long_word() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let read = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            Token::read(&path).map(|token| token.0).map_err(|error| error.to_string())
        };
        assert_eq!(read("0123456789abcdef\n", 0o600).unwrap(), TOKEN);
        assert!(read(TOKEN, 0o644).unwrap_err().contains("chmod 600"));
        assert!(read("short", 0o600).unwrap_err().contains("at least 16"));
        assert!(read("with a space in between", 0o600).unwrap_err().contains("one word"));
        std::fs::remove_file(&path).unwrap();
        let missing = Token::read(&path).err().unwrap().to_string();
        assert!(missing.contains("cannot be read"), "{missing}");
    }
}
