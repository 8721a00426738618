//! The document of the admin interface is correct: every path in it answers, and every answer
//! matches its schema.

use serde_json::{Value, json};
use testkit::{Behaviour, LIMIT, Port, Target};

use crate::support::{Config, Operated, served_client};

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

/// A document, to check values against.
struct Document(Value);

impl Document {
    /// Collects the deviations of this value from its schema.
    fn faults(&self, value: &Value, schema: &Value, at: &str, faults: &mut Vec<String>) {
        let mut fault = |what: String| faults.push(format!("{at}: {what}"));
        if let Some(name) = schema["$ref"].as_str() {
            let schema = self.0.pointer(name.trim_start_matches('#'));
            return self.faults(value, schema.expect("a schema that is there"), at, faults);
        }
        if let Some(parts) = schema["allOf"].as_array() {
            return self.faults(value, &self.whole(parts), at, faults);
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let fits = |schema: &Value| {
                let mut faults = Vec::new();
                self.faults(value, schema, at, &mut faults);
                faults.is_empty()
            };
            if choices.iter().filter(|schema| fits(schema)).count() != 1 {
                fault(format!("{value} is not one of {choices:?}"));
            }
            return;
        }
        let types = match &schema["type"] {
            Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect::<Vec<_>>(),
        };
        let is = type_of(value);
        if !(types.contains(&is) || is == "integer" && types.contains(&"number")) {
            fault(format!("{value} is not {types:?}"));
        }
        for (at_item, item) in value.as_array().into_iter().flatten().enumerate() {
            self.faults(item, &schema["items"], &format!("{at}[{at_item}]"), faults);
        }
        self.fields(value, schema, at, faults);
    }

    /// The object that has the fields of all these schemas.
    fn whole(&self, parts: &[Value]) -> Value {
        let (mut required, mut properties) = (Vec::new(), serde_json::Map::new());
        for part in parts {
            let name = part["$ref"].as_str().map(|name| name.trim_start_matches('#'));
            let part = name.map_or(part, |name| self.0.pointer(name).expect("a schema"));
            required.extend(part["required"].as_array().into_iter().flatten().cloned());
            properties.extend(part["properties"].as_object().expect("an object").clone());
        }
        json!({ "type": "object", "required": required, "properties": properties })
    }

    fn fields(&self, value: &Value, schema: &Value, at: &str, faults: &mut Vec<String>) {
        let Some(fields) = value.as_object() else { return };
        for name in schema["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(name.as_str().unwrap()) {
                faults.push(format!("{at}: no {name}"));
            }
        }
        for (name, field) in fields {
            let own = &schema["properties"][name];
            let schema = if own.is_null() { &schema["additionalProperties"] } else { own };
            if schema.is_null() {
                faults.push(format!("{at}: {name} is not described"));
            } else {
                self.faults(field, schema, &format!("{at}.{name}"), faults);
            }
        }
    }

    #[track_caller]
    fn check(&self, value: &Value, schema: &Value, what: &str) {
        let mut faults = Vec::new();
        self.faults(value, schema, what, &mut faults);
        assert!(faults.is_empty(), "{faults:#?}");
    }

    /// The schema of the answer with this status.
    fn answer(&self, method: &str, path: &str, status: u16) -> &Value {
        let responses = &self.0["paths"][path][method.to_lowercase()]["responses"];
        let schema = &responses[status.to_string()]["content"]["application/json"]["schema"];
        assert!(!schema.is_null(), "{method} {path} {status} is not described");
        schema
    }

    fn schema(&self, name: &str) -> &Value {
        let schema = &self.0["components"]["schemas"][name];
        assert!(!schema.is_null(), "{name} is not described");
        schema
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn config(port: &Port, target: &Target, settings: &str) -> Config {
    Config::new().forward(port.addr(), target.addr(), format!("name = 'f'\n{settings}"))
}

#[test]
fn paths_accept_exactly_the_documented_methods() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let operated = Operated::start(config(&port, &target, ""));
    let document = operated.http.json("/openapi.json");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 14, "{paths:?}");
    for (path, methods) in paths {
        let real = path.replace("{name}", "none").replace("{id}", "77");
        for method in METHODS {
            // This answer is endless.
            if (method, path.as_str()) == ("GET", "/v1/events") {
                continue;
            }
            let status = operated.http.ask(method, &real).status;
            let described = !methods[method.to_lowercase()].is_null();
            assert_eq!(status != 405, described, "{method} {path}: {status}");
        }
    }
}

#[test]
fn answers_match_the_document() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let operated = Operated::start(config(&port, &target, ""));
    let document = Document(operated.http.json("/openapi.json"));
    let _client = served_client(&port);
    drop(served_client(&port));
    operated.wait_for_records(1);
    operated.write(config(&port, &target, "max_sessions = 7").forward(
        Port::v4().addr(),
        target.addr(),
        "",
    ));
    let questions = [
        ("GET", "/v1/status", "/v1/status"),
        ("GET", "/v1/status?rates=true", "/v1/status"),
        ("GET", "/v1/forwards", "/v1/forwards"),
        ("GET", "/v1/forwards?rates=true&sort=errors", "/v1/forwards"),
        ("GET", "/v1/forwards/f", "/v1/forwards/{name}"),
        ("GET", "/v1/sessions", "/v1/sessions"),
        ("GET", "/v1/sessions?rates=true", "/v1/sessions"),
        ("GET", "/v1/sessions/1", "/v1/sessions/{id}"),
        ("GET", "/v1/sessions/ended", "/v1/sessions/ended"),
        ("GET", "/v1/sessions/ended/2", "/v1/sessions/ended/{id}"),
        ("POST", "/v1/reload?dry_run=true", "/v1/reload"),
        ("POST", "/v1/reload?confirm=1m", "/v1/reload"),
        ("GET", "/v1/status", "/v1/status"),
        ("POST", "/v1/confirm", "/v1/confirm"),
        ("POST", "/v1/confirm", "/v1/confirm"),
        ("POST", "/v1/forwards/f/drain", "/v1/forwards/{name}/drain"),
        ("POST", "/v1/forwards/f/resume", "/v1/forwards/{name}/resume"),
        ("POST", "/v1/forwards/none/resume", "/v1/forwards/{name}/resume"),
        ("DELETE", "/v1/sessions/1", "/v1/sessions/{id}"),
        ("DELETE", "/v1/sessions/1", "/v1/sessions/{id}"),
        ("GET", "/v1/sessions?limit=x", "/v1/sessions"),
        ("GET", "/v1/forwards?limit=x", "/v1/forwards"),
    ];
    for (method, real, path) in questions {
        let answer = operated.http.ask(method, real);
        let schema = document.answer(method, path, answer.status);
        document.check(&answer.json(), schema, &format!("{method} {real}"));
    }
}

#[test]
fn events_match_the_document() {
    let (port, target) = (Port::v4(), Target::start(Behaviour::Echo));
    let operated = Operated::start(config(&port, &target, ""));
    let document = Document(operated.http.json("/openapi.json"));
    let mut events = operated.http.events("/v1/events", LIMIT);
    drop(served_client(&port));
    operated.wait_for_records(1);
    operated.http.post("/v1/forwards/f/drain").success();
    operated.http.post("/v1/reload").success();
    for (name, schema) in [
        ("session_opened", "SessionOpened"),
        ("session_connected", "SessionConnected"),
        ("session_closed", "SessionClosed"),
        ("drain", "ForwardSwitched"),
        ("reload", "Reloaded"),
    ] {
        document.check(&events.wait_for(name), document.schema(schema), name);
    }
}
