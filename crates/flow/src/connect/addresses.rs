//! The order in which the addresses of one target are tried.

use std::collections::VecDeque;
use std::net::SocketAddr;

/// The addresses of an answer in the order of RFC 8305: families alternate, and the order within a family
/// stays. The address that `worked` last comes first, if the answer has it.
pub fn in_order(answer: &[SocketAddr], worked: Option<SocketAddr>) -> Vec<SocketAddr> {
    let first = worked.filter(|worked| answer.contains(worked));
    let rest = answer.iter().copied().filter(|address| Some(*address) != first);
    let (mut v6, mut v4): (VecDeque<_>, VecDeque<_>) = rest.partition(SocketAddr::is_ipv6);
    let mut ordered: Vec<SocketAddr> = first.into_iter().collect();
    let mut is_v6 = match first {
        Some(address) => address.is_ipv4(),
        None => answer.first().is_some_and(SocketAddr::is_ipv6),
    };
    while let Some(next) = {
        let (own, other) = if is_v6 { (&mut v6, &mut v4) } else { (&mut v4, &mut v6) };
        own.pop_front().or_else(|| other.pop_front())
    } {
        ordered.push(next);
        is_v6 = next.is_ipv4();
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(answer: &[&str], worked: Option<&str>) -> Vec<String> {
        let address = |text: &&str| format!("{text}:1").parse::<SocketAddr>().expect("an address");
        let answer: Vec<SocketAddr> = answer.iter().map(address).collect();
        let ordered = in_order(&answer, worked.as_ref().map(address));
        ordered.iter().map(|address| address.to_string().replace(":1", "")).collect()
    }

    #[test]
    fn families_alternate_from_the_first_address() {
        let answer = ["10.0.0.2", "10.0.0.3", "[2001::2]", "[2001::3]", "10.0.0.4"];
        let expected = ["10.0.0.2", "[2001::2]", "10.0.0.3", "[2001::3]", "10.0.0.4"];
        assert_eq!(ordered(&answer, None), expected);
        assert_eq!(ordered(&["[2001::2]", "10.0.0.2"], None), ["[2001::2]", "10.0.0.2"]);
        assert_eq!(ordered(&[], Some("10.0.0.2")), [""; 0]);
    }

    #[test]
    fn the_address_that_worked_comes_first_while_the_answer_has_it() {
        let answer = ["10.0.0.2", "[2001::2]", "10.0.0.3", "10.0.0.4"];
        let expected = ["10.0.0.3", "[2001::2]", "10.0.0.2", "10.0.0.4"];
        assert_eq!(ordered(&answer, Some("10.0.0.3")), expected);
        assert_eq!(ordered(&answer, Some("10.0.0.9"))[0], "10.0.0.2");
    }
}
