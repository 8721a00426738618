//! Takes profiles, in a build with feature `profile`: converts samples to a profile and writes it.

use super::Format;
use crate::admin::app::App;
use crate::admin::refusal::Refusal;
use api::ErrorCode;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use profile::sampling::{
    self, CPU_RATE, CpuSampler, CpuSamples, HEAP_PERIOD, HeapSamples, heap_samples,
};
pub(crate) use profile::sampling::{cpu_is_sampled, let_samples_through};
use profile::{Profile, Sample, Symbols, ValueKind, flame_graph, pprof};
use std::io;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

const CPU: ValueKind = ValueKind { name: "cpu", unit: "nanoseconds" };
const SPACE: ValueKind = ValueKind { name: "space", unit: "bytes" };
/// Nanoseconds of CPU time between two samples.
const CPU_PERIOD: i64 = 1_000_000_000 / CPU_RATE as i64;

/// Allows one profile at a time, from its first sample until its symbols are resolved.
static TURN: Semaphore = Semaphore::const_new(1);

type Turn = SemaphorePermit<'static>;

fn turn() -> Result<Turn, Refusal> {
    let message = "another profile is being taken: one at a time";
    TURN.try_acquire().map_err(|_| Refusal::conflict(ErrorCode::Profiling, message))
}

/// Starts sampling, and answers with a body that follows when the time is over. A closed connection
/// ends the sampling.
pub(super) async fn cpu(app: App, time: Duration, format: Format) -> Result<Response, Refusal> {
    let turn = turn()?;
    // On the supervisor's task, which also starts upgrades: only one of both runs.
    let start = app.supervisor.ask(|supervisor| start(supervisor.is_upgrading()));
    let sampler = start.await??;
    let (since, began) = (SystemTime::now(), Instant::now());
    Ok(answer(format, async move {
        tokio::time::sleep(time).await;
        let duration = began.elapsed();
        let found = sampler.finish();
        written(turn, format, move || cpu_profile(&found, since, duration)).await
    }))
}

fn start(upgrading: bool) -> Result<CpuSampler, Refusal> {
    if upgrading {
        return Err(Refusal::conflict(ErrorCode::Upgrading, "an upgrade is under way"));
    }
    CpuSampler::start().map_err(|errno| {
        let message = format!("start the timer of a profile: {}", sys::errno_text(errno));
        Refusal::conflict(ErrorCode::ProfileFailed, message)
    })
}

pub(super) async fn heap(format: Format) -> Result<Response, Refusal> {
    let profile = written(turn()?, format, || heap_profile(&heap_samples())).await;
    Ok(answer(format, std::future::ready(profile)))
}

fn cpu_profile(found: &CpuSamples, since: SystemTime, duration: Duration) -> Profile {
    let sample = |(stack, count): &(sampling::Stack, u64)| {
        let count = whole(*count);
        let values = vec![count, count.saturating_mul(CPU_PERIOD)];
        Sample { addresses: stack.frames().to_vec(), values }
    };
    Profile {
        kinds: &[ValueKind { name: "samples", unit: "count" }, CPU],
        samples: found.stacks.iter().map(sample).collect(),
        period: (CPU, CPU_PERIOD),
        since,
        duration,
        remarks: lost(found.lost),
    }
}

fn heap_profile(found: &HeapSamples) -> Profile {
    let sample = |(stack, used): &(sampling::Stack, sampling::HeapUse)| {
        let values = [used.objects, used.bytes, used.live_objects, used.live_bytes];
        Sample { addresses: stack.frames().to_vec(), values: values.map(whole).to_vec() }
    };
    Profile {
        // The names for which `go tool pprof` has options.
        kinds: &[
            ValueKind { name: "alloc_objects", unit: "count" },
            ValueKind { name: "alloc_space", unit: "bytes" },
            ValueKind { name: "inuse_objects", unit: "count" },
            ValueKind { name: "inuse_space", unit: "bytes" },
        ],
        samples: found.stacks.iter().map(sample).collect(),
        period: (SPACE, whole(HEAP_PERIOD as u64)),
        since: SystemTime::now(),
        duration: Duration::ZERO,
        remarks: lost(found.lost),
    }
}

fn lost(count: u64) -> Vec<String> {
    let text = || format!("{count} samples were lost: no room for their stacks");
    if count == 0 { Vec::new() } else { vec![text()] }
}

/// A number in the type of pprof, which ends at 2^63 - 1.
fn whole(number: u64) -> i64 {
    number.min(i64::MAX.cast_unsigned()).cast_signed()
}

/// Writes the profile in a new thread: resolving symbols takes up to seconds.
async fn written(
    turn: Turn,
    format: Format,
    profile: impl FnOnce() -> Profile + Send + 'static,
) -> io::Result<Bytes> {
    let (sender, result) = oneshot::channel();
    let work = move || {
        let profile = profile();
        let symbols = Symbols::of(&profile);
        let written = match format {
            Format::Pprof => pprof(&profile, &symbols),
            Format::Flamegraph => Ok(flame_graph(&profile, &symbols).into_bytes()),
        };
        drop(turn);
        // Fails if the caller has closed the connection.
        let _ = sender.send(written);
    };
    std::thread::Builder::new().name("profile".into()).spawn(work)?;
    let written = result.await.map_err(|_| io::Error::other("the profile broke off"))??;
    Ok(written.into())
}

/// Answers with a body that follows later.
fn answer(
    format: Format,
    body: impl Future<Output = io::Result<Bytes>> + Send + 'static,
) -> Response {
    let kind = match format {
        Format::Pprof => "application/octet-stream",
        Format::Flamegraph => "image/svg+xml",
    };
    let body = Body::from_stream(stream::once(body));
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}
