//! The server over HTTP, with a small archive of the sample collection behind it.

mod browser;
mod feed;
mod identify;
mod login;
mod media;
mod openapi;
mod page;
mod parts;
mod subsonic;
mod tracker;
mod world;
