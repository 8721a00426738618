//! Parsers of single arguments, shared by all commands.

use std::str::FromStr;

/// A parser of numbers for clap. `needed` is the error text: it says which values are accepted.
pub(crate) fn number<N: FromStr>(
    needed: &'static str,
) -> impl Fn(&str) -> Result<N, &'static str> + Clone {
    move |text| text.parse().map_err(|_| needed)
}
