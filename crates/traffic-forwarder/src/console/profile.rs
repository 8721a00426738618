//! `profile`: requests a profile and writes it to a file.

use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::{command, path, show};
use crate::exit::Exit;
use serde::Serialize;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

/// The result, as printed.
#[derive(Serialize)]
struct Written {
    file: String,
    bytes: usize,
}

pub(crate) async fn run(args: &command::Profile) -> Result<Exit, CommandError> {
    let admin = AdminApi::new(&args.query.connect)?;
    let is_image = is_image(&args.output);
    let format = is_image.then_some(&b"flamegraph"[..]);
    let seconds = args.seconds.to_string();
    let (question, time) = if args.heap {
        (path::with_query("/debug/pprof/heap", &[("format", format)]), Duration::ZERO)
    } else {
        let parameters = [("seconds", Some(seconds.as_bytes())), ("format", format)];
        let time = Duration::from_secs(args.seconds.into());
        (path::with_query("/debug/pprof/profile", &parameters), time)
    };
    let file = plan::escaped(&args.output.to_string_lossy());
    let failed = |error: std::io::Error| {
        CommandError::Usage(format!("write {file}: {}", flow::error_text(&error)))
    };
    // Check before sampling, which may take minutes.
    try_to_write(&args.output).map_err(failed)?;
    let profile = admin.fetch(&question, time).await?;
    fs::write(&args.output, &profile).map_err(failed)?;
    let hint = if is_image { "open it in a browser" } else { "read it with `go tool pprof`" };
    Ok(show(&args.query, &Written { file, bytes: profile.len() }, |written| {
        format!("wrote {} ({} bytes): {hint}\n", written.file, written.bytes)
    }))
}

/// Checks that the file can be written, without changing or leaving one.
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
