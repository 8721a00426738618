//! Texts of operating system errors for messages.

use std::io::Error;

/// The description of an error for use in a sentence: in lower case, without the number that the standard
/// library appends, as in `permission denied`.
pub fn error_text(error: &Error) -> String {
    let text = error.to_string();
    let Some(number) = error.raw_os_error() else { return text };
    let text = text.strip_suffix(&format!(" (os error {number})")).unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_have_no_number() {
        assert_eq!(error_text(&Error::from_raw_os_error(13)), "permission denied");
        assert_eq!(error_text(&Error::other("Not of the system")), "Not of the system");
    }
}
