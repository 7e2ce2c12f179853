//! Rebuilds the crate when a migration is added: `sqlx::migrate!` alone only notices changes of those that it knows.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
