//! Where a checked value goes in the plan, and how it is got back, by the key of its setting.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use crate::plan::{Admin, ForwardSettings, Keepalive, Log, Process};
use crate::process_table::AdminAddress;
use crate::value::Value;
use crate::words::Word;

// === [process] ===

/// All but `admin` and `admin_token_file`, which are one field of the plan.
pub(crate) fn set_process(process: &mut Process, key: &str, value: &Value) {
    match (key, value) {
        ("workers", value) => {
            process.workers = count(value).and_then(|count| {
                NonZeroUsize::new(usize::try_from(count.get()).unwrap_or(usize::MAX))
            });
        }
        ("max_sessions", value) => process.max_sessions = count(value),
        ("shutdown_timeout", Value::Duration(time)) => process.shutdown_timeout = *time,
        ("removed_timeout", value) => process.removed_timeout = duration(value),
        ("watch", Value::Bool(watch)) => process.watch = *watch,
        ("user", Value::Word(name)) => process.user = Some(name.clone()),
        ("group", Value::Word(name)) => process.group = Some(name.clone()),
        ("sandbox", Value::Bool(sandbox)) => process.sandbox = *sandbox,
        _ => {}
    }
}

pub(crate) fn of_process(process: &Process, key: &str) -> Option<Value> {
    Some(match key {
        "workers" => process.workers.map_or(Value::Nothing, |workers| {
            Value::Count(u32::try_from(workers.get()).unwrap_or(u32::MAX))
        }),
        "max_sessions" => from_count(process.max_sessions),
        "shutdown_timeout" => Value::Duration(process.shutdown_timeout),
        "removed_timeout" => from_duration(process.removed_timeout),
        "watch" => Value::Bool(process.watch),
        "admin" => Value::Admin(match &process.admin {
            Admin::Auto => AdminAddress::Auto,
            Admin::Off => AdminAddress::Off,
            Admin::Unix(path) => AdminAddress::Unix(path.clone()),
            Admin::Tcp { address, .. } => AdminAddress::Tcp(*address),
        }),
        "admin_token_file" => match &process.admin {
            Admin::Tcp { token_file, .. } => Value::Path(token_file.clone()),
            Admin::Auto | Admin::Off | Admin::Unix(_) => Value::Nothing,
        },
        "user" => process.user.clone().map_or(Value::Nothing, Value::Word),
        "group" => process.group.clone().map_or(Value::Nothing, Value::Word),
        "sandbox" => Value::Bool(process.sandbox),
        _ => return None,
    })
}

// === [log] ===

pub(crate) fn set_log(log: &mut Log, key: &str, value: &Value) {
    match (key, value) {
        ("level", Value::Word(word)) => set_word(&mut log.level, word),
        ("format", Value::Word(word)) => set_word(&mut log.format, word),
        ("sessions", Value::Bool(sessions)) => log.sessions = *sessions,
        ("file", Value::Path(path)) => log.file = Some(path.clone()),
        ("rotate_size", value) => {
            log.rotate_size = if let Value::Size(size) = value { Some(*size) } else { None };
        }
        ("rotate_age", value) => log.rotate_age = duration(value),
        ("keep", value) => log.keep = count(value).unwrap_or(log.keep),
        _ => {}
    }
}

pub(crate) fn of_log(log: &Log, key: &str) -> Option<Value> {
    Some(match key {
        "level" => from_word(log.level),
        "format" => from_word(log.format),
        "sessions" => Value::Bool(log.sessions),
        "file" => log.file.clone().map_or(Value::Nothing, Value::Path),
        "rotate_size" => log.rotate_size.map_or(Value::Nothing, Value::Size),
        "rotate_age" => from_duration(log.rotate_age),
        "keep" => Value::Count(log.keep.get()),
        _ => return None,
    })
}

// === [[forward]] ===

pub(crate) fn set_forward(settings: &mut ForwardSettings, key: &str, value: &Value) {
    match (key, value) {
        ("connect_timeout", Value::Duration(time)) => settings.connect_timeout = *time,
        ("idle_timeout", value) => settings.idle_timeout = duration(value),
        ("half_close_timeout", value) => settings.half_close_timeout = duration(value),
        ("max_age", value) => settings.max_age = duration(value),
        ("max_sessions", value) => {
            settings.max_sessions = count(value).unwrap_or(settings.max_sessions);
        }
        ("at_limit", Value::Word(word)) => set_word(&mut settings.at_limit, word),
        ("on_refusal", Value::Word(word)) => set_word(&mut settings.on_refusal, word),
        ("keepalive", Value::Nothing) => settings.keepalive = None,
        ("keepalive", Value::Keepalive(given)) => {
            let mut keepalive = settings.keepalive.unwrap_or_default();
            for (key, value) in given {
                set_keepalive(&mut keepalive, key, value);
            }
            settings.keepalive = Some(keepalive);
        }
        ("user_timeout", value) => settings.user_timeout = duration(value),
        ("path", Value::Word(word)) => set_word(&mut settings.path, word),
        _ => {}
    }
}

pub(crate) fn of_forward(settings: &ForwardSettings, key: &str) -> Option<Value> {
    Some(match key {
        "connect_timeout" => Value::Duration(settings.connect_timeout),
        "idle_timeout" => from_duration(settings.idle_timeout),
        "half_close_timeout" => from_duration(settings.half_close_timeout),
        "max_age" => from_duration(settings.max_age),
        "max_sessions" => Value::Count(settings.max_sessions.get()),
        "at_limit" => from_word(settings.at_limit),
        "on_refusal" => from_word(settings.on_refusal),
        "keepalive" => settings.keepalive.map_or(Value::Nothing, from_keepalive),
        "user_timeout" => from_duration(settings.user_timeout),
        "path" => from_word(settings.path),
        _ => return None,
    })
}

fn set_keepalive(keepalive: &mut Keepalive, key: &str, value: &Value) {
    match (key, value) {
        ("idle", Value::Duration(time)) => keepalive.idle = *time,
        ("interval", Value::Duration(time)) => keepalive.interval = *time,
        ("count", Value::Count(count)) => keepalive.count = *count,
        _ => {}
    }
}

fn from_keepalive(keepalive: Keepalive) -> Value {
    Value::Keepalive(vec![
        ("idle", Value::Duration(keepalive.idle)),
        ("interval", Value::Duration(keepalive.interval)),
        ("count", Value::Count(keepalive.count)),
    ])
}

// === what several have ===

fn set_word<W: Word>(place: &mut W, word: &str) {
    *place = W::from_word(word).unwrap_or(*place);
}

fn from_word<W: Word>(word: W) -> Value {
    Value::Word(word.as_str().to_owned())
}

fn duration(value: &Value) -> Option<Duration> {
    if let Value::Duration(time) = value { Some(*time) } else { None }
}

fn from_duration(time: Option<Duration>) -> Value {
    time.map_or(Value::Nothing, Value::Duration)
}

fn count(value: &Value) -> Option<NonZeroU32> {
    if let Value::Count(count) = value { NonZeroU32::new(*count) } else { None }
}

fn from_count(count: Option<NonZeroU32>) -> Value {
    count.map_or(Value::Nothing, |count| Value::Count(count.get()))
}
