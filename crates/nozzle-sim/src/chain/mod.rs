//! The chain model: blocks, forks, and what the server has stored of them.
//!
//! Pure: no clock, no I/O. The streaming rules live here too, in [`next_range`], so that every
//! reorg case of the protocol follows from the model instead of being scripted.

mod block;
mod model;
mod range;

pub use block::{Block, BlockHash, InvalidBlockHash};
pub use model::Chain;
pub use range::{Cursor, Range, next_range};
