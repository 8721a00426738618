//! The programs of these cases: their files in `bench/abuse`.

use crate::failure::Result;
use crate::fields::Fields;
use crate::trial::program::{self, Configs};

pub(super) type Program = program::Program<Templates>;

/// The configurations of a program; it takes part in the cases that it has one for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Templates {
    /// One target.
    pub(super) plain: Option<String>,
    /// The target of clients whose TLS ClientHello has the name `a.test`.
    pub(super) hellos: Option<String>,
    /// One target, for clients that send a PROXY header.
    pub(super) headers: Option<String>,
    /// One target, with clients that have many IPv6 prefixes.
    pub(super) prefixes: Option<String>,
}

impl Configs for Templates {
    fn read(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Self {
            plain: fields.optional_text("plain")?,
            hellos: fields.optional_text("hellos")?,
            headers: fields.optional_text("headers")?,
            prefixes: fields.optional_text("prefixes")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::fields::read_all;
    use crate::trial::program::parse;

    #[test]
    fn every_shipped_file_is_right() {
        let dir = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/abuse"));
        let files = read_all(dir, parse::<Templates>).unwrap();
        let with = |has: fn(&Templates) -> bool| files.iter().filter(|it| has(&it.configs)).count();
        assert!(with(|it| it.plain.is_some()) >= 5);
        assert!(with(|it| it.hellos.is_some()) >= 3);
        assert!(with(|it| it.headers.is_some()) >= 3);
        assert!(with(|it| it.prefixes.is_some()) >= 4);
    }
}
