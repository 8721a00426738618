//! Checks that TLVs of PROXY headers can be passed on where a forward says so.

use flow::SendProxy;

use crate::draft::{Draft, Located};
use crate::target::TargetRange;
use crate::text::Span;

/// A problem, with a hint.
type TlvProblem<'a> = (Span<'a>, &'static str, &'static str);

const NOTHING_COMES: (&str, &str) = (
    "`pass_tlvs` has no effect: without `accept_proxy` no header comes",
    "leave out `pass_tlvs`, or name the proxies in `accept_proxy`",
);
const NO_PLACE: (&str, &str) = (
    "`pass_tlvs` has no effect: only a header of `send_proxy = \"v2\"` has TLVs",
    "leave out `pass_tlvs`, or set `send_proxy = \"v2\"`",
);

/// The places of a forward at which `pass_tlvs` has no effect.
pub(crate) fn problems<'a>(draft: &Draft<'a>) -> Vec<TlvProblem<'a>> {
    let settings = &draft.settings;
    let targets = || draft.target_lists().flatten();
    let gets_v2 = |to: &Located<'a, TargetRange>| {
        to.value.options.send_proxy.unwrap_or(settings.send_proxy) == SendProxy::V2
    };
    let why = |has_place: bool| match (&settings.accept_proxy, has_place) {
        (None, _) => Some(NOTHING_COMES),
        (Some(_), false) => Some(NO_PLACE),
        (Some(_), true) => None,
    };
    let problem = |span: &Span<'a>, (message, hint)| (span.clone(), message, hint);
    let own = targets().filter(|to| to.value.options.pass_tlvs == Some(true));
    let mut problems: Vec<_> =
        own.filter_map(|to| Some(problem(&to.span, why(gets_v2(to))?))).collect();
    let by_forward = |to: &Located<'a, TargetRange>| to.value.options.pass_tlvs.is_none();
    // Without a target, another problem has been reported.
    if settings.pass_tlvs && targets().next().is_some() {
        let has_place = targets().any(|to| by_forward(to) && gets_v2(to));
        problems.extend(why(has_place).map(|why| problem(&draft.span, why)));
    }
    problems
}
