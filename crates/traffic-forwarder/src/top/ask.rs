//! Asking the admin interface, and having it do something.

use super::list::Wanted;
use super::model::{Act, Answer, Answered, Question};
use crate::console::connection::Client;
use crate::console::failure::Failure;
use crate::console::path::{part, with_query};
use crate::console::watch::is_same_process;
use api::{Done, Error, ErrorCode, Status};
use hyper::Method;
use std::net::IpAddr;

/// The status, and the answer to a question.
pub(super) async fn ask(client: &Client, question: Question) -> Answered {
    let status = client.ask(Method::GET, "/v1/status?rates=true");
    let (status, answer) = tokio::join!(status, answer(client, &question));
    Answered { question, status, answer }
}

async fn answer(client: &Client, question: &Question) -> Result<Answer, Failure> {
    let path = path(question);
    Ok(match question {
        Question::Forwards(_) => Answer::Forwards(client.ask(Method::GET, &path).await?),
        Question::Sessions(_) => Answer::Sessions(client.ask(Method::GET, &path).await?),
        Question::Session(_) => Answer::Session(client.ask(Method::GET, &path).await?),
    })
}

/// Does it, if the process is still the one that was looked at: another one has other sessions, with
/// the same numbers.
pub(super) async fn act(client: &Client, act: &Act, seen: &Status) -> Result<Done, Failure> {
    if !is_same_process(seen, &client.status().await?) {
        let message = "the process was restarted meanwhile: nothing was done".to_owned();
        return Err(Failure::Refused(Error { code: ErrorCode::Restarted.into(), message }));
    }
    match act {
        Act::Kill { id, .. } => client.ask(Method::DELETE, &format!("/v1/sessions/{id}")).await,
        Act::Drain(name) => switch(client, name, "drain").await,
        Act::Resume(name) => switch(client, name, "resume").await,
    }
}

async fn switch(client: &Client, name: &str, verb: &str) -> Result<Done, Failure> {
    client.ask(Method::POST, &format!("/v1/forwards/{}/{verb}", part(name))).await
}

fn path(question: &Question) -> String {
    match question {
        Question::Forwards(wanted) => list("/v1/forwards", wanted, "name"),
        Question::Sessions(wanted) => {
            let is_address = wanted.filter.parse::<IpAddr>().is_ok();
            list("/v1/sessions", wanted, if is_address { "client" } else { "forward" })
        }
        Question::Session(id) => format!("/v1/sessions/{id}?rates=true"),
    }
}

fn list(path: &str, wanted: &Wanted, filter: &str) -> String {
    let (offset, limit) = (wanted.offset.to_string(), wanted.limit.to_string());
    let parameters = [
        (filter, Some(wanted.filter.as_bytes()).filter(|filter| !filter.is_empty())),
        ("sort", Some(wanted.sort.as_bytes())),
        ("offset", Some(offset.as_bytes())),
        ("limit", Some(limit.as_bytes())),
        ("rates", Some(b"true")),
    ];
    with_query(path, &parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_name_or_an_address() {
        let wanted = |filter: &str| Wanted {
            sort: "rate",
            filter: filter.to_owned(),
            offset: 20,
            limit: 60,
        };
        let rest = "sort=rate&offset=20&limit=60&rates=true";
        let sessions = |filter| path(&Question::Sessions(wanted(filter)));
        assert_eq!(sessions(""), format!("/v1/sessions?{rest}"));
        assert_eq!(sessions("::1"), format!("/v1/sessions?client=%3A%3A1&{rest}"));
        assert_eq!(sessions(":80&"), format!("/v1/sessions?forward=%3A80%26&{rest}"));
        assert_eq!(path(&Question::Forwards(wanted("a"))), format!("/v1/forwards?name=a&{rest}"));
    }
}
