//! Other people's programs at our server.

mod opensonic;
mod taken_in;
mod torrents;
