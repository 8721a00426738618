//! Another host: a network namespace, joined to that of the test by a pair of virtual interfaces.

use std::fs;
use std::os::fd::AsFd;
use std::process::{Child, Command};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::tool::Tool;
use crate::wait::{LIMIT, wait_until};

/// A host with one interface, `eth0`. It ends with this value.
pub struct Neighbour {
    holder: Child,
}

impl Neighbour {
    /// Starts a host at the other end of a new interface `interface` of this namespace. Needs root there.
    #[track_caller]
    pub fn behind(interface: &str) -> Self {
        let unshare = Tool::find("unshare");
        let mut command = Command::new(unshare.path());
        let holder = command.args(["--net", "sleep", "100"]).spawn().expect("unshare starts");
        let neighbour = Self { holder };
        let own = fs::read_link("/proc/self/ns/net").expect("this process has a namespace");
        wait_until("another namespace", LIMIT, || {
            fs::read_link(neighbour.namespace()).is_ok_and(|its| its != own)
        });
        let pid = neighbour.holder.id().to_string();
        let pair =
            ["link", "add", interface, "type", "veth", "peer", "name", "eth0", "netns", &pid];
        Tool::find("ip").run(pair, LIMIT).success();
        Tool::find("ip").run(["link", "set", interface, "up"], LIMIT).success();
        neighbour.ip("link set eth0 up");
        neighbour
    }

    /// Runs ip(8) there.
    #[track_caller]
    pub fn ip(&self, arguments: &str) {
        let namespace = format!("--net={}", self.namespace());
        let words = [namespace.as_str(), "ip"].into_iter().chain(arguments.split(' '));
        Tool::find("nsenter").run(words, LIMIT).success();
    }

    /// Runs a part of the test in a thread there. Its sockets stay there.
    pub fn inside<T: Send>(&self, part: impl FnOnce() -> T + Send) -> T {
        let namespace = fs::File::open(self.namespace()).expect("the host lives");
        let part = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), kind).expect("root may enter it");
            part()
        };
        thread::scope(|scope| scope.spawn(part).join()).expect("the part succeeds")
    }

    fn namespace(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
