//! Numbers of things, as texts for people have them.

use std::fmt::Display;

/// `1 session`, `2 sessions`: a number with its noun, which forms its plural with `s`.
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        assert_eq!(counted(0_usize, "line"), "0 lines");
        assert_eq!(counted(1_u32, "line"), "1 line");
        assert_eq!(counted(2_u64, "line"), "2 lines");
    }
}
