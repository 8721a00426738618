//! The files that say how names are resolved, read again when they change.

use super::hosts::Hosts;
use super::order::Precedences;
use super::resolv_conf::ResolvConf;
use super::sources::Sources;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time for which the files are taken as unchanged.
const CHECK_PAUSE: Duration = Duration::from_secs(1);
/// Bytes of a file that are read.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// The contents of all files.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) servers: ResolvConf,
    pub(crate) hosts: Hosts,
    pub(crate) sources: Sources,
    pub(crate) precedences: Precedences,
}

/// The files in one directory.
pub(crate) struct Files {
    directory: PathBuf,
    state: Mutex<State>,
}

struct State {
    checked: Instant,
    texts: [Text; 4],
    settings: Arc<Settings>,
}

const NAMES: [&str; 4] = ["resolv.conf", "hosts", "nsswitch.conf", "gai.conf"];

/// A file's text, and what shows a change of it.
#[derive(Default)]
struct Text {
    stamp: Option<(u64, u64, u64, i64, i64)>,
    text: String,
}

impl Text {
    /// Reads the file if it has changed. A missing file is an empty one; one that cannot be read stays as
    /// it was.
    fn refresh(&mut self, path: &Path) -> bool {
        let (stamp, text) = match fs::metadata(path) {
            Ok(file) if file.len() > MOST_BYTES => return false,
            Ok(file) => {
                let time = (file.mtime(), file.mtime_nsec());
                let stamp = Some((file.dev(), file.ino(), file.len(), time.0, time.1));
                if stamp == self.stamp {
                    return false;
                }
                let Ok(bytes) = fs::read(path) else { return false };
                (stamp, String::from_utf8_lossy(&bytes).into_owned())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => (None, String::new()),
            Err(_) => return false,
        };
        let is_changed = self.stamp != stamp;
        *self = Self { stamp, text };
        is_changed
    }
}

impl Files {
    pub(crate) fn read(directory: &Path) -> Self {
        let mut texts: [Text; 4] = Default::default();
        for (text, name) in texts.iter_mut().zip(NAMES) {
            text.refresh(&directory.join(name));
        }
        let settings = Arc::new(settings(&texts));
        let state = Mutex::new(State { checked: Instant::now(), texts, settings });
        Self { directory: directory.to_owned(), state }
    }

    /// The current settings.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        // No code panics while it holds the lock.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.checked.elapsed() >= CHECK_PAUSE {
            state.checked = Instant::now();
            let mut is_changed = false;
            for (text, name) in state.texts.iter_mut().zip(NAMES) {
                is_changed |= text.refresh(&self.directory.join(name));
            }
            if is_changed {
                state.settings = Arc::new(settings(&state.texts));
            }
        }
        Arc::clone(&state.settings)
    }
}

fn settings([servers, hosts, sources, precedences]: &[Text; 4]) -> Settings {
    let variable = |name| std::env::var(name).ok();
    let (domain, options) = (variable("LOCALDOMAIN"), variable("RES_OPTIONS"));
    Settings {
        servers: ResolvConf::read(&servers.text, domain.as_deref(), options.as_deref(), &interface),
        hosts: Hosts::read(&hosts.text, &interface),
        // A static program cannot load the C library's modules.
        sources: if cfg!(target_feature = "crt-static") {
            Sources::FILES_AND_DNS
        } else {
            Sources::read(&sources.text)
        },
        precedences: Precedences::read(&precedences.text),
    }
}

/// The number of a network interface.
fn interface(name: &str) -> Option<u32> {
    let is_name = !name.contains('/') && name != "." && name != "..";
    let path = Path::new("/sys/class/net").join(name).join("ifindex");
    fs::read_to_string(is_name.then_some(path)?).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_files_are_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::read(dir.path());
        assert!(files.settings().hosts.find("db").is_empty());
        fs::write(dir.path().join("hosts"), "10.0.0.1 db\n").unwrap();
        let found = |expected: usize| {
            let end = Instant::now() + Duration::from_secs(30);
            while files.settings().hosts.find("db").len() != expected {
                assert!(Instant::now() < end);
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        found(1);
        fs::remove_file(dir.path().join("hosts")).unwrap();
        found(0);
    }

    #[test]
    fn interfaces_have_numbers() {
        assert!(interface("lo").is_some_and(|number| number > 0));
        assert_eq!(interface("../net/lo"), None);
        assert_eq!(interface("no-such-interface"), None);
    }
}
