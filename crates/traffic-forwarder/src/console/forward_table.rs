//! The table of forwards, for `status` and `top`.

use crate::console::screen::Colour;
use crate::console::table::{Cell, Column, Table, address, number, text, word};
use crate::console::units::{bytes, rate};
use api::{Attention, Condition, Forward, ForwardState, Rates, TargetState, Word, holds};

/// The columns. With `has_rates` it has those about the present; with `has_sets`, a forward has several
/// targets.
pub(crate) fn columns(has_rates: bool, has_sets: bool) -> [Column; 17] {
    [
        text("FORWARD").comfortable(12).sorts("name"),
        word("STATE").rank(2),
        address("LISTEN").rank(6),
        address("TO").rank(7),
        text("TARGETS").rank(4).only_if(has_sets),
        number("SESSIONS").sorts("sessions"),
        number("UP/S").least(9).rank(3).sorts("rate").only_if(has_rates),
        number("DOWN/S").least(9).rank(3).sorts("rate").only_if(has_rates),
        number("NEW/S").rank(5).only_if(has_rates),
        number("REFUSED").rank(1).sorts("errors"),
        number("FAILED").rank(1).sorts("errors"),
        number("DENIED").rank(11).only_if(has_rates),
        number("LIMITED").rank(12).only_if(has_rates),
        number("BACKLOG").rank(9),
        number("OPENED").rank(10),
        number("UP").rank(8).sorts("bytes"),
        number("DOWN").rank(8).sorts("bytes"),
    ]
}

/// The table of these forwards, in this order of rows.
pub(crate) fn table(forwards: &[&Forward], sort: &str, has_rates: bool) -> Table<17> {
    let has_sets = forwards.iter().any(|forward| forward.targets.len() > 1);
    let rows = forwards.iter().map(|forward| row(forward));
    Table::new(columns(has_rates, has_sets), rows).sorted_by(sort)
}

fn row(forward: &Forward) -> [Cell; 17] {
    let red = |condition| alert(&forward.attention, condition);
    let failing = red(Condition::TargetDown).or_else(|| red(Condition::TargetUnreachable));
    let counted = |count: u64| Cell::from(count.to_string());
    let moved = |of: fn(Rates) -> f64| Cell::from(rate(forward.rates.map(of)));
    [
        Cell::coloured(&forward.name, alert_of_any(forward)),
        Cell::coloured(forward.state.to_string(), Some(colour(&forward.state))),
        first_and_count(&forward.listen).into(),
        targets(forward).into(),
        Cell::coloured(targets_up(forward), failing),
        Cell::coloured(
            format!("{}/{}", forward.sessions, forward.max_sessions),
            red(Condition::AtLimit),
        ),
        moved(|rates| rates.bytes_up),
        moved(|rates| rates.bytes_down),
        new_sessions(forward.rates).into(),
        Cell::coloured(forward.all_refused().to_string(), red(Condition::Refusing)),
        Cell::coloured(forward.failed.to_string(), red(Condition::Failing)),
        counted(forward.not_allowed),
        counted(forward.client_limit + forward.rate_limit),
        counted(forward.backlog.into()),
        counted(forward.opened),
        bytes(forward.bytes_up).into(),
        bytes(forward.bytes_down).into(),
    ]
}

/// The colour of the name: red, if an operator should act on the forward.
fn alert_of_any(forward: &Forward) -> Option<Colour> {
    (!forward.attention.is_empty()).then_some(Colour::Bad)
}

/// The number of targets that are up, of all.
fn targets_up(Forward { targets, .. }: &Forward) -> String {
    let up = targets.iter().filter(|target| target.state == TargetState::Up).count();
    format!("{up}/{} up", targets.len())
}

/// New sessions per second.
pub(crate) fn new_sessions(rates: Option<Rates>) -> String {
    rates.map_or_else(|| "-".to_owned(), |rates| format!("{:.1}", rates.opened))
}

/// The colour of a number on which an operator should act under this condition.
pub(crate) fn alert(attention: &[Attention], condition: Condition) -> Option<Colour> {
    holds(attention, condition).then_some(Colour::Bad)
}

pub(crate) fn colour(state: &Word<ForwardState>) -> Colour {
    match state {
        Word::Known(ForwardState::Active) => Colour::Good,
        Word::Known(ForwardState::Skipped) => Colour::Bad,
        _ => Colour::Notable,
    }
}

/// The first target, and the number of further ones.
pub(crate) fn targets(forward: &Forward) -> String {
    // A process of version 0.1 lists no targets.
    if forward.targets.is_empty() {
        return first_and_count(&forward.to);
    }
    let addresses: Vec<_> = forward.targets.iter().map(|it| it.address.clone()).collect();
    first_and_count(&addresses)
}

/// The first address and the number of further ones; one address if all are equal.
pub(crate) fn first_and_count(addresses: &[String]) -> String {
    match addresses {
        [] => "-".to_owned(),
        [only] => only.clone(),
        [first, others @ ..] if others.iter().all(|other| other == first) => first.clone(),
        [first, others @ ..] => format!("{first} +{}", others.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_addresses_are_counted() {
        let shown = |addresses: &[&str]| {
            first_and_count(&addresses.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(shown(&[]), "-");
        assert_eq!(shown(&[":1"]), ":1");
        assert_eq!(shown(&["h:1", "h:1"]), "h:1");
        assert_eq!(shown(&[":1", ":2", ":3"]), ":1 +2");
    }
}
