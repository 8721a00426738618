//! The commands of docs/profiling.md work, in their order.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use testkit::{LIMIT, Tool, run};

use crate::loaded::{BINARY, Loaded};

const DOCUMENT: &str = include_str!("../../../../docs/profiling.md");

/// Lines of its blocks, without comments.
fn commands() -> impl Iterator<Item = String> {
    let blocks = DOCUMENT.split("```sh profile\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).map(|line| line.split('#').next().unwrap().trim().to_owned())
}

#[test]
fn every_command_gives_the_documented_result() {
    let loaded = Loaded::start();
    let (dir, socket) = (loaded.path("."), loaded.path("admin.sock"));
    symlink(BINARY, loaded.path("traffic-forwarder")).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut ran = 0;
    for command in commands() {
        let here = command
            .replace("/run/traffic-forwarder/admin.sock", &socket)
            .replace("profile --", &format!("profile --admin unix:{socket} --"))
            .replace("-source_path .", &format!("-source_path {}", root.display()))
            .replace("seconds 10", "seconds 2")
            .replace("seconds=10", "seconds=2");
        let mut shell = Tool::find("sh").command();
        shell.args(["-euc", &here]).current_dir(&dir).env("HOME", &dir);
        shell.env("PATH", format!("{dir}:{}", std::env::var("PATH").unwrap()));
        let finished = run(&mut shell, LIMIT);
        assert!(finished.status.success(), "{command}: {finished}");
        ran += 1;
    }
    assert!(ran >= 8, "only {ran} commands");
    for image in ["flame.svg", "heap.svg"] {
        let text = fs::read_to_string(loaded.path(image)).unwrap();
        assert!(text.contains("<title>engine::"), "{image}: {text}");
    }
    loaded.finish();
}
