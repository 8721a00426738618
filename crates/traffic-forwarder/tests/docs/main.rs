//! The documents say what the program does: their examples run, their tables are those of the
//! code, their two languages agree, and the Make targets they name exist.

mod markdown;
mod repository;
mod stand;

mod admin;
mod blocks;
mod bugs;
mod commands;
mod configuration;
mod examples;
mod languages;
mod log_queries;
mod makefile;
mod monitoring;
mod records;
mod shell;
mod tables;
mod views;
