//! One run of a script, whose panic is a result: a rule was broken, or the engine panicked.

use crate::history::play;
use crate::script::Script;
use crate::summary::Summary;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The message of the failed check.
    pub message: String,
    /// The line of the failed check: equal for the same rule.
    pub place: String,
}

/// The run of a thread.
#[derive(Default)]
enum Watched {
    #[default]
    Nothing,
    Run,
    FailedRun(Failure),
}

thread_local! {
    static WATCHED: RefCell<Watched> = const { RefCell::new(Watched::Nothing) };
}

/// Runs a script.
///
/// # Errors
/// The rule that it breaks.
pub fn attempt(script: &Script) -> Result<Summary, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !note(info) {
                usual(info);
            }
        }));
    });
    WATCHED.set(Watched::Run);
    // The state of a failed run is dropped with it.
    let result = catch_unwind(AssertUnwindSafe(|| play(script)));
    let watched = WATCHED.take();
    result.map_err(|_| match watched {
        Watched::FailedRun(failure) => failure,
        _ => Failure { message: "a panic".into(), place: String::new() },
    })
}

/// Notes the first panic of a watched run. False if this thread runs none.
fn note(info: &PanicHookInfo<'_>) -> bool {
    WATCHED.with_borrow_mut(|watched| {
        if matches!(watched, Watched::Run) {
            let text = info.payload();
            let of_literal = text.downcast_ref::<&str>().map(ToString::to_string);
            let message = of_literal.or_else(|| text.downcast_ref::<String>().cloned());
            *watched = Watched::FailedRun(Failure {
                message: message.unwrap_or_else(|| "a panic".into()),
                place: info.location().map(ToString::to_string).unwrap_or_default(),
            });
        }
        !matches!(watched, Watched::Nothing)
    })
}
