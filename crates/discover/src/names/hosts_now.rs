//! The addresses of several names at this moment.

use super::failure::LookUpError;
use super::look_up::Source;
use super::service_hosts::HostAddresses;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;

/// The addresses of a name, each once and in ascending order, with port 0.
pub type HostAnswer = Result<Vec<SocketAddr>, LookUpError>;

/// Looks up these names side by side, for at most `limit`: the answers, in the order of the names.
pub async fn look_up_hosts(names: &[String], limit: Duration) -> Vec<HostAnswer> {
    let source = Source::new(Path::new("/etc"));
    let known = HostAddresses::new();
    let look_ups = names.iter().map(|name| {
        let answer = timeout(limit, source.look_up(name, &known));
        Some(Box::pin(answer))
    });
    let mut look_ups: Vec<_> = look_ups.collect();
    let mut answers: Vec<HostAnswer> = names.iter().map(|_| Err(LookUpError::Timeout)).collect();
    poll_fn(|context| {
        for (look_up, answer) in look_ups.iter_mut().zip(&mut answers) {
            let Some(running) = look_up else { continue };
            if let Poll::Ready(ready) = Pin::new(running).poll(context) {
                *answer =
                    ready.unwrap_or(Err(LookUpError::Timeout)).and_then(|it| of(it.addresses));
                *look_up = None;
            }
        }
        if look_ups.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers
}

/// Like [`look_up_hosts`], for a process that has no runtime yet. Blocks, and leaves no thread behind unless a module
/// of the C library takes longer than `limit`.
pub fn look_up_hosts_now(names: &[String], limit: Duration) -> Vec<HostAnswer> {
    let failed = |error: std::io::Error| {
        names.iter().map(|_| Err(LookUpError::Failed(error.to_string()))).collect()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failed(error),
    };
    let answers = runtime.block_on(look_up_hosts(names, limit));
    // Threads of the C library that are done end at once.
    runtime.shutdown_timeout(Duration::from_millis(100));
    answers
}

fn of(addresses: Vec<SocketAddr>) -> HostAnswer {
    // As a listener has it: an IPv4 address has its own family, and a port of its own.
    let canonical = |address: SocketAddr| match address.ip().to_canonical() {
        ip if ip.is_ipv4() => SocketAddr::new(ip, 0),
        _ => address,
    };
    let addresses: BTreeSet<SocketAddr> = addresses.into_iter().map(canonical).collect();
    if addresses.is_empty() {
        return Err(LookUpError::NoAddress);
    }
    Ok(addresses.into_iter().collect())
}
