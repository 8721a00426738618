//! What the views share: filters, whole addresses, totals, and the page without a token.

mod filters;
mod totals;
mod web;
mod widths;
