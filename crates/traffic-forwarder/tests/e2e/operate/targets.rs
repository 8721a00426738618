//! `targets`, and the targets of a forward in `status`.

use testkit::{Behaviour, Port, Target};

use super::says;
use crate::support::{Config, Console, forwarder, ping, served_client};

#[test]
fn targets_show_their_state_and_figures() {
    let (console, dead, port) = (Console::new(), Port::v4(), Port::v4());
    let targets = [(); 2].map(|()| Target::start(Behaviour::Echo));
    let [limited, backup] = [0, 1].map(|at: usize| targets[at].addr().to_string());
    let (dead, socket) = (dead.addr().to_string(), console.path("web.sock"));
    let forward = format!(
        "[[forward]]\nname = 'web'\nlisten = ['{}', 'unix:{socket}']\nbalance = 'first'\n\
         to = ['{dead}', {{ address = '{limited}', weight = 3, max_sessions = 1 }},\n\
         {{ address = '{backup}', backup = true }}]\n",
        port.addr()
    );
    let text = Config::new().admin(&console.admin()).text() + &forward;
    let running = forwarder().config(text).start();
    running.ready();
    let client = served_client(&port);
    let shown = console.done(&["targets", "web"]).text();
    let rows: Vec<Vec<_>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1][..7], ["web", &dead, "up", "0", "1", "0", "1"], "{shown}");
    assert_eq!(rows[2][..7], ["web", &limited, "up", "1/1", "3", "1", "0"], "{shown}");
    assert_eq!(rows[3][..7], ["web", &backup, "up", "0", "backup", "0", "0"], "{shown}");
    let json = console.json(&["targets"]);
    let listen = json[0]["targets"][1]["listen"].as_array().map(Vec::len);
    assert_eq!(listen, Some(2), "both listeners share the target: {json}");
    says(&console.done(&["status"]), &[&format!("{dead} +2")]);
    says(&console.done(&["status", "web"]), &[&format!("{limited}: up, 1 session, 1 connects")]);
    assert!(console.refused(&["targets", "wed"], 1).contains("did you mean `web`?"));
    ping(&client);
}
