//! The clients: one thread and one epoll instance each.

pub(crate) mod bulk;
pub(crate) mod crr;
pub(crate) mod idle;
pub(crate) mod latency;
pub(crate) mod rr;

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::window::{Window, seconds};

/// What a request is made of. Not 0, which `serve mixed` takes for bulk.
const FILL: u8 = b'x';

/// Time to wait for requests in flight after the end of a run.
const GRACE: Duration = Duration::from_secs(10);

/// Options of every client.
#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// Where to connect to.
    #[arg(long, value_name = "ADDR")]
    pub(crate) target: SocketAddr,
    /// How long to measure.
    #[arg(long, value_name = "S", default_value = "5", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// How long to load before that.
    #[arg(long, value_name = "S", default_value = "0.3", value_parser = seconds)]
    pub(crate) warmup: Duration,
    /// The result as a JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Common {
    fn window(&self) -> Window {
        Window::begin(self.warmup, self.seconds)
    }
}
