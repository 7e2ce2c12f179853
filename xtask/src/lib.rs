//! The tasks of this repository, one module each; `main.rs` only reads the command line.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a build tool talks to whoever runs it")]

pub mod bench;
pub mod corpus;
pub mod demo;
pub mod fuzz;
pub mod suite;
pub mod tidy;
pub mod tools;
pub mod workspace;
