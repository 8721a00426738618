//! The start of an instance of a fleet from its last good published text, without its store.

use fleet::{Keep, KeepError, KeepState};
use plan::{Input, Plan, PrefixFileRead, Published};

/// Adds the last good published text to the plan of a start, and returns the files of prefixes that were read for both.
///
/// A text that is no longer right on this machine does not keep the local forwards from serving: it is logged and left
/// out, and the process is not ready until another text runs. The same holds for a text that cannot be read. A directory
/// that cannot be used at all ends the start: another process may use it, or its trials could not be recorded.
///
/// # Errors
///
/// The directory cannot be opened, or another process has locked it.
pub fn add_kept_text(
    input: &Input,
    plan: Plan,
) -> Result<(Plan, Option<Vec<PrefixFileRead>>), KeepError> {
    let Some(fleet) = &plan.fleet else { return Ok((plan, None)) };
    let kept = match Keep::open(&fleet.keep)?.load() {
        Ok(kept) => kept,
        Err(error) => {
            tracing::error!(%error, "the last good published configuration cannot be read: only the local forwards serve");
            None
        }
    };
    let Some(good) = kept.and_then(|KeepState { good, .. }| good) else { return Ok((plan, None)) };
    let revision = good.revision;
    let published = Published { revision, hash: good.hash.to_string(), text: good.text };
    let with_text = Input { published: Some(published), ..input.clone() };
    let text = plan.text.clone().unwrap_or_default();
    let reading = plan::read_text_and_files(&with_text, &text);
    if let Some(plan) = reading.plan {
        return Ok((plan, Some(reading.prefix_files)));
    }
    let problems = reading.problems.render(false);
    tracing::error!(
        revision,
        problems,
        "the last good published configuration is wrong on this machine: only the local forwards serve"
    );
    Ok((plan, None))
}
