use bytes::BytesMut;

use super::counts::Tally;
use super::value_error::ValueError;
use crate::options::{NulPolicy, RangePolicy, ValuePolicy};

/// Where fields are written, and what becomes of values that do not fit.
pub(super) struct Out {
    pub(super) buffer: BytesMut,
    pub(super) tally: Tally,
    policy: ValuePolicy,
}

impl Out {
    pub(super) fn new(buffer: BytesMut, policy: ValuePolicy) -> Self {
        Self { buffer, tally: Tally::default(), policy }
    }

    /// Whether NUL characters are left out of texts; if not, they are an error.
    pub(super) fn strips_nul(&self) -> bool {
        self.policy.nul == NulPolicy::Strip
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Some bytes whose number is known.
    #[inline]
    pub(super) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.buffer.extend_from_slice(&bytes);
    }

    /// The field that is NULL.
    #[inline]
    pub(super) fn null(&mut self) {
        self.put((-1_i32).to_be_bytes());
    }

    /// A field: what `content` writes, with its length before it.
    pub(super) fn sized(
        &mut self,
        content: impl FnOnce(&mut Self) -> Result<(), ValueError>,
    ) -> Result<(), ValueError> {
        let start = self.buffer.len();
        self.put([0; 4]);
        content(self)?;
        let bytes = self.buffer.len() - start - 4;
        let length = i32::try_from(bytes);
        let length = length.map_err(|_| ValueError::TooLong { bytes, most: FIELD_BYTES_MAX })?;
        self.buffer[start..start + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// Writes what `value` writes; where the policy says so, `null` instead of a value that is out
    /// of range.
    pub(super) fn or_null(
        &mut self,
        nullable: bool,
        null: &[u8],
        value: impl FnOnce(&mut Self) -> Result<(), ValueError>,
    ) -> Result<(), ValueError> {
        let start = self.buffer.len();
        match value(self) {
            Err(ValueError::OutOfRange { .. })
                if nullable && self.policy.out_of_range == RangePolicy::Null =>
            {
                self.buffer.truncate(start);
                self.bytes(null);
                self.tally.nulled += 1;
                Ok(())
            }
            written => written,
        }
    }
}

/// The largest field that PostgreSQL takes in, just below a gibibyte.
pub(super) const FIELD_BYTES_MAX: usize = 0x3fff_fff0;
