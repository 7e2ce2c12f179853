//! The program as a user meets it: a process, its output, its exit code. One module per command, and one for what all share.

mod contract;
mod demo;
mod feed;
mod help;
mod index;
mod ingest;
mod init;
mod interrupt;
mod mirror;
mod release;
mod rights;
mod search;
mod serve;
mod usage;
mod user;
mod verify;
mod world;
