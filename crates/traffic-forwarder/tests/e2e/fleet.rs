//! Instances of a fleet and a real etcd: texts published by the test, sessions through real forwards.

mod fixture;

mod demo;
mod events;
mod faults;
mod follow;
mod guide;
mod hostile;
mod killed_publisher;
mod machines;
mod names;
mod publish;
mod records;
mod restarts;
mod rollouts;
mod statuses;
mod trials;
mod views;
mod watch;
