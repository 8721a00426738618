//! `GET /`: the web page. It holds no data and no secret, so it needs no token. It requests its
//! data like every other client, with the token on a port.

use super::connections::Connection;
use super::refusal::Refusal;
use api::ErrorCode;
use axum::Extension;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Content security policy: only our own files and requests, and no frames of other pages.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src 'self' data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// Attribute of the page that says whether to ask for a token first. A request without one would
/// log an error in the browser's console.
const NO_TOKEN: &str = r#"data-token="none""#;
const TOKEN: &str = r#"data-token="needed""#;

/// A file of the web page.
#[derive(Clone, Copy)]
struct Part {
    name: &'static str,
    text: &'static str,
}

const INDEX: Part = Part { name: "index.html", text: include_str!("page/index.html") };

/// Declares files of the folder `page`.
macro_rules! parts {
    ($($folder:literal { $($name:literal)+ })+) => {
        [$($(Part { name: $name, text: include_str!(concat!("page/", $folder, $name)) }),+),+]
    };
}

const PARTS: &[Part] = &parts! {
    "" {
        "style.css" "theme.js" "main.js" "api.js" "poll.js" "stream.js" "events.js" "units.js"
        "words.js" "dom.js" "columns.js" "rows.js" "pager.js" "process.js" "charts.js" "forwards.js"
        "sessions.js" "ended.js" "details.js" "session_facts.js" "dialogs.js" "keys.js" "notices.js"
    }
    "vendor/" { "uPlot.iife.min.js" "uPlot.min.css" "LICENSE-uPlot" }
};

/// The start of the web page.
#[utoipa::path(get, path = "/", tag = "page", responses(
    (status = 200, content_type = "text/html", body = String),
))]
pub(super) async fn index(
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
) -> Response {
    if connection.peer().uid().is_some() {
        return INDEX.answer(&headers);
    }
    INDEX.answer_with(INDEX.text.replacen(NO_TOKEN, TOKEN, 1).into(), &headers)
}

/// Returns a file of the web page.
#[utoipa::path(get, path = "/page/{file}", tag = "page",
    params(("file" = String, Path, description = "Name of the file.")),
    responses((status = 200, body = String), (status = 404, body = api::Failure)),
)]
pub(super) async fn part(
    file: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Path(file) = file?;
    let part = PARTS.iter().find(|part| part.name == file).ok_or_else(|| {
        let message = format!("the page has no file `{file}`");
        Refusal::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
    })?;
    Ok(part.answer(&headers))
}

impl Part {
    fn answer(self, headers: &HeaderMap) -> Response {
        self.answer_with(self.text.into(), headers)
    }

    /// Answers with `text`, or 304 if the caller's cached copy is current.
    fn answer_with(self, text: Cow<'static, str>, headers: &HeaderMap) -> Response {
        let tag = tag(&text);
        let common = [
            (header::CONTENT_TYPE, self.content_type()),
            // Browsers revalidate each file: all must be of the running version.
            (header::CACHE_CONTROL, "no-cache"),
            (header::ETAG, &tag),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ];
        if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str()) {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        (common, text).into_response()
    }

    fn content_type(self) -> &'static str {
        match self.name.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        }
    }
}

/// The entity tag of a text, which differs for different texts.
fn tag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Limit of all files together, in bytes.
    const SIZE_LIMIT: usize = 150 * 1024;

    #[test]
    fn the_page_is_small() {
        let size: usize = PARTS.iter().chain([&INDEX]).map(|part| part.text.len()).sum();
        assert!(size < SIZE_LIMIT, "{size} bytes");
    }

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/admin/page");
        let names = |folder: &str| {
            let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
            let files = entries.filter(|entry| entry.path().is_file());
            files.map(|entry| entry.file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        let found = [names(folder), names(&format!("{folder}/vendor"))].concat();
        let served = PARTS.iter().chain([&INDEX]).map(|part| part.name.to_owned());
        assert_eq!(served.collect::<BTreeSet<_>>(), found.into_iter().collect());
    }

    #[test]
    fn the_page_names_only_its_own_files() {
        let ours = PARTS.iter().filter(|part| !part.name.contains("uPlot")).chain([&INDEX]);
        for Part { name, text } in ours {
            assert!(!text.contains("http://") && !text.contains("https://"), "{name}");
        }
    }

    #[test]
    fn the_page_has_one_token_attribute() {
        assert_eq!(INDEX.text.matches(NO_TOKEN).count(), 1);
    }

    #[test]
    fn a_current_copy_is_not_sent_again() {
        let mut headers = HeaderMap::new();
        assert_eq!(INDEX.answer(&headers).status(), StatusCode::OK);
        headers.insert(header::IF_NONE_MATCH, tag(INDEX.text).parse().unwrap());
        assert_eq!(INDEX.answer(&headers).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(PARTS[0].answer(&headers).status(), StatusCode::OK);
    }
}
