//! `top`: monitors and controls the running process on the full terminal. All data comes from the
//! admin interface; the module keeps only what it needs to draw.
//!
//! ```text
//!   keys ----> model <---- answers (ask)
//!                |
//!              draw ----> terminal
//! ```

mod keys;

mod scroll;

mod list;

mod history;

mod model;

mod ask;

mod layout;

mod detail;

mod targets;

mod draw;

mod terminal;

mod run;

pub(crate) use run::run;
