//! The documents say what the program does: their examples run, their tables are those of the
//! code, their two languages agree, and the Make targets they name exist.

mod markdown;
mod repository;
mod stand;

mod admin;
mod blocks;
mod bugs;
mod commands;
mod comparison;
mod configuration;
mod contributing;
mod doctor;
mod examples;
mod languages;
mod log_queries;
mod makefile;
mod migration;
mod monitoring;
mod records;
mod shell;
mod systemd;
mod tables;
mod troubleshooting;
mod upgrade;
mod views;
