//! Detection of URLs given as addresses.

use crate::problem::ParseError;
use crate::text::{Fragment, cut, quoted};

/// Rejects a URL and suggests the address in it. `port` is appended to the suggestion if the URL
/// has no port.
pub(crate) fn refuse(text: Fragment<'_>, port: &str) -> Result<(), ParseError> {
    let Some((scheme, rest)) = text.text.split_once("://") else { return Ok(()) };
    let address = rest.split(['/', '?', '#', '|']).next().unwrap_or_default();
    let is_port = !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_digit());
    let port = if is_port || address.contains(':') || scheme == "srv" { "" } else { port };
    let (scheme, address) = (cut(scheme), cut(address));
    let error = text.error(format!("{} is a URL, and an address is needed", quoted(text.text)));
    if scheme == "dns" || scheme == "srv" {
        return Err(error.hint(format!("write `{scheme}:{address}{port}`")));
    }
    Err(error.hint(format!("leave out `{scheme}://`: write `{address}{port}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_is_the_address_to_write() {
        let cases = [
            ("http://foo:80/", "leave out `http://`: write `foo:80`"),
            ("tcp://foo", "leave out `tcp://`: write `foo:PORT`"),
            ("tcp://38080", "leave out `tcp://`: write `38080`"),
            ("dns://db:5432", "write `dns:db:5432`"),
            ("dns://db/", "write `dns:db:PORT`"),
            ("srv://_db._tcp.test", "write `srv:_db._tcp.test`"),
            ("https://[::1]:443/a?b#c", "leave out `https://`: write `[::1]:443`"),
        ];
        for (text, hint) in cases {
            let error = refuse(Fragment::new(text), ":PORT").expect_err(text);
            assert_eq!(error.hint.as_deref(), Some(hint), "{text}");
        }
        assert_eq!(refuse(Fragment::new("foo:80"), ""), Ok(()));
    }
}
