//! Real programs at both ends.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use testkit::{LIMIT, Port, Tool, is_listening, run, wait_until};

use crate::support::{Config, Operated};

/// `openssl s_server`: answers HTTP, and has this name in its certificate.
pub(super) struct SecureServer {
    child: Child,
    port: Port,
    _dir: TempDir,
}

impl SecureServer {
    pub(super) fn start(name: &str, arguments: &[&str]) -> Self {
        let (port, dir) = (Port::v4(), TempDir::new().unwrap());
        let file = |name: &str| dir.path().join(name).display().to_string();
        let (key, cert) = (file("key"), file("cert"));
        let openssl = Tool::find("openssl");
        let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", name, "-keyout"];
        run(openssl.command().args(request).args([&key, "-out", &cert]), LIMIT).success();
        let mut serve = openssl.command();
        serve.args(["s_server", "-key", &key, "-cert", &cert, "-accept"]);
        serve.arg(port.addr().to_string()).args(arguments);
        let child = serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_until("s_server to listen", LIMIT, || is_listening(port.addr()));
        Self { child, port, _dir: dir }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.port.addr()
    }
}

impl Drop for SecureServer {
    fn drop(&mut self) {
        // Fails if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What s_client reports of the server behind the forwarder.
fn s_client(port: &Port, arguments: &[&str]) -> String {
    let mut command: Command = Tool::find("openssl").command();
    command.args(["s_client", "-connect", &port.addr().to_string()]).args(arguments);
    command.stdin(Stdio::null());
    let output = run(&mut command, LIMIT);
    output.success().text()
}

#[test]
fn openssl_and_curl_reach_the_server_that_they_name() {
    let one = SecureServer::start("/CN=one", &["-www"]);
    let two = SecureServer::start("/CN=two", &["-www", "-alpn", "postgresql,h2"]);
    let port = Port::v4();
    let (to_one, to_two) = (one.addr(), two.addr());
    let settings = format!(
        "name = 'f'\nto = '{to_one}'\nroute = [{{ alpn = 'postgresql', to = '{to_two}' }}, \
         {{ sni = '*.two.test', to = '{to_two}' }}]"
    );
    let operated = Operated::start(Config::new().forward_with(port.addr(), settings));
    let cases = [
        (&["-servername", "db.two.test"][..], "CN = two"),
        (&["-servername", "two.test"], "CN = one"),
        (&["-noservername"], "CN = one"),
        (&["-noservername", "-alpn", "http/1.1,postgresql"], "CN = two"),
        (&["-servername", "db.two.test", "-tls1_2"], "CN = two"),
        (&["-servername", "db.two.test", "-tls1_3", "-alpn", "h2"], "CN = two"),
        (
            &["-servername", "db.two.test", "-split_send_frag", "100", "-max_send_frag", "512"],
            "CN = two",
        ),
    ];
    for (arguments, name) in cases {
        let report = s_client(&port, arguments);
        assert!(report.contains(&format!("subject={name}")), "{arguments:?}: {report}");
    }
    for (host, server) in [("a.two.test", to_two), ("one.test", to_one)] {
        let url = format!("https://{host}:{}/", port.number());
        let connect = format!("{host}:{}:{}", port.number(), port.addr());
        let page = Tool::find("curl")
            .run(["-sSfk", "--no-alpn", "--connect-to", &connect, &url], LIMIT)
            .text();
        assert!(page.contains(&format!("-accept {server} ")), "{host}: {page}");
    }
    let records = operated.wait_for_records(cases.len() + 2);
    let names: Vec<_> = records.iter().rev().take(2).map(|it| it.json["sni"].as_str()).collect();
    assert_eq!(names, [Some("one.test"), Some("a.two.test")]);
}
