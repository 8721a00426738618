//! Suggestions for a forward name that does not exist.

use crate::console::connection::AdminApi;
use crate::console::failure::CommandError;
use api::ErrorCode;

/// Longer lists of names do not help.
const MOST_NAMES: usize = 8;

/// Appends similar names to a `not_found` error, unless something else of the forward was not found.
pub(crate) async fn suggest<T>(
    admin: &AdminApi,
    name: &str,
    result: Result<T, CommandError>,
) -> Result<T, CommandError> {
    let Err(CommandError::Refused(mut error)) = result else { return result };
    if error.code == ErrorCode::NotFound
        && let Ok(forwards) = admin.forwards().await
    {
        let names: Vec<_> = forwards.forwards.into_iter().map(|forward| forward.name).collect();
        if !names.iter().any(|known| known == name) {
            error.message.push_str(&suggestion(name, &names));
        }
    }
    Err(CommandError::Refused(error))
}

/// Similar names, or all names if none is similar and there are few.
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
    fn similar_names_are_suggested_or_all_if_there_are_few() {
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
