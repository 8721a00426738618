//! The `[fleet]` table, with checks across its keys.

use crate::fleet::Fleet;
use crate::fleet_table::FleetTable;
use crate::problem::ParseError;
use crate::store_url::StoreUrl;
use crate::table::Table as _;
use crate::text::{Span, cut};
use crate::toml_values::{Entries, Reader};

/// A key that is useful only beside another one, and the line that adds that one.
const PAIRS: [(&str, &str, &str); 4] = [
    ("user", "password_file", "password_file = \"/etc/traffic-forwarder/etcd.password\""),
    ("password_file", "user", "user = \"NAME\""),
    ("certificate", "key", "key = \"/etc/traffic-forwarder/key.pem\""),
    ("key", "certificate", "certificate = \"/etc/traffic-forwarder/certificate.pem\""),
];

/// Keys that only an encrypted connection uses.
const OF_TLS: [&str; 3] = ["ca", "certificate", "key"];

/// Parses the table, whose header is at `header`.
pub(crate) fn fleet<'a>(
    reader: &mut Reader<'a, '_>,
    table: Entries<'_, '_>,
    header: &Span<'a>,
) -> Option<Fleet> {
    let mut fleet = FleetTable::defaults();
    reader.fill(&mut fleet, table);
    // After a syntax error, the key may be in a part that the parser skipped.
    if !table.contains_key("from") && reader.broken.is_empty() {
        let error = ParseError::new(0..0, "this `[fleet]` has no `from`: where its store is");
        let hint = "add `from = \"etcd://HOST:2379/traffic-forwarder/edge\"`";
        reader.report(header, &error.hint(hint));
    }
    for (key, other, line) in PAIRS {
        if !table.contains_key(other) {
            let message = format!("`{key}` needs a `{other}` that it goes with");
            report(
                reader,
                table,
                key,
                &ParseError::new(0..0, message).hint(format!("add `{line}`")),
            );
        }
    }
    if let Some(url) = fleet.from.as_ref().filter(|url| !url.tls) {
        let from = StoreUrl { tls: true, ..url.clone() }.to_string();
        for key in OF_TLS {
            let message = format!(
                "`{key}` has no effect with `etcd://`, whose connections are not encrypted"
            );
            let hint = format!("write `from = \"{}\"`, or leave out `{key}`", cut(&from));
            report(reader, table, key, &ParseError::new(0..0, message).hint(hint));
        }
    }
    fleet.into_fleet()
}

/// Reports the key `key`, if the table has it.
fn report(reader: &mut Reader<'_, '_>, table: Entries<'_, '_>, key: &str, error: &ParseError) {
    if let Some((key, _)) = table.get_key_value(key) {
        reader.report(&reader.source.span(key.span()), error);
    }
}
