//! Metrics for callers without a token: rendered once a second at most, whatever their number.

use crate::handle::Gone;
use axum::body::Bytes;
use observe::metrics::Format;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Time for which a text is served.
const FRESH: Duration = Duration::from_secs(1);

/// The texts of the last second. Clones share them.
#[derive(Clone, Default)]
pub(super) struct RecentMetrics {
    prometheus: Slot,
    open_metrics: Slot,
}

/// Locked while its text is rendered.
type Slot = Arc<Mutex<Option<Bytes>>>;

impl RecentMetrics {
    /// The text of the last second in this format, or else that of `render`. A render that has started
    /// completes even if its caller disconnects, so disconnecting callers cannot cause more renders.
    pub(super) async fn get<E: From<Gone> + Send + 'static>(
        &self,
        format: Format,
        render: impl Future<Output = Result<String, E>> + Send + 'static,
    ) -> Result<Bytes, E> {
        let slot = match format {
            Format::Prometheus => &self.prometheus,
            Format::OpenMetrics => &self.open_metrics,
        };
        let mut present = Arc::clone(slot).lock_owned().await;
        if let Some(text) = &*present {
            return Ok(text.clone());
        }
        let slot = Arc::clone(slot);
        let rendering = tokio::spawn(async move {
            let text = Bytes::from(render.await?);
            *present = Some(text.clone());
            drop(present);
            // Texts of many forwards are long, and the next request may come in minutes.
            tokio::spawn(async move {
                tokio::time::sleep(FRESH).await;
                *slot.lock().await = None;
            });
            Ok(text)
        });
        // It fails only at the end of the process.
        rendering.await.unwrap_or(Err(Gone.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::Notify;

    #[tokio::test(start_paused = true)]
    async fn each_format_is_rendered_once_a_second() {
        let (recent, count) = (RecentMetrics::default(), Arc::new(AtomicU32::new(0)));
        let get = async |format| {
            let count = Arc::clone(&count);
            let render = async move { Ok(count.fetch_add(1, Ordering::Relaxed).to_string()) };
            recent.get::<Gone>(format, render).await.unwrap()
        };
        for _ in 0..3 {
            assert_eq!(get(Format::Prometheus).await, "0");
            assert_eq!(get(Format::OpenMetrics).await, "1");
        }
        tokio::time::sleep(Duration::from_millis(999)).await;
        assert_eq!(get(Format::Prometheus).await, "0");
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_eq!(get(Format::Prometheus).await, "2");
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let recent = RecentMetrics::default();
        let get = async |text| recent.get::<Gone>(Format::Prometheus, async { text }).await;
        assert!(get(Err(Gone)).await.is_err());
        assert_eq!(get(Ok("text".to_owned())).await.unwrap(), "text");
    }

    /// A newer connection takes the place of the one that asked.
    #[tokio::test]
    async fn a_caller_that_leaves_causes_no_further_rendering() {
        let (recent, go_on) = (RecentMetrics::default(), Arc::new(Notify::new()));
        let first = {
            let (recent, go_on) = (recent.clone(), Arc::clone(&go_on));
            let render = async move {
                go_on.notified().await;
                Ok("first".to_owned())
            };
            tokio::spawn(async move { recent.get::<Gone>(Format::Prometheus, render).await })
        };
        tokio::task::yield_now().await;
        first.abort();
        assert!(first.await.is_err());
        go_on.notify_one();
        let second = recent.get::<Gone>(Format::Prometheus, async { Ok("second".to_owned()) });
        assert_eq!(second.await.unwrap(), "first");
    }
}
