//! An OpenSSH server, and the clients that may log in to it.

use std::fs;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;

use super::Server;
use crate::port::Port;
use crate::tool::Tool;
use crate::wait::LIMIT;

/// A running sshd: the current user may log in, with the key of [`Sshd::ssh`] and [`Sshd::scp`].
#[derive(Debug)]
pub struct Sshd {
    server: Server,
    user: String,
}

impl Sshd {
    /// Starts one with fresh keys.
    pub fn start() -> Self {
        let server = Server::start("sshd", |command, port, dir| {
            make_key(&dir.join("host_key"));
            make_key(&dir.join("user_key"));
            if geteuid().is_root() {
                // Its directory for the separation of privileges; made at boot where systemd runs.
                fs::create_dir_all("/run/sshd").expect("root may make /run/sshd");
            }
            let config = dir.join("sshd_config");
            fs::write(&config, configuration(port, dir)).expect("write into an own directory");
            command.args(["-D", "-e", "-f"]).arg(config);
        });
        Self { server, user: current_user() }
    }

    /// `ssh USER@HOST`, by way of `addr`: its own address or that of a forward to it. Add the remote
    /// command.
    pub fn ssh(&self, addr: SocketAddr) -> Command {
        let mut command = self.client("ssh", "-p", addr);
        command.arg(format!("{}@{}", self.user, addr.ip()));
        command
    }

    /// `scp`, by way of `addr`. Add source and destination, one of them from [`Self::remote`].
    pub fn scp(&self, addr: SocketAddr) -> Command {
        self.client("scp", "-P", addr)
    }

    /// A path on the server as scp wants it: `USER@HOST:PATH`.
    pub fn remote(&self, addr: SocketAddr, path: &Path) -> String {
        let host = addr.ip();
        let host = if addr.is_ipv6() { format!("[{host}]") } else { host.to_string() };
        format!("{}@{host}:{}", self.user, path.display())
    }

    fn client(&self, program: &str, port_flag: &str, addr: SocketAddr) -> Command {
        let mut command = Tool::find(program).command();
        command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]);
        command.args(["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]);
        command.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(self.dir().join("user_key"));
        command.args([port_flag, &addr.port().to_string()]);
        command
    }
}

impl Deref for Sshd {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

fn make_key(path: &Path) {
    let path = path.as_os_str();
    let args = ["-q", "-t", "ed25519", "-N", "", "-f"].map(AsRef::as_ref);
    Tool::find("ssh-keygen").run(args.into_iter().chain([path]), LIMIT);
}

fn configuration(port: &Port, dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "ListenAddress 127.0.0.1
        Port {port}
        HostKey {dir}/host_key
        PidFile {dir}/sshd.pid
        AuthorizedKeysFile {dir}/user_key.pub
        AuthenticationMethods publickey
        PermitRootLogin prohibit-password
        StrictModes no
        UsePAM no
        MaxStartups 1000
        Subsystem sftp internal-sftp
        "
    )
}

/// The name that `/etc/passwd` gives the user of this process.
fn current_user() -> String {
    let uid = geteuid().as_raw().to_string();
    let passwd = fs::read_to_string(PathBuf::from("/etc/passwd")).expect("/etc/passwd");
    let user = passwd.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        (fields.get(2) == Some(&uid.as_str())).then(|| fields[0].to_owned())
    });
    user.unwrap_or_else(|| panic!("user {uid} has no name in /etc/passwd"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;
    use crate::tool::run;

    #[test]
    fn runs_commands_and_copies_files() {
        let sshd = Sshd::start();
        let output = run(sshd.ssh(sshd.addr()).arg("echo $((6 * 7))"), LIMIT).success();
        assert_eq!(output.text(), "42\n");
        let (file, copy) = (sshd.dir().join("file"), sshd.dir().join("copy"));
        fs::write(&file, Stream::new(4).bytes(3_000_000)).unwrap();
        let mut scp = sshd.scp(sshd.addr());
        run(scp.arg(sshd.remote(sshd.addr(), &file)).arg(&copy), LIMIT).success();
        assert!(fs::read(&copy).unwrap() == Stream::new(4).bytes(3_000_000));
    }
}
