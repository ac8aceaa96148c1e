use bytes::{Bytes, BytesMut};

use super::out::Out;
use crate::options::ValuePolicy;

/// The first bytes of binary COPY data: signature, flags, and no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: &[u8] = &[0xff, 0xff];

/// How much is sent at a time: enough that PostgreSQL is never idle while the next piece is encoded,
/// and little enough that both fit into a processor's cache.
const PIECE_BYTES: usize = 128 << 10;

/// Binary COPY data in the making, which leaves in pieces.
pub(crate) struct CopyData {
    pub(super) out: Out,
}

impl CopyData {
    pub(super) fn new(policy: ValuePolicy) -> Self {
        let mut out = Out::new(BytesMut::with_capacity(PIECE_BYTES), policy);
        out.bytes(HEADER);
        Self { out }
    }

    /// Whether there is a piece to be sent.
    pub(super) fn is_full(&self) -> bool {
        self.out.buffer.len() >= PIECE_BYTES
    }

    /// What was encoded since the last time.
    pub(crate) fn take(&mut self) -> Bytes {
        let piece = self.out.buffer.split().freeze();
        // In the memory of pieces that were sent, where that is possible.
        self.out.buffer.reserve(PIECE_BYTES + PIECE_BYTES / 8);
        piece
    }

    /// Ends the data, and takes the rest of it.
    pub(crate) fn finish(mut self) -> Bytes {
        self.out.bytes(TRAILER);
        self.out.buffer.freeze()
    }
}
