//! Release artefacts of the binary under test: the Debian package, the tar file, the bill of
//! materials, the manual pages and the completions; and the commands of `docs/installation.md`.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod machine;
mod made;
mod scratch_root;

#[path = "../docs/markdown.rs"]
#[expect(dead_code, reason = "made for the tests of the documents, which use all of it")]
mod markdown;

mod completions;
mod debian;
mod files;
mod installation;
mod live_unit;
mod log_rotation;
mod manual;
mod orchestration;
