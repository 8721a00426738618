//! Namespaces for a run: its ports, its name servers and their configuration concern no other
//! program of this machine.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::failure::Failure;

/// Added to the command line inside the namespaces.
pub(crate) const INSIDE: &str = "--inside";

/// Replaces this process by the same command line in new network and mount namespaces. Returns only
/// if that fails. Needs unshare(1), ip(8), and, without root, user namespaces.
pub(crate) fn enter() -> Failure {
    exec(&[], "ip link set lo up && exec \"$0\" \"$@\"")
}

/// Likewise, with a PID namespace: all processes of the run end with it, however it ends.
pub(crate) fn enter_with_processes() -> Failure {
    // The first process of the namespace takes no signal without a trap.
    const SCRIPT: &str =
        "ip link set lo up || exit; trap 'exit 130' INT TERM; \"$0\" \"$@\" & wait $!";
    exec(&["--pid", "--fork", "--kill-child", "--mount-proc"], SCRIPT)
}

fn exec(more: &[&str], script: &str) -> Failure {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error.into(),
    };
    let mut unshare = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    unshare.args(["--net", "--mount"]).args(more).args(["sh", "-c", script]).arg(program);
    let error = unshare.args(std::env::args_os().skip(1)).arg(INSIDE).exec();
    Failure::new(format!("run unshare: {error}; install util-linux and iproute2"))
}
