//! Faults of the store, of `keep` and of the process, under an instance that serves. The traffic never stops, each view
//! says what is wrong, and the instance is well again by itself.

mod fixture;
mod traffic;

mod certificates;
mod full_store;
mod keep;
mod logins;
mod process;
mod reloads;
mod store;
