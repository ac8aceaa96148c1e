//! Rows of any type and value, encoded: what comes out is well-formed binary COPY, or the rows are
//! refused.
#![no_main]

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, UInt64Array, make_array};
use arrow_buffer::{Buffer, NullBuffer};
use arrow_data::{ArrayData, ArrayDataBuilder};
use arrow_schema::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use sink_postgres::bench::Encoder;
use sink_postgres::{NulPolicy, RangePolicy, SinkOptions};

const BLOCK: &str = "_block_num";
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const DEPTH_MAX: usize = 3;

fuzz_target!(|data: &[u8]| {
    // An input that is too short makes fewer values.
    _ = check(&mut Unstructured::new(data));
});

fn check(input: &mut Unstructured<'_>) -> Result<()> {
    let rows = input.int_in_range(1..=6)?;
    let blocks = UInt64Array::from_iter_values((0..rows).map(|row| row as u64));
    let mut fields = vec![Field::new(BLOCK, DataType::UInt64, false)];
    let mut columns: Vec<ArrayRef> = vec![Arc::new(blocks)];
    for column in 0..input.int_in_range(1..=4)? {
        let ty = data_type(input, 0)?;
        let Some(values) = array(input, &ty, rows)? else { return Ok(()) };
        fields.push(Field::new(format!("c{column}"), ty, true));
        columns.push(make_array(values));
    }
    let schema = Arc::new(Schema::new(fields));
    let mut options = SinkOptions::default();
    if input.ratio(1, 2)? {
        options.values.nul = NulPolicy::Strip;
        options.values.out_of_range = RangePolicy::Null;
    }
    let Ok(batch) = RecordBatch::try_new(schema.clone(), columns) else { return Ok(()) };
    let Ok(encoder) = Encoder::new(&schema, &options) else { return Ok(()) };
    let mut copy = Vec::new();
    match encoder.encode(&batch, |piece| copy.extend_from_slice(&piece)) {
        Ok(()) => well_formed(&copy, rows, schema.fields().len()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    Ok(())
}

/// Whether these bytes are binary COPY of so many rows with so many columns.
fn well_formed(copy: &[u8], rows: usize, columns: usize) {
    let mut rest = copy.strip_prefix(HEADER).expect("a header");
    let mut take = |length: usize| {
        let (taken, left) = rest.split_at(length);
        rest = left;
        taken
    };
    for row in 0..rows {
        let count = i16::from_be_bytes(take(2).try_into().expect("two bytes"));
        assert_eq!(usize::try_from(count), Ok(columns), "the columns of row {row}");
        for column in 0..columns {
            let length = i32::from_be_bytes(take(4).try_into().expect("four bytes"));
            match usize::try_from(length) {
                Ok(length) => _ = take(length),
                Err(_) => assert_eq!(length, -1, "row {row}, column {column}"),
            }
        }
    }
    assert_eq!(take(2), [0xff, 0xff], "a trailer");
    assert!(rest.is_empty(), "{} bytes after the trailer", rest.len());
}

fn data_type(input: &mut Unstructured<'_>, depth: usize) -> Result<DataType> {
    use DataType::*;
    let unit = *input.choose(&[
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ])?;
    let clock = matches!(unit, TimeUnit::Second | TimeUnit::Millisecond);
    Ok(match input.int_in_range(0..=if depth < DEPTH_MAX { 30 } else { 26 })? {
        0 => Boolean,
        1 => Int8,
        2 => Int16,
        3 => Int32,
        4 => Int64,
        5 => UInt8,
        6 => UInt16,
        7 => UInt32,
        8 => UInt64,
        9 => Float16,
        10 => Float32,
        11 => Float64,
        12 => Utf8,
        13 => LargeUtf8,
        14 => Binary,
        15 => LargeBinary,
        16 => FixedSizeBinary(input.int_in_range(0..=40)?),
        17 => Decimal128(input.int_in_range(1..=38)?, input.int_in_range(-40..=38)?),
        18 => Decimal256(input.int_in_range(1..=76)?, input.int_in_range(-80..=76)?),
        19 => Timestamp(unit, input.ratio(1, 2)?.then(|| "+00:00".into())),
        20 => Date32,
        21 => Date64,
        22 => {
            if clock {
                Time32(unit)
            } else {
                Time64(unit)
            }
        }
        23 => Duration(unit),
        24 => Interval(IntervalUnit::MonthDayNano),
        25 => Interval(IntervalUnit::DayTime),
        26 => Null,
        27 => List(Arc::new(Field::new("item", data_type(input, depth + 1)?, true))),
        28 => {
            let item = Arc::new(Field::new("item", data_type(input, depth + 1)?, true));
            FixedSizeList(item, input.int_in_range(0..=3)?)
        }
        29 => Dictionary(Box::new(Int8), Box::new(data_type(input, depth + 1)?)),
        _ => {
            let count = input.int_in_range(0..=3)?;
            let fields = (0..count)
                .map(|at| Ok(Field::new(format!("f{at}"), data_type(input, depth + 1)?, true)));
            Struct(fields.collect::<Result<Fields>>()?)
        }
    })
}

/// Values of the type as they may lie in memory; `None` where Arrow does not take them.
fn array(input: &mut Unstructured<'_>, ty: &DataType, length: usize) -> Result<Option<ArrayData>> {
    let mut data = ArrayDataBuilder::new(ty.clone()).len(length);
    if !matches!(ty, DataType::Null) && input.ratio(1, 3)? {
        let nulls = (0..length).map(|_| input.arbitrary::<bool>());
        data = data.nulls(Some(nulls.collect::<Result<NullBuffer>>()?));
    }
    data = match ty {
        DataType::Null => data,
        DataType::Boolean => data.add_buffer(bytes(input, length.div_ceil(8))?),
        DataType::Utf8 | DataType::Binary => {
            let (offsets, end) = offsets(input, length)?;
            let values = text(input, ty, end)?;
            let offsets = offsets.iter().map(|offset| *offset as i32);
            data.add_buffer(offsets.collect::<Vec<_>>().into()).add_buffer(values)
        }
        DataType::LargeUtf8 | DataType::LargeBinary => {
            let (offsets, end) = offsets(input, length)?;
            let values = text(input, ty, end)?;
            let offsets = offsets.iter().map(|offset| *offset as i64);
            data.add_buffer(offsets.collect::<Vec<_>>().into()).add_buffer(values)
        }
        DataType::FixedSizeBinary(width) => {
            data.add_buffer(bytes(input, length * *width as usize)?)
        }
        DataType::List(item) => {
            let (offsets, end) = offsets(input, length)?;
            let Some(items) = array(input, item.data_type(), end)? else { return Ok(None) };
            let offsets = offsets.iter().map(|offset| *offset as i32);
            data.add_buffer(offsets.collect::<Vec<_>>().into()).add_child_data(items)
        }
        DataType::FixedSizeList(item, size) => {
            let count = length * *size as usize;
            let Some(items) = array(input, item.data_type(), count)? else { return Ok(None) };
            data.add_child_data(items)
        }
        DataType::Struct(fields) => {
            for field in fields {
                let values = array(input, field.data_type(), length)?;
                let Some(values) = values else { return Ok(None) };
                data = data.add_child_data(values);
            }
            data
        }
        DataType::Dictionary(_, values) => {
            let count = input.int_in_range(1..=3)?;
            let Some(values) = array(input, values, count)? else { return Ok(None) };
            let keys = (0..length).map(|_| input.int_in_range(0..=count as u8 - 1));
            data.add_buffer(Buffer::from_vec(keys.collect::<Result<Vec<_>>>()?))
                .add_child_data(values)
        }
        _ => data.add_buffer(bytes(input, length * ty.primitive_width().unwrap_or(16))?),
    };
    Ok(data.align_buffers(true).build().ok())
}

/// Where values of a few bytes or items each begin, and where the last ends.
fn offsets(input: &mut Unstructured<'_>, length: usize) -> Result<(Vec<usize>, usize)> {
    let mut offsets = vec![0];
    let mut end = 0;
    for _ in 0..length {
        end += input.int_in_range(0..=5)?;
        offsets.push(end);
    }
    Ok((offsets, end))
}

fn text(input: &mut Unstructured<'_>, ty: &DataType, length: usize) -> Result<Buffer> {
    if matches!(ty, DataType::Utf8 | DataType::LargeUtf8) {
        let texts = (0..length).map(|_| Ok(input.arbitrary::<u8>()? & 0x7f));
        return Ok(Buffer::from_vec(texts.collect::<Result<Vec<_>>>()?));
    }
    bytes(input, length)
}

/// So many bytes; zeros where the input has ended.
fn bytes(input: &mut Unstructured<'_>, length: usize) -> Result<Buffer> {
    let mut bytes = vec![0; length];
    input.fill_buffer(&mut bytes)?;
    Ok(Buffer::from_vec(bytes))
}
