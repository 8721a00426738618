//! Checks of texts that settings keep as they are: paths, names, and parts of requests.

use std::path::PathBuf;

use crate::problem::ParseError;
use crate::setting::Content;
use crate::text::{Fragment, quoted};

const NAME_MAX: usize = 128;

/// `IFNAMSIZ` and `TCP_CA_NAME_MAX` without the final NUL.
const KERNEL_NAME_MAX: usize = 15;

/// `PATH_MAX` without the final NUL (limits.h).
const PATH_MAX: usize = 4095;

/// Checks the syntax of a file path; existence is checked on use.
pub(crate) fn check_path(path: Fragment<'_>) -> Result<PathBuf, ParseError> {
    if path.text.is_empty() {
        Err(path.error("the path is empty"))
    } else if path.text.len() > PATH_MAX {
        Err(path.error(format!("the path {} is longer than {PATH_MAX} bytes", quoted(path.text))))
    } else if path.text.ends_with('/') {
        Err(path.error(format!("{} is a directory, and a file is needed", quoted(path.text))))
    } else if path.text.chars().any(char::is_control) {
        let message = format!("the path {} contains control characters", quoted(path.text));
        Err(path.error(message))
    } else {
        Ok(PathBuf::from(path.text))
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
        _ if text.text.len() > TEXT_MAX => Some("is longer than 1024 bytes"),
        Content::Name if text.text.len() > KERNEL_NAME_MAX => Some("is longer than 15 bytes"),
        Content::Name if text.text.contains('/') => Some("contains `/`"),
        Content::HttpPath if !text.text.starts_with('/') => Some("does not begin with `/`"),
        Content::HttpPath | Content::Host | Content::Name if !is_printable(text.text) => {
            Some("contains white space, control characters or characters that are not ASCII")
        }
        Content::HttpPath | Content::Host | Content::Name | Content::Bytes => None,
    };
    match mistake {
        Some(mistake) => Err(text.error(format!("{} {mistake}", quoted(text.text)))),
        None => Ok(text.text.to_owned()),
    }
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
