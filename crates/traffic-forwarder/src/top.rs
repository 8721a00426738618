//! `top`: the running process on the whole terminal. It shows what the admin interface answers, and
//! keeps nothing of its own but what is needed to draw.
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

mod columns;

mod detail;

mod draw;

mod terminal;

mod run;

pub(crate) use run::run;
