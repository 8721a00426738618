//! From one file to another: of an earlier version if one is set, or of the same version at another
//! path. `make test` runs these from the previous version, too; `cargo xtask upgrade-test` builds
//! an earlier one, and runs all tests of this directory from it.

use std::fs;

use tempfile::TempDir;
use testkit::{Behaviour, Port, Target, connect, copy_program, exchange};

use super::upgrading::{old_binary, old_forwarder};
use crate::support::{BINARY, Operated, Setup, on_each_setup, ping, served_client};

on_each_setup!(a_process_continues_as_another_file);

fn a_process_continues_as_another_file(setup: Setup) {
    const MIB: u64 = 1 << 20;
    let (echo, verify) = (Target::start(Behaviour::Echo), Target::start(Behaviour::Verify));
    let ports = [(); 2].map(|()| Port::v4());
    let config = setup.config().forward(ports[0].addr(), echo.addr(), setup.settings("")).forward(
        ports[1].addr(),
        verify.addr(),
        setup.settings(""),
    );
    let operated = Operated::start_from(old_forwarder(), config);
    let runs = || fs::read_link(format!("/proc/{}/exe", operated.pid())).unwrap();
    assert_eq!(runs(), old_binary());
    let client = served_client(&ports[0]);
    let busy = connect(&ports[1]).unwrap();
    let dir = TempDir::new().unwrap();
    let copy = dir.path().join("copy");
    copy_program(BINARY, &copy);
    std::thread::scope(|scope| {
        let transfer = scope.spawn(|| exchange(&busy, 32 * MIB, 32 * MIB, 7));
        for program in [copy.to_str().unwrap(), BINARY, copy.to_str().unwrap()] {
            operated.upgrade_to(program);
            assert_eq!(runs().to_str(), Some(program));
            ping(&client);
        }
        transfer.join().unwrap().unwrap();
    });
    assert_eq!(operated.status()["upgrades"], 3);
    served_client(&ports[0]);
}
