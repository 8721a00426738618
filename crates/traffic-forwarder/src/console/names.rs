//! Which forward was meant by a name that none has.

use crate::console::connection::Client;
use crate::console::failure::Failure;
use api::ErrorCode;

/// More names than this do not help.
const MOST_NAMES: usize = 8;

/// Adds to a refusal for want of this forward which one may have been meant.
pub(crate) async fn suggest<T>(
    client: &Client,
    name: &str,
    result: Result<T, Failure>,
) -> Result<T, Failure> {
    let Err(Failure::Refused(mut error)) = result else { return result };
    if error.code == ErrorCode::NotFound
        && let Ok(forwards) = client.forwards().await
    {
        let names: Vec<_> = forwards.forwards.into_iter().map(|forward| forward.name).collect();
        error.message.push_str(&suggestion(name, &names));
    }
    Err(Failure::Refused(error))
}

/// The names that are like it; all if none is and they are few.
fn suggestion(name: &str, names: &[String]) -> String {
    let is_like = |other: &str| {
        other.contains(name) || strsim::normalized_damerau_levenshtein(name, other) > 0.6
    };
    let like: Vec<_> = names.iter().filter(|other| is_like(other)).take(MOST_NAMES).collect();
    match (&*like, names.len()) {
        ([], 1..=MOST_NAMES) => format!("; there is {}", listed(names.iter(), " and ")),
        ([], _) => String::new(),
        (like, _) => format!("; did you mean {}?", listed(like.iter().copied(), " or ")),
    }
}

fn listed<'n>(names: impl Iterator<Item = &'n String>, last: &str) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match &*names {
        [first @ .., end] if !first.is_empty() => format!("{}{last}{end}", first.join(", ")),
        _ => names.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_like_it_are_suggested_else_all_if_they_are_few() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let some = names(&["web", ":18381", "web2", "db"]);
        assert_eq!(suggestion("18381", &some), "; did you mean `:18381`?");
        assert_eq!(suggestion("wbe", &some), "; did you mean `web`?");
        assert_eq!(suggestion("we", &some), "; did you mean `web` or `web2`?");
        assert_eq!(suggestion("xyz", &some), "; there is `web`, `:18381`, `web2` and `db`");
        let many: Vec<_> = (0..100).map(|number| format!("forward{number}")).collect();
        assert_eq!(suggestion("xyz", &many), "");
        assert_eq!(suggestion("xyz", &[]), "");
    }
}
