use std::sync::Arc;

use ampsync_schema::PgType;
use arrow_array::Array;
use arrow_schema::{DataType, Field};
use pgpq::encoders::{BuildEncoder, Encode, Encoder, EncoderBuilder};

use super::json;
use super::list::{self, ListWriter};
use super::number::{NumberColumn, NumberText, NumberWriter};
use super::out::Out;
use super::value_error::{Unsupported, ValueError, shown};
use super::values::{self, Blobs, Indirect, Lists, Moments, Texts, Values};

/// How the values of one column, or of the items of a list, become fields.
pub(super) struct ColumnPlan {
    kind: Kind,
    /// Whether NULL may stand for a value out of range.
    nullable: bool,
}

enum Kind {
    Null,
    Pgpq(Box<EncoderBuilder>),
    Text,
    Bytes,
    Hex,
    /// Texts that are JSON.
    Checked,
    /// Anything else, as JSON in a column of type `jsonb`, or as its text.
    Json {
        is_binary: bool,
    },
    Moment(PgType),
    Number(NumberColumn),
    NumberText(NumberColumn),
    List {
        item: Box<ColumnPlan>,
        item_oid: u32,
    },
}

/// Writes the fields of one column of a batch.
pub(super) struct Writer<'a> {
    content: Content<'a>,
    nullable: bool,
}

enum Content<'a> {
    Null,
    Pgpq(Encoder<'a>),
    Text(Texts<'a>),
    Bytes(Blobs<'a>),
    Hex(Blobs<'a>),
    Checked(Texts<'a>),
    Json(Values<'a>, &'a dyn Array, bool),
    Moment(Moments<'a>, &'a PgType),
    Number(NumberWriter<'a>),
    NumberText(NumberText<'a>),
    List(ListWriter<'a>),
    /// Of a dictionary or of runs.
    Indirect(Indirect<'a>, Box<Writer<'a>>),
}

impl ColumnPlan {
    /// The plan for values of the Arrow type `arrow` in a column of type `pg`.
    pub(super) fn new(arrow: &DataType, pg: &PgType, nullable: bool) -> Result<Self, Unsupported> {
        values::check(arrow)?;
        let arrow = values::plain(arrow);
        let number = |column| {
            let is_text = values::is_text(arrow);
            if is_text { Kind::NumberText(column) } else { Kind::Number(column) }
        };
        let kind = match pg {
            PgType::Boolean
            | PgType::SmallInt
            | PgType::Integer
            | PgType::Real
            | PgType::Double => pgpq(arrow)?,
            PgType::BigInt if matches!(arrow, DataType::Int64 | DataType::UInt32) => pgpq(arrow)?,
            PgType::BigInt => number(NumberColumn::BigInt),
            PgType::Numeric(digits) => number(NumberColumn::Numeric(*digits)),
            PgType::Text => text_kind(arrow),
            PgType::Bytea => Kind::Bytes,
            PgType::Date
            | PgType::Time
            | PgType::Timestamp
            | PgType::TimestampTz
            | PgType::Interval => Kind::Moment(pg.clone()),
            PgType::Jsonb if values::is_text(arrow) => Kind::Checked,
            PgType::Jsonb => Kind::Json { is_binary: true },
            PgType::Array(pg) => {
                let item = list::item(arrow).ok_or_else(|| Unsupported::Type(arrow.clone()))?;
                let plan = Self::new(item.data_type(), pg, item.is_nullable())?;
                Kind::List { item: Box::new(plan), item_oid: list::item_oid(pg) }
            }
        };
        Ok(Self { kind, nullable })
    }

    /// The writer of an array.
    pub(super) fn writer<'a>(&'a self, array: &'a dyn Array) -> Result<Writer<'a>, ValueError> {
        if matches!(array.data_type(), DataType::Dictionary(_, _) | DataType::RunEndEncoded(_, _)) {
            let (indirect, values) = Indirect::of(array)?;
            let content = Content::Indirect(indirect, Box::new(self.writer(values)?));
            // The values themselves know whether they may be null.
            return Ok(Writer { content, nullable: false });
        }
        let content = match &self.kind {
            Kind::Null => Content::Null,
            Kind::Pgpq(builder) => Content::Pgpq(builder.try_new(array)?),
            Kind::Text => Content::Text(Texts::of(array)?),
            Kind::Bytes => Content::Bytes(Blobs::of(array)?),
            Kind::Hex => Content::Hex(Blobs::of(array)?),
            Kind::Checked => Content::Checked(Texts::of(array)?),
            Kind::Json { is_binary } => Content::Json(Values::of(array)?, array, *is_binary),
            Kind::Moment(ty) => Content::Moment(Moments::of(array)?, ty),
            Kind::Number(column) => Content::Number(NumberWriter::new(array, *column)?),
            Kind::NumberText(column) => Content::NumberText(NumberText::new(array, *column)?),
            Kind::List { item, item_oid } => {
                let lists = Lists::of(array)?;
                let items = item.writer(lists.items())?;
                Content::List(ListWriter::new(lists, items, *item_oid))
            }
        };
        let is_one_value = !matches!(self.kind, Kind::List { .. } | Kind::Json { .. });
        Ok(Writer { content, nullable: self.nullable && is_one_value })
    }
}

fn text_kind(arrow: &DataType) -> Kind {
    if arrow == &DataType::Null {
        Kind::Null
    } else if values::is_text(arrow) {
        Kind::Text
    } else if matches!(
        arrow,
        DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
    ) {
        Kind::Hex
    } else if arrow.is_nested() {
        Kind::Json { is_binary: false }
    } else {
        Kind::Number(NumberColumn::Text)
    }
}

fn pgpq(arrow: &DataType) -> Result<Kind, Unsupported> {
    let field = Arc::new(Field::new("value", arrow.clone(), true));
    let builder = EncoderBuilder::try_new(field);
    builder
        .map(|builder| Kind::Pgpq(Box::new(builder)))
        .map_err(|_| Unsupported::Type(arrow.clone()))
}

impl Writer<'_> {
    /// Writes the field of one row.
    pub(super) fn write(&self, row: usize, out: &mut Out) -> Result<(), ValueError> {
        match &self.content {
            Content::Null => out.null(),
            Content::Pgpq(encoder) => encoder.encode(row, &mut out.buffer)?,
            Content::Bytes(blobs) => write_bytes(blobs.get(row), out)?,
            Content::Text(texts) => write_text(texts.get(row), out)?,
            Content::Hex(blobs) => match blobs.get(row) {
                Some(bytes) => out.sized(|out| {
                    json::write_hex(bytes, out);
                    Ok(())
                })?,
                None => out.null(),
            },
            Content::Checked(texts) => match texts.get(row) {
                Some(text) => out.or_null(self.nullable, &NULL, |out| {
                    out.sized(|out| {
                        out.put([json::VERSION]);
                        json::write_checked(text, out)
                    })
                })?,
                None => out.null(),
            },
            Content::Json(_, array, _) if array.is_null(row) => out.null(),
            Content::Json(values, _, is_binary) => write_json(values, row, *is_binary, out)?,
            Content::Moment(moments, ty) => match moments.get(row) {
                Some(moment) => {
                    out.or_null(self.nullable, &NULL, |out| moment.write_field(ty, out))?;
                }
                None => out.null(),
            },
            Content::Number(numbers) => {
                out.or_null(self.nullable, &NULL, |out| numbers.write(row, out))?;
            }
            Content::NumberText(numbers) => {
                out.or_null(self.nullable, &NULL, |out| numbers.write(row, out))?;
            }
            Content::List(lists) => lists.write(row, out)?,
            Content::Indirect(indirect, values) => match indirect.index(row) {
                Some(row) => values.write(row, out)?,
                None => out.null(),
            },
        }
        Ok(())
    }
}

/// The field that is NULL.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

#[inline]
fn write_bytes(bytes: Option<&[u8]>, out: &mut Out) -> Result<(), ValueError> {
    let Some(bytes) = bytes else {
        out.null();
        return Ok(());
    };
    // Hashes and addresses: a copy of known length is several times as fast.
    if let Ok(hash) = <[u8; 32]>::try_from(bytes) {
        out.put(32_i32.to_be_bytes());
        out.put(hash);
        return Ok(());
    }
    if let Ok(address) = <[u8; 20]>::try_from(bytes) {
        out.put(20_i32.to_be_bytes());
        out.put(address);
        return Ok(());
    }
    let most = super::out::FIELD_BYTES_MAX;
    let length = i32::try_from(bytes.len());
    let length = length.map_err(|_| ValueError::TooLong { bytes: bytes.len(), most })?;
    out.put(length.to_be_bytes());
    out.bytes(bytes);
    Ok(())
}

fn write_text(text: Option<&str>, out: &mut Out) -> Result<(), ValueError> {
    let Some(text) = text.filter(|text| text.as_bytes().contains(&0)) else {
        return write_bytes(text.map(str::as_bytes), out);
    };
    if !out.strips_nul() {
        return Err(ValueError::Nul { value: shown(text) });
    }
    out.tally.stripped += 1;
    out.sized(|out| {
        text.split('\0').for_each(|part| out.bytes(part.as_bytes()));
        Ok(())
    })
}

fn write_json(
    values: &Values<'_>,
    row: usize,
    is_binary: bool,
    out: &mut Out,
) -> Result<(), ValueError> {
    out.sized(|out| {
        if is_binary {
            out.put([json::VERSION]);
        }
        let start = out.buffer.len();
        json::write(values, row, out)?;
        let bytes = out.buffer.len() - start;
        if is_binary && bytes > json::BYTES_MAX {
            return Err(ValueError::TooLong { bytes, most: json::BYTES_MAX });
        }
        Ok(())
    })
}
