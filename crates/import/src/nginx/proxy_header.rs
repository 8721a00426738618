//! PROXY headers that clients of a server must send: `listen ... proxy_protocol` and `set_real_ip_from`.

use std::time::Duration;

use plan::{NotAPrefix, Prefix};

use super::words::{Directive, time};
use crate::grouped_notes::GroupedNotes;
use crate::note::{SourcePlace, quoted};
use crate::route::{self, Listen};
use crate::section::{Noted, Section, duration};

/// nginx's own value of `proxy_protocol_timeout`.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a server says about headers.
#[derive(Default)]
pub(super) struct ProxyHeaders {
    /// The first `listen` whose clients must send one.
    required: Option<SourcePlace>,
    /// The first `listen` whose clients must not.
    plain: Option<SourcePlace>,
    /// Trusted proxies, as TOML strings.
    trusted: Vec<String>,
    timeout: Option<Duration>,
}

impl ProxyHeaders {
    /// Notes a `listen`.
    pub(super) fn listen(&mut self, directive: &Directive) {
        let is_required = directive.words.iter().skip(2).any(|word| word == "proxy_protocol");
        let place = if is_required { &mut self.required } else { &mut self.plain };
        place.get_or_insert_with(|| directive.place.clone());
    }

    /// Notes a `proxy_protocol_timeout`.
    pub(super) fn timeout(&mut self, directive: &Directive) {
        self.timeout = time(directive.argument());
    }

    /// Notes a `set_real_ip_from`.
    pub(super) fn trust(&mut self, directive: &Directive, section: &mut Section) {
        let text = directive.argument();
        match text.parse::<Prefix>() {
            Ok(prefix) | Err(NotAPrefix::HostBits(prefix)) => {
                self.trusted.push(plan::basic_string(&prefix.to_string()));
            }
            Err(_) if text == "unix:" => self.trusted.push(plan::basic_string("unix")),
            Err(_) => {
                let message = format!("{}: it is a name", quoted(&directive.words.join(" ")));
                section.comment_out(&directive.place, message, "write a prefix or an address");
            }
        }
    }

    /// Sets `accept_proxy` of the forward.
    pub(super) fn set(
        self,
        listens: &[Listen],
        has_rules: bool,
        section: &mut Section,
        grouped: &mut GroupedNotes,
    ) {
        let Some(place) = self.required else {
            if let Some(place) = self.plain.filter(|_| !self.trusted.is_empty()) {
                grouped.add(&place, "set_real_ip_from");
            }
            return;
        };
        if let Some(plain) = self.plain {
            let message =
                "`listen`: clients of one address send a PROXY header, and of another none";
            return section.comment_out(&plain, message, "write a forward for each address");
        }
        if self.trusted.is_empty() && has_rules {
            // Any peer could state an address that is allowed.
            let message = "`listen … proxy_protocol`: `allow` and `deny` decide about the proxy, and here about \
                           the client in the header";
            let help = "write the proxies into `from` of accept_proxy";
            return section.comment_out(&place, message, help);
        }
        let from = if self.trusted.is_empty() {
            let message = "`listen … proxy_protocol`: limits and records see the client in the header, as with \
                           set_real_ip_from";
            section.differs(&place, message, "name the proxies in `from` of accept_proxy");
            route::every_peer(listens)
        } else {
            let message = "`set_real_ip_from`: clients that are not in it are refused";
            section.differs(&place, message, "add their prefixes to `from` of accept_proxy");
            self.trusted
        };
        let timeout = duration(self.timeout.unwrap_or(TIMEOUT));
        let from = from.join(", ");
        section.set("accept_proxy", format!("{{ from = [{from}], timeout = {timeout} }}"));
    }
}
