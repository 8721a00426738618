//! Requests of `top` to the admin interface.

use super::list::PageQuery;
use super::model::{Act, Answer, Answered, Place, Question};
use super::targets;
use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use crate::console::path::{part, with_query};
use crate::console::watch::is_same_process;
use api::{Done, Error, ErrorCode, Forwards, Status};
use hyper::Method;

/// Requests the status and the answer to a question at once.
pub(super) async fn ask(admin: &AdminApi, question: Question) -> Answered {
    let status = admin.ask(Method::GET, "/v1/status?rates=true");
    let (status, answer) = tokio::join!(status, answer(admin, &question));
    Answered { question, status, answer }
}

async fn answer(admin: &AdminApi, question: &Question) -> Result<Answer, CommandError> {
    let path = path(question);
    Ok(match question {
        Question::Forwards(_) => Answer::Forwards(admin.ask(Method::GET, &path).await?),
        Question::Sessions(_) => Answer::Sessions(admin.ask(Method::GET, &path).await?),
        Question::Session(_) => Answer::Session(admin.ask(Method::GET, &path).await?),
        Question::Targets(query) => {
            let Forwards { forwards, .. } = admin.ask(Method::GET, &path).await?;
            Answer::Targets(targets::rows(forwards, query))
        }
    })
}

/// Carries out an operation, if the process has not been restarted since `seen`: a new process
/// reuses session numbers.
pub(super) async fn act(admin: &AdminApi, act: &Act, seen: &Status) -> Result<Done, CommandError> {
    if !is_same_process(seen, &admin.status().await?) {
        let message = "the process was restarted meanwhile: nothing was done".to_owned();
        return Err(CommandError::Refused(Error { code: ErrorCode::Restarted.into(), message }));
    }
    match act {
        Act::Kill { id, .. } => admin.ask(Method::DELETE, &format!("/v1/sessions/{id}")).await,
        Act::Drain(place) => switch(admin, place, "drain").await,
        Act::Resume(place) => switch(admin, place, "resume").await,
    }
}

async fn switch(admin: &AdminApi, place: &Place, verb: &str) -> Result<Done, CommandError> {
    let path = format!("/v1/forwards/{}/{verb}", part(&place.forward));
    let target = place.target.as_deref().map(str::as_bytes);
    admin.ask(Method::POST, &with_query(&path, &[("target", target)])).await
}

fn path(question: &Question) -> String {
    match question {
        Question::Forwards(query) => list("/v1/forwards", query, "name"),
        Question::Sessions(query) => list("/v1/sessions", query, "text"),
        Question::Session(id) => format!("/v1/sessions/{id}?rates=true"),
        // The order is decided here: it is not one of the forwards.
        Question::Targets(query) => with_query("/v1/forwards", &[("name", filter_of(query))]),
    }
}

fn list(path: &str, query: &PageQuery, filter: &str) -> String {
    let (offset, limit) = (query.offset.to_string(), query.limit.to_string());
    let parameters = [
        (filter, filter_of(query)),
        ("sort", Some(query.sort.as_bytes())),
        ("offset", Some(offset.as_bytes())),
        ("limit", Some(limit.as_bytes())),
        ("rates", Some(b"true")),
    ];
    with_query(path, &parameters)
}

fn filter_of(query: &PageQuery) -> Option<&[u8]> {
    Some(query.filter.as_bytes()).filter(|filter| !filter.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_finds_what_a_filter_means() {
        let query = |filter: &str| PageQuery {
            sort: "rate",
            filter: filter.to_owned(),
            offset: 20,
            limit: 60,
        };
        let rest = "sort=rate&offset=20&limit=60&rates=true";
        let sessions = |filter| path(&Question::Sessions(query(filter)));
        assert_eq!(sessions(""), format!("/v1/sessions?{rest}"));
        assert_eq!(sessions("::1"), format!("/v1/sessions?text=%3A%3A1&{rest}"));
        assert_eq!(sessions(":80&"), format!("/v1/sessions?text=%3A80%26&{rest}"));
        assert_eq!(path(&Question::Forwards(query("a"))), format!("/v1/forwards?name=a&{rest}"));
        assert_eq!(path(&Question::Targets(query(""))), "/v1/forwards");
        assert_eq!(path(&Question::Targets(query(":80&"))), "/v1/forwards?name=%3A80%26");
    }
}
