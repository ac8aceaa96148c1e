//! A way to the encoder for benchmarks, fuzzing and tests of its cost, without a database. Not part of
//! the crate's promises.

use ampsync_schema::{Ident, QualifiedName, Table};
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use bytes::Bytes;

use crate::encode::{TableEncoder, ValueCounts};
use crate::error::Error;
use crate::options::SinkOptions;

/// Encodes rows for a table that is nowhere.
pub struct Encoder(TableEncoder);

impl Encoder {
    /// The encoder of rows with `schema`, whose blocks are in the column `_block_num`.
    ///
    /// # Errors
    /// When there can be no such table.
    pub fn new(schema: &Schema, options: &SinkOptions) -> Result<Self, Error> {
        let name = QualifiedName { schema: Ident::new("bench")?, name: Ident::new("rows")? };
        let table = Table::with_options(name, schema, "_block_num", &options.table)?;
        let counts = ValueCounts::default();
        TableEncoder::new(&table, schema, options.values, counts).map(Self)
    }

    /// Encodes the rows as binary COPY, and hands over each piece of it.
    ///
    /// # Errors
    /// When a value cannot be stored.
    pub fn encode(&self, rows: &RecordBatch, mut send: impl FnMut(Bytes)) -> Result<(), Error> {
        self.0.check(rows)?;
        let (mut data, mut encoding) = (self.0.data(), self.0.begin(rows)?);
        while encoding.fill(&mut data)? {
            send(data.take());
        }
        send(data.finish());
        Ok(())
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").finish_non_exhaustive()
    }
}
