use std::sync::Arc;

use ampsync_schema::PgType;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Field, TimeUnit};
use bytes::BytesMut;
use pgpq::encoders::{BuildEncoder, Encode, Encoder, EncoderBuilder};

use super::convert::Conversion;
use super::list::ListWriter;
use super::{NULL, RowError, ValueError, json, numeric, text};

/// How the values of one column, or of the items of a list, become fields.
pub(super) struct ColumnPlan {
    conversions: Vec<Conversion>,
    kind: Kind,
}

enum Kind {
    Null,
    Pgpq(Box<EncoderBuilder>),
    Text,
    Decimal256,
    Json,
    List { item: Box<ColumnPlan>, item_oid: u32 },
}

/// A column after its conversion, and its items after theirs.
pub(super) struct Converted {
    array: ArrayRef,
    items: Option<Box<Converted>>,
}

/// Writes the fields of one converted column.
pub(super) enum Writer<'a> {
    Null,
    Pgpq(Encoder<'a>),
    Text(text::TextWriter<'a>),
    Decimal256(numeric::Decimal256Writer<'a>),
    Json(&'a dyn Array),
    List(ListWriter<'a>),
}

impl ColumnPlan {
    /// The plan for values of the Arrow type `arrow` in a column of type `pg`, or the type that
    /// cannot be written.
    pub(super) fn new(arrow: &DataType, pg: &PgType) -> Result<Self, DataType> {
        let mut plan = Self { conversions: Vec::new(), kind: Kind::Null };
        plan.kind = plan.kind_of(arrow, pg)?;
        Ok(plan)
    }

    fn kind_of(&mut self, arrow: &DataType, pg: &PgType) -> Result<Kind, DataType> {
        Ok(match arrow {
            DataType::Null => Kind::Null,
            DataType::UInt64 if pg == &PgType::BigInt => {
                self.convert_first(Conversion::BlockNumber);
                pgpq(&DataType::Int64)?
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
            DataType::Decimal256(_, _) => Kind::Decimal256,
            DataType::BinaryView => {
                self.convert_first(Conversion::Cast(DataType::LargeBinary));
                pgpq(&DataType::LargeBinary)?
            }
            DataType::Dictionary(_, values) => {
                self.convert_first(Conversion::Cast((**values).clone()));
                self.kind_of(values, pg)?
            }
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                self.convert_first(Conversion::TimestampMicros);
                pgpq(&DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?
            }
            DataType::Time64(TimeUnit::Nanosecond) => {
                self.convert_first(Conversion::TimeMicros);
                pgpq(&DataType::Time64(TimeUnit::Microsecond))?
            }
            DataType::Date64 => {
                self.convert_first(Conversion::DateDays);
                pgpq(&DataType::Date32)?
            }
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                if let PgType::Array(pg) = pg {
                    let item = Box::new(Self::new(item.data_type(), pg)?);
                    Kind::List { item, item_oid: super::list::item_oid(pg) }
                } else {
                    json_kind(arrow)?
                }
            }
            DataType::Struct(_) => json_kind(arrow)?,
            DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64
            | DataType::Float16
            | DataType::Float32
            | DataType::Float64
            | DataType::Decimal32(_, _)
            | DataType::Decimal64(_, _)
            | DataType::Decimal128(_, _)
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::FixedSizeBinary(_)
            | DataType::Date32
            | DataType::Time32(TimeUnit::Second | TimeUnit::Millisecond)
            | DataType::Time64(TimeUnit::Microsecond)
            | DataType::Timestamp(_, _) => pgpq(arrow)?,
            DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Duration(_)
            | DataType::Interval(_)
            | DataType::Map(_, _)
            | DataType::RunEndEncoded(_, _)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::Union(_, _) => return Err(arrow.clone()),
        })
    }

    fn convert_first(&mut self, conversion: Conversion) {
        self.conversions.push(conversion);
    }

    /// Converts a column. Adds to `truncated` how many values lost what is finer than a
    /// microsecond.
    pub(super) fn convert(
        &self,
        array: &ArrayRef,
        truncated: &mut u64,
    ) -> Result<Converted, RowError> {
        let mut array = Arc::clone(array);
        for conversion in &self.conversions {
            array = conversion.apply(&array, truncated)?;
        }
        let items = match &self.kind {
            Kind::List { item, .. } => {
                let items = super::list::items(array.as_ref());
                // The rows of the items are not the rows of the column.
                let converted = item.convert(&items, truncated);
                let owner = |error: RowError| RowError {
                    row: super::list::row_of_item(array.as_ref(), error.row),
                    source: error.source,
                };
                Some(Box::new(converted.map_err(owner)?))
            }
            Kind::Null | Kind::Pgpq(_) | Kind::Text | Kind::Decimal256 | Kind::Json => None,
        };
        Ok(Converted { array, items })
    }

    /// The writer of a converted column.
    pub(super) fn writer<'a>(&'a self, column: &'a Converted) -> Result<Writer<'a>, ValueError> {
        let array = column.array.as_ref();
        Ok(match (&self.kind, &column.items) {
            (Kind::Null, _) => Writer::Null,
            (Kind::Pgpq(builder), _) => Writer::Pgpq(builder.try_new(array)?),
            (Kind::Text, _) => Writer::Text(text::TextWriter::new(array)?),
            (Kind::Decimal256, _) => {
                Writer::Decimal256(numeric::Decimal256Writer::new(array.as_primitive()))
            }
            (Kind::Json, _) | (Kind::List { .. }, None) => Writer::Json(array),
            (Kind::List { item, item_oid }, Some(items)) => {
                Writer::List(ListWriter::new(array, item.writer(items)?, *item_oid))
            }
        })
    }
}

fn pgpq(arrow: &DataType) -> Result<Kind, DataType> {
    let field = Arc::new(Field::new("value", arrow.clone(), true));
    let builder = EncoderBuilder::try_new(field).map_err(|_| arrow.clone())?;
    Ok(Kind::Pgpq(Box::new(builder)))
}

fn json_kind(arrow: &DataType) -> Result<Kind, DataType> {
    json::check(arrow).map(|()| Kind::Json)
}

impl Writer<'_> {
    /// About how many bytes all fields will have.
    pub(super) fn size_hint(&self) -> usize {
        match self {
            Writer::Null => 0,
            Writer::Pgpq(encoder) => encoder.byte_size_hint().unwrap_or(0),
            Writer::Text(writer) => writer.size_hint(),
            Writer::Decimal256(writer) => writer.size_hint(),
            Writer::Json(array) => 64 * array.len(),
            Writer::List(writer) => writer.size_hint(),
        }
    }

    /// Writes the field of one row.
    pub(super) fn write(&self, row: usize, buffer: &mut BytesMut) -> Result<(), ValueError> {
        match self {
            Writer::Null => buffer.extend_from_slice(&NULL),
            Writer::Pgpq(encoder) => encoder.encode(row, buffer)?,
            Writer::Text(writer) => writer.write(row, buffer)?,
            Writer::Decimal256(writer) => writer.write(row, buffer)?,
            Writer::Json(array) => json::write_field(*array, row, buffer)?,
            Writer::List(writer) => writer.write(row, buffer)?,
        }
        Ok(())
    }
}
