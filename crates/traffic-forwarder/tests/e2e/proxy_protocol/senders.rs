//! Real programs that send headers.

use testkit::{LIMIT, Port, Server, Tool, run};

use super::haproxy;
use super::receiving::{TRUSTED, config};
use crate::support::Operated;

#[test]
fn curl_haproxy_and_nginx_send_headers_that_are_understood() {
    let server = haproxy("accept-proxy");
    let port = Port::v4();
    let settings = format!("{TRUSTED}\nsend_proxy = 'v1'");
    let operated = Operated::start(config(port.addr(), &(&server).into(), &settings));
    let curl = Tool::find("curl");
    let url = format!("http://{}/", port.addr());
    let answer = curl.run(["-sSf", "--haproxy-protocol", &url], LIMIT).text();
    assert!(answer.ends_with(&format!("{}", port.addr())), "{answer}");
    let senders = [
        ("haproxy send-proxy", haproxy_to(&port, "send-proxy")),
        (
            "haproxy send-proxy-v2",
            haproxy_to(&port, "send-proxy-v2 proxy-v2-options crc32c,unique-id"),
        ),
        ("nginx", nginx_to(&port)),
    ];
    for (count, (name, sender)) in senders.iter().enumerate() {
        let mut request = curl.command();
        request.args([
            "-sSf",
            "--local-port",
            "20000-29999",
            &format!("http://{}/", sender.addr()),
        ]);
        let answer = run(&mut request, LIMIT).success().text();
        let (client, listener) = answer.split_once(' ').unwrap();
        assert_eq!(listener, sender.addr().to_string(), "{name}: {answer}");
        let record = operated.wait_for_records(count + 2).pop().unwrap();
        assert_eq!(record.json["client"], client, "{name}");
        assert!(record.json["proxy"].as_str().unwrap().starts_with("127.0.0.1:"), "{name}");
        assert_ne!(record.json["proxy"], record.json["client"], "{name}");
    }
}

/// HAProxy that checks the forwarder's port, and sends its clients there.
fn haproxy_to(port: &Port, options: &str) -> Server {
    Server::with_config("haproxy", &["-db", "-f"], |own| {
        format!(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
             listen it\n bind {}\n unique-id-format %[uuid]\n server one {} {options}\n",
            own.addr(),
            port.addr()
        )
    })
}

fn nginx_to(port: &Port) -> Server {
    Server::with_config("nginx", &["-e", "stderr", "-c"], |own| {
        let pid = std::env::temp_dir().join(format!("traffic-forwarder-nginx-{own}.pid"));
        format!(
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;
             daemon off; pid {}; error_log stderr; events {{}}
             stream {{ server {{ listen {}; proxy_pass {}; proxy_protocol on; }} }}",
            pid.display(),
            own.addr(),
            port.addr()
        )
    })
}
