//! A flag that one task sets and others wait for.

use tokio::sync::watch;

/// Waits until the value is true, or its sender is gone.
pub(super) async fn is_set(value: &mut watch::Receiver<bool>) {
    let _ = value.wait_for(|value| *value).await;
}
