//! Where clients and connections to servers come from: `accept-proxy` of `bind`, and `source`.

use std::net::IpAddr;

use super::words::Line;
use crate::route::{self, Listen};
use crate::section::{Noted, Section};

/// Sets `accept_proxy`, if the clients of each `bind` must send a PROXY header.
pub(super) fn accept_proxy(binds: &[&Line], listens: &[Listen], section: &mut Section) {
    let has_header = |line: &&&Line| line.words.iter().any(|word| word == "accept-proxy");
    let Some(with) = binds.iter().find(has_header) else { return };
    if let Some(without) = binds.iter().find(|line| !has_header(line)) {
        let message = "`bind`: clients of one address send a PROXY header, and of another none";
        return section.comment_out(&without.place, message, "write a forward for each address");
    }
    let message = "`bind … accept-proxy`: headers of all clients are trusted, as in HAProxy";
    section.differs(&with.place, message, "name the proxies in `from` of accept_proxy");
    let from = route::every_peer(listens).join(", ");
    section.set("accept_proxy", format!("{{ from = [{from}] }}"));
}

/// Sets `local_address` and `interface`, or `transparent`, by a `source`.
pub(super) fn source(line: &Line, section: &mut Section) {
    let mut set = |key, value: &str| section.set(key, plan::basic_string(value));
    let is_any = |address: &str| matches!(address, "*" | "0.0.0.0" | "::");
    match line.from(1) {
        [address] if is_any(address) => {}
        [address] if address.parse::<IpAddr>().is_ok() => set("local_address", address),
        [address, word, name] if word == "interface" && is_any(address) => set("interface", name),
        [address, word, client] if word == "usesrc" && client == "clientip" && is_any(address) => {
            section.set("transparent", "true".to_owned());
        }
        [address, word, name] if word == "interface" && address.parse::<IpAddr>().is_ok() => {
            set("local_address", address);
            set("interface", name);
        }
        _ => {
            let message = "`source`: targets would see another address";
            section.comment_out(
                &line.place,
                message,
                "set `local_address` or `transparent` by hand",
            );
        }
    }
}
