//! For any text, the output is a valid configuration of ours.

mod rules;

use import::Dialect;
use proptest::prelude::*;

/// Pieces that mean something in one of the formats, so that random texts get past the first check.
const PIECES: [&str; 78] = [
    "\n",
    " ",
    ";",
    "{",
    "}",
    "#",
    "'",
    "\"",
    "\\",
    "$",
    "${",
    ",",
    ":",
    "[",
    "]",
    "=",
    "@",
    "-",
    "0.0.0.0 80 10.0.0.1 80\n",
    "allow 10.*\n",
    "logfile /x\n",
    "/udp",
    "[src=1.2.3.4]",
    "http",
    "stream {",
    "server {",
    "upstream u {",
    "listen 80;",
    "listen [::]:80-90 ipv6only=off;",
    "proxy_pass u;",
    "proxy_pass h:$server_port;",
    "server h:1 backup;",
    "include a;",
    "include missing;",
    "proxy_timeout 1s;",
    "deny all;",
    "so_keepalive=1m::3",
    "listen l\n",
    "frontend f\n",
    "backend b\n",
    "defaults d\n",
    "global\n",
    "default_backend b\n",
    "bind :80,:81-90 v4v6\n",
    "server s h:1 check\n",
    "server s h:1 check port 2 inter 1 slowstart 1s\n",
    "option tcp-check\n",
    "option httpchk GET /x HTTP/1.1\\r\\nHost:\\ h\n",
    "tcp-check send x\\r\\x00\n",
    "tcp-check expect string y\n",
    "http-check expect status 200\n",
    "server s h:+1\n",
    "server s h\n",
    "timeout client 1m\n",
    "maxconn 10\n",
    "mode tcp\n",
    "option tcpka\n",
    "tune.bufsize 1\n",
    "bind mptcp@:80 backlog 5\n",
    "events { worker_connections 5; }",
    "listen 80 multipath rcvbuf=1k;",
    "proxy_buffer_size 1k;",
    "tcp_keepalive_probe = 5\n",
    "network = { tcp_timeout = 0, send_mptcp = true }\n",
    "from d\n",
    ".if x\n",
    ".endif\n",
    "[[endpoints]]\n",
    "listen = ':80'\n",
    "remote = 'h:1'\n",
    "{\"endpoints\":[{",
    "\"listen\":",
    "\"a:1\"",
    "[network]\nuse_udp = true\n",
    "65535",
    "0",
    "é\u{1b}\u{202e}",
    "99999999999d",
];

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![6 => proptest::sample::select(&PIECES[..]).prop_map(str::to_owned),
                            1 => ".{0,3}"];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text(text in "(?s).{0,200}") {
        for from in Dialect::ALL {
            rules::check(from, &text);
        }
    }

    #[test]
    fn text_of_meaningful_pieces(text in pieces()) {
        for from in Dialect::ALL {
            rules::check(from, &text);
        }
    }
}

#[test]
fn long_texts_are_converted() {
    let many = |piece: &str| piece.repeat(500);
    rules::check(Dialect::Rinetd, &many("0.0.0.0 80 10.0.0.1 80\n"));
    let nginx = rules::check(Dialect::Nginx, &many("include a;\n"));
    assert_eq!(nginx.left_out(), 1, "{}", nginx.toml);
    rules::check(Dialect::Haproxy, &many("listen l\n bind :80\n server s h:1\n"));
    rules::check(Dialect::Realm, &many("[[endpoints]]\nlisten = '[::]:80'\nremote = 'h:1'\n"));
}
