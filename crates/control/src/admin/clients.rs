//! `/v1/clients`: who holds how many places.

use super::app::App;
use super::refusal::Refusal;
use crate::api_format::{Moment, time};
use crate::supervisor::Supervisor;
use api::{Client, Clients, Failure};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use engine::ClientView;
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::IntoParams;

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 100_000;

/// Query of `GET /v1/clients`: filter and page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only clients of this forward.
    forward: Option<String>,
    /// Maximum number of clients in the answer, up to 100000; default 100.
    limit: Option<usize>,
    /// Number of clients to skip.
    #[serde(default)]
    offset: usize,
}

/// Lists the clients that hold sessions, or were refused, those with the most sessions first.
#[utoipa::path(get, path = "/v1/clients", tag = "clients", params(ListQuery), responses(
    (status = 200, body = Clients), (status = 400, body = Failure), (status = 404, body = Failure),
))]
pub(super) async fn list(
    State(app): State<App>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Clients>, Refusal> {
    let Query(ListQuery { forward, limit, offset }) = query?;
    let limit = limit.unwrap_or(LIMIT);
    if limit > LIMIT_MAX {
        let message = format!("limit={limit} is more than the most possible, {LIMIT_MAX}");
        return Err(Refusal::bad_request(message));
    }
    let name = forward.clone();
    let found = app.supervisor.ask(move |supervisor| found(supervisor, name.as_deref())).await?;
    let Found { mut clients, uncounted, others } = match (found, forward) {
        (Some(found), _) => found,
        (None, forward) => return Err(Refusal::no_forward(&forward.unwrap_or_default())),
    };
    let (total, now) = (clients.len(), Moment::now());
    sort_first(&mut clients, offset.saturating_add(limit));
    let shown = clients.into_iter().skip(offset).take(limit);
    let clients = shown.map(|(forward, client)| client_of(&forward, &client, now)).collect();
    Ok(Json(Clients { total, clients, uncounted, others }))
}

/// A client, and the name of its forward.
type NamedClient = (Arc<str>, ClientView);

/// Cuts the list to its first `count` clients, in order. The others are not sorted: a page of many clients costs little
/// more than a look at each.
fn sort_first(clients: &mut Vec<NamedClient>, count: usize) {
    let order = |a: &NamedClient, b: &NamedClient| {
        let key = |(_, client): &NamedClient| {
            (Reverse(client.places), Reverse(client.refused), client.client)
        };
        key(a).cmp(&key(b)).then_with(|| a.0.cmp(&b.0))
    };
    if count < clients.len() {
        clients.select_nth_unstable_by(count, order);
        clients.truncate(count);
    }
    clients.sort_unstable_by(order);
}

/// The clients of forwards.
#[derive(Default)]
struct Found {
    clients: Vec<NamedClient>,
    /// Forwards that count none.
    uncounted: Vec<String>,
    /// Sessions without a counted client, by forward.
    others: BTreeMap<String, u32>,
}

/// The clients of this forward, or of all. `None` if there is no such forward.
fn found(supervisor: &Supervisor, name: Option<&str>) -> Option<Found> {
    let views = supervisor.engine().forwards();
    let views: Vec<_> =
        views.filter(|view| name.is_none_or(|name| view.plan.name == name)).collect();
    if views.is_empty() && name.is_some() {
        return None;
    }
    let (mut found, mut all) = (Found::default(), supervisor.engine().clients());
    for view in views {
        let name: Arc<str> = view.plan.name.as_str().into();
        if !view.counts_clients() {
            found.uncounted.push(name.to_string());
            continue;
        }
        let clients = view.clients(&mut all);
        let counted: u32 = clients.iter().map(|client| client.places).sum();
        let others = view.sessions().saturating_sub(counted);
        if others > 0 {
            found.others.insert(name.to_string(), others);
        }
        found.clients.extend(clients.into_iter().map(|client| (Arc::clone(&name), client)));
    }
    Some(found)
}

fn client_of(forward: &str, client: &ClientView, now: Moment) -> Client {
    let age = now.monotonic.since(client.since);
    let since = now.wall.checked_sub(age).filter(|_| client.places > 0);
    Client {
        forward: forward.to_owned(),
        client: client.client.map(|prefix| prefix.to_string()),
        places: client.places,
        since: since.map(time),
        refused: client.refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow::Time;

    #[test]
    fn a_page_is_a_part_of_the_whole_order() {
        let mut random = 7_u32;
        let mut next = || {
            random = random.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            random >> 16
        };
        let mut client = |number: u32| {
            let address = std::net::Ipv4Addr::from_bits(number).into();
            let client = Some(flow::Prefix::around(address, 32, 128));
            let (places, refused) = (next() % 4, next() % 3);
            ("db".into(), ClientView { client, places, refused, since: Time::from_micros(0) })
        };
        let all: Vec<NamedClient> = (0..200).map(&mut client).collect();
        let sorted = |count| {
            let mut clients = all.clone();
            sort_first(&mut clients, count);
            clients.into_iter().map(|(_, client)| client.client).collect::<Vec<_>>()
        };
        let whole = sorted(usize::MAX);
        assert_eq!(whole.len(), 200);
        for count in [0, 1, 50, 199, 200] {
            assert_eq!(sorted(count), whole[..count]);
        }
    }
}
