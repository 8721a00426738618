//! Files that are no configuration of this program.

use plan::{Input, read_text};

fn problems(text: &str) -> String {
    let input = Input { config: Some("the file".into()), ..Input::default() };
    let reading = read_text(&input, text);
    assert!(reading.plan.is_none(), "{text}");
    reading.problems.render(false)
}

#[test]
fn an_importer_is_named() {
    for (text, program) in [
        ("stream {\n  server {\n    listen 80;\n    proxy_pass a:80;\n  }\n}\n", "nginx"),
        ("listen a\n  bind :80\n  server s a:80\n", "haproxy"),
        ("0.0.0.0 80 10.0.0.1 8080\n", "rinetd"),
        ("[[endpoints]]\nlisten = \"0.0.0.0:80\"\nremote = \"a:80\"\n", "realm"),
    ] {
        let shown = problems(text);
        let command = format!("traffic-forwarder import --from {program} 'the file'");
        assert!(shown.contains(&command) && shown.matches("error").count() == 1, "{shown}");
    }
}

#[test]
fn lines_of_other_files_are_not_repeated() {
    for text in [
        "root:$6$secret:19000:0:99999:7:::\n",
        "[client]\nuser = root\npassword = secret\n",
        "password = secret\n",
        "secret\n",
        "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n",
        "{\"token\": \"secret\"}\n",
        "token: secret\n",
    ] {
        let shown = problems(text);
        assert!(!shown.contains("secret") && shown.matches("error").count() == 1, "{shown}");
    }
}
