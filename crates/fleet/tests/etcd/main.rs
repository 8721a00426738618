//! The store, with real clusters of etcd.

#![allow(clippy::unwrap_used, reason = "a helper of tests panics to fail its test")]

mod calls;
mod faults;
mod logins;
mod other_servers;
mod support;
mod tls;
