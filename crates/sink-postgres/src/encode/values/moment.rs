use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, IntervalDayTimeType, IntervalMonthDayNanoType,
    IntervalYearMonthType, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, PrimitiveArray};
use arrow_schema::DataType;

use super::unexpected;
use crate::encode::value_error::ValueError;

/// Dates, times, timestamps and spans of time.
pub(in crate::encode) enum Moments<'a> {
    Date32(&'a PrimitiveArray<Date32Type>),
    Date64(&'a PrimitiveArray<Date64Type>),
    TimeS(&'a PrimitiveArray<Time32SecondType>),
    TimeMs(&'a PrimitiveArray<Time32MillisecondType>),
    TimeUs(&'a PrimitiveArray<Time64MicrosecondType>),
    TimeNs(&'a PrimitiveArray<Time64NanosecondType>),
    StampS(&'a PrimitiveArray<TimestampSecondType>),
    StampMs(&'a PrimitiveArray<TimestampMillisecondType>),
    StampUs(&'a PrimitiveArray<TimestampMicrosecondType>),
    StampNs(&'a PrimitiveArray<TimestampNanosecondType>),
    SpanS(&'a PrimitiveArray<DurationSecondType>),
    SpanMs(&'a PrimitiveArray<DurationMillisecondType>),
    SpanUs(&'a PrimitiveArray<DurationMicrosecondType>),
    SpanNs(&'a PrimitiveArray<DurationNanosecondType>),
    Months(&'a PrimitiveArray<IntervalYearMonthType>),
    Days(&'a PrimitiveArray<IntervalDayTimeType>),
    Parts(&'a PrimitiveArray<IntervalMonthDayNanoType>),
}

/// One of them, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::encode) enum Moment {
    /// Days since 1970-01-01, and the time of that day.
    Date(i64, Clock),
    /// Since midnight.
    Time(Clock),
    /// Since 1970-01-01, and whether it is an instant: one with a time zone is counted in UTC.
    Timestamp(Clock, bool),
    Span {
        months: i32,
        days: i32,
        time: Clock,
    },
}

/// A count of nanoseconds: whole seconds, towards the past, and what is above them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::encode) struct Clock {
    pub(in crate::encode) seconds: i64,
    pub(in crate::encode) nanos: u32,
}

impl Clock {
    const ZERO: Self = Self { seconds: 0, nanos: 0 };

    /// A count of units, of which a second has `per_second`.
    fn new(count: i64, per_second: u32) -> Self {
        let rest = count.rem_euclid(per_second.into());
        // The rest is below the number of units, which is at most a thousand million.
        let nanos = u32::try_from(rest).unwrap_or(0) * (1_000_000_000 / per_second);
        Self { seconds: count.div_euclid(per_second.into()), nanos }
    }

    /// In microseconds, towards the past, if a number of 64 bits can hold it.
    pub(in crate::encode) fn micros(self) -> Option<i64> {
        // One second less than nothing may fit where its whole seconds alone do not.
        let micros = i128::from(self.seconds) * 1_000_000 + i128::from(self.nanos / 1_000);
        i64::try_from(micros).ok()
    }

    /// Whether something of it is below a microsecond.
    pub(in crate::encode) fn is_finer(self) -> bool {
        !self.nanos.is_multiple_of(1_000)
    }
}

fn typed<T: ArrowPrimitiveType>(array: &dyn Array) -> Option<&PrimitiveArray<T>> {
    array.as_primitive_opt()
}

fn get<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    row: usize,
    moment: impl FnOnce(T::Native) -> Moment,
) -> Option<Moment> {
    array.is_valid(row).then(|| moment(array.value(row)))
}

fn time(per_second: u32) -> impl Fn(i64) -> Moment {
    move |count| Moment::Time(Clock::new(count, per_second))
}

fn span(per_second: u32) -> impl Fn(i64) -> Moment {
    move |count| Moment::Span { months: 0, days: 0, time: Clock::new(count, per_second) }
}

impl<'a> Moments<'a> {
    pub(in crate::encode) fn of(array: &'a dyn Array) -> Result<Self, ValueError> {
        let date = || typed(array).map(Self::Date32).or_else(|| typed(array).map(Self::Date64));
        let time = || {
            typed(array)
                .map(Self::TimeS)
                .or_else(|| typed(array).map(Self::TimeMs))
                .or_else(|| typed(array).map(Self::TimeUs))
                .or_else(|| typed(array).map(Self::TimeNs))
        };
        let span = || {
            typed(array)
                .map(Self::SpanS)
                .or_else(|| typed(array).map(Self::SpanMs))
                .or_else(|| typed(array).map(Self::SpanUs))
                .or_else(|| typed(array).map(Self::SpanNs))
                .or_else(|| typed(array).map(Self::Months))
                .or_else(|| typed(array).map(Self::Days))
                .or_else(|| typed(array).map(Self::Parts))
        };
        typed(array)
            .map(Self::StampNs)
            .or_else(|| typed(array).map(Self::StampUs))
            .or_else(|| typed(array).map(Self::StampMs))
            .or_else(|| typed(array).map(Self::StampS))
            .or_else(date)
            .or_else(time)
            .or_else(span)
            .ok_or_else(|| unexpected(array))
    }

    /// The moment of a row; `None` if it is null.
    pub(in crate::encode) fn get(&self, row: usize) -> Option<Moment> {
        const DAY_MILLIS: i64 = 86_400_000;
        // The zone's name means nothing to what is stored, and need not be one.
        let stamp =
            |per_second, zone| move |count| Moment::Timestamp(Clock::new(count, per_second), zone);
        match self {
            Self::Date32(array) => get(array, row, |days| Moment::Date(days.into(), Clock::ZERO)),
            Self::Date64(array) => get(array, row, |millis| {
                let time = Clock::new(millis.rem_euclid(DAY_MILLIS), 1_000);
                Moment::Date(millis.div_euclid(DAY_MILLIS), time)
            }),
            Self::TimeS(array) => get(array, row, |count| time(1)(count.into())),
            Self::TimeMs(array) => get(array, row, |count| time(1_000)(count.into())),
            Self::TimeUs(array) => get(array, row, time(1_000_000)),
            Self::TimeNs(array) => get(array, row, time(1_000_000_000)),
            Self::StampS(array) => get(array, row, stamp(1, has_zone(array))),
            Self::StampMs(array) => get(array, row, stamp(1_000, has_zone(array))),
            Self::StampUs(array) => get(array, row, stamp(1_000_000, has_zone(array))),
            Self::StampNs(array) => get(array, row, stamp(1_000_000_000, has_zone(array))),
            Self::SpanS(array) => get(array, row, span(1)),
            Self::SpanMs(array) => get(array, row, span(1_000)),
            Self::SpanUs(array) => get(array, row, span(1_000_000)),
            Self::SpanNs(array) => get(array, row, span(1_000_000_000)),
            Self::Months(array) => {
                get(array, row, |months| Moment::Span { months, days: 0, time: Clock::ZERO })
            }
            Self::Days(array) => get(array, row, |value| Moment::Span {
                months: 0,
                days: value.days,
                time: Clock::new(value.milliseconds.into(), 1_000),
            }),
            Self::Parts(array) => get(array, row, |value| Moment::Span {
                months: value.months,
                days: value.days,
                time: Clock::new(value.nanoseconds, 1_000_000_000),
            }),
        }
    }
}

fn has_zone(array: &dyn Array) -> bool {
    matches!(array.data_type(), DataType::Timestamp(_, Some(_)))
}
