//! Differences that several of the other programs have in common.

use crate::grouped_notes::GroupedNotes;
use crate::known::Effect::{self, Differs, Lost};
use crate::note::SourcePlace;

/// Message and help where names are looked up.
pub(crate) const HOST_RESOLVER: (&str, &str) =
    ("names are looked up as this host does", "see /etc/nsswitch.conf and resolv.conf");
/// The help where silent peers are probed at other times.
pub(crate) const KEEPALIVE_HELP: &str = "keepalive sets the times, or \"off\"";
pub(crate) const FAST_OPEN_UNUSED: &str = "TCP Fast Open is not used";

pub(crate) const LOOKED_UP: Effect = Differs(HOST_RESOLVER.0, HOST_RESOLVER.1);
pub(crate) const NO_FAST_OPEN: Effect = Differs(FAST_OPEN_UNUSED, "");
pub(crate) const SOCKET_BUFFERS: Effect = Lost(
    "the kernel sizes the buffers of these sockets",
    "send_buffer and receive_buffer set those of clients and targets",
);
pub(crate) const QUEUE: Effect = Differs(
    "as many clients wait for a listener as net.core.somaxconn allows",
    "see sysctl net.core.somaxconn",
);
pub(crate) const EARLY: Effect =
    Differs("a target is connected to before the client's first byte", "");
pub(crate) const OPEN_FILES: Effect =
    Differs("the process raises its open-file limit to the hard limit", "LimitNOFILE= sets that");

/// Notes that the other program ends a session at the first FIN. `subject` begins the message.
pub(crate) fn ends_at_first_fin(grouped: &mut GroupedNotes, subject: &str, place: &SourcePlace) {
    let message =
        format!("{subject} ends both directions at the first FIN; here the other one goes on");
    grouped.built_in(message, "half_close_timeout (5m) ends it when it is silent", place);
}

/// Notes that the other program has no keepalive. `subject` begins the message.
pub(crate) fn no_keepalive(grouped: &mut GroupedNotes, subject: &str, place: &SourcePlace) {
    let message =
        format!("{subject} probes no silent peer; here clients and targets are probed after 60 s");
    grouped.built_in(message, KEEPALIVE_HELP, place);
}

/// Notes that the other program waits for its last session at its end. `subject` begins the message.
pub(crate) fn waits_at_shutdown(grouped: &mut GroupedNotes, subject: &str, place: &SourcePlace) {
    let message = format!(
        "{subject} waits for its last session; here sessions end after shutdown_timeout (10s)"
    );
    grouped.built_in(message, "set shutdown_timeout in [process]", place);
}
