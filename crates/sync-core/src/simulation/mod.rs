//! Small worlds: a chain, a server and a table, driven through every short sequence of events, and
//! through long random ones. What the table has must always be what the model says.
//!
//! `server` implements the server's published behaviour and nothing of ours; `world` ties it to the
//! real machine and the real buffer, with a table that is a plain list.

mod exhaustive;
mod random;
mod server;
mod world;
