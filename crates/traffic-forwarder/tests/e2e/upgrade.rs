//! Upgrade in place: the process executes another image of the program, and connected peers do not
//! notice.

mod upgrading;

mod admin_address;
mod answers;
mod bookkeeping;
mod check;
mod clients;
mod configuration;
mod connecting;
mod damage;
mod deadlines;
mod echo;
mod exposed;
mod fixture;
mod forwards;
mod impostor;
mod kinds;
mod lost_addresses;
mod matrix;
mod process;
mod refusals;
mod sessions;
mod state;
mod versions;
