//! Value parsers for command-line arguments, shared by all commands.

use std::str::FromStr;

/// Returns a clap parser for numbers. `needed` is the error text: it names the accepted values.
pub(crate) fn number<N: FromStr>(
    needed: &'static str,
) -> impl Fn(&str) -> Result<N, &'static str> + Clone {
    move |text| text.parse().map_err(|_| needed)
}
