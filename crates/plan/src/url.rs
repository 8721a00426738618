//! URLs that stand where an address is needed.

use crate::problem::ParseError;
use crate::text::{Fragment, cut, quoted};

/// Refuses a URL, and says what to write instead. `port` is what the address must end with if the
/// URL names none.
pub(crate) fn refuse(text: Fragment<'_>, port: &str) -> Result<(), ParseError> {
    let Some((scheme, rest)) = text.text.split_once("://") else { return Ok(()) };
    let address = rest.split(['/', '?', '#', '|']).next().unwrap_or_default();
    let port = if address.contains(':') { "" } else { port };
    let (scheme, address) = (cut(scheme), cut(address));
    let fault = text.fault(format!("{} is a URL, and an address is needed", quoted(text.text)));
    Err(fault.hint(format!("leave out `{scheme}://`: write `{address}{port}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_write_is_said() {
        let cases = [
            ("http://foo:80/", "leave out `http://`: write `foo:80`"),
            ("tcp://foo", "leave out `tcp://`: write `foo:PORT`"),
            ("https://[::1]:443/a?b#c", "leave out `https://`: write `[::1]:443`"),
        ];
        for (text, hint) in cases {
            let fault = refuse(Fragment::new(text), ":PORT").expect_err(text);
            assert_eq!(fault.hint.as_deref(), Some(hint), "{text}");
        }
        assert_eq!(refuse(Fragment::new("foo:80"), ""), Ok(()));
    }
}
