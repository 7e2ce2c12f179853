//! Other people's programs at our server.

mod opensonic;
mod table;
mod taken_in;
mod torrents;
