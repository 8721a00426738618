//! Values of settings, by subject.

/// First value, value of the new file, and the probe that both are compared with, as TOML.
pub(super) type Values = [Option<String>; 3];

/// Values of a setting that is never set here.
const NEVER: Values = [None, None, None];

pub(super) fn given(values: [&str; 3]) -> Values {
    values.map(|value| Some(value.to_owned()))
}

pub(super) fn values_of_headers() -> impl Iterator<Item = (&'static str, &'static str, Values)> {
    let rows = [
        ("[defaults]", "send_proxy", given(["\"v1\"", "\"v2\"", "\"off\""])),
        ("[defaults]", "hello_timeout", given(["\"11s\"", "\"12s\"", "\"13s\""])),
        ("route", "sni", given(["\"a.test\"", "\"*.a.test\"", "\"b.test\""])),
        ("route", "alpn", given(["\"h2\"", "\"h3\"", "\"http/1.1\""])),
        ("route", "to", given(["\"127.0.0.1:1\"", "\"127.0.0.1:2\"", "\"127.0.0.1:3\""])),
        ("to", "send_proxy", given(["\"off\"", "\"off\"", "\"v1\""])),
        ("[defaults]", "pass_tlvs", given(["false", "true", "false"])),
        ("to", "pass_tlvs", given(["false"; 3])),
        ("accept_proxy", "from", given(["\"127.0.0.1\"", "\"127.0.0.0/8\"", "\"0.0.0.0/0\""])),
        ("accept_proxy", "timeout", given(["\"11s\"", "\"12s\"", "\"13s\""])),
    ];
    rows.into_iter()
}

pub(super) fn values_of_a_client() -> impl Iterator<Item = (&'static str, &'static str, Values)> {
    let rows = [
        ("per_client", "sessions", given(["100", "101", "102"])),
        ("per_client", "new", given(["\"1000/s\"", "\"1001/m\"", "\"1002/h\""])),
        ("per_client", "burst", given(["500", "501", "502"])),
        ("per_client", "prefix", given(["[31, 63]", "[30, 62]", "[29, 61]"])),
        ("per_client", "exempt", given(["\"10.0.0.7\"", "\"10.0.0.8\"", "\"10.0.0.9\""])),
    ];
    rows.into_iter()
}

pub(super) fn values_of_connections() -> impl Iterator<Item = (&'static str, &'static str, Values)>
{
    let sizes = given(["\"64KiB\"", "\"96KiB\"", "\"128KiB\""]);
    let addresses = ["\"127.0.0.0-127.0.0.9\"", "\"127.0.0.2\"", "\"127.0.0.3\""];
    let rows = [
        ("[defaults]", "local_address", given(addresses)),
        // It excludes `local_address`, and takes a privilege.
        ("[defaults]", "transparent", given(["false"; 3])),
        // Not every host has three interfaces, or grants a mark.
        ("[defaults]", "interface", given(["\"auto\""; 3])),
        ("[defaults]", "mark", given(["\"off\""; 3])),
        ("[defaults]", "dscp", given(["46", "10", "0"])),
        ("[defaults]", "congestion", given(["\"auto\"", "\"reno\"", "\"cubic\""])),
        ("[defaults]", "send_buffer", sizes.clone()),
        ("[defaults]", "receive_buffer", sizes.clone()),
        ("[defaults]", "unsent", sizes),
        ("[defaults]", "stall_timeout", given(["\"11s\"", "\"12s\"", "\"13s\""])),
        ("rate", "up", given(["\"64MiB/s\"", "\"65MiB/s\"", "\"66MiB/s\""])),
        ("rate", "down", given(["\"64MiB/s\"", "\"65MiB/s\"", "\"off\""])),
        // It excludes `rate`.
        ("[defaults]", "mptcp", given(["false"; 3])),
        ("[defaults]", "freebind", given(["false", "true", "true"])),
        // For Unix listeners only: `socket_rights` tests them.
        ("[defaults]", "mode", given(["\"auto\""; 3])),
        ("[defaults]", "owner", given(["\"auto\""; 3])),
        ("[defaults]", "group", given(["\"auto\""; 3])),
    ];
    rows.into_iter()
}

pub(super) fn values_of_a_check() -> impl Iterator<Item = (&'static str, &'static str, Values)> {
    let rows = [
        // A check does one thing: the keys of others cannot stand beside `expect`.
        ("check", "connect", NEVER),
        ("check", "tls", NEVER),
        ("check", "http", NEVER),
        ("check", "method", NEVER),
        ("check", "host", NEVER),
        ("check", "status", NEVER),
        // Each target has its own, and nothing answers at another one.
        ("check", "port", NEVER),
        ("check", "send", given(["\"PING\"", "\"PING!\"", "\"PING?\""])),
        ("check", "expect", given(["\"P\"", "\"PI\"", "\"PIN\""])),
        ("check", "every", given(["\"3s\"", "\"4s\"", "\"5s\""])),
        ("check", "timeout", given(["\"3s\"", "\"4s\"", "\"5s\""])),
        ("check", "fall", given(["4", "5", "6"])),
        ("check", "rise", given(["4", "5", "6"])),
    ];
    rows.into_iter()
}
