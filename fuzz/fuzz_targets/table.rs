//! The table of a stream whose columns are called anything: its statements have to say the same
//! whatever the names are.
#![no_main]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use ampsync_schema::{Ident, QualifiedName, Table, TableOptions};
use arrow_schema::{DataType, Field, Fields, IntervalUnit, Schema, TimeUnit};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

const BLOCK: &str = "_block_num";

fuzz_target!(|data: &[u8]| {
    // An input that is too short makes a smaller schema.
    _ = check(&mut Unstructured::new(data));
});

fn check(input: &mut Unstructured<'_>) -> Result<()> {
    let (schema, name) = (input.arbitrary::<&str>()?, input.arbitrary::<&str>()?);
    let (Ok(schema), Ok(name)) = (Ident::new(schema), Ident::new(name)) else { return Ok(()) };
    let mut fields = vec![Field::new(BLOCK, DataType::UInt64, false)];
    for _ in 0..input.int_in_range(0..=12)? {
        fields.push(field(input, 0)?);
    }
    let mut options = TableOptions::default();
    options.comment = input.arbitrary()?;
    for field in &fields {
        if input.ratio(1, 4)? {
            let mut column = ampsync_schema::ColumnOptions::default();
            column.comment = input.arbitrary()?;
            options.columns.insert(field.name().clone(), column);
        }
        if input.ratio(1, 8)? {
            options.primary_key.push(field.name().clone());
        }
    }
    let hostile = QualifiedName { schema, name };
    let arrow = Schema::new(fields.clone());
    let table = match Table::with_options(hostile, &arrow, BLOCK, &options) {
        Ok(table) => table,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return Ok(());
        }
    };
    assert_eq!(table.columns().len(), fields.len());
    let tame = tame(&fields, &options).expect("names are all that differs");
    assert_eq!(skeleton(&table), skeleton(&tame));
    Ok(())
}

/// The same table under names that nobody could mistake.
fn tame(fields: &[Field], options: &TableOptions) -> Option<Table> {
    let names: BTreeMap<&str, String> = fields
        .iter()
        .enumerate()
        .map(|(index, field)| match field.name().as_str() {
            BLOCK => (BLOCK, BLOCK.to_owned()),
            name => (name, format!("c{index}")),
        })
        .collect();
    let fields = fields.iter().map(|field| field.clone().with_name(&names[field.name().as_str()]));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let mut tame = TableOptions::default();
    let text = |comment: &Option<String>| {
        comment.as_ref().map(|text| if text.is_empty() { "" } else { "x" }.to_owned())
    };
    tame.comment = text(&options.comment);
    for (name, column) in &options.columns {
        let mut column = column.clone();
        column.comment = text(&column.comment);
        tame.columns.insert(names[name.as_str()].clone(), column);
    }
    tame.primary_key = options.primary_key.iter().map(|name| names[name.as_str()].clone()).collect();
    let name = |name: &str| Ident::new(name).ok();
    let table = QualifiedName { schema: name("s")?, name: name("t")? };
    Table::with_options(table, &schema, BLOCK, &tame).ok()
}

/// All statements, with a mark in place of each quoted name and text.
fn skeleton(table: &Table) -> String {
    let mut all = String::new();
    for change in table.create() {
        let mut chars = change.up.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' | '\'' => {
                    // Texts are written so that a backslash is one.
                    let escapes = c == '\'';
                    loop {
                        match chars.next().expect("every quote ends") {
                            '\\' if escapes => _ = chars.next(),
                            end if end == c && chars.peek() == Some(&c) => _ = chars.next(),
                            end if end == c => break,
                            '\0' => panic!("PostgreSQL has no NUL: {:?}", change.up),
                            _ => {}
                        }
                    }
                    all.push('?');
                }
                _ => all.push(c),
            }
        }
        writeln!(all, ";").expect("a string takes everything");
    }
    all
}

fn field(input: &mut Unstructured<'_>, depth: u32) -> Result<Field> {
    let name = input.arbitrary::<&str>()?;
    Ok(Field::new(name, data_type(input, depth)?, input.arbitrary()?))
}

fn data_type(input: &mut Unstructured<'_>, depth: u32) -> Result<DataType> {
    let unit = [
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ];
    Ok(match input.int_in_range(0..=if depth < 3 { 23 } else { 15 })? {
        0 => DataType::Boolean,
        1 => DataType::Int8,
        2 => DataType::UInt16,
        3 => DataType::Int32,
        4 => DataType::UInt64,
        5 => DataType::Float64,
        6 => DataType::Utf8,
        7 => DataType::Binary,
        8 => DataType::FixedSizeBinary(input.arbitrary()?),
        9 => DataType::Decimal128(input.arbitrary()?, input.arbitrary()?),
        10 => DataType::Decimal256(input.arbitrary()?, input.arbitrary()?),
        11 => {
            let zone = input.arbitrary::<Option<String>>()?.map(Into::into);
            DataType::Timestamp(*input.choose(&unit)?, zone)
        }
        12 => DataType::Time64(*input.choose(&unit)?),
        13 => DataType::Interval(IntervalUnit::MonthDayNano),
        14 => DataType::Null,
        15 => DataType::Utf8View,
        16 => DataType::List(Arc::new(field(input, depth + 1)?)),
        17 => DataType::LargeList(Arc::new(field(input, depth + 1)?)),
        18 => DataType::FixedSizeList(Arc::new(field(input, depth + 1)?), input.arbitrary()?),
        19 => {
            let count = input.int_in_range(0..=3)?;
            let fields = (0..count).map(|_| field(input, depth + 1)).collect::<Result<Vec<_>>>()?;
            DataType::Struct(Fields::from(fields))
        }
        20 => DataType::Dictionary(
            Box::new(data_type(input, depth + 1)?),
            Box::new(data_type(input, depth + 1)?),
        ),
        21 => DataType::Map(Arc::new(field(input, depth + 1)?), input.arbitrary()?),
        22 => DataType::RunEndEncoded(
            Arc::new(field(input, depth + 1)?),
            Arc::new(field(input, depth + 1)?),
        ),
        _ => DataType::ListView(Arc::new(field(input, depth + 1)?)),
    })
}
