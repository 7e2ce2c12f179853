//! The peer wire protocol. Its files are taken out of their crate, which brings a whole BitTorrent client with it.

pub mod check;
#[path = "../../../crates/swarm/src/seeder/hashes.rs"]
#[allow(dead_code, reason = "the crate that it is of uses all of it")]
mod hashes;
#[path = "../../../crates/swarm/src/seeder/metadata.rs"]
#[allow(dead_code, reason = "the crate that it is of uses all of it")]
mod metadata;
#[path = "../../../crates/swarm/src/seeder/wire.rs"]
#[allow(dead_code, reason = "the crate that it is of uses all of it")]
mod wire;

/// Stands for the seeder's own, which names more ways to lose a peer.
mod peer {
    #[derive(Debug, thiserror::Error)]
    pub(super) enum PeerError {
        #[error("it sent {what}")]
        Garbage { what: &'static str },
    }
}
