//! The tokens that callers of the admin interface present on a TCP port.

mod error;
pub use error::{TOKEN_FILE_MAX, TokenError};

use crate::privileges::{user_number, user_of};
use error::{LineFault, NAME_MAX, TOKEN_MIN, TokenFault};
use plan::Plan;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use sys::{Grant, Grantee};

/// Name of a token that stands alone in its line.
const BARE_NAME: &str = "token";

/// Directory of the service manager, which alone makes files there.
const CREDENTIALS: &str = "/run/credentials";
/// The permission to read.
const READ: u32 = 0o4;

/// What a caller of the admin interface may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AdminRole {
    /// Read the state of the process.
    View,
    /// Read and change it.
    Operate,
}

impl AdminRole {
    /// The word in the token file and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Operate => "operate",
        }
    }
}

/// One token, with the role and the name of its holder.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminToken {
    /// What its holder may do.
    pub role: AdminRole,
    /// Name of its holder in the log.
    pub name: String,
    secret: String,
}

/// The tokens of a file, in its order: at least one, with distinct names and secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminTokens(Vec<AdminToken>);

impl AdminTokens {
    /// Reads the tokens from a file of root or of this process's user that other users cannot read.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        Self::read_of(path, &[])
    }

    /// Like [`Self::read`]; the file may also belong to one of `others`.
    fn read_of(path: &Path, others: &[u32]) -> Result<Self, TokenError> {
        let fault = |fault| TokenError { path: path.to_owned(), fault };
        let unreadable = |error| fault(TokenFault::Unreadable(error));
        // One descriptor for the checks and the text: the path may lead to another file in between. Symbolic links
        // are followed, since secrets of Kubernetes are links.
        let file = sys::open_to_read(path).map_err(|errno| unreadable(errno.into()))?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(fault(TokenFault::NotAFile));
        }
        // The owner can change the tokens, and may let others read them at any time.
        let (owner, user) = (metadata.uid(), sys::user_id());
        let is_trusted = |other| other == 0 || other == user || others.contains(&other);
        if !is_trusted(owner) {
            return Err(fault(TokenFault::Foreign { owner, user }));
        }
        let grants = sys::grants(&file).map_err(unreadable)?;
        if let Some(grant) = grants.iter().find(|grant| !is_private(grant, path, is_trusted)) {
            return Err(fault(TokenFault::ReadableByOthers(grant.grantee)));
        }
        let mut text = String::new();
        file.take(TOKEN_FILE_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() as u64 > TOKEN_FILE_MAX {
            return Err(fault(TokenFault::TooLong));
        }
        Self::parse(&text).map_err(fault)
    }

    /// Restores the tokens that the previous process image read; `None` if there is none.
    pub fn restore(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    /// The tokens as the text of a file, for the handoff.
    pub fn to_text(&self) -> String {
        let line = |token: &AdminToken| {
            format!("{} {} {}\n", token.role.as_str(), token.name, token.secret)
        };
        self.0.iter().map(line).collect()
    }

    /// The secret of the first operator.
    pub fn of_operator(&self) -> Option<&str> {
        let operator = self.0.iter().find(|token| token.role == AdminRole::Operate);
        operator.map(|token| &*token.secret)
    }

    /// The secret for a command: of the first operator, or else the first one.
    pub fn for_commands(&self) -> &str {
        let first = || self.0.first().map_or("", |token| &token.secret);
        self.of_operator().unwrap_or_else(first)
    }

    /// The token with this secret.
    pub fn find(&self, given: &str) -> Option<&AdminToken> {
        self.0.iter().find(|token| token.is(given))
    }

    /// Parses lines `ROLE NAME TOKEN`; a token alone is that of an operator named `token`. Empty lines
    /// and those that start with `#` are left out.
    fn parse(text: &str) -> Result<Self, TokenFault> {
        let mut tokens: Vec<(usize, AdminToken)> = Vec::new();
        for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()))
        {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fault = |fault| TokenFault::Line(number, fault);
            let token = AdminToken::parse(line).map_err(fault)?;
            for (earlier, known) in &tokens {
                if known.name == token.name {
                    return Err(fault(LineFault::SameName(*earlier)));
                }
                if known.secret == token.secret {
                    return Err(fault(LineFault::SameToken(*earlier)));
                }
            }
            tokens.push((number, token));
        }
        if tokens.is_empty() {
            return Err(TokenFault::Empty);
        }
        Ok(Self(tokens.into_iter().map(|(_, token)| token).collect()))
    }
}

impl AdminToken {
    fn parse(line: &str) -> Result<Self, LineFault> {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (role, name, secret) = match words[..] {
            [secret] => (AdminRole::Operate, BARE_NAME, secret),
            ["view", name, secret] => (AdminRole::View, name, secret),
            ["operate", name, secret] => (AdminRole::Operate, name, secret),
            [_, _, _] => return Err(LineFault::Role),
            _ => return Err(LineFault::Form),
        };
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
        if name.len() > NAME_MAX || !name.bytes().all(is_of_name) {
            return Err(LineFault::Name);
        }
        if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(LineFault::NotPrintable);
        }
        if secret.len() < TOKEN_MIN {
            return Err(LineFault::Short);
        }
        Ok(Self { role, name: name.to_owned(), secret: secret.to_owned() })
    }

    /// Compares in time that depends on the length only, so timing reveals no prefix.
    fn is(&self, given: &str) -> bool {
        let pairs = self.secret.bytes().zip(given.bytes());
        let difference = pairs.fold(0, |difference, (a, b)| difference | (a ^ b));
        self.secret.len() == given.len() && std::hint::black_box(difference) == 0
    }
}

/// Whether a token file may give these permissions: to no other user, and to the group of root no more than to read.
fn is_private(grant: &Grant, path: &Path, is_trusted: impl Fn(u32) -> bool) -> bool {
    match grant.grantee {
        Grantee::NamedUser(user) if is_trusted(user) => true,
        // The service manager lets the user of a unit read its credentials by an ACL (LoadCredential=,
        // systemd.exec(5)), and root may examine those of any unit.
        Grantee::NamedUser(_) if sys::user_id() == 0 && path.starts_with(CREDENTIALS) => true,
        Grantee::Group(0) | Grantee::NamedGroup(0) => grant.permissions & !READ == 0,
        _ => grant.permissions == 0,
    }
}

/// Returns the problem with the tokens in this file; `None` if they can be used.
pub fn token_fault(path: &Path) -> Option<TokenError> {
    AdminTokens::read(path).err()
}

/// Like [`token_fault`], for the process of a plan, which may run as another user than this one. `None`
/// without a file.
pub fn token_fault_of(plan: &Plan) -> Option<TokenError> {
    let path = plan.process.admin_token_file.as_deref()?;
    let user = user_of(plan);
    AdminTokens::read_of(path, user.as_slice()).err().or_else(|| {
        let user = plan.process.user.as_deref()?;
        let owner = path.metadata().ok()?.uid();
        let may_read = user_number(user).is_ok_and(|user| user == 0 || user == owner);
        let fault = TokenFault::OfAnotherUser { owner, user: user.to_owned() };
        (!may_read).then(|| TokenError { path: path.to_owned(), fault })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const TOKEN: &str = "0123456789abcdef";
    const OTHER: &str = "fedcba9876543210";

    fn parse(text: &str) -> Result<AdminTokens, String> {
        AdminTokens::parse(text)
            .map_err(|fault| TokenError { path: "/t".into(), fault }.to_string())
    }

    #[test]
    fn a_token_file_must_be_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let read = |mode| {
            std::fs::write(&path, format!("{TOKEN}\n")).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            AdminTokens::read(&path).err().map(|error| error.to_string())
        };
        assert_eq!(read(0o600), None);
        for mode in [0o644, 0o604, 0o620] {
            assert!(read(mode).unwrap().contains("chmod 600"), "{mode:o}");
        }
        let of_root = path.metadata().unwrap().gid() == 0;
        assert_eq!(read(0o440).is_none(), of_root, "a credential of the service manager");
        std::fs::remove_file(&path).unwrap();
        assert!(token_fault(&path).unwrap().to_string().contains("cannot be read"));
        assert!(token_fault(dir.path()).unwrap().to_string().contains("is not a regular file"));
        assert!(token_fault(Path::new("/dev/null")).unwrap().to_string().contains("regular"));
        std::fs::write(&path, "x".repeat(100_000)).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        assert!(token_fault(&path).unwrap().to_string().contains("is longer than 64 KiB"));
    }

    /// Needs root, to give the file away.
    #[test]
    fn a_token_file_must_belong_to_root_or_the_user_of_the_process() {
        if sys::user_id() != 0 {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, TOKEN).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        std::os::unix::fs::chown(&path, Some(64_999), None).unwrap();
        let fault = token_fault(&path).unwrap().to_string();
        assert!(fault.contains("belongs to the user with id 64999, and must belong to root"));
        assert!(AdminTokens::read_of(&path, &[64_999]).is_ok());
        let link = dir.path().join("link");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(AdminTokens::read_of(&link, &[64_999]).is_err());
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        assert!(AdminTokens::read(&link).is_ok());
    }

    #[test]
    fn lines_give_each_token_a_role_and_a_name() {
        let bare = parse(&format!("{TOKEN}\n")).unwrap();
        let found = bare.find(TOKEN).map(|it| (it.role, it.name.as_str()));
        assert_eq!(found, Some((AdminRole::Operate, "token")));
        let text = format!("# all\n\n view  prometheus\t{TOKEN} \noperate ann@example.com {OTHER}");
        let tokens = parse(&text).unwrap();
        let role = |secret: &str| tokens.find(secret).map(|it| (it.role, it.name.clone()));
        assert_eq!(role(TOKEN), Some((AdminRole::View, "prometheus".to_owned())));
        assert_eq!(role(OTHER), Some((AdminRole::Operate, "ann@example.com".to_owned())));
        assert_eq!(tokens.for_commands(), OTHER);
        for wrong in ["", &TOKEN[1..], "0123456789abcdeF", &format!("{TOKEN}{OTHER}")] {
            assert_eq!(role(wrong), None, "{wrong}");
        }
        assert!(AdminTokens::restore(&tokens.to_text()).unwrap() == tokens);
    }

    #[test]
    fn a_wrong_line_is_named_without_its_token() {
        let cases = [
            (format!("admin ann {TOKEN}"), "/t:1: the role must be"),
            (format!("\nview {TOKEN}"), "/t:2: write `ROLE NAME TOKEN`"),
            (format!("view ann {TOKEN} more"), "/t:1: write `ROLE NAME TOKEN`"),
            (format!("view a/b {TOKEN}"), "/t:1: the name must"),
            (format!("view {} {TOKEN}", "x".repeat(65)), "/t:1: the name must"),
            ("# x\nview ann 0123456789abcde".to_owned(), "/t:2: the token must have at least 16"),
            ("view ann 0123456789abcde\u{e9}".to_owned(), "/t:1: the token must be of printable"),
            (format!("view ann {TOKEN}\noperate ann {OTHER}"), "/t:2: line 1 has a token of this"),
            (format!("view a {TOKEN}\nview b {TOKEN}"), "/t:2: line 1 has the same token"),
            ("# only\n".to_owned(), "the token file `/t` holds no token"),
        ];
        for (text, expected) in cases {
            let error = parse(&text).err().unwrap_or_default();
            assert!(error.starts_with(expected), "{text:?}: {error}");
            assert!(!error.contains("0123456789abcde"), "{error}");
        }
    }
}
