//! A cluster of etcd on loopback.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::authority::{Authority, Certificate};
use crate::port::Port;
use crate::process::Process;
use crate::tool::{Finished, Tool, run};
use crate::wait::{LIMIT, wait_for, wait_until};

/// An election on a loaded machine.
const ELECTION: Duration = Duration::from_secs(20);

/// A cluster of etcd. Its members are numbered from 0, and end when it is dropped.
#[derive(Debug)]
pub struct Etcd {
    members: Vec<Member>,
    dir: TempDir,
    tls: Option<EtcdTls>,
    arguments: Vec<String>,
    root_password: Option<String>,
    /// Counts the clusters that have been here: a wiped one has another identity.
    era: u32,
}

#[derive(Debug)]
struct Member {
    client: Port,
    peer: Port,
    process: Option<Process>,
}

/// Certificates of a cluster.
#[derive(Clone, Debug)]
pub struct EtcdTls {
    /// The members'.
    pub server: Certificate,
    /// File of the authorities that sign the certificates.
    pub ca: PathBuf,
    /// A client's, if the members require one.
    pub client: Option<Certificate>,
}

impl EtcdTls {
    /// Certificates of `authority`, whose members' one is good for `usage`.
    pub fn new(authority: &Authority, usage: &str) -> Self {
        let server = authority.issue("server", usage, 300);
        Self { server, ca: authority.file(), client: None }
    }
}

impl Etcd {
    /// Starts a cluster, and waits until it is healthy.
    pub fn start(members: usize) -> Self {
        Self::start_with(members, None, &[])
    }

    /// Starts a cluster with certificates and further arguments, and waits until it is healthy.
    pub fn start_with(members: usize, tls: Option<EtcdTls>, arguments: &[&str]) -> Self {
        let cluster = Self::spawn(members, tls, arguments);
        cluster.wait_until_healthy();
        cluster
    }

    /// Starts a cluster, and does not wait.
    pub fn spawn(members: usize, tls: Option<EtcdTls>, arguments: &[&str]) -> Self {
        let member = |_| Member { client: Port::v4(), peer: Port::v4(), process: None };
        let mut cluster = Self {
            members: (0..members).map(member).collect(),
            dir: TempDir::new().expect("a temporary directory"),
            tls,
            arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
            root_password: None,
            era: 0,
        };
        (0..members).for_each(|member| cluster.start_member(member));
        cluster
    }

    /// `HOST:PORT` of each member.
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(|member| member.client.addr().to_string()).collect()
    }

    /// `etcd://HOST:PORT,.../PREFIX`, or `etcds://`.
    pub fn url(&self, prefix: &str) -> String {
        let scheme = if self.tls.is_some() { "etcds" } else { "etcd" };
        format!("{scheme}://{}{prefix}", self.endpoints().join(","))
    }

    /// The certificates.
    pub fn tls(&self) -> Option<&EtcdTls> {
        self.tls.as_ref()
    }

    /// Starts a member, with the keys that it had stored.
    pub fn start_member(&mut self, member: usize) {
        let mut command = Tool::find("etcd").command();
        // etcd 3.4 does not start on this architecture otherwise.
        if std::env::consts::ARCH == "aarch64" {
            command.env("ETCD_UNSUPPORTED_ARCH", "arm64");
        }
        command.args(self.member_arguments(member)).args(&self.arguments);
        let process = Process::spawn(&format!("etcd {member}"), command, Duration::ZERO);
        self.members[member].process = Some(process);
    }

    /// Kills a member.
    pub fn kill_member(&mut self, member: usize) {
        self.members[member].process = None;
    }

    /// Stops a member at any point of its work; its connections stay open.
    pub fn freeze_member(&self, member: usize) {
        self.process(member).signal(Signal::STOP);
    }

    /// Lets a frozen member go on.
    pub fn thaw_member(&self, member: usize) {
        self.process(member).signal(Signal::CONT);
    }

    /// Kills all members, and starts them with nothing stored: another cluster at the same addresses.
    pub fn wipe(&mut self) {
        self.era += 1;
        self.replace_data(|_, _| ());
        self.root_password = None;
        self.wait_until_healthy();
    }

    /// Writes a snapshot of all keys to a file.
    pub fn save_snapshot(&self, file: &Path) {
        let mut command = self.client(&self.endpoints()[..1]);
        command.args(["snapshot", "save"]).arg(file);
        run(&mut command, LIMIT).success();
    }

    /// Kills all members, and starts them with the keys of a snapshot: another cluster.
    pub fn restore_snapshot(&mut self, file: &Path) {
        self.era += 1;
        self.restore_same_cluster(file);
    }

    /// Likewise, with the old token of the cluster, and so with its old identity.
    pub fn restore_same_cluster(&mut self, file: &Path) {
        self.replace_data(|cluster, member| {
            let mut command = Tool::find("etcdctl").command();
            command.env("ETCDCTL_API", "3").args(["snapshot", "restore"]).arg(file);
            let of_cluster = ["--name", "--data-dir", "--initial-cluster"];
            let of_cluster = [&of_cluster[..], &["--initial-cluster-token"]].concat();
            let all = cluster.member_arguments(member);
            for pair in all.chunks(2).filter(|pair| of_cluster.contains(&pair[0].as_str())) {
                command.args(pair);
            }
            let peer = format!("http://{}", cluster.members[member].peer.addr());
            command.args(["--initial-advertise-peer-urls", &peer]);
            run(&mut command, LIMIT).success();
        });
        self.wait_until_healthy();
    }

    fn replace_data(&mut self, prepare: impl Fn(&Self, usize)) {
        for member in 0..self.members.len() {
            self.kill_member(member);
            let _ = fs::remove_dir_all(self.data(member));
        }
        (0..self.members.len()).for_each(|member| prepare(self, member));
        (0..self.members.len()).for_each(|member| self.start_member(member));
    }

    /// Creates user and role `root` with this password, and requires logins from then on.
    pub fn enable_logins(&mut self, password: &str) {
        self.ctl(["user", "add", &format!("root:{password}")]);
        self.ctl(["user", "grant-role", "root", "root"]);
        self.ctl(["auth", "enable"]);
        self.root_password = Some(password.to_owned());
    }

    /// Creates a user with a role of the same name. Each right is its kind (`read`, `write`, `readwrite`) and a key, or
    /// the start of keys with a `*` after it.
    pub fn add_user(&self, name: &str, password: &str, rights: &[(&str, &str)]) {
        self.ctl(["user", "add", &format!("{name}:{password}")]);
        self.ctl(["role", "add", name]);
        for (kind, key) in rights {
            match key.strip_suffix('*') {
                Some(prefix) => {
                    self.ctl(["role", "grant-permission", "--prefix=true", name, kind, prefix])
                }
                None => self.ctl(["role", "grant-permission", name, kind, key]),
            };
        }
        self.ctl(["user", "grant-role", name, name]);
    }

    /// The output of etcdctl, with the rights of root.
    #[track_caller]
    pub fn ctl<Arg: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = Arg>) -> String {
        self.try_ctl(args).success().text()
    }

    /// Runs etcdctl with the rights of root, at all members.
    #[track_caller]
    pub fn try_ctl<Arg: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = Arg>) -> Finished {
        run(self.client(&self.endpoints()).args(args), LIMIT)
    }

    /// Waits until each running member serves reads that need a quorum.
    #[track_caller]
    pub fn wait_until_healthy(&self) {
        for member in (0..self.members.len()).filter(|it| self.members[*it].process.is_some()) {
            let endpoint = &self.endpoints()[member..=member];
            wait_until(&format!("etcd {member} to be healthy"), ELECTION, || {
                let ended = self.process(member).exit_status();
                assert_eq!(ended, None, "etcd {member} ended instead of serving");
                let mut command = self.client(endpoint);
                run(command.args(["endpoint", "health"]), LIMIT).status.success()
            });
        }
    }

    /// The number of the leading member.
    #[track_caller]
    pub fn leader(&self) -> usize {
        wait_for("a leader", ELECTION, || {
            (0..self.members.len()).filter(|it| self.members[*it].process.is_some()).find(|it| {
                let mut command = self.client(&self.endpoints()[*it..=*it]);
                let status = run(command.args(["endpoint", "status", "-w", "json"]), LIMIT);
                let status = serde_json::from_slice::<serde_json::Value>(&status.stdout);
                status.is_ok_and(|status| {
                    let status = &status[0]["Status"];
                    status["leader"].is_u64() && status["leader"] == status["header"]["member_id"]
                })
            })
        })
    }

    fn client(&self, endpoints: &[String]) -> Command {
        let mut command = Tool::find("etcdctl").command();
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let urls: Vec<_> = endpoints.iter().map(|it| format!("{scheme}://{it}")).collect();
        command.env("ETCDCTL_API", "3").args(["--endpoints", &urls.join(",")]);
        command.args(["--command-timeout", "5s"]);
        if let Some(tls) = &self.tls {
            command.arg("--cacert").arg(&tls.ca);
            if let Some(client) = &tls.client {
                command.arg("--cert").arg(&client.file).arg("--key").arg(&client.key);
            }
        }
        if let Some(password) = &self.root_password {
            command.args(["--user", &format!("root:{password}")]);
        }
        command
    }

    /// Options and their values in turn, then options without a value.
    fn member_arguments(&self, member: usize) -> Vec<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let client = format!("{scheme}://{}", self.members[member].client.addr());
        let peer = |it: &Member| format!("http://{}", it.peer.addr());
        let all = self.members.iter().enumerate();
        let all: Vec<_> = all.map(|(number, it)| format!("m{number}={}", peer(it))).collect();
        let own_peer = peer(&self.members[member]);
        let (name, data) = (format!("m{member}"), self.data(member));
        let (era, cluster) = (format!("era-{}", self.era), all.join(","));
        let mut pairs = vec![
            ("--name", name),
            ("--data-dir", data.to_string_lossy().into_owned()),
            ("--listen-client-urls", client.clone()),
            ("--advertise-client-urls", client),
            ("--listen-peer-urls", own_peer.clone()),
            ("--initial-advertise-peer-urls", own_peer),
            ("--initial-cluster", cluster),
            ("--initial-cluster-token", era),
            ("--logger", "zap".to_owned()),
            ("--log-level", "warn".to_owned()),
        ];
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let mut requires_client = false;
        if let Some(tls) = &self.tls {
            pairs.push(("--cert-file", path(&tls.server.file)));
            pairs.push(("--key-file", path(&tls.server.key)));
            requires_client = tls.client.is_some();
            if requires_client {
                // It alone makes etcd require certificates of clients.
                pairs.push(("--trusted-ca-file", path(&tls.ca)));
            }
        }
        let pairs = pairs.into_iter().flat_map(|(option, value)| [option.to_owned(), value]);
        pairs.chain(requires_client.then(|| "--client-cert-auth".to_owned())).collect()
    }

    fn data(&self, member: usize) -> PathBuf {
        self.dir.path().join(format!("m{member}"))
    }

    /// The process of a member.
    ///
    /// # Panics
    ///
    /// If the member does not run.
    pub fn process(&self, member: usize) -> &Process {
        self.members[member].process.as_ref().expect("the member has been started")
    }
}
