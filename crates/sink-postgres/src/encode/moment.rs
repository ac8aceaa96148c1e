//! Dates, times and spans as PostgreSQL's binary fields, and as ISO 8601 inside of JSON.

use ampsync_schema::PgType;
use bytes::BytesMut;

use super::out::Out;
use super::value_error::ValueError;
use super::values::{Clock, Moment};
use crate::options::ValuePolicy;

const DAY_SECONDS: i64 = 86_400;

/// From 1970-01-01 to 2000-01-01, where PostgreSQL begins to count.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_SECONDS: i64 = EPOCH_DAYS * DAY_SECONDS;

/// What PostgreSQL's dates are, counted from 2000-01-01: 4714-11-24 BC to 5874897-12-31.
const DATES: std::ops::Range<i64> = -2_451_545..2_145_031_949;
/// What its timestamps are: 4714-11-24 BC to 294276-12-31.
const TIMESTAMPS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;

impl Moment {
    /// Writes the field of a `date`, `time`, `timestamp` or `interval`. What is finer than it can
    /// hold is cut off, towards the past, and counted.
    pub(super) fn write_field(self, ty: &PgType, out: &mut Out) -> Result<(), ValueError> {
        let does_not_fit = || self.does_not_fit(ty);
        let is_finer = match self {
            Self::Date(days, time) => {
                let days = days.checked_sub(EPOCH_DAYS).filter(|days| DATES.contains(days));
                let days = days.and_then(|days| i32::try_from(days).ok());
                out.put(field::<4, 8>(days.ok_or_else(does_not_fit)?.to_be_bytes()));
                time != Clock { seconds: 0, nanos: 0 }
            }
            Self::Time(time) => {
                let micros = self.time_of_day().ok_or_else(does_not_fit)?.micros();
                out.put(field::<8, 12>(micros.ok_or_else(does_not_fit)?.to_be_bytes()));
                time.is_finer()
            }
            Self::Timestamp(time, _) => {
                let seconds = time.seconds.checked_sub(EPOCH_SECONDS);
                let micros = seconds.and_then(|seconds| Clock { seconds, ..time }.micros());
                let micros = micros.filter(|micros| TIMESTAMPS.contains(micros));
                out.put(field::<8, 12>(micros.ok_or_else(does_not_fit)?.to_be_bytes()));
                time.is_finer()
            }
            Self::Span { months, days, time } => {
                let micros = time.micros().ok_or_else(does_not_fit)?;
                let mut value = [0; 16];
                value[..8].copy_from_slice(&micros.to_be_bytes());
                value[8..12].copy_from_slice(&days.to_be_bytes());
                value[12..].copy_from_slice(&months.to_be_bytes());
                out.put(field::<16, 20>(value));
                time.is_finer()
            }
        };
        out.tally.truncated += u64::from(is_finer);
        Ok(())
    }

    /// The time, if a day has it. Its end, 24:00:00, is one.
    fn time_of_day(self) -> Option<Clock> {
        match self {
            Self::Time(time) if (0..DAY_SECONDS).contains(&time.seconds) => Some(time),
            Self::Time(time) if time == Clock { seconds: DAY_SECONDS, nanos: 0 } => Some(time),
            Self::Date(_, _) | Self::Time(_) | Self::Timestamp(_, _) | Self::Span { .. } => None,
        }
    }

    fn does_not_fit(self, ty: &impl ToString) -> ValueError {
        let mut out = Out::new(BytesMut::new(), ValuePolicy::default());
        self.write_iso_unchecked(&mut out);
        let value = String::from_utf8_lossy(&out.buffer).into_owned();
        ValueError::OutOfRange { value, ty: ty.to_string() }
    }

    /// Writes it as ISO 8601 does, with all that it has: inside of JSON nothing is cut off.
    pub(super) fn write_iso(self, out: &mut Out) -> Result<(), ValueError> {
        if matches!(self, Self::Time(_)) && self.time_of_day().is_none() {
            return Err(self.does_not_fit(&"a day"));
        }
        if let Self::Date(_, time) = self {
            out.tally.truncated += u64::from(time != Clock { seconds: 0, nanos: 0 });
        }
        self.write_iso_unchecked(out);
        Ok(())
    }

    fn write_iso_unchecked(self, out: &mut Out) {
        match self {
            Self::Date(days, _) => write_date(days, out),
            Self::Time(time) => write_time(time, out),
            Self::Timestamp(Clock { seconds, nanos }, is_instant) => {
                write_date(seconds.div_euclid(DAY_SECONDS), out);
                out.put(*b"T");
                write_time(Clock { seconds: seconds.rem_euclid(DAY_SECONDS), nanos }, out);
                if is_instant {
                    out.put(*b"Z");
                }
            }
            Self::Span { months, days, time } => write_span(months, days, time, out),
        }
    }
}

/// A value with its length before it.
fn field<const VALUE: usize, const FIELD: usize>(value: [u8; VALUE]) -> [u8; FIELD] {
    const { assert!(FIELD == VALUE + 4 && VALUE < 256, "a field is a length and a value") };
    let mut field = [0; FIELD];
    field[3] = u8::try_from(VALUE).unwrap_or(0);
    field[4..].copy_from_slice(&value);
    field
}

/// Writes `YYYY-MM-DD`; years before 0000 and after 9999 have a sign, and as many digits as need
/// be.
fn write_date(days: i64, out: &mut Out) {
    let (year, month, day) = civil(days);
    if (0..=9_999).contains(&year) {
        write_number(year.unsigned_abs(), 4, out);
    } else {
        out.put(if year < 0 { *b"-" } else { *b"+" });
        write_number(year.unsigned_abs(), 4, out);
    }
    for part in [month, day] {
        out.put(*b"-");
        write_number(part, 2, out);
    }
}

/// Writes `HH:MM:SS` and, if there is one, the fraction of the second in 3, 6 or 9 digits.
fn write_time(time: Clock, out: &mut Out) {
    if time.seconds < 0 {
        out.put(*b"-");
    }
    let seconds = time.seconds.unsigned_abs();
    write_number(seconds / 3_600, 2, out);
    out.put(*b":");
    write_number(seconds / 60 % 60, 2, out);
    out.put(*b":");
    write_number(seconds % 60, 2, out);
    let nanos = u64::from(time.nanos);
    let (fraction, digits) = match nanos {
        0 => return,
        nanos if nanos % 1_000_000 == 0 => (nanos / 1_000_000, 3),
        nanos if nanos % 1_000 == 0 => (nanos / 1_000, 6),
        nanos => (nanos, 9),
    };
    out.put(*b".");
    write_number(fraction, digits, out);
}

/// Writes months, days and seconds, those that are not zero, as `P1M2DT-3.5S`.
fn write_span(months: i32, days: i32, time: Clock, out: &mut Out) {
    out.put(*b"P");
    for (count, unit) in [(months, *b"M"), (days, *b"D")] {
        if count != 0 {
            write_signed(count < 0, count.unsigned_abs().into(), out);
            out.put(unit);
        }
    }
    let is_zero = time == Clock { seconds: 0, nanos: 0 };
    if is_zero && (months != 0 || days != 0) {
        return;
    }
    out.put(*b"T");
    // The whole seconds are counted towards the past, and the fraction from there.
    let is_negative = time.seconds < 0;
    let (seconds, nanos) = match (is_negative, time.nanos) {
        (true, 1..) => (time.seconds.unsigned_abs() - 1, 1_000_000_000 - time.nanos),
        (_, nanos) => (time.seconds.unsigned_abs(), nanos),
    };
    write_signed(is_negative, seconds, out);
    if nanos > 0 {
        let (mut fraction, mut digits) = (nanos, 9);
        while fraction % 10 == 0 {
            (fraction, digits) = (fraction / 10, digits - 1);
        }
        out.put(*b".");
        write_number(fraction.into(), digits, out);
    }
    out.put(*b"S");
}

fn write_signed(is_negative: bool, number: u64, out: &mut Out) {
    if is_negative {
        out.put(*b"-");
    }
    write_number(number, 1, out);
}

/// Writes a number in at least so many digits.
fn write_number(mut number: u64, digits: usize, out: &mut Out) {
    let mut text = [b'0'; 20];
    let mut start = text.len();
    while number > 0 || text.len() - start < digits {
        start -= 1;
        text[start] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    out.bytes(&text[start..]);
}

/// The proleptic Gregorian date that lies `days` after 1970-01-01.
fn civil(days: i64) -> (i64, u64, u64) {
    /// The days of 400 years, after which the calendar repeats itself.
    const CYCLE: i64 = 146_097;
    /// From 0000-03-01 to 1970-01-01.
    const TO_1970: i64 = 719_468;
    let days = days + TO_1970;
    // A year that begins in March ends with its leap day.
    let day_of_cycle = days.rem_euclid(CYCLE);
    let leaps = day_of_cycle / 1_460 - day_of_cycle / 36_524 + day_of_cycle / (CYCLE - 1);
    let year_of_cycle = (day_of_cycle - leaps) / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year_of_cycle + days.div_euclid(CYCLE) * 400 + next;
    (year, month.unsigned_abs(), day.unsigned_abs())
}
