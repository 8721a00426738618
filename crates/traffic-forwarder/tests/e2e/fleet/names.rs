//! A store whose members have names.

use std::fs;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::{LIMIT, Signal};

use crate::support::{BINARY, in_network_namespace, test_name, with_names};

/// The end of a process: its last request to the store has one second. A question has thirty.
const END: Duration = Duration::from_secs(10);

#[test]
fn a_silent_name_server_does_not_delay_the_end() {
    let name = test_name!(a_silent_name_server_does_not_delay_the_end);
    in_network_namespace(name, "true", || {
        // The C library asks this port only.
        let silent = UdpSocket::bind("127.0.0.1:53").unwrap();
        silent.set_read_timeout(Some(LIMIT)).unwrap();
        let (etc, dir) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        for (file, text) in [
            ("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n"),
            ("nsswitch.conf", "hosts: files dns\n"),
            ("hosts", "127.0.0.1 localhost\n"),
        ] {
            fs::write(etc.path().join(file), text).unwrap();
        }
        let dir = dir.path().display();
        let config = format!(
            "[process]\nworkers = 1\nadmin = 'off'\n[log]\nformat = 'json'\n\
             [fleet]\nfrom = 'etcd://store.test:2379/p'\nname = 'edge-1'\nkeep = '{dir}/keep'\n"
        );
        let instance = with_names(etc.path(), BINARY).config(config).start();
        instance.ready();
        silent.recv(&mut [0; 512]).expect("a question");
        let begun = Instant::now();
        instance.signal(Signal::TERM);
        assert_eq!(instance.wait_exit(LIMIT * 6).code(), Some(0));
        assert!(begun.elapsed() < END, "{:?}", begun.elapsed());
    });
}
