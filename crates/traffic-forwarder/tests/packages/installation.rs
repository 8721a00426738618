//! The commands of `docs/installation.md` install the program.

use std::fs;

use testkit::Tool;

use crate::made::{debian_package, root, tar_file};
use crate::markdown::Document;
use crate::scratch_root::{EXCHANGE, ScratchRoot};

/// Version in the document's commands.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Programs that a test cannot run.
const ELSEWHERE: [&str; 2] = ["docker", "kubectl"];

#[test]
fn every_command_installs_the_packages() {
    let Some(root_of_host) = ScratchRoot::new() else { return };
    let exchange = root_of_host.exchange();
    tar_file(VERSION, "linux", exchange);
    debian_package(VERSION, exchange);
    let names = fs::read_dir(exchange).unwrap().map(|entry| entry.unwrap().file_name());
    let mut sums = Tool::find("sha256sum").command();
    let sums = testkit::run(sums.args(names).current_dir(exchange), testkit::LIMIT).success();
    fs::write(exchange.join("SHA256SUMS"), sums.stdout).unwrap();

    let text = fs::read_to_string(root().join("docs/installation.md")).unwrap();
    let mut ran = 0;
    for block in Document::new("docs/installation.md", text).blocks() {
        let here = !ELSEWHERE.iter().any(|program| block.text.starts_with(program));
        if block.info == "sh install" && here {
            let finished = root_of_host.shell(&format!("cd {EXCHANGE}\n{}", block.text));
            assert!(finished.status.success(), "{}: {finished}", block.place);
            ran += 1;
        }
    }
    assert_eq!(ran, 3);
    for program in ["/usr/local/bin/traffic-forwarder", "/usr/bin/traffic-forwarder"] {
        let printed = root_of_host.shell(&format!("{program} --version")).success().text();
        // A build id follows, in parentheses.
        assert_eq!(printed.split(" (").next(), Some(&*format!("traffic-forwarder {VERSION}")));
    }
}
