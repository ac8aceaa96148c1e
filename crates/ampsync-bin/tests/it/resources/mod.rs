//! What the binary takes of its machine and of its database, when one of the two sides is slow or
//! sends much at once.

mod connections;
mod memory;
