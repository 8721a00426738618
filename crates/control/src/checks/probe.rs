//! The check of a target, as configured: where it goes, and what it does there.

use discover::{Addresses, Probe, ProbeAddress, at_port};
use engine::CheckedTarget;
use plan::HealthCheck;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The check of a target.
pub(crate) fn probe(target: &Arc<CheckedTarget>, check: &HealthCheck) -> Probe {
    let way = (target.send_proxy, target.plan.settings.outbound());
    Probe::configured(check, target.address(), way, |port| {
        ProbeAddress::Name(Arc::new(Named { target: Arc::clone(target), port }))
    })
}

/// A target with a name, which is resolved for each check: the answer usually comes from the cache.
struct Named {
    target: Arc<CheckedTarget>,
    /// Port to check instead of the target's.
    port: Option<u16>,
}

impl Addresses for Named {
    fn find(&self) -> Pin<Box<dyn Future<Output = Vec<SocketAddr>> + Send>> {
        let (sender, answer) = oneshot::channel();
        self.target.resolve(Box::new(move |found| _ = sender.send(found)));
        let (target, port) = (Arc::clone(&self.target), self.port);
        Box::pin(async move {
            let Ok(Ok(found)) = answer.await else { return Vec::new() };
            let addresses = target.in_order(&found).into_iter();
            addresses.map(|address| at_port(address, port)).collect()
        })
    }
}
