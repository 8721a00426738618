//! Setups that must not make a difference to a session: the path of its bytes, and the number of
//! workers.

use std::fmt::Display;

use testkit::Addr;

use super::{Config, Forward, Session, path_is};

/// One way to set up a forwarder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) path: &'static str,
    pub(crate) workers: u32,
}

impl Setup {
    /// A configuration with this number of workers and no forward yet.
    pub(crate) fn config(self) -> Config {
        Config::new().process(&format!("workers = {}", self.workers))
    }

    /// The settings of a forward: this path, and `more`.
    pub(crate) fn settings(self, more: impl Display) -> String {
        format!("{}{more}", path_is(self.path))
    }

    /// A running forwarder with one forward.
    #[track_caller]
    pub(crate) fn forward(self, to: impl Into<Addr>, settings: impl Display) -> Forward {
        Forward::start_with(self.config(), to, self.settings(settings))
    }

    /// One session of such a forward.
    #[track_caller]
    pub(crate) fn session(self, settings: impl Display) -> Session {
        Session::open_with(self.config(), self.settings(settings))
    }
}

/// Defines a test per scenario for each path with one worker and with two. Scenarios behind a semicolon
/// take seconds: they run with each path and each number once, and the crate `simulation` plays the
/// combinations.
macro_rules! on_each_setup {
    ($($scenario:ident),+ $(,)?) => {
        $crate::support::on_each_setup! { $($scenario),+; }
    };
    ($($scenario:ident),*; $($long:ident),* $(,)?) => {
        $crate::support::on_each_setup! { @ copy_with_one_worker "copy" 1 ($($scenario)* $($long)*) }
        $crate::support::on_each_setup! { @ copy_with_two_workers "copy" 2 ($($scenario)*) }
        $crate::support::on_each_setup! { @ splice_with_one_worker "splice" 1 ($($scenario)*) }
        $crate::support::on_each_setup! { @ splice_with_two_workers "splice" 2 ($($scenario)* $($long)*) }
    };
    (@ $setup:ident $path:literal $workers:literal ()) => {};
    (@ $setup:ident $path:literal $workers:literal ($($scenario:ident)+)) => {
        mod $setup {
            const SETUP: $crate::support::Setup =
                $crate::support::Setup { path: $path, workers: $workers };
            $(#[test] fn $scenario() { super::$scenario(SETUP); })+
        }
    };
}
pub(crate) use on_each_setup;
