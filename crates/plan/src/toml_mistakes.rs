//! Settings of a forward that cannot have an effect where they are written.

use crate::accept_proxy::AcceptProxy;
use crate::plan::ForwardSettings;
use crate::problem::ParseError;
use crate::toml_values::{Entries, Reader};

/// Parts of a forward that decide which settings have an effect.
pub(crate) struct Parts {
    /// It has a Unix listener, as far as all addresses are valid.
    pub(crate) unix_listener: bool,
    /// It binds a TCP listener, as far as all addresses are valid.
    pub(crate) tcp_listener: bool,
    pub(crate) routes: bool,
}

impl Reader<'_, '_> {
    /// Reports settings of this table that have no effect in its forward. Those of `[defaults]` are for the
    /// forwards where they have one.
    pub(crate) fn mistakes(
        &mut self,
        table: Entries<'_, '_>,
        settings: &ForwardSettings,
        parts: &Parts,
    ) {
        let has_hello_timeout = settings.hello_timeout != ForwardSettings::default().hello_timeout;
        let trusts_no_client = table.get("accept_proxy").is_some_and(|given| {
            // An invalid value of the list is reported already.
            let from = given.get_ref().as_table().and_then(|table| table.get("from"));
            let count = from.map(|from| from.get_ref().as_array().map_or(1, |list| list.len()));
            let accept = settings.accept_proxy.as_ref();
            let accept = accept.filter(|it| it.from.as_ref().map(|it| it.0.len()) == count);
            accept.is_some_and(AcceptProxy::trusts_sockets_only)
        });
        let without_effect = [
            (
                "hello_timeout",
                has_hello_timeout && !parts.routes,
                "`hello_timeout` has no effect without `route`",
            ),
            (
                "freebind",
                settings.freebind && !parts.tcp_listener,
                "`freebind` has no effect without a TCP listener that this process binds",
            ),
            (
                "accept_proxy",
                trusts_no_client && !parts.unix_listener,
                "this `accept_proxy` trusts only clients of a Unix listener, and there is none",
            ),
        ];
        for (name, is_it, message) in without_effect {
            if let Some((key, _)) = table.get_key_value(name).filter(|_| is_it) {
                let error = ParseError::new(0..0, message).hint(format!("leave out `{name}`"));
                self.report(&self.source.span(key.span()), &error);
            }
        }
        self.empty_rate(table);
    }

    fn empty_rate(&mut self, table: Entries<'_, '_>) {
        let Some((key, value)) = table.get_key_value("rate") else { return };
        if value.get_ref().as_table().is_some_and(toml::map::Map::is_empty) {
            let error = ParseError::new(0..0, "this `rate` limits nothing");
            let error = error.hint("write `rate = { up = \"10MiB/s\" }`, or leave it out");
            self.report(&self.source.span(key.span()), &error);
        }
    }
}
