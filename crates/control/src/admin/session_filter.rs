//! Filters and limits of the queries for sessions, open and ended ones.

use super::app::App;
use super::refusal::Refusal;
use engine::{SessionFilter, TargetFilter, TextFilter};
use flow::ClientFilter;
use std::collections::HashSet;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 10_000;

/// The parameters of a query that select sessions; `None` selects all.
pub(super) struct FilterParameters {
    /// Of the forward with this name; if there is none, of those whose names contain the text.
    pub(super) forward: Option<String>,
    /// Of this target: as configured, or the connected address.
    pub(super) target: Option<String>,
    /// Of the clients that a [`ClientFilter`] selects.
    pub(super) client: Option<String>,
    /// Of the forward with this name; if there is none, those that `forward` or `client` would select.
    pub(super) text: Option<String>,
}

impl FilterParameters {
    /// The filter. `removed` returns names of removed forwards, which the engine may have forgotten.
    pub(super) async fn filter(
        self,
        app: &App,
        removed: impl FnOnce() -> HashSet<String>,
    ) -> Result<SessionFilter, Refusal> {
        let Self { forward, target, client, text } = self;
        let needs_names = forward.is_some() || text.is_some();
        let removed = Arc::new(if needs_names { removed() } else { HashSet::new() });
        let client = client.map(|text| parsed::<ClientFilter>("client", &text)).transpose()?;
        let forwards = match forward {
            Some(text) => Some(forwards_named(app, text, Arc::clone(&removed)).await?),
            None => None,
        };
        let text = match text {
            Some(text) => Some(text_filter(app, text, removed).await?),
            None => None,
        };
        Ok(filter(forwards, target.as_deref(), client, text))
    }
}

pub(super) fn filter(
    forwards: Option<HashSet<String>>,
    target: Option<&str>,
    client: Option<ClientFilter>,
    text: Option<TextFilter>,
) -> SessionFilter {
    SessionFilter {
        ids: None,
        forwards: forwards.map(Arc::new),
        target: target.map(TargetFilter::from),
        client,
        text: text.map(Arc::new),
    }
}

/// The value of a parameter, or a refusal that names it.
pub(super) fn parsed<T: FromStr<Err: Display>>(name: &str, text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|error| Refusal::bad_request(format!("{name}={text}: {error}")))
}

/// The number of sessions on a page: the default, or the requested number, unless it is too large.
pub(super) fn page_limit(limit: Option<usize>) -> Result<usize, Refusal> {
    match limit.unwrap_or(LIMIT) {
        limit if limit > LIMIT_MAX => Err(Refusal::bad_request(format!(
            "limit={limit} is more than the most possible, {LIMIT_MAX}"
        ))),
        limit => Ok(limit),
    }
}

/// The forwards and the clients that a text selects; a refusal if it is no part of a name and no beginning of
/// an address.
async fn text_filter(
    app: &App,
    text: String,
    removed: Arc<HashSet<String>>,
) -> Result<TextFilter, Refusal> {
    let forwards = named(app, text.clone(), removed).await?;
    let client = text.parse().ok().filter(|_| !forwards.contains(&text));
    if forwards.is_empty() && client.is_none() {
        return Err(Refusal::no_forward(&text));
    }
    Ok(TextFilter { forwards, client })
}

/// The names of the forwards that a filter selects; a refusal if there is none.
async fn forwards_named(
    app: &App,
    text: String,
    removed: Arc<HashSet<String>>,
) -> Result<HashSet<String>, Refusal> {
    let names = named(app, text.clone(), removed).await?;
    if names.is_empty() { Err(Refusal::no_forward(&text)) } else { Ok(names) }
}

async fn named(
    app: &App,
    text: String,
    removed: Arc<HashSet<String>>,
) -> Result<HashSet<String>, Refusal> {
    let named = app.supervisor.ask(move |supervisor| supervisor.forwards_named(&text, &removed));
    Ok(named.await?)
}
