//! Texts with `{names}` in them.

use crate::failure::{Failure, Result};

/// Puts values in place of `{name}`. Braces around anything but one word in small letters are
/// left as they are, since many configurations are full of them; an unknown word is an error.
pub(crate) fn fill_in(template: &str, values: &[(&str, String)]) -> Result<String> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let name = after.split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
        let Some(name) = name else {
            text.push('{');
            rest = after;
            continue;
        };
        let Some((_, value)) = values.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = values.iter().map(|(known, _)| *known).collect();
            let known = known.join(", ");
            return Err(Failure::new(format!("unknown placeholder {{{name}}}; there are {known}")));
        };
        text.push_str(value);
        rest = &after[name.len() + 1..];
    }
    text.push_str(rest);
    Ok(text)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> [(&'static str, String); 2] {
        [("listen", "127.0.0.1:1".into()), ("workers", "{x}".into())]
    }

    #[test]
    fn names_are_replaced_and_other_braces_stay() {
        let text = "events { a {workers}; }\nserver {\n listen {listen};}{";
        assert_eq!(
            fill_in(text, &values()).unwrap(),
            "events { a {x}; }\nserver {\n listen 127.0.0.1:1;}{"
        );
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        let error = fill_in("{listn}", &values()).unwrap_err().to_string();
        assert_eq!(error, "unknown placeholder {listn}; there are listen, workers");
    }
}
