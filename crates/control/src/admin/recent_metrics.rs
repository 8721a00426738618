//! Metrics for callers without a token: rendered once a second at most, whatever their number.

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
    /// The text of the last second in this format, or else that of `render`.
    pub(super) async fn get<E>(
        &self,
        format: Format,
        render: impl Future<Output = Result<String, E>>,
    ) -> Result<Bytes, E> {
        let slot = match format {
            Format::Prometheus => &self.prometheus,
            Format::OpenMetrics => &self.open_metrics,
        };
        let mut present = slot.lock().await;
        if let Some(text) = &*present {
            return Ok(text.clone());
        }
        let text = Bytes::from(render.await?);
        *present = Some(text.clone());
        // Texts of many forwards are long, and the next request may come in minutes.
        let slot = Arc::clone(slot);
        tokio::spawn(async move {
            tokio::time::sleep(FRESH).await;
            *slot.lock().await = None;
        });
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test(start_paused = true)]
    async fn each_format_is_rendered_once_a_second() {
        let (recent, count) = (RecentMetrics::default(), AtomicU32::new(0));
        let get = async |format| {
            let render = async { Ok::<_, ()>(count.fetch_add(1, Ordering::Relaxed).to_string()) };
            recent.get(format, render).await.unwrap()
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
        let get = async |text| recent.get(Format::Prometheus, async { text }).await;
        assert_eq!(get(Err(())).await, Err(()));
        assert_eq!(get(Ok("text".to_owned())).await, Ok("text".into()));
    }
}
