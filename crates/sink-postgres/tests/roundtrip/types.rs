//! Any type that a server could send, and any column that could be asked for.

use std::fmt;
use std::sync::Arc;

use ampsync_schema::{ColumnType, Digits, PgType};
use arrow_schema::{DataType, Field, Fields, IntervalUnit, TimeUnit};
use proptest::prelude::*;
use proptest::sample::select;

/// A column of a table to be made.
#[derive(Clone)]
pub(crate) struct ColumnSpec {
    pub(crate) ty: DataType,
    pub(crate) chosen: Option<ColumnType>,
    pub(crate) nullable: bool,
    /// What its values follow from.
    pub(crate) seed: u64,
}

impl fmt::Debug for ColumnSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ty, chosen, nullable, seed } = self;
        write!(f, "{ty} as {chosen:?}, nullable {nullable}, seed {seed}")
    }
}

impl ColumnSpec {
    /// The type of the PostgreSQL column.
    pub(crate) fn pg_type(&self) -> PgType {
        match self.chosen {
            Some(chosen) => PgType::chosen(&self.ty, chosen).unwrap(),
            None => PgType::of(&self.ty).unwrap(),
        }
    }
}

pub(crate) fn column() -> impl Strategy<Value = ColumnSpec> {
    let digits = Digits { precision: 1_000, scale: 250 };
    let choices = [
        ColumnType::BigInt,
        ColumnType::Numeric(None),
        ColumnType::Numeric(Some(digits)),
        ColumnType::Text,
        ColumnType::Hex,
        ColumnType::Jsonb,
    ];
    let chosen = proptest::option::weighted(0.5, select(choices.to_vec()));
    (any_type(), chosen, any::<bool>(), any::<u64>()).prop_map(|(ty, chosen, nullable, seed)| {
        let chosen = chosen.filter(|chosen| PgType::chosen(&ty, *chosen).is_ok());
        // Only nulls are of no type, and a run has no nulls of its own.
        let nullable = nullable || ty == DataType::Null;
        ColumnSpec { ty, chosen, nullable, seed }
    })
}

/// Every type but those of other values.
fn scalar() -> impl Strategy<Value = DataType> {
    use DataType::*;
    let units =
        [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
    let zones = [None, Some("+00:00"), Some("America/New_York"), Some("-05:30"), Some("nowhere")];
    let mut types = vec![
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Decimal32(9, 4),
        Decimal32(5, -2),
        Decimal64(18, 18),
        Decimal64(12, 0),
        Decimal128(38, 0),
        Decimal128(38, 37),
        Decimal128(20, -7),
        Decimal128(3, 9),
        Decimal256(76, 0),
        Decimal256(76, 76),
        Decimal256(50, 13),
        Decimal256(60, -30),
        Utf8,
        LargeUtf8,
        Utf8View,
        Utf8,
        Utf8View,
        Binary,
        LargeBinary,
        BinaryView,
        FixedSizeBinary(1),
        FixedSizeBinary(20),
        FixedSizeBinary(32),
        Date32,
        Date64,
        Time32(TimeUnit::Second),
        Time32(TimeUnit::Millisecond),
        Time64(TimeUnit::Microsecond),
        Time64(TimeUnit::Nanosecond),
        Interval(IntervalUnit::YearMonth),
        Interval(IntervalUnit::DayTime),
        Interval(IntervalUnit::MonthDayNano),
    ];
    types.extend(units.map(Duration));
    for zone in zones {
        types.extend(units.map(|unit| Timestamp(unit, zone.map(Into::into))));
    }
    select(types)
}

fn keyed(values: impl Strategy<Value = DataType>) -> impl Strategy<Value = DataType> {
    use DataType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    let keys = select(vec![Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64]);
    (keys, values).prop_map(|(key, value)| DataType::Dictionary(Box::new(key), Box::new(value)))
}

fn runs(values: impl Strategy<Value = DataType>) -> impl Strategy<Value = DataType> {
    let ends = select(vec![DataType::Int16, DataType::Int32, DataType::Int64]);
    (ends, values).prop_map(|(ends, values)| {
        let ends = Arc::new(Field::new("run_ends", ends, false));
        DataType::RunEndEncoded(ends, Arc::new(Field::new("values", values, true)))
    })
}

fn any_type() -> impl Strategy<Value = DataType> {
    // Runs inside of others are tested elsewhere: Arrow's IPC cannot read them where there are none.
    prop_oneof![12 => nested(), 1 => runs(scalar())]
}

fn nested() -> impl Strategy<Value = DataType> {
    let leaf = prop_oneof![12 => scalar(), 2 => keyed(scalar()), 1 => Just(DataType::Null)];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let item = (inner.clone(), any::<bool>()).prop_map(|(ty, nullable)| {
            let nullable = nullable || ty == DataType::Null;
            Arc::new(Field::new("item", ty, nullable))
        });
        let names = ["a", "from", "A \"b\"", "ключ", "", "tab\t\\", "bb"];
        let fields = proptest::sample::subsequence(names.to_vec(), 0..=4).prop_flat_map({
            let item = item.clone();
            move |names| {
                let items = proptest::collection::vec(item.clone(), names.len());
                items.prop_map(move |items| {
                    let named = names.iter().zip(items);
                    named.map(|(name, item)| item.as_ref().clone().with_name(*name)).collect()
                })
            }
        });
        let key = prop_oneof![scalar(), keyed(Just(DataType::Utf8)), Just(DataType::Utf8)];
        let map = (key, item.clone()).prop_map(|(key, value)| {
            let fields =
                vec![Field::new("keys", key, false), value.as_ref().clone().with_name("values")];
            let entries = Field::new("entries", DataType::Struct(fields.into()), false);
            DataType::Map(Arc::new(entries), false)
        });
        prop_oneof![
            item.clone().prop_map(DataType::List),
            item.clone().prop_map(DataType::LargeList),
            (item, 1..4_i32).prop_map(|(item, size)| DataType::FixedSizeList(item, size)),
            fields.prop_map(|fields: Vec<Field>| DataType::Struct(Fields::from(fields))),
            map,
        ]
    })
}
