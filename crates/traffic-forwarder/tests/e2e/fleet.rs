//! Instances of a fleet and a real etcd: texts published by the test, sessions through real forwards.

mod fixture;

mod follow;
mod publish;
mod restarts;
mod trials;
