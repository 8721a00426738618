//! The end-to-end tests: the real binary, real sockets on loopback, real servers. One module per
//! theme; `support` has the shared parts.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod support;

mod abuse;
mod access_lists;
mod activation;
mod admin;
mod bad_input;
mod checks;
mod command_line;
mod connection_options;
mod crossings;
mod demo;
mod discovery;
mod doctor;
mod ended_sessions;
mod endings;
mod exhaustion;
mod failover;
mod fairness;
mod fd_store;
mod fidelity;
mod first_process;
mod forwarding;
mod freebind;
mod full_targets;
mod health;
mod hello_routes;
mod import;
mod limits;
mod listen_names;
mod lists;
mod log_episodes;
mod log_files;
mod log_streams;
mod logging;
mod loops;
mod metrics;
mod mptcp;
mod name_servers;
mod name_sets;
mod names;
mod no_answer;
mod nohup;
mod openapi;
mod operate;
mod passive;
mod primary;
mod privileges;
#[cfg(not(feature = "profile"))]
mod profile;
mod programs;
mod proxy_protocol;
mod rates;
mod reload;
mod resets;
mod sandbox;
mod scale;
mod secrecy;
mod shares;
mod shutdown;
mod skipped;
mod slow_sides;
mod slow_start;
mod socket_rights;
mod stalls;
mod start;
mod static_binary;
mod systemd;
mod timeouts;
mod top;
mod transparent;
mod upgrade;
mod views;
