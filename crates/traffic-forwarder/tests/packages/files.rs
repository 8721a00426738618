//! The other release files; and packing twice gives the same bytes.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{LIMIT, Tool};

use crate::made::{debian_package, root, script, tar_file};

#[test]
fn packages_of_the_same_binary_are_identical() {
    let [one, other] = [(); 2].map(|()| {
        let dir = TempDir::new().unwrap();
        let tar = format!("{}.tar.gz", tar_file("1.0.0", "linux", dir.path()));
        let tar = fs::read(dir.path().join(tar)).unwrap();
        (tar, fs::read(debian_package("1.0.0", dir.path())).unwrap())
    });
    assert!(one == other, "packages differ: {} and {} bytes", one.0.len(), other.0.len());
}

#[test]
fn the_tar_file_is_complete() {
    let dir = TempDir::new().unwrap();
    let top = tar_file("1.0.0", "linux-gnu", dir.path());
    let file = dir.path().join(format!("{top}.tar.gz"));
    let listed = Tool::find("tar").run(["-tzf", file.to_str().unwrap()], LIMIT).text();
    for name in [
        "traffic-forwarder",
        "man/man1/traffic-forwarder.1",
        "man/man1/traffic-forwarder-status.1",
        "man/man5/traffic-forwarder.conf.5",
        "completions/traffic-forwarder.bash",
        "completions/traffic-forwarder.fish",
        "completions/_traffic-forwarder",
        "examples/systemd/traffic-forwarder.service",
        "docs/installation.md",
        "README.md",
        "LICENSE",
        "THIRD-PARTY-LICENCES",
    ] {
        let line = format!("{top}/{name}");
        assert!(listed.lines().any(|listed| listed == line), "{line} in\n{listed}");
    }
}

fn is_crate(component: &Value) -> bool {
    component["purl"].as_str().unwrap().starts_with("pkg:cargo/")
}

#[test]
fn the_bill_of_materials_lists_the_crates_in_the_program() {
    let text = script("sbom.sh", "1.0.0", &[]);
    let bill: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert_eq!(bill["metadata"]["component"]["name"], "traffic-forwarder");
    assert_eq!(bill["metadata"]["component"]["version"], "1.0.0");
    assert_eq!(bill["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    let components = bill["components"].as_array().unwrap();
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let (crates, others): (Vec<_>, Vec<_>) = components.iter().partition(|it| is_crate(it));
    for component in crates {
        let field = |key: &str| component[key].as_str().unwrap().to_owned();
        let locked = format!("name = \"{}\"\nversion = \"{}\"\n", field("name"), field("version"));
        assert!(lock.contains(&locked), "{component}");

        let is_ours = root().join("crates").join(field("name")).is_dir();
        assert_eq!(component["hashes"].is_null(), is_ours, "{component}");
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
    }
    // The chart library of the web page, in the version of its file.
    let charts = root().join("crates/control/src/admin/page/vendor/uPlot.iife.min.js");
    let charts = fs::read_to_string(charts).unwrap();
    let [chart] = others[..] else { panic!("{others:?}") };
    assert_eq!(chart["name"], "uPlot");
    let version = chart["version"].as_str().unwrap();
    assert!(charts.lines().next().unwrap().contains(&format!("(v{version})")), "{chart}");
    assert_eq!(chart["licenses"][0]["expression"], "MIT");

    let has = |name: &str| components.iter().any(|component| component["name"] == name);
    // Runtime dependencies, direct or not; but none for tests and benchmarks only, and not the
    // program itself.
    assert!(has("rustix") && has("hyper") && has("libc") && has("engine"));
    assert!(!has("criterion") && !has("tempfile") && !has("testkit") && !has("traffic-forwarder"));
}

#[test]
fn the_licences_name_every_third_party_crate() {
    let licences = script("licences.sh", "1.0.0", &[]);
    let bill: Value = serde_json::from_str(&script("sbom.sh", "1.0.0", &[])).unwrap();
    for component in bill["components"].as_array().unwrap() {
        let [name, version] = ["name", "version"].map(|key| component[key].as_str().unwrap());
        let named = licences.contains(&format!("\n{name} {version}: "));
        let is_ours = is_crate(component) && component["hashes"].is_null();
        assert_eq!(named, !is_ours, "{name} {version}");
    }
    assert!(licences.contains("Permission is hereby granted"));
    assert!(licences.contains("Leon Sorokin"));
    assert!(licences.contains("Apache License"));
}
