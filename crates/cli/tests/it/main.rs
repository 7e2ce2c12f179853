//! The program as a user meets it: a process, its output, its exit code. One module per command, and one for what all
//! share.

#![allow(clippy::unwrap_used, reason = "in a test, a panic with a line number is the report, also in what tests share")]

mod catalog;
mod clients;
mod contract;
mod corpus;
mod demo;
mod duplicates;
mod durability;
mod feed;
mod help;
mod hostile;
mod identify;
mod import;
mod imports;
mod index;
mod ingest;
mod ingest_archives;
mod ingest_modes;
mod init;
mod interrupt;
mod library;
mod links;
mod mirror;
mod mirrors;
mod readers;
mod recordings;
mod release;
mod releases;
mod reliability;
mod review;
mod rights;
mod search;
mod serve;
mod sql;
mod stats;
mod tables;
mod usage;
mod user;
mod verify;
mod world;
