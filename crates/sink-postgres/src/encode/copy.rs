use bytes::Bytes;

/// The first bytes of binary COPY data: signature, flags, and no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: &[u8] = &[0xff, 0xff];

/// How much is sent at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// Encoded rows, waiting to be copied.
#[derive(Default)]
pub(crate) struct CopyData {
    parts: Vec<Bytes>,
    rows: usize,
}

impl CopyData {
    pub(super) fn push(&mut self, part: Bytes, rows: usize) {
        self.parts.push(part);
        self.rows += rows;
    }

    /// The whole data, header and trailer included, in pieces; `None` without rows.
    pub(crate) fn finish(self) -> Option<Vec<Bytes>> {
        if self.rows == 0 {
            return None;
        }
        let mut chunks = vec![Bytes::from_static(HEADER)];
        for mut part in self.parts {
            while part.len() > CHUNK_BYTES {
                chunks.push(part.split_to(CHUNK_BYTES));
            }
            chunks.push(part);
        }
        chunks.push(Bytes::from_static(TRAILER));
        Some(chunks)
    }
}
