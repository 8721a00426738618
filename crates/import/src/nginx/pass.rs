//! `proxy_pass`: to an address, to an upstream, or by a `map` of what TLS ClientHellos say.

use std::time::Duration;

use super::common::Common;
use super::preread::Map;
use super::upstream;
use super::words::{Directive, time};
use crate::grouped_notes::GroupedNotes;
use crate::note::SourcePlace;
use crate::route::Target;
use crate::section::{Noted, Section, duration};
use crate::server::{self, Server};

/// The variable for the port that the client connected to.
const SERVER_PORT: [&str; 2] = [":$server_port", ":${server_port}"];

/// nginx's own value of `preread_timeout`.
const PREREAD_TIMEOUT: Duration = Duration::from_secs(30);

/// What a `proxy_pass` is converted with.
pub(super) struct Pass<'a> {
    common: &'a Common,
    /// Of its server.
    directives: &'a [&'a Directive],
    grouped: &'a mut GroupedNotes,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        common: &'a Common,
        directives: &'a [&'a Directive],
        grouped: &'a mut GroupedNotes,
    ) -> Self {
        Self { common, directives, grouped }
    }

    pub(super) fn convert(mut self, pass: &Directive, section: &mut Section) -> Option<Target> {
        let (address, place) = (pass.argument(), &pass.place);
        let same_port = SERVER_PORT.iter().find_map(|end| address.strip_suffix(end));
        if let Some(host) = same_port.filter(|host| !host.contains('$')) {
            return Some(Target::SamePort { hosts: vec![Server::at(host)], shift: 0 });
        }
        let map = self.common.map(address).filter(|map| map.is_of_hello());
        if let Some(map) = map.filter(|_| self.argument("ssl_preread") == Some("on")) {
            if !self.common.copies.admit(map.values().count(), place, section) {
                return None;
            }
            return Some(Target::Fixed(self.by_hello(map, section)));
        }
        if address.contains('$') {
            let message = format!("`proxy_pass {address}`: the target depends on a variable");
            section.comment_out(place, message, "write a forward for each target");
            return Some(Target::one(address));
        }
        self.fixed(place, address, section)
    }

    /// The argument of another directive of the server.
    fn argument(&self, name: &str) -> Option<&'a str> {
        self.directives.iter().find(|it| it.name() == name).map(|it| it.argument())
    }

    fn fixed(&mut self, place: &SourcePlace, name: &str, section: &mut Section) -> Option<Target> {
        let Some(upstream) = self.common.upstream(name) else { return Some(Target::one(name)) };
        if !self.common.copies.admit(upstream.0.len(), place, section) {
            return None;
        }
        upstream::convert(place, name, upstream, section, self.grouped)
    }

    /// Sets the routes of the forward. Returns the servers of the other clients.
    fn by_hello(&mut self, map: &Map, section: &mut Section) -> Vec<Server> {
        let routes = map.routes(section, self.grouped).into_iter().map(|route| {
            let servers = self.of_route(route.place, route.value, section);
            format!("  {{ {}, to = {} }},", route.condition(), server::in_one_line(&servers))
        });
        let routes: Vec<_> = routes.collect();
        if !routes.is_empty() {
            section.set("route", format!("[\n{}\n]", routes.join("\n")));
            let timeout = self.argument("preread_timeout").and_then(time);
            section.set("hello_timeout", duration(timeout.unwrap_or(PREREAD_TIMEOUT)));
        }
        let Some((place, value)) = map.default() else { return Vec::new() };
        let message = "`ssl_preread`: a client that sends nothing goes to `to` after hello_timeout, and nginx ends it";
        section.differs(place, message, "");
        self.of_route(place, value, section)
    }

    /// The servers of one route.
    fn of_route(&mut self, place: &SourcePlace, name: &str, section: &mut Section) -> Vec<Server> {
        let mut own = Section::forward(place.clone());
        let target = self.fixed(place, name, &mut own);
        let limit = own.take("max_sessions");
        section.join(own);
        match target {
            Some(Target::Fixed(mut servers)) => {
                if let ([only], Some(limit)) = (&mut servers[..], limit) {
                    only.max_sessions = Some(limit);
                }
                servers
            }
            _ => Vec::new(),
        }
    }
}
