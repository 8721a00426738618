//! nginx as an HTTP server that serves a directory and takes uploads.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::Server;
use crate::port::Port;

/// A running nginx: `GET` reads a file of [`Nginx::root`], `PUT` writes one, of any size.
#[derive(Debug)]
pub struct Nginx {
    server: Server,
}

impl Nginx {
    /// Starts one with an empty directory.
    pub fn start() -> Self {
        let server = Server::start("nginx", |command, port, dir| {
            let config = dir.join("nginx.conf");
            fs::create_dir(dir.join("www")).expect("a new directory");
            fs::write(&config, configuration(port, dir)).expect("write into an own directory");
            command.arg("-p").arg(dir).arg("-c").arg(config).args(["-e", "stderr"]);
        });
        Self { server }
    }

    /// The directory that it serves.
    pub fn root(&self) -> PathBuf {
        self.dir().join("www")
    }
}

impl Deref for Nginx {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

/// All paths are below `-p`, so that any user may run it.
fn configuration(port: &Port, dir: &Path) -> String {
    // As root it would else give up its rights, and with them those to its directory.
    let user = if geteuid().is_root() { "user root;" } else { "" };
    let addr = port.addr();
    let dir = dir.display();
    format!(
        "{user}
        daemon off;
        worker_processes 1;
        pid nginx.pid;
        error_log stderr;
        events {{ worker_connections 4096; }}
        http {{
            access_log off;
            client_body_temp_path body;
            proxy_temp_path proxy;
            fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi;
            scgi_temp_path scgi;
            server {{
                listen {addr};
                root {dir}/www;
                client_max_body_size 0;
                dav_methods PUT DELETE;
            }}
        }}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;
    use crate::tool::Tool;
    use crate::wait::LIMIT;

    #[test]
    fn serves_files_and_takes_uploads() {
        let nginx = Nginx::start();
        let bytes = Stream::new(3).bytes(5_000_000);
        fs::write(nginx.root().join("down"), &bytes).unwrap();
        let (curl, url) = (Tool::find("curl"), format!("http://{}", nginx.addr()));
        let down = curl.run(["-sSf", &format!("{url}/down")], LIMIT);
        assert_eq!(Stream::new(3).difference(0, &down.stdout), None);
        assert_eq!(down.stdout.len(), bytes.len());
        let file = nginx.root().join("down").display().to_string();
        curl.run(["-sSf", "--upload-file", &file, &format!("{url}/up")], LIMIT);
        assert!(fs::read(nginx.root().join("up")).unwrap() == bytes);
    }
}
