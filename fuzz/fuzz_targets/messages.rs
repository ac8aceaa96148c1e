//! The answer of a server: the announced schema, and messages with Arrow's IPC frames in them.
//!
//! The input is a sequence of `FlightData`, each with its length before it as protobuf writes it;
//! the header of the first is the announced schema, as it is in a `FlightInfo`.
#![no_main]

use std::panic;

use ampsync_schema::{Ident, QualifiedName, Table};
use arrow_array::{Array, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_flight::FlightData;
use futures::{FutureExt, StreamExt, stream};
use libfuzzer_sys::fuzz_target;
use nozzle_client::{ReorgEvent, ResultStream, with_reorg};
use prost::Message;

fuzz_target!(
    init: tolerate_panics_of_arrow(),
    |data: &[u8]| {
        let mut rest = data;
        let mut messages = Vec::new();
        while !rest.is_empty() && messages.len() < 16 {
            let Ok(message) = FlightData::decode_length_delimited(&mut rest) else { break };
            messages.push(message);
        }
        if messages.is_empty() {
            return;
        }
        let announced = messages.remove(0).data_header;
        let Ok(stream) = ResultStream::replayed(&announced, stream::iter(messages)) else { return };
        let schema = stream.schema().clone();
        let name = |name: &str| Ident::new(name).expect("a name");
        let table = QualifiedName { schema: name("public"), name: name("t") };
        if let Ok(table) = Table::from_arrow(table, &schema, "_block_num") {
            assert_eq!(table.columns().len(), schema.fields().len());
            assert!(!table.create().is_empty());
        }
        let mut events = with_reorg(stream);
        // Nothing is ever waited for.
        while let Some(event) = events.next().now_or_never().expect("ready") {
            match event {
                Ok(ReorgEvent::Batch { data, .. }) => {
                    assert_eq!(data.schema_ref().fields(), schema.fields());
                    look_at(&data);
                }
                Ok(ReorgEvent::Watermark(resume)) => assert!(!resume.is_empty()),
                Ok(ReorgEvent::Reorg { invalidation }) => assert!(!invalidation.is_empty()),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
);

/// Reads every value, as the encoder would.
fn look_at(rows: &RecordBatch) {
    for column in rows.columns() {
        column.to_data().validate_full().expect("rows that were decoded are valid");
        let options = FormatOptions::default();
        let Ok(values) = ArrayFormatter::try_new(column, &options) else { continue };
        for row in 0..column.len().min(64) {
            // A value that cannot be shown, such as a time beyond all calendars, is an error there.
            _ = values.value(row).try_to_string();
        }
    }
}

/// The client takes a panic of arrow's readers for malformed input, so it must not end the search.
/// Every other one still does.
fn tolerate_panics_of_arrow() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or("", |location| location.file());
        if !["/arrow-ipc-", "/arrow-data-", "/arrow-array-", "/arrow-buffer-", "/flatbuffers-"]
            .iter()
            .any(|library| place.contains(library))
        {
            report(info);
        }
    }));
}
