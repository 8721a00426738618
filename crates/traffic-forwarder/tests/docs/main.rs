//! The documents say what the program does: their examples run, their tables are those of the
//! code, their two languages agree, and the Make targets they name exist.

mod markdown;
mod repository;
mod stand;

mod blocks;
mod configuration;
mod examples;
mod languages;
mod makefile;
mod records;
mod shell;
mod tables;
