//! The Arrow types of a manifest, in the encoding that arrow-rs gives them with serde.
//!
//! A plain type is a text (`"UInt64"`), one with parameters an object with a single key
//! (`{"FixedSizeBinary": 20}`). Read by hand rather than by arrow's own `Deserialize`, which
//! stops at the first problem, cannot say where it is, and wants keys that not all files have.

use std::sync::Arc;

use arrow_schema::{
    DECIMAL32_MAX_PRECISION, DECIMAL64_MAX_PRECISION, DECIMAL128_MAX_PRECISION,
    DECIMAL256_MAX_PRECISION,
};
use arrow_schema::{DataType, Field, Fields, IntervalUnit, TimeUnit};

use crate::check::{Checker, Node};
use crate::raw::RawField;

/// Types nest in types; deeper than this is not data but an attempt on the stack.
const DEPTH_MAX: usize = 32;

const FIELD: &str = r#"write {"name": "hash", "type": "Utf8", "nullable": false}"#;
const TYPE: &str = r#"write it as "UInt64" or {"FixedSizeBinary": 20}"#;
const DECIMAL: &str = r#"write it as {"Decimal128": [38, 0]}"#;
const TIMESTAMP: &str = r#"write it as {"Timestamp": ["Nanosecond", "+00:00"]}"#;

const PLAIN: [(&str, DataType); 21] = [
    ("Null", DataType::Null),
    ("Boolean", DataType::Boolean),
    ("Int8", DataType::Int8),
    ("Int16", DataType::Int16),
    ("Int32", DataType::Int32),
    ("Int64", DataType::Int64),
    ("UInt8", DataType::UInt8),
    ("UInt16", DataType::UInt16),
    ("UInt32", DataType::UInt32),
    ("UInt64", DataType::UInt64),
    ("Float16", DataType::Float16),
    ("Float32", DataType::Float32),
    ("Float64", DataType::Float64),
    ("Date32", DataType::Date32),
    ("Date64", DataType::Date64),
    ("Binary", DataType::Binary),
    ("LargeBinary", DataType::LargeBinary),
    ("BinaryView", DataType::BinaryView),
    ("Utf8", DataType::Utf8),
    ("LargeUtf8", DataType::LargeUtf8),
    ("Utf8View", DataType::Utf8View),
];

const UNITS: [(&str, TimeUnit); 4] = [
    ("Second", TimeUnit::Second),
    ("Millisecond", TimeUnit::Millisecond),
    ("Microsecond", TimeUnit::Microsecond),
    ("Nanosecond", TimeUnit::Nanosecond),
];

const INTERVALS: [(&str, IntervalUnit); 3] = [
    ("YearMonth", IntervalUnit::YearMonth),
    ("DayTime", IntervalUnit::DayTime),
    ("MonthDayNano", IntervalUnit::MonthDayNano),
];

/// The columns of a table, from an array of fields.
pub(crate) fn fields<'a>(checker: &mut Checker<'a>, node: &Node<'a>) -> Option<Fields> {
    Types { checker, depth: 0 }.fields(node)
}

/// A type.
pub(crate) fn data_type<'a>(checker: &mut Checker<'a>, node: &Node<'a>) -> Option<DataType> {
    Types { checker, depth: 0 }.data_type(node)
}

struct Types<'c, 'a> {
    checker: &'c mut Checker<'a>,
    depth: usize,
}

impl<'a> Types<'_, 'a> {
    fn fields(&mut self, node: &Node<'a>) -> Option<Fields> {
        let items = self.checker.items(node, "an array of fields", FIELD)?;
        let count = items.len();
        let mut fields: Vec<Field> = Vec::with_capacity(count);
        for item in items {
            let Some(field) = self.field(&item) else { continue };
            if fields.iter().any(|known| known.name() == field.name()) {
                let problem = format!("there are two columns {:?}", field.name());
                self.checker.problem(&item, problem, "rename or remove one of the two");
            }
            fields.push(field);
        }
        (fields.len() == count).then(|| fields.into())
    }

    fn field(&mut self, node: &Node<'a>) -> Option<Field> {
        let raw: RawField<'_> = self.checker.object(node, "a field", FIELD)?;
        let name = match node.member("name", raw.name) {
            Some(node) => self.checker.text(&node, "the name of a column", FIELD),
            None => self.missing(node, "the field's `name` is missing"),
        };
        let key = if self.depth == 0 { "type" } else { "data_type" };
        let data_type = match node.member(key, raw.r#type) {
            Some(node) => self.data_type(&node),
            None => self.missing(node, &format!("the field's `{key}` is missing")),
        };
        let nullable = match node.member("nullable", raw.nullable) {
            Some(node) => self.checker.scalar(&node, "true or false", FIELD),
            // A column that may be null can hold one that never is.
            None => Some(true),
        };
        Some(Field::new(name?, data_type?, nullable?))
    }

    fn missing<T>(&mut self, node: &Node<'a>, problem: &str) -> Option<T> {
        self.checker.problem(node, problem, FIELD);
        None
    }

    fn data_type(&mut self, node: &Node<'a>) -> Option<DataType> {
        if self.depth == DEPTH_MAX {
            let problem = format!("types are nested more than {DEPTH_MAX} deep");
            self.checker.problem(node, problem, "flatten the column");
            return None;
        }
        self.depth += 1;
        let data_type = self.shallow(node);
        self.depth -= 1;
        data_type
    }

    fn shallow(&mut self, node: &Node<'a>) -> Option<DataType> {
        if node.is_text() {
            let found = self.named(node, &PLAIN, "an Arrow type", TYPE)?;
            return Some(found);
        }
        let entries = self.checker.entries(node, "an Arrow type", TYPE)?;
        let Ok([(name, node)]) = <[_; 1]>::try_from(entries) else {
            self.checker.problem(node, "expected an object with one key, the type's name", TYPE);
            return None;
        };
        self.parameterised(&name, &node)
    }

    fn parameterised(&mut self, name: &str, node: &Node<'a>) -> Option<DataType> {
        match name {
            "FixedSizeBinary" => Some(DataType::FixedSizeBinary(self.size(node)?)),
            "Decimal32" => self.decimal(node, DECIMAL32_MAX_PRECISION, DataType::Decimal32),
            "Decimal64" => self.decimal(node, DECIMAL64_MAX_PRECISION, DataType::Decimal64),
            "Decimal128" => self.decimal(node, DECIMAL128_MAX_PRECISION, DataType::Decimal128),
            "Decimal256" => self.decimal(node, DECIMAL256_MAX_PRECISION, DataType::Decimal256),
            "Timestamp" => self.timestamp(node),
            "Time32" => {
                let units = UNITS.get(..2).unwrap_or(&UNITS);
                Some(DataType::Time32(self.named(node, units, "a unit of Time32", TYPE)?))
            }
            "Time64" => {
                let units = UNITS.get(2..).unwrap_or(&UNITS);
                Some(DataType::Time64(self.named(node, units, "a unit of Time64", TYPE)?))
            }
            "Duration" => Some(DataType::Duration(self.named(node, &UNITS, "a unit", TYPE)?)),
            "Interval" => Some(DataType::Interval(self.named(node, &INTERVALS, "a unit", TYPE)?)),
            "List" => Some(DataType::List(Arc::new(self.field(node)?))),
            "ListView" => Some(DataType::ListView(Arc::new(self.field(node)?))),
            "LargeList" => Some(DataType::LargeList(Arc::new(self.field(node)?))),
            "LargeListView" => Some(DataType::LargeListView(Arc::new(self.field(node)?))),
            "FixedSizeList" => {
                let [item, size] = self.pair(node, "a field and a size")?;
                Some(DataType::FixedSizeList(Arc::new(self.field(&item)?), self.size(&size)?))
            }
            "Struct" => Some(DataType::Struct(self.fields(node)?)),
            "Map" => {
                let [entries, sorted] = self.pair(node, "a field, and whether it is sorted")?;
                let sorted = self.checker.scalar(&sorted, "true or false", TYPE)?;
                Some(DataType::Map(Arc::new(self.field(&entries)?), sorted))
            }
            "Dictionary" => {
                let [key, value] = self.pair(node, "two types")?;
                let (key, value) = (self.data_type(&key), self.data_type(&value));
                Some(DataType::Dictionary(Box::new(key?), Box::new(value?)))
            }
            "RunEndEncoded" => {
                let [ends, values] = self.pair(node, "two fields")?;
                let (ends, values) = (self.field(&ends), self.field(&values));
                Some(DataType::RunEndEncoded(Arc::new(ends?), Arc::new(values?)))
            }
            other => {
                self.checker.problem(
                    node,
                    format!("{other:?} is not an Arrow type known here"),
                    TYPE,
                );
                None
            }
        }
    }

    fn timestamp(&mut self, node: &Node<'a>) -> Option<DataType> {
        let [unit, zone] = self.pair(node, "a unit and a time zone")?;
        let unit = self.named(&unit, &UNITS, "a unit of time", TIMESTAMP);
        let zone: Option<Option<String>> =
            self.checker.scalar(&zone, "a time zone or null", TIMESTAMP);
        Some(DataType::Timestamp(unit?, zone?.map(Into::into)))
    }

    fn decimal(
        &mut self,
        node: &Node<'a>,
        precision_max: u8,
        make: fn(u8, i8) -> DataType,
    ) -> Option<DataType> {
        let [precision, scale] = self.pair(node, "a precision and a scale")?;
        let expected = format!("a precision of 1 to {precision_max}");
        let digits: u8 = self.checker.scalar(&precision, &expected, DECIMAL)?;
        if digits == 0 || digits > precision_max {
            self.checker.expected(&precision, &expected, DECIMAL);
            return None;
        }
        let places: i8 = self.checker.scalar(&scale, "a scale", DECIMAL)?;
        if u8::try_from(places).is_ok_and(|places| places > digits) {
            self.checker.expected(&scale, "a scale not above the precision", DECIMAL);
            return None;
        }
        Some(make(digits, places))
    }

    fn size(&mut self, node: &Node<'a>) -> Option<i32> {
        const EXPECTED: &str = "a size of at least 1";
        let size: i32 = self.checker.scalar(node, EXPECTED, TYPE)?;
        if size < 1 {
            self.checker.expected(node, EXPECTED, TYPE);
            return None;
        }
        Some(size)
    }

    /// One of the values that go by a name.
    fn named<T: Clone>(
        &mut self,
        node: &Node<'a>,
        values: &[(&str, T)],
        expected: &str,
        remedy: &str,
    ) -> Option<T> {
        let name = self.checker.text(node, expected, remedy)?;
        let found = values.iter().find(|(known, _)| *known == name);
        if found.is_none() {
            self.checker.expected(node, expected, remedy);
        }
        found.map(|(_, value)| value.clone())
    }

    fn pair(&mut self, node: &Node<'a>, expected: &str) -> Option<[Node<'a>; 2]> {
        let items = self.checker.items(node, expected, TYPE)?;
        let pair = <[_; 2]>::try_from(items).ok();
        if pair.is_none() {
            self.checker.expected(node, &format!("two values, {expected}"), TYPE);
        }
        pair
    }
}
