//! `profile`: has one taken, and writes it to a file.

use crate::console::connection::Client;
use crate::console::failure::Failure;
use crate::console::{command, path, show};
use crate::exit::Exit;
use serde::Serialize;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

/// What was written.
#[derive(Serialize)]
struct Written {
    file: String,
    bytes: usize,
}

pub(crate) async fn run(wanted: &command::Profile) -> Result<Exit, Failure> {
    let client = Client::new(&wanted.reach.whom)?;
    let is_image = is_image(&wanted.output);
    let format = is_image.then_some(&b"flamegraph"[..]);
    let seconds = wanted.seconds.to_string();
    let (question, time) = if wanted.heap {
        (path::with_query("/debug/pprof/heap", &[("format", format)]), Duration::ZERO)
    } else {
        let parameters = [("seconds", Some(seconds.as_bytes())), ("format", format)];
        let time = Duration::from_secs(wanted.seconds.into());
        (path::with_query("/debug/pprof/profile", &parameters), time)
    };
    let file = plan::escaped(&wanted.output.to_string_lossy());
    let failed = |error| Failure::Usage(format!("write {file}: {error}"));
    // Nobody shall wait for a profile that cannot be written.
    try_to_write(&wanted.output).map_err(failed)?;
    let profile = client.fetch(&question, time).await?;
    fs::write(&wanted.output, &profile).map_err(failed)?;
    let hint = if is_image { "open it in a browser" } else { "read it with `go tool pprof`" };
    Ok(show(&wanted.reach, &Written { file, bytes: profile.len() }, |written| {
        format!("wrote {} ({} bytes): {hint}\n", written.file, written.bytes)
    }))
}

/// Leaves the file as it is, or not there.
fn try_to_write(file: &Path) -> io::Result<()> {
    match File::create_new(file) {
        Ok(_) => fs::remove_file(file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            File::options().write(true).open(file).map(drop)
        }
        Err(error) => Err(error),
    }
}

fn is_image(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg"))
}
