//! Moving blobs over loopback: our own parts against each other, against librqbit, libtorrent and aria2, and against
//! peers and servers that lie.

mod clients;
mod hostile;
mod scrape;
mod swarm;
mod testbed;
mod tiny_http;
mod web_seed;
