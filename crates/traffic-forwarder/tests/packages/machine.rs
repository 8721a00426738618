//! A scratch root with systemd as PID 1: separate processes, mounts and control groups, but the
//! host's network, so that the peers of a test can connect.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use testkit::{Finished, Forwarder, LIMIT, Tool, run, wait_for, wait_until};

use crate::scratch_root::ScratchRoot;

/// Bound for systemd and dpkg on a busy machine.
const SLOW: Duration = Duration::from_secs(120);

/// `$0` is the control group, `$1` the root, `$2` the next script.
const ENTER: &str = r#"set -e
    echo 0 >"$0/cgroup.procs"
    exec unshare --pid --mount --uts --ipc --cgroup --fork sh -c "$2" "$1""#;

/// `$0` is the root. No unit may change resources shared with the host: devices, kernel parameters,
/// modules. So of systemd's default units, only the journal starts.
const BOOT: &str = r#"set -e
    for directory in proc dev sys; do umount --recursive "$0/$directory"; done
    mount -t proc proc "$0/proc"
    mount --bind "$0/proc/sys" "$0/proc/sys"
    mount -o remount,bind,ro "$0/proc/sys"
    mount -t sysfs -o ro sysfs "$0/sys"
    mount -t cgroup2 cgroup2 "$0/sys/fs/cgroup"
    mount -t tmpfs tmpfs "$0/dev"
    for device in null zero full random urandom tty; do
        touch "$0/dev/$device"
        mount --bind "/dev/$device" "$0/dev/$device"
    done
    ln -s /proc/self/fd "$0/dev/fd"
    ln -s pts/ptmx "$0/dev/ptmx"
    mkdir "$0/dev/pts" "$0/dev/shm"
    mount -t devpts -o ptmxmode=666 devpts "$0/dev/pts"
    mount -t tmpfs tmpfs "$0/dev/shm"
    units=$0/etc/systemd/system
    rm -rf "$units"/*.wants
    for unit in "$0"/usr/lib/systemd/system/*.target.wants/*; do
        case $unit in
        *journald*) ;;
        *) ln -sf /dev/null "$units/${unit##*/}" ;;
        esac
    done
    : >"$0/etc/fstab"
    # systemd confines what it starts below the root of all mounts, so chroot(8) is not enough.
    cd "$0"
    pivot_root . srv
    umount --lazy /srv
    # As in systemd-nspawn(1): a unit's credentials are mounted in another namespace, and propagate.
    mount --make-rshared /
    exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --system --unit=basic.target"#;

pub(crate) struct Machine {
    root: ScratchRoot,
    /// Control group of all processes of the machine, and no others.
    group: PathBuf,
    /// PID of systemd on this host.
    first: u32,
    _unshare: Forwarder,
}

impl Machine {
    /// Starts the machine. `None` without root, as for [`ScratchRoot`].
    pub(crate) fn boot() -> Option<Self> {
        static BOOTED: AtomicU32 = AtomicU32::new(0);
        let root = ScratchRoot::new()?;
        let number = BOOTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("traffic-forwarder-test-{}-{number}", std::process::id());
        let group = control_groups().join(name);
        fs::create_dir(&group).unwrap();
        let unshare = Forwarder::binary(Tool::find("nsenter").path())
            .args([root.entry().as_str(), "sh", "-c", ENTER])
            .args([group.as_path(), &root.root()])
            .arg(BOOT)
            .start();
        let first = wait_for("systemd", SLOW, || {
            let child = fs::read_to_string(format!("/proc/{0}/task/{0}/children", unshare.pid()));
            let child = child.ok()?.trim().parse().ok()?;
            let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
            (name.trim() == "systemd").then_some(child)
        });
        let machine = Self { root, group, first, _unshare: unshare };
        wait_until("systemd to be ready", SLOW, || {
            machine.shell("systemctl is-system-running").stdout == b"running\n"
        });
        Some(machine)
    }

    /// Host path of the directory mounted at [`crate::scratch_root::EXCHANGE`].
    pub(crate) fn exchange(&self) -> &Path {
        self.root.exchange()
    }

    /// Runs a shell command in the machine, as root.
    pub(crate) fn shell(&self, script: &str) -> Finished {
        let mut command = Command::new(Tool::find("nsenter").path());
        command.arg("--target").arg(self.first.to_string());
        command.args(["--pid", "--mount", "--uts", "--ipc", "--cgroup", "--root", "--wdns=/"]);
        command.args(["sh", "-e", "-c", script]);
        command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
        run(&mut command, SLOW)
    }

    /// Output of a successful command in the machine, without the trailing newline.
    #[track_caller]
    pub(crate) fn output(&self, script: &str) -> String {
        self.shell(script).success().text().trim_end().to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        fs::write(self.group.join("cgroup.kill"), "1").unwrap();
        // A control group can be removed once it has no processes and no children.
        wait_until("the end of all that ran there", LIMIT, || remove(&self.group).is_ok());
    }
}

/// Mount point of cgroup2 on this host.
fn control_groups() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mut mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mounted = mounts.find(|mount| mount[2] == "cgroup2").expect("control groups, version 2");
    mounted[1].into()
}

fn remove(group: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}
