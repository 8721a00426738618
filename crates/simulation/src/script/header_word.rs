//! Words of scripts and configurations for the headers that targets get.

use flow::SendProxy;

/// A header as the configuration and scripts name it.
pub(super) fn send_word(header: SendProxy) -> &'static str {
    match header {
        SendProxy::Off => "off",
        SendProxy::V1 => "v1",
        SendProxy::V2 => "v2",
    }
}

/// Reads a [`send_word`].
pub(super) fn read_send(text: &str) -> Option<SendProxy> {
    [SendProxy::Off, SendProxy::V1, SendProxy::V2].into_iter().find(|it| send_word(*it) == text)
}
