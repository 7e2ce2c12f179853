//! Moving blobs over loopback: our own parts against each other, against librqbit, libtorrent and aria2, and against
//! peers and servers that lie.

mod clients;
mod fair;
mod hostile;
mod liars;
mod raw;
mod scale;
mod swarm;
mod testbed;
mod tiny_http;
mod tracker;
mod v2;
mod web_seed;
