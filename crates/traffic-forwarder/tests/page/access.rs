//! Access to the page: the token, and the headers that restrict a browser.

use crate::stage::{Stage, TOKEN};

#[test]
fn a_wrong_token_is_refused_and_the_right_one_is_in_no_address() {
    let stage = Stage::start(&["echo"], "");
    let mut browser = stage.asking_page();
    browser.wait_for_text("#token-dialog[open]", "admin_token_file");
    assert_eq!(browser.complaints(), [""; 0], "no request without a token");
    browser.fill("[name=token]", "not the token that is in the file");
    browser.press(&["Enter"]);
    browser.wait_for_text("#token-dialog [role=alert]", "one word of ASCII characters");
    browser.fill("[name=token]", "not-the-token-that-is-in-the-file");
    browser.press(&["Enter"]);
    browser.wait_for_text("#token-dialog [role=alert]", "This token was refused");
    assert_eq!(browser.complaints().len(), 1, "one attempt: the browser reports the 401");
    browser.fill("[name=token]", TOKEN);
    browser.press(&["Enter"]);
    browser.wait_for_text("#forwards tbody", "echo");
    // The tab keeps the token.
    browser.open(&stage.url());
    browser.wait_for_text("#forwards tbody", "echo");
    let kept = "[location.href, document.cookie, JSON.stringify(localStorage)].join()";
    assert!(!browser.evaluate(kept).as_str().unwrap().contains(TOKEN));
    for (address, _) in browser.answers() {
        assert!(address.starts_with(&stage.url()), "{address} is another origin");
        assert!(!address.contains(TOKEN), "{address}");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_page_needs_no_token_but_its_data_does() {
    let stage = Stage::start(&["secret-name"], "");
    let page = stage.anonymous().get("/").success();
    assert!(!page.body.contains("secret-name") && page.body.contains("<!doctype html>"));
    let has = |line: &str| page.headers.iter().any(|header| header.starts_with(line));
    for header in [
        "content-type: text/html",
        "content-security-policy: default-src 'none'; script-src 'self'",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-cache",
        "etag: \"",
    ] {
        assert!(has(header), "{header}: {:?}", page.headers);
    }
    let policy = page.headers.iter().find(|header| header.starts_with("content-security"));
    assert!(policy.is_some_and(|policy| policy.contains("frame-ancestors 'none'")));
    assert_eq!(stage.anonymous().get("/page/main.js").status, 200);
    assert_eq!(stage.anonymous().get("/page/no-such-file").status, 404);
    assert_eq!(stage.anonymous().get("/v1/status").status, 401);
    let foreign = [("Host", "evil.example"), ("Origin", "http://evil.example")];
    for (header, value) in foreign {
        let answer = stage.anonymous().header(header, value).get("/");
        assert_eq!(answer.status, 403, "{header}: {value}");
    }
}
