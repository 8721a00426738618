//! Checks of texts that settings keep as they are: paths, names, and parts of requests.

use std::path::PathBuf;

use crate::problem::ParseError;
use crate::setting::{Content, Role};
use crate::text::{Fragment, cut, quoted};

const NAME_MAX: usize = 128;

/// `IFNAMSIZ` and `TCP_CA_NAME_MAX` without the final NUL.
const KERNEL_NAME_MAX: usize = 15;

/// `PATH_MAX` without the final NUL (limits.h).
const PATH_MAX: usize = 4095;

/// Checks the syntax of a file path; existence is checked on use.
pub(crate) fn check_path(path: Fragment<'_>, role: Role) -> Result<PathBuf, ParseError> {
    if path.text.is_empty() {
        Err(path.error("the path is empty"))
    } else if path.text.len() > PATH_MAX {
        Err(path.error(format!("the path {} is longer than {PATH_MAX} bytes", quoted(path.text))))
    } else if path.text.ends_with('/') && !role.is_directory() {
        Err(path.error(format!("{} is a directory, and a file is needed", quoted(path.text))))
    } else if path.text.chars().any(char::is_control) {
        let message = format!("the path {} contains control characters", quoted(path.text));
        Err(path.error(message))
    } else if role.is_absolute() && !path.text.starts_with('/') {
        let message = format!("{} is not an absolute path", quoted(path.text));
        let name = path.text.trim_start_matches("./");
        let directory = if role.is_directory() { "/var/lib" } else { "/etc/traffic-forwarder" };
        Err(path.error(message).hint(format!("write \"{directory}/{}\"", cut(name))))
    } else {
        let without_slash = path.text.trim_end_matches('/');
        Ok(PathBuf::from(if without_slash.is_empty() { path.text } else { without_slash }))
    }
}

/// Checks the syntax of a user or group name; existence is checked at the start.
pub(crate) fn check_account(name: Fragment<'_>) -> Result<String, ParseError> {
    check_name(name.text)?;
    if name.text.contains(':') {
        let message = format!("{} is one name, and the group has its own key", quoted(name.text));
        return Err(name.error(message).hint("write the group as `group = \"NAME\"`"));
    }
    Ok(name.text.to_owned())
}

/// Longest text of a check.
const TEXT_MAX: usize = 1024;

/// Longest name of a protocol in TLS (RFC 7301 section 3.1).
const PROTOCOL_MAX: usize = 255;

/// Checks a text that becomes a part of a request, which it must not extend, or is compared with one.
pub(crate) fn check_text(text: Fragment<'_>, content: Content) -> Result<String, ParseError> {
    let is_printable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let mistake = match content {
        _ if text.text.is_empty() => return Err(text.error("the text is empty")),
        Content::Protocol if text.text.len() > PROTOCOL_MAX => Some("is longer than 255 bytes"),
        Content::Protocol => None,
        Content::Instance => return check_instance_name(text),
        _ if text.text.len() > TEXT_MAX => Some("is longer than 1024 bytes"),
        Content::Name if text.text.len() > KERNEL_NAME_MAX => Some("is longer than 15 bytes"),
        Content::Name if text.text.contains('/') => Some("contains `/`"),
        Content::HttpPath if !text.text.starts_with('/') => Some("does not begin with `/`"),
        Content::HttpPath | Content::Host | Content::Name | Content::StoreUser
            if !is_printable(text.text) =>
        {
            Some("contains white space, control characters or characters that are not ASCII")
        }
        Content::HttpPath | Content::Host | Content::Name | Content::StoreUser | Content::Bytes => {
            None
        }
    };
    match mistake {
        Some(mistake) => Err(text.error(format!("{} {mistake}", quoted(text.text)))),
        None => Ok(text.text.to_owned()),
    }
}

/// Longest name of an instance.
const INSTANCE_NAME_MAX: usize = 64;

/// Checks the name of an instance, which is a part of a key in the store, and a word of the command line.
///
/// # Errors
///
/// The name is empty, longer than 64 bytes, or has other characters than letters, digits, `.`, `-` and `_`.
pub fn instance_name(name: &str) -> Result<(), ParseError> {
    check_instance_name(Fragment::new(name)).map(|_| ())
}

fn check_instance_name(name: Fragment<'_>) -> Result<String, ParseError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.text.is_empty() {
        return Err(name.error("the name is empty"));
    }
    if name.text.len() > INSTANCE_NAME_MAX {
        let message = format!("{} is longer than {INSTANCE_NAME_MAX} bytes", quoted(name.text));
        return Err(name.error(message).hint("give this instance a shorter `name`"));
    }
    if let Some(c) = name.text.chars().find(|c| !is_allowed(*c)) {
        let c = quoted(c.encode_utf8(&mut [0; 4]));
        let message = format!("the name {} contains {c}", quoted(name.text));
        let hint = "names of instances have letters, digits, `.`, `-` and `_`";
        return Err(name.error(message).hint(hint));
    }
    Ok(name.text.to_owned())
}

/// Checks the name of a forward.
pub(crate) fn check_name(name: &str) -> Result<(), ParseError> {
    let error = |message: &str| Err(ParseError::new(0..name.len(), message));
    if name.is_empty() {
        error("the name is empty")
    } else if name.len() > NAME_MAX {
        error("the name is longer than 128 bytes")
    } else if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        error(&format!("the name {} contains white space or control characters", quoted(name)))
    } else {
        Ok(())
    }
}
