//! The dependency tables match the manifests, `Cargo.lock` and `deny.toml`.

use crate::repository::{document, read, root};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use toml::de::{DeTable, DeValue};
use xtask::docs::code;

/// Headings of both tables: dependencies of the program, and those of its tests.
fn heads() -> [[&'static str; 6]; 2] {
    ["Crate", "Crate of tests"]
        .map(|first| [first, "Used by", "Why", "Instead", "Licence", "Kept by"])
}

fn parse<'t>(name: &str, text: &'t str) -> DeTable<'t> {
    DeTable::parse(text).unwrap_or_else(|error| panic!("{name}: {error}")).into_inner()
}

/// Value at a path of keys.
fn at<'v, 't>(table: &'v DeTable<'t>, keys: &[&str]) -> &'v DeValue<'t> {
    let (first, rest) = keys.split_first().expect("a key");
    let value = table.get(*first).unwrap_or_else(|| panic!("no {first}")).get_ref();
    if rest.is_empty() { value } else { at(value.as_table().expect("a table"), rest) }
}

fn text(value: &DeValue<'_>) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Elements of a TOML array.
fn list<'v, 't>(value: &'v DeValue<'t>) -> impl Iterator<Item = &'v DeValue<'t>> {
    value.as_array().expect("a list").iter().map(toml::Spanned::get_ref)
}

/// Manifest paths of the workspace's crates.
fn members() -> Vec<String> {
    let crates = fs::read_dir(root().join("crates")).expect("a directory can be read");
    let names = crates.map(|entry| entry.expect("a directory entry").file_name());
    let manifests = names.map(|name| format!("crates/{}/Cargo.toml", name.to_string_lossy()));
    manifests.chain(["bench", "xtask"].map(|name| format!("{name}/Cargo.toml"))).collect()
}

/// Collects the names in each dependency table, at any depth.
fn dependencies(table: &DeTable<'_>, found: &mut BTreeSet<String>) {
    for (key, value) in table {
        let DeValue::Table(table) = value.get_ref() else { continue };
        if ["dependencies", "dev-dependencies", "build-dependencies"].contains(&&**key.get_ref()) {
            found.extend(table.keys().map(|name| name.get_ref().to_string()));
        } else {
            dependencies(table, found);
        }
    }
}

/// Each third-party library with the crates that depend on it.
fn used() -> BTreeMap<String, BTreeSet<String>> {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut own = BTreeSet::new();
    for manifest in members() {
        let source = read(&manifest);
        let manifest = parse(&manifest, &source);
        let name = text(at(&manifest, &["package", "name"]));
        let mut found = BTreeSet::new();
        dependencies(&manifest, &mut found);
        for library in found {
            used.entry(library).or_default().insert(name.clone());
        }
        own.insert(name);
    }
    used.retain(|library, _| !own.contains(library));
    used
}

#[test]
fn every_direct_dependency_is_listed_with_its_users() {
    let page = document("docs/dependencies.md");
    let mut listed = BTreeMap::new();
    for row in heads().iter().flat_map(|head| page.table(head)) {
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        listed.insert(row[0].to_owned(), row[1].to_owned());
    }
    let joined = |names: &BTreeSet<String>| {
        names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ")
    };
    let used: BTreeMap<_, _> =
        used().iter().map(|(library, users)| (code(library), joined(users))).collect();
    assert_eq!(listed, used);
}

/// Packages in `Cargo.lock` with their dependencies, spelled as there.
fn locked() -> Vec<(String, Vec<String>)> {
    let source = read("Cargo.lock");
    let lock = parse("Cargo.lock", &source);
    let of = |package: &DeValue<'_>| {
        let package = package.as_table().expect("a package");
        let dependencies = package.get("dependencies").map(toml::Spanned::get_ref);
        let dependencies = dependencies.into_iter().flat_map(list).map(text).collect();
        (text(at(package, &["name"])), dependencies)
    };
    list(at(&lock, &["package"])).map(of).collect()
}

#[test]
fn duplicate_crates_are_those_in_deny_toml() {
    let mut seen = BTreeSet::new();
    let names = locked().into_iter().map(|(name, _)| name);
    let twice: BTreeSet<_> = names.filter(|name| !seen.insert(name.clone())).collect();
    let source = read("deny.toml");
    let deny = parse("deny.toml", &source);
    let name = |skip: &DeValue<'_>| {
        let spec = text(at(skip.as_table().expect("a table"), &["crate"]));
        spec.split('@').next().unwrap_or_default().to_owned()
    };
    assert_eq!(twice, list(at(&deny, &["bans", "skip"])).map(name).collect());
}

#[test]
fn dependents_of_tokio_are_those_in_deny_toml() {
    let is_tokio = |name: &String| name == "tokio" || name.starts_with("tokio ");
    let users = locked().into_iter().filter(|(_, all)| all.iter().any(is_tokio));
    let users: BTreeSet<_> = users.map(|(name, _)| name).collect();
    let source = read("deny.toml");
    let deny = parse("deny.toml", &source);
    let denied = list(at(&deny, &["bans", "deny"])).next().and_then(DeValue::as_table);
    let wrappers = list(at(denied.expect("a list of denied crates"), &["wrappers"])).map(text);
    assert_eq!(users, wrappers.collect());
}
