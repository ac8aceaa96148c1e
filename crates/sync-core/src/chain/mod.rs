//! The vocabulary of a chain: blocks, ranges of them, cursors, and the ledger of completed ranges.
//!
//! Pure values without I/O. They live here, below the engine, because the client, the engine and
//! every sink speak them and none of those may pull in another's world.

mod block;
mod ledger;
mod range;
#[cfg(feature = "serde")]
mod serde;

pub use block::{BlockHash, BlockNum, InvalidBlockHash, InvalidBlockNum, Network};
pub use ledger::{Ledger, Parent};
pub use range::{BlockRange, Cursor, InvalidationRange, RangeEndsBeforeStart};
