//! Histories of publishers and instances, decided by a seed: faults of the store, killed publishers, instances that
//! refuse, fall back, vanish and restart.

mod histories;
mod instance;
mod publisher;
mod store;
mod world;
