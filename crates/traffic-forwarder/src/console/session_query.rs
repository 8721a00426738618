//! Requests the sessions that the filters of `sessions` select, open or ended ones.

use crate::console::command;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::{names, path};
use hyper::Method;
use serde::de::DeserializeOwned;

/// Requests the list at `path` with the filters of the command, and with `more` parameters.
pub(crate) async fn find<T: DeserializeOwned>(
    admin: &AdminApi,
    path: &str,
    args: &command::Sessions,
    more: &[(&str, Option<&[u8]>)],
) -> Result<T, CommandError> {
    let limit = args.limit.to_string();
    let filters = [
        ("forward", args.forward.as_ref().map(String::as_bytes)),
        ("target", args.target.as_ref().map(String::as_bytes)),
        ("client", args.client.as_ref().map(String::as_bytes)),
        ("limit", Some(limit.as_bytes())),
    ];
    let answer = admin.ask(Method::GET, &path::with_query(path, &[&filters, more].concat())).await;
    match &args.forward {
        Some(name) => names::suggest(admin, name, answer).await,
        None => answer,
    }
}
