//! Dates, times and intervals as PostgreSQL writes them with `DateStyle = ISO`,
//! `IntervalStyle = postgres` and `TimeZone = UTC`.

use std::fmt::Write;

pub(super) fn date(days: i64) -> String {
    let (year, month, day) = civil(days);
    let (shown, era) = era(year);
    format!("{shown:04}-{month:02}-{day:02}{era}")
}

/// To the microsecond; what is below is cut off, towards the past.
pub(super) fn timestamp(nanos: i128, instant: bool) -> String {
    let (day, nanos_of_day) = split(nanos);
    let (year, month, day) = civil(day);
    let (shown, era) = era(year);
    let time = time(nanos_of_day / 1_000);
    let zone = if instant { "+00" } else { "" };
    format!("{shown:04}-{month:02}-{day:02} {time}{zone}{era}")
}

/// As inside of JSON: ISO 8601 with all digits.
pub(super) fn iso_timestamp(nanos: i128, instant: bool) -> String {
    let (day, nanos_of_day) = split(nanos);
    let zone = if instant { "Z" } else { "" };
    format!("{}T{}{zone}", iso_date(day), iso_time(nanos_of_day))
}

/// As inside of JSON: a year that has not four digits has a sign.
pub(super) fn iso_date(days: i64) -> String {
    let (year, month, day) = civil(days);
    let sign = match year {
        ..0 => "-",
        0..10_000 => "",
        10_000.. => "+",
    };
    format!("{sign}{:04}-{month:02}-{day:02}", year.abs())
}

/// As inside of JSON: the parts that are not zero, `P1M2DT-3.5S`.
pub(super) fn iso_interval(months: i64, days: i64, nanos: i128) -> String {
    let part = |count: i64, unit| if count == 0 { String::new() } else { format!("{count}{unit}") };
    let (months, days) = (part(months, "M"), part(days, "D"));
    let (whole, rest) = (nanos.abs() / 1_000_000_000, nanos.abs() % 1_000_000_000);
    let sign = if nanos < 0 { "-" } else { "" };
    let fraction = format!(".{rest:09}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    let has_time = nanos != 0 || (months.is_empty() && days.is_empty());
    let time = if has_time { format!("T{sign}{whole}{fraction}S") } else { String::new() };
    format!("P{months}{days}{time}")
}

/// A time of day as inside of JSON: with 0, 3, 6 or 9 digits of a second's fraction.
pub(super) fn iso_time(nanos: i64) -> String {
    let whole = time(nanos / 1_000_000_000 * 1_000_000);
    let digits = format!("{:09}", nanos % 1_000_000_000);
    let significant = digits.trim_end_matches('0').len().div_ceil(3) * 3;
    if significant == 0 { whole } else { format!("{whole}.{}", &digits[..significant]) }
}

/// The day since 1970-01-01 and the nanoseconds of that day.
fn split(nanos: i128) -> (i64, i64) {
    const DAY: i128 = 86_400_000_000_000;
    // Both fit by far: a 64-bit number of seconds is the longest there is, and a day is short.
    let day = i64::try_from(nanos.div_euclid(DAY)).unwrap_or(i64::MAX);
    (day, i64::try_from(nanos.rem_euclid(DAY)).unwrap_or(i64::MAX))
}

/// A time of day, or any number of hours.
pub(super) fn time(micros: impl Into<i128>) -> String {
    let micros: i128 = micros.into();
    let seconds = micros / 1_000_000;
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let mut text = format!("{hours:02}:{minutes:02}:{:02}", seconds % 60);
    let fraction = micros % 1_000_000;
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    text
}

pub(super) fn interval(months: i64, days: i64, micros: i64) -> String {
    let mut text = String::new();
    let mut negative = false;
    for (count, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if count != 0 {
            let space = if text.is_empty() { "" } else { " " };
            // A plus sign is written where the part before was negative.
            let plus = if negative && count > 0 { "+" } else { "" };
            let plural = if count == 1 { "" } else { "s" };
            // Writing to a string cannot fail.
            write!(text, "{space}{plus}{count} {unit}{plural}").ok();
            negative = count < 0;
        }
    }
    if text.is_empty() || micros != 0 {
        let space = if text.is_empty() { "" } else { " " };
        let sign = if micros < 0 {
            "-"
        } else if negative {
            "+"
        } else {
            ""
        };
        write!(text, "{space}{sign}{}", time(i128::from(micros).abs())).ok();
    }
    text
}

/// PostgreSQL knows no year zero: the year before 1 is 1 BC.
fn era(year: i64) -> (i64, &'static str) {
    if year > 0 { (year, "") } else { (1 - year, " BC") }
}

/// The proleptic Gregorian date that lies `days` after 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years are counted from March, so that the leap day is a year's last; 400 of them have
    // 146,097 days.
    let since = days + 719_468;
    let cycle = since.div_euclid(146_097);
    let day_of_cycle = since.rem_euclid(146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524
        - day_of_cycle / 146_096)
        / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_cycle + cycle * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_inside_of_json_keep_their_nanoseconds() {
        assert_eq!(
            iso_timestamp(1_655_778_500_123_456_789, true),
            "2022-06-21T02:28:20.123456789Z"
        );
        assert_eq!(iso_timestamp(-500_000_000, false), "1969-12-31T23:59:59.500");
        assert_eq!(iso_timestamp(0, false), "1970-01-01T00:00:00");
        assert_eq!(iso_date(-719_529), "-0001-12-31");
        assert_eq!(iso_date(2_932_897), "+10000-01-01");
        assert_eq!(iso_interval(-1, 2, -1_500_000_000), "P-1M2DT-1.5S");
        assert_eq!(iso_interval(0, 0, 0), "PT0S");
        assert_eq!(iso_interval(1, 0, 0), "P1M");
        assert_eq!(iso_time(86_399_000_010_000), "23:59:59.000010");
    }
}
