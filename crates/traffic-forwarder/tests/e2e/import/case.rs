//! One configuration of another forwarder, which is played through the original program and, converted,
//! through ours.

use std::fmt::Debug;
use std::fs;
use std::thread;

use tempfile::TempDir;
use testkit::{Addr, Finished, Port, Server};

use super::scene::{Kind, Scene, Targets};
use crate::support::forwarder;

/// The program that a configuration is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Program {
    Nginx,
    Haproxy,
    Rinetd,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Rinetd => "rinetd",
        }
    }

    /// Arguments before the configuration file.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &["-e", "stderr", "-c"],
            Self::Haproxy => &["-db", "-f"],
            Self::Rinetd => &["-f", "-c"],
        }
    }
}

/// A configuration with `LISTEN`, `LISTEN_PORT`, `DIR`, and for each target `T1` and `T1_PORT`.
#[derive(Clone)]
pub(super) struct Case {
    program: Program,
    template: String,
    targets: Vec<Kind>,
    /// Texts of the notes that `import` must print.
    notes: Vec<&'static str>,
    /// Lines that `import` must write.
    lines: Vec<&'static str>,
}

impl Case {
    /// All targets that are named serve.
    pub(super) fn new(program: Program, template: String) -> Self {
        let is_named = |number: &usize| template.contains(&format!("T{number}"));
        let targets = vec![Kind::Serves; (1..=9).take_while(is_named).count()];
        Self { program, template, targets, notes: Vec::new(), lines: Vec::new() }
    }

    /// Another kind of target.
    pub(super) fn target(mut self, number: usize, kind: Kind) -> Self {
        self.targets[number - 1] = kind;
        self
    }

    /// `import` must print a `note` or `not converted` with this text.
    pub(super) fn noted(mut self, text: &'static str) -> Self {
        self.notes.push(text);
        self
    }

    /// `import` must write this line.
    pub(super) fn writes(mut self, line: &'static str) -> Self {
        self.lines.push(line);
        self
    }

    /// The original and the imported configuration behave like this.
    #[expect(clippy::needless_pass_by_value, reason = "cases are written without references")]
    pub(super) fn alike<T>(&self, expected: T, scenario: impl Fn(&mut Scene) -> T + Sync)
    where
        T: PartialEq + Debug + Send,
    {
        let (theirs, ours) = self.play(scenario);
        let what = &self.template;
        assert_eq!(theirs, expected, "{} itself, with\n{what}", self.program.name());
        assert_eq!(ours, expected, "imported from\n{what}");
    }

    /// The imported configuration differs on purpose, as a text of `import` or of docs/migration.md says.
    pub(super) fn differs<T>(
        self,
        says: Says,
        [theirs, ours]: [T; 2],
        scenario: impl Fn(&mut Scene) -> T + Sync,
    ) where
        T: PartialEq + Debug + Send,
    {
        let case = match says {
            Says::Import(text) => self.noted(text),
            Says::Document(text) => {
                let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(words(DOCUMENT).contains(text), "docs/migration.md does not say: {text}");
                self
            }
        };
        let (really_theirs, really_ours) = case.play(scenario);
        let what = &case.template;
        assert_ne!(theirs, ours);
        assert_eq!(really_theirs, theirs, "{} itself, with\n{what}", case.program.name());
        assert_eq!(really_ours, ours, "imported from\n{what}");
    }

    /// The forward is written as a comment, because of this.
    pub(super) fn must_be_commented_out(self, because: &'static str) {
        let case = self.noted(because);
        let (targets, port) = (Targets::start(&case.targets), Port::v4());
        let import = case.import(&case.text(&targets, &port, "/run"));
        assert_eq!(import.status.code(), Some(1), "{import}");
        assert!(import.text().contains("\n#[[forward]]\n"), "{import}");
        assert!(!import.text().contains("\n[[forward]]\n"), "{import}");
    }

    /// Only the written values can be compared in the time of a test.
    pub(super) fn is_imported(&self) {
        let (targets, port) = (Targets::start(&self.targets), Port::v4());
        self.import(&self.text(&targets, &port, "/run"));
    }

    /// Both at the same time, with separate targets.
    fn play<T: Send>(&self, scenario: impl Fn(&mut Scene) -> T + Sync) -> (T, T) {
        thread::scope(|scope| {
            let theirs = scope.spawn(|| self.play_theirs(&scenario));
            let ours = self.play_ours(&scenario);
            (theirs.join().unwrap(), ours)
        })
    }

    fn play_theirs<T>(&self, scenario: impl Fn(&mut Scene) -> T) -> T {
        let (targets, dir) = (Targets::start(&self.targets), TempDir::new().unwrap());
        let dir = dir.path().display().to_string();
        let (program, arguments) = (self.program.name(), self.program.arguments());
        let server =
            Server::with_config(program, arguments, |port| self.text(&targets, port, &dir));
        scenario(&mut Scene::new(server.addr(), targets))
    }

    fn play_ours<T>(&self, scenario: impl Fn(&mut Scene) -> T) -> T {
        let (targets, port) = (Targets::start(&self.targets), Port::every_address());
        let import = self.import(&self.text(&targets, &port, "/run"));
        // Concurrent processes would compete for the admin interface's socket.
        let (process, off) = ("\n[process]\n", "\n[process]\nadmin = 'off'\n");
        let config = match import.text() {
            text if text.contains(process) => text.replacen(process, off, 1),
            text => format!("{off}{text}"),
        };
        let ours = forwarder().config(config).start();
        ours.ready();
        scenario(&mut Scene::new(port.addr(), targets))
    }

    fn text(&self, targets: &Targets, port: &Port, dir: &str) -> String {
        let listen = Addr::from(port).to_string();
        let text = self.template.replace("LISTEN_PORT", &port.to_string());
        let text = targets.written_into(&text.replace("LISTEN", &listen), port.number());
        // Last: the random name of a directory may contain `T1`.
        text.replace("DIR", dir)
    }

    /// Converts it, and checks notes and lines.
    fn import(&self, text: &str) -> Finished {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("theirs");
        fs::write(&file, text).unwrap();
        let import = forwarder().args(["import", "--from", self.program.name()]).arg(&file).run();
        for text in &self.notes {
            let is_note = |line: &str| line.contains(text) && !line.starts_with(' ');
            assert!(import.stderr.lines().any(is_note), "without a note on {text}: {import}");
        }
        for line in &self.lines {
            let is_line = |written: &str| written == *line;
            assert!(import.text().lines().any(is_line), "without {line}: {import}");
        }
        let left_out = import.stderr.contains("not converted: ");
        assert_eq!(import.status.code(), Some(i32::from(left_out)), "{import}");
        assert!(!left_out || !self.notes.is_empty(), "{import}");
        import
    }
}

const DOCUMENT: &str = include_str!("../../../../../docs/migration.md");

/// Which text states a difference.
#[derive(Clone, Copy)]
pub(super) enum Says {
    /// A note of `import`, for this configuration.
    Import(&'static str),
    /// A sentence of docs/migration.md, for what no setting is about.
    Document(&'static str),
}

/// Plays cases at the same time: most of them mainly wait.
pub(super) fn each<C: Send>(cases: impl IntoIterator<Item = C>, play: impl Fn(C) + Sync) {
    const AT_ONCE: usize = 4;
    let mut cases = cases.into_iter();
    loop {
        let some: Vec<_> = cases.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return;
        }
        thread::scope(|scope| {
            for case in some {
                scope.spawn(|| play(case));
            }
        });
    }
}
