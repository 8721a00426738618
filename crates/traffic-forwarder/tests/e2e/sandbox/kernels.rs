//! Older kernels, and kernels without landlock: strace(1) fakes the kernel's answers.

use testkit::{Addr, Behaviour, Forwarder, Port, Target, Tool};

use super::{INSIDE, NONE, ON, Sandboxed};
use crate::support::{BINARY, Config, Operated, messages, served_client};

/// A process whose query of the landlock version gets this answer. It keeps its PID: strace is its
/// child.
fn start(answer: &str) -> (Operated, Port, Target) {
    let (target, port) = (Target::start(Behaviour::Echo), Port::v4());
    let config = Config::new().process(ON).forward(port.addr(), target.addr(), "");
    let inject = format!("inject=landlock_create_ruleset:{answer}:when=1");
    let trace = "trace=landlock_create_ruleset";
    let arguments = ["-D", "-f", "-qq", "-o", "/dev/null", "-e", trace, "-e", &inject];
    let strace = Tool::find("strace").path().to_owned();
    let operated =
        Operated::start_from(Forwarder::binary(BINARY).through(strace, arguments), config);
    (operated, port, target)
}

#[test]
fn without_landlock_the_process_warns_and_runs_unrestricted() {
    let reasons = [
        ("error=ENOSYS", "this kernel has no landlock, or a seccomp filter blocks it"),
        ("error=EOPNOTSUPP", "this kernel has landlock, but it is disabled"),
    ];
    for (answer, reason) in reasons {
        let (operated, port, target) = start(answer);
        let warnings = messages(&operated, NONE);
        assert_eq!((warnings.len(), &warnings[0]["level"]), (1, &"warn".into()));
        assert_eq!(warnings[0]["reason"].as_str().unwrap().split(" (").next(), Some(reason));
        assert!(messages(&operated, INSIDE).is_empty());
        assert_eq!(operated.status()["sandboxed"], false);
        served_client(&port);
        let dir = tempfile::TempDir::new().unwrap();
        let socket = Addr::Unix(dir.path().join("web.sock"));
        let config = Config::new().process(ON).forward(port.addr(), target.addr(), "");
        operated.reload(config.forward(socket, target.addr(), "name = 'anywhere'"));
    }
}

#[test]
fn restrictions_missing_from_an_older_kernel_are_logged() {
    if Sandboxed::start().is_none() {
        return;
    }
    let all = "links between directories (it forbids all), truncation, ioctl(2) on devices, \
               signals to other processes";
    for (version, lacks) in [(1, all), (5, "signals to other processes")] {
        let (operated, port, _target) = start(&format!("retval={version}"));
        let line = messages(&operated, INSIDE).remove(0);
        assert_eq!(line["landlock_abi"], version, "{line}");
        assert_eq!(line["cannot_restrict"], lacks, "{line}");
        assert_eq!(operated.status()["sandboxed"], true);
        served_client(&port);
    }
}
