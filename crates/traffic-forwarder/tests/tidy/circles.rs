//! The files of a crate import each other in one direction: no file imports itself, directly or
//! through others. Types that many files use have separate files, without code that uses them.
//!
//! Computed from `use` lines. A re-exported name resolves to its defining file; a module may import
//! from its descendants, which it owns. Test modules do not count.

use crate::sources::root;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Path of a module in its crate; empty for the crate root.
type Module = Vec<String>;

/// The imports of one crate, by module.
#[derive(Default)]
struct Crate {
    imports: BTreeMap<Module, Vec<Import>>,
    /// Re-exported names with their targets.
    exports: BTreeMap<Module, Module>,
}

struct Import {
    path: Vec<String>,
    name: String,
    is_public: bool,
}

impl Crate {
    fn of(sources: &Path) -> Self {
        let mut files = Vec::new();
        collect(sources, &[], &mut files);
        let imports = files.into_iter().map(|(module, text)| (module, imports(&text)));
        let mut read = Self { imports: imports.collect(), exports: BTreeMap::new() };
        let mut exports = BTreeMap::new();
        for (module, imports) in &read.imports {
            for import in imports.iter().filter(|import| import.is_public) {
                if let Some(path) = read.absolute(module, &import.path) {
                    exports
                        .insert([&module[..], std::slice::from_ref(&import.name)].concat(), path);
                }
            }
        }
        read.exports = exports;
        read
    }

    /// Resolves a path in `module` to one from the crate root; `None` for another crate's.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Module> {
        let supers = path.iter().take_while(|word| *word == "super").count();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([module, &path[1..]].concat()),
            "super" => {
                Some([&module[..module.len().checked_sub(supers)?], &path[supers..]].concat())
            }
            first => {
                let child = [module, &[first.to_owned()]].concat();
                self.imports.contains_key(&child).then(|| [module, path].concat())
            }
        }
    }

    /// The module whose file defines the item at this path.
    fn file_of(&self, path: &[String], depth: usize) -> Module {
        let length = (0..=path.len()).rev().find(|end| self.imports.contains_key(&path[..*end]));
        let (module, rest) = path.split_at(length.expect("every crate has a root"));
        let exported = rest.first().and_then(|_| self.exports.get(&path[..=module.len()]));
        match exported {
            Some(target) if depth < 12 => self.file_of(&[target, &rest[1..]].concat(), depth + 1),
            _ => module.to_vec(),
        }
    }

    /// Imported modules of each module, without its descendants.
    fn arrows(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let of = |(module, imports): (_, &Vec<Import>)| {
            let module: &Module = module;
            let paths = imports.iter().filter_map(|import| self.absolute(module, &import.path));
            let files = paths.map(|path| self.file_of(&path, 0));
            (module, files.filter(|file| !file.starts_with(module)).collect())
        };
        self.imports.iter().map(of).collect()
    }

    /// Modules that import themselves, directly or through others.
    fn circle(&self) -> Vec<String> {
        let arrows = self.arrows();
        let reaches_itself = |module: &Module| {
            let mut reached: BTreeSet<&Module> = BTreeSet::new();
            let mut todo: Vec<&Module> = arrows[module].iter().collect();
            while let Some(next) = todo.pop() {
                if reached.insert(next) {
                    todo.extend(&arrows[next]);
                }
            }
            reached.contains(module)
        };
        arrows.keys().filter(|module| reaches_itself(module)).map(|it| it.join("::")).collect()
    }
}

/// Collects all modules below a directory, with their texts.
fn collect(directory: &Path, module: &[String], files: &mut Vec<(Module, String)>) {
    for entry in fs::read_dir(directory).expect("sources can be listed") {
        let path = entry.expect("a directory can be read").path();
        let stem = path.file_stem().expect("a file name").to_string_lossy().into_owned();
        if stem == "tests" {
            continue;
        }
        let inner = [module, std::slice::from_ref(&stem)].concat();
        if path.is_dir() {
            collect(&path, &inner, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let is_directory_itself = matches!(stem.as_str(), "mod" | "lib" | "main");
            let module = if is_directory_itself { module.to_vec() } else { inner };
            files.push((module, fs::read_to_string(&path).expect("sources can be read")));
        }
    }
}

/// Parses the `use` items of a text, except those of tests.
fn imports(text: &str) -> Vec<Import> {
    let mut imports = Vec::new();
    let mut is_for_tests = false;
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line.starts_with("mod tests") || line.starts_with("mod loom_tests") {
            break;
        }
        let (is_public, rest) = match line.strip_prefix("pub") {
            Some(rest) => (true, rest.split_once("use ").map_or("", |(_, rest)| rest)),
            None => (false, line.strip_prefix("use ").unwrap_or_default()),
        };
        let visibility_only =
            !is_public || line.starts_with("pub use ") || line.starts_with("pub(");
        if !rest.is_empty() && visibility_only && !is_for_tests {
            let mut tree = rest.to_owned();
            while !tree.ends_with(';') {
                let Some(line) = lines.next() else { break };
                tree.push_str(line);
            }
            flatten(tree.trim_end_matches(';'), &[], is_public, &mut imports);
        }
        is_for_tests = line.starts_with("#[cfg(test") || line.starts_with("#[cfg(all(test");
    }
    imports
}

/// Flattens a `use` tree into its paths.
fn flatten(tree: &str, before: &[String], is_public: bool, imports: &mut Vec<Import>) {
    let words = |path: &str| {
        path.split("::")
            .filter(|it| !it.is_empty())
            .map(|it| it.trim().to_owned())
            .collect::<Vec<_>>()
    };
    if let Some((head, group)) = tree.split_once('{') {
        let before = [before, &words(head.trim())].concat();
        let group = group.strip_suffix('}').expect("a group of imports is closed");
        let mut depth = 0;
        let split = |letter: char| {
            depth += i32::from(letter == '{') - i32::from(letter == '}');
            letter == ',' && depth == 0
        };
        let parts = group.split(split).map(str::trim).filter(|part| !part.is_empty());
        parts.for_each(|part| flatten(part, &before, is_public, imports));
        return;
    }
    let (path, name) =
        tree.split_once(" as ").map_or((tree, None), |(path, name)| (path, Some(name)));
    let mut path = [before, &words(path)].concat();
    if path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = name.map(str::to_owned).or_else(|| path.last().cloned()).unwrap_or_default();
    imports.push(Import { path, name, is_public });
}

#[test]
fn imports_have_no_circles() {
    let mut seen = 0;
    for entry in fs::read_dir(root().join("crates")).expect("there are crates") {
        let entry = entry.expect("a directory can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        let krate = Crate::of(&entry.path().join("src"));
        seen += krate.arrows().values().map(BTreeSet::len).sum::<usize>();
        let circle = krate.circle();
        assert!(
            circle.is_empty(),
            "these files of `{name}` import each other: move what they share into a file of its own: {circle:?}"
        );
    }
    assert!(seen > 500, "`use` lines are not read any more: {seen} imports between files");
}
