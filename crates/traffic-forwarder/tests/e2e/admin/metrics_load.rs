//! The address of the metrics under many requests.

use std::collections::HashSet;
use std::time::Instant;

use testkit::{LIMIT, wait_until};

use super::interfaces::{Interfaces, TOKEN};

const REQUESTS: u64 = 30;

#[test]
fn the_metrics_are_rendered_once_a_second_without_a_token() {
    let interfaces = Interfaces::start(TOKEN);
    let began = Instant::now();
    // Each denied request would change the text.
    let texts = (0..REQUESTS).map(|_| {
        interfaces.anonymous().get("/v1/status").status(401);
        interfaces.metrics().get("/metrics").success().body
    });
    let texts: HashSet<_> = texts.collect();
    let most = began.elapsed().as_secs() + 2;
    assert!(texts.len() as u64 <= most, "{} texts", texts.len());
    let count = format!("traffic_forwarder_admin_denied_total{{reason=\"no_token\"}} {REQUESTS}\n");
    // The admin interface has the present numbers.
    assert!(interfaces.socket().get("/metrics").success().body.contains(&count));
    wait_until("the next text", LIMIT, || {
        interfaces.metrics().get("/metrics").success().body.contains(&count)
    });
    let open_metrics = interfaces.metrics().header("Accept", "application/openmetrics-text");
    let body = open_metrics.get("/metrics").success().body;
    assert!(body.ends_with("# EOF\n"), "{body}");
}
