//! The documents match the program: their examples run, their tables equal the code's, their two
//! languages agree, and the Make targets named in them exist.

mod markdown;
mod repository;
mod stand;

mod admin;
mod blocks;
mod commands;
mod comparison;
mod configuration;
mod contributing;
mod dependencies;
mod doctor;
mod examples;
mod faults;
mod fleet;
mod fleet_store;
mod languages;
mod links;
mod log_queries;
mod makefile;
mod messages;
mod migration;
mod monitoring;
mod named_tests;
mod operations;
mod records;
mod security;
mod shell;
mod systemd;
mod tables;
mod troubleshooting;
mod tuning;
mod upgrade;
mod views;
