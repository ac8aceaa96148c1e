use std::sync::Arc;

use ampsync_testkit::verify;
use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder, UInt64Builder};
use arrow_array::*;
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields};

use crate::support::*;

#[tokio::test]
async fn a_slice_of_a_batch_writes_its_own_rows_only() {
    let world = World::new().await;
    let mut lists = ListBuilder::new(UInt64Builder::new());
    (0..10_u64).for_each(|n| lists.append_value((0..n).map(Some)));
    let blocks: Vec<_> = (0..10).collect();
    let texts: Vec<_> = blocks.iter().map(u64::to_string).collect();
    let lists: ArrayRef = Arc::new(lists.finish());
    let whole =
        batch(&blocks, vec![("lists", lists), ("texts", Arc::new(StringArray::from(texts)))]);
    let mut sink = world.sink();
    let start = ready(&mut sink, &plan_of("t", whole.schema().as_ref().clone())).await;
    let slices = [whole.slice(3, 2), whole.slice(9, 1), whole.slice(0, 0)];
    commit(&mut sink, &[], &slices, &advance(&start, &[range(0, 9)])).await.unwrap();
    let verdict = verify::table(&world.session, "public", "t", &slices).await.unwrap();
    assert_eq!(verdict.expect_equal(), 3);
}

/// Some bytes of each row's own.
fn bytes(random: &mut fastrand::Rng, length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

/// The types that the tables of an Ethereum dataset have, with random values.
fn ethereum(random: &mut fastrand::Rng, blocks: &[u64]) -> RecordBatch {
    let count = blocks.len();
    let fixed = |random: &mut fastrand::Rng, length: i32| -> ArrayRef {
        let size = usize::try_from(length).unwrap();
        let values = (0..count).map(|_| random.bool().then(|| bytes(random, size)));
        let values: Vec<_> = values.collect();
        let array =
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.into_iter(), length);
        Arc::new(array.unwrap())
    };
    let fees: Decimal128Array =
        (0..count).map(|_| random.bool().then(|| i128::from(random.u64(..)) << 60)).collect();
    let data: Vec<_> = (0..count).map(|_| random.usize(..300)).collect();
    let data: Vec<_> = data.into_iter().map(|length| bytes(random, length)).collect();
    let times: TimestampNanosecondArray =
        blocks.iter().map(|block| Some(i64::try_from(*block).unwrap() * 12_000_000_000)).collect();
    let mut hashes = ListBuilder::new(FixedSizeBinaryBuilder::new(32));
    for _ in 0..count {
        (0..random.usize(..3)).for_each(|_| {
            hashes.values().append_value(bytes(random, 32)).unwrap();
        });
        hashes.append(random.bool());
    }
    let value: Vec<_> = (0..count).map(|_| random.u128(..).to_string()).collect();
    batch(
        blocks,
        vec![
            ("block_num", Arc::new(UInt64Array::from(blocks.to_vec()))),
            ("timestamp", Arc::new(times.with_timezone("+00:00"))),
            ("hash", fixed(random, 32)),
            ("from", fixed(random, 20)),
            ("nonce", Arc::new(UInt64Array::from_iter_values((0..count).map(|_| random.u64(..))))),
            ("index", Arc::new(UInt32Array::from_iter_values((0..count).map(|_| random.u32(..))))),
            ("type", Arc::new(Int32Array::from_iter_values((0..count).map(|_| random.i32(..))))),
            ("status", Arc::new(BooleanArray::from_iter((0..count).map(|_| Some(random.bool()))))),
            ("fee", Arc::new(fees.with_precision_and_scale(38, 0).unwrap())),
            ("value", Arc::new(StringArray::from(value))),
            ("input", Arc::new(BinaryArray::from_iter_values(data))),
            ("blob_versioned_hashes", Arc::new(hashes.finish())),
            ("access_list", access_lists(random, count)),
        ],
    )
}

fn access_lists(random: &mut fastrand::Rng, count: usize) -> ArrayRef {
    let mut keys = ListBuilder::new(FixedSizeBinaryBuilder::new(32));
    let mut addresses = FixedSizeBinaryBuilder::new(20);
    let lengths: Vec<_> = (0..count).map(|_| random.usize(..3)).collect();
    for _ in 0..lengths.iter().sum() {
        addresses.append_value(bytes(random, 20)).unwrap();
        (0..random.usize(..3)).for_each(|_| {
            keys.values().append_value(bytes(random, 32)).unwrap();
        });
        keys.append(true);
    }
    let columns: Vec<ArrayRef> = vec![Arc::new(addresses.finish()), Arc::new(keys.finish())];
    let fields: Fields = ["address", "storage_keys"]
        .iter()
        .zip(&columns)
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), false))
        .collect();
    let item = Arc::new(Field::new("item", DataType::Struct(fields.clone()), false));
    let records = StructArray::new(fields, columns, None);
    let nulls = NullBuffer::from_iter((0..count).map(|_| random.bool()));
    Arc::new(ListArray::new(
        item,
        OffsetBuffer::from_lengths(lengths),
        Arc::new(records),
        Some(nulls),
    ))
}

#[tokio::test]
async fn tables_of_an_ethereum_dataset_are_stored_without_loss() {
    let mut random = fastrand::Rng::with_seed(1);
    let world = World::new().await;
    let blocks: Vec<_> = (0..500).collect();
    let batches = [ethereum(&mut random, &blocks[..300]), ethereum(&mut random, &blocks[300..])];
    let mut sink = world.sink();
    let start = ready(&mut sink, &plan_of("t", batches[0].schema().as_ref().clone())).await;
    commit(&mut sink, &[], &batches, &advance(&start, &[range(0, 499)])).await.unwrap();
    let verdict = verify::table(&world.session, "public", "t", &batches).await.unwrap();
    assert_eq!(verdict.expect_equal(), 500);
}
