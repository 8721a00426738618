//! `web`: the page of the running process in a browser, without its token. A loopback port passes requests on to
//! the admin interface with the caller's rights. Only requests with the key in the printed URL are passed on; the files
//! of the page are this program's.

use crate::console::browser;
use crate::console::command;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::signals::Signals;
use crate::exit::Exit;
use crate::{say, warn};
use control::serve_page;
use host::AdminTokens;
use http_body_util::Empty;
use std::fs::File;
use std::io::{self, IsTerminal, Read, stdout};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

/// Bytes of a key.
const KEY: usize = 16;

pub(crate) async fn run(args: &command::Web) -> Result<Exit, CommandError> {
    let admin = Arc::new(AdminApi::new(&args.connect)?);
    // If the process is down, the command fails like any other.
    admin.status().await?;
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| {
            let text = format!("{what}: {}", flow::error_text(&error));
            // As for a forward: a port below 1024 needs another command line, and a taken one may be free later.
            match error.kind() {
                io::ErrorKind::PermissionDenied => CommandError::Usage(text),
                _ => CommandError::Host(text),
            }
        }
    };
    let mut signals = Signals::new().map_err(failed("wait for signals"))?;
    let listener =
        listen(args.port).map_err(failed(&format!("listen on 127.0.0.1:{}", args.port)))?;
    let address = listener.local_addr().map_err(failed("find the port"))?;
    let [key, name] =
        [random().map_err(failed("make a key"))?, random().map_err(failed("make a key"))?];
    let url = format!("http://{address}/#key={key}");
    let printed = say(&format!("{url}\nAccess needs this whole URL. Ctrl-C ends it.\n"));
    if printed != Exit::Done {
        return Ok(printed);
    }
    let is_opened = !args.no_open && stdout().is_terminal();
    let opened = if is_opened { browser::open(&url, &name) } else { Ok(None) };
    let _redirect = opened.unwrap_or_else(|error| {
        let error = flow::error_text(&error);
        warn(&format!("warning: the browser is not opened: {error}\n"));
        None
    });
    let invalid = || failed("make a key")(io::Error::from(io::ErrorKind::InvalidData));
    let key = AdminTokens::restore(&key).ok_or_else(invalid)?;
    let pass_on = move |request: hyper::Request<()>| {
        let admin = Arc::clone(&admin);
        async move {
            let answer = admin.pass_on(request.map(|()| Empty::new())).await;
            answer.map_err(|failure| failure.for_programs())
        }
    };
    tokio::select! {
        served = serve_page(listener, key, pass_on) => served.map_err(failed("serve the page"))?,
        () = signals.any() => {}
    }
    Ok(Exit::Done)
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A key that cannot be guessed, in hexadecimal digits.
fn random() -> io::Result<String> {
    let mut bytes = [0; KEY];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
