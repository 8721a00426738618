//! Requests that are passed, and those that are not.

use super::*;
use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use axum::routing::get as reading;
use host::AdminTokens;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

const OPERATOR: &str = "0123456789abcdef";
const VIEWER: &str = "fedcba9876543210";
const HOST_HEADER: (HeaderName, &str) = (HOST, "localhost:9180");

fn tcp() -> Peer {
    Peer::Tcp("127.0.0.1:1".parse().unwrap())
}

fn access() -> Access {
    let text = format!("operate ann {OPERATOR}\nview prometheus {VIEWER}\n");
    let tokens = Tokens::default();
    tokens.replace(AdminTokens::restore(&text).unwrap());
    Access::new(tokens, Denials::default())
}

fn denied(
    (method, uri): (Method, &'static str),
    headers: &[(HeaderName, &str)],
    peer: Peer,
) -> Option<(u16, &'static str)> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name.clone(), value.parse().unwrap());
    }
    let uri = Uri::from_static(uri);
    let head = Head::of(&method, &uri, Version::HTTP_11, &map);
    let denied = access().check(&head, peer).err()?;
    Some((denied.refusal.status().as_u16(), denied.reason.as_str()))
}

fn get(path: &'static str, headers: &[(HeaderName, &str)]) -> Option<(u16, &'static str)> {
    denied((Method::GET, path), headers, tcp())
}

#[test]
fn only_the_complete_token_is_accepted() {
    let with = |value| get("/v1/status", &[HOST_HEADER, (AUTHORIZATION, value)]);
    assert_eq!(with("Bearer 0123456789abcdef"), None);
    for wrong in ["Bearer 0123456789abcdeF", "Bearer 0123456789abcde", "Bearer ", OPERATOR] {
        assert_eq!(with(wrong), Some((401, "wrong_token")), "{wrong}");
    }
    for open in ["/healthz", "/readyz", "/", "/page/main.js"] {
        assert_eq!(get(open, &[HOST_HEADER]), None, "{open}");
    }
    let beyond_the_page = ["/page", "/page/", "/page/a/b", "/page/../v1/status", "//"];
    for closed in
        ["/v1/status", "/metrics", "/openapi.json", "/v1/events"].into_iter().chain(beyond_the_page)
    {
        assert_eq!(get(closed, &[HOST_HEADER]), Some((401, "no_token")), "{closed}");
    }
}

#[test]
fn a_viewer_reads_and_changes_nothing() {
    let by = |token: &str, method, uri| {
        let bearer = format!("Bearer {token}");
        denied((method, uri), &[HOST_HEADER, (AUTHORIZATION, &bearer)], tcp())
    };
    for path in ["/v1/status", "/metrics", "/v1/events", "/v1/sessions/1", "/healthz"] {
        assert_eq!(by(VIEWER, Method::GET, path), None, "{path}");
    }
    for (method, path) in [
        (Method::POST, "/v1/reload?dry_run=true"),
        (Method::POST, "/v1/forwards/web/drain"),
        (Method::DELETE, "/v1/sessions/1"),
        (Method::GET, "/debug/pprof/heap"),
    ] {
        assert_eq!(by(VIEWER, method.clone(), path), Some((403, "role")), "{path}");
        assert_eq!(by(OPERATOR, method, path), None, "{path}");
    }
}

#[test]
fn only_loopback_names_and_our_own_page_are_accepted() {
    let socket = Peer::Unix { uid: sys::user_id(), pid: None };
    let with = |headers: &[(HeaderName, &str)]| {
        let [health, page] = ["/healthz", "/"].map(|path| get(path, headers));
        assert_eq!(health, page);
        assert_eq!(denied((Method::GET, "/v1/status"), headers, socket), page);
        page
    };
    for host in ["localhost", "127.0.0.1:1", "[::1]:9180", "localhost:"] {
        assert_eq!(with(&[(HOST, host)]), None, "{host}");
    }
    for host in ["evil.example", "localhost.evil", "127.0.0.1.nip.io:80", "[::1]x", "127.0.0.12"] {
        assert_eq!(with(&[(HOST, host)]), Some((403, "page")), "{host}");
    }
    assert_eq!(with(&[]), Some((400, "page")), "HTTP/1.1 needs it");
    assert_eq!(with(&[HOST_HEADER, HOST_HEADER]), Some((400, "page")));
    assert_eq!(with(&[HOST_HEADER, (ORIGIN, "http://localhost:9180")]), None);
    for origin in ["http://localhost:2", "https://evil.example", "null"] {
        assert_eq!(with(&[HOST_HEADER, (ORIGIN, origin)]), Some((403, "page")), "{origin}");
    }
    for (site, expected) in
        [("same-origin", None), ("none", None), ("same-site", Some(403)), ("cross-site", Some(403))]
    {
        let denied = with(&[HOST_HEADER, (FETCH_SITE, site)]);
        assert_eq!(denied.map(|(status, _)| status), expected, "{site}");
    }
}

#[test]
fn an_absolute_uri_names_this_host_too() {
    assert_eq!(get("http://localhost:9180/healthz", &[HOST_HEADER]), None);
    assert_eq!(get("http://evil.example/healthz", &[HOST_HEADER]), Some((403, "page")));
}

#[test]
fn a_link_of_another_site_leads_to_the_page_only() {
    let link = [HOST_HEADER, (FETCH_SITE, "cross-site"), (FETCH_MODE, "navigate")];
    assert_eq!(get("/", &link), None);
    assert_eq!(get("/healthz", &link), Some((403, "page")));
}

#[tokio::test]
async fn a_request_of_an_unknown_connection_is_refused() {
    let router = Router::new().route("/", reading(async || "secret"));
    let router = router.layer(from_fn_with_state(access(), super::check));
    let bearer = format!("Bearer {OPERATOR}");
    let request = Request::get("/").header(HOST, "localhost").header(AUTHORIZATION, bearer);
    let request = request.body(Body::empty()).unwrap();
    let response = TowerToHyperService::new(router).call(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
