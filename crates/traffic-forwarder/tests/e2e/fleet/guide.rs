//! The outputs in docs/fleet.md are those of a fleet of five instances that publishes, is refused a text, and falls back.

use std::fs;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};
use std::thread;

use testkit::{Behaviour, Etcd, Port, Target, connect, wait_until};

use super::fixture::READ;
use super::machines::{Machines, at};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fleet.md");

/// The text of the only block with this info string.
fn block(info: &str) -> String {
    let page = fs::read_to_string(PAGE).unwrap();
    let fence = format!("```{info}\n");
    assert_eq!(page.matches(&fence).count(), 1, "blocks `{info}`");
    let (_, rest) = page.split_once(&fence).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// The guide's addresses, in place of those of this fleet.
struct Guide {
    machines: Machines,
    /// Each address of this fleet and of the guide.
    names: Vec<(String, String)>,
}

impl Guide {
    /// The lines with the guide's addresses, without times. Instances are as fast as each other, and standard error comes
    /// apart from standard output: the order says nothing.
    fn lines(&self, text: &str) -> Vec<String> {
        let replace = |text: String, (own, guides): &(String, String)| text.replace(own, guides);
        let text = self.names.iter().fold(text.to_owned(), replace);
        let lines = text.lines().map(|line| {
            let words: Vec<_> = line.split_whitespace().map(timeless).collect();
            words.join(" ")
        });
        let mut lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
        lines.sort();
        lines
    }

    #[track_caller]
    fn is_in_the_guide(&self, output: &str, info: &str) {
        assert_eq!(self.lines(output), self.lines(&block(info)), "{info}:\n{output}");
    }
}

/// A duration, an age or a publisher as `#`.
fn timeless(word: &str) -> &str {
    let is_time = word.starts_with(|first: char| first.is_ascii_digit())
        && (word.ends_with('s') || word.ends_with('m') || word.ends_with('h'));
    match word {
        // Of an instance that had not begun a trial on all before it was taken back.
        "confirmed" => "stable",
        _ if is_time || word.contains('@') => "#",
        _ => word,
    }
}

fn forward(name: &str, listen: &str, to: &str) -> String {
    format!("\n[[forward]]\nname = \"{name}\"\nlisten = \"{listen}\"\nto = \"{to}\"\n")
}

#[test]
fn the_outputs_in_the_guide_are_those_of_a_fleet() {
    let cluster = Etcd::start(3);
    let machines = Machines::start(&cluster, "/guide", 5);
    let (db, cache, taken) = (Port::v4(), Port::v4(), Port::v4());
    let (target, dead) = (Target::start(Behaviour::Echo), Port::v4());
    let own = |port: &Port| format!("self.test:{port}");
    let names = [
        (own(&db), ":18080".to_owned()),
        (own(&cache), ":18081".to_owned()),
        (at(2, &taken).to_string(), ":18082".to_owned()),
        (target.addr().to_string(), "10.0.1.7:6379".to_owned()),
    ];
    let guide = Guide { machines, names: names.into() };
    let Guide { machines, .. } = &guide;
    let to = target.addr().to_string();
    let first = forward("db", &own(&db), &to);
    machines.publish(&first);

    let second = first + &forward("cache", &own(&cache), &to);
    let file = machines.file("fleet.toml", &second);
    let on_one = |hold| ["publish", &file, "--canary", "edge-1", "--hold", hold];
    let published = machines.run(&on_one("1s"), 0);
    guide.is_in_the_guide(&published, "text rollout canary");

    let _taken = TcpListener::bind(at(2, &taken)).unwrap();
    let refused = second.clone() + &forward("metrics", &own(&taken), &to);
    machines.file("fleet.toml", &refused);
    let refused = machines.run(&["publish", &file, "--hold", "1s"], 1);
    // Others may begin before the refusal is seen.
    let refused = refused.lines().filter(|line| !line.contains(" runs revision "));
    let refused = refused.collect::<Vec<_>>().join("\n");
    guide.is_in_the_guide(without_changes(&refused), "text rollout refused");

    let sessions: Vec<_> = (0..12).map(|_| machines.clients(&cache)).collect();
    machines.file("fleet.toml", &second.replace(&to, &dead.addr().to_string()));
    let running = machines.begin(&on_one("20s"));
    wait_until("the trial", READ, || {
        running.stdout().iter().any(|line| line.starts_with("edge-1 runs"))
    });
    fail_ten_times(at(1, &cache));
    assert_eq!(running.wait_exit(READ).code(), Some(1));
    let lines = [running.stdout(), running.stderr()].concat().join("\n");
    guide.is_in_the_guide(without_changes(&lines), "text rollout fell back");
    let status = machines.run(&["rollout"], 0);
    guide.is_in_the_guide(&status, "text rollout status");
    drop(sessions);
}

/// Ten clients at once, until the target of each has failed.
fn fail_ten_times(listen: SocketAddr) {
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                if let Ok(mut client) = connect(listen) {
                    let _ = client.read(&mut [0]);
                }
            });
        }
    });
}

/// From the first line about a revision on.
fn without_changes(output: &str) -> &str {
    output.find("\nrevision ").map_or(output, |at| &output[at..])
}
