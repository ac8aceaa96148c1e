//! Amounts and times as a person reads them.

use std::fmt;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use sink_postgres::TableStatus;

/// A number with its thousands apart: `1 234 567`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount(pub(crate) u64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(' ');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

/// A size: `16 KiB`, `1.5 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // In tenths, so that no fraction is needed.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut units = UNITS.iter();
    let mut unit = units.next().unwrap_or(&"KiB");
    for larger in units {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, larger);
    }
    match tenths {
        100.. => format!("{} {unit}", tenths / 10),
        _ => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

/// What a table takes, in words.
pub(crate) fn size(status: &TableStatus) -> String {
    let Some(storage) = status.storage else { return "the table is gone".to_owned() };
    let rows = storage.rows_estimate.map(|rows| format!("about {} rows, ", Amount(rows)));
    format!("{}{}", rows.unwrap_or_default(), bytes(storage.bytes))
}

/// How long ago a moment was: `3 s ago`, `5 min ago`, `4 h ago`, `12 d ago`.
pub(crate) fn ago(moment: SystemTime, now: SystemTime) -> String {
    // A clock may have been set back.
    let seconds = now.duration_since(moment).unwrap_or(Duration::ZERO).as_secs();
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// A moment for people: `2026-11-25 21:07:01 UTC`.
pub(crate) fn moment(moment: SystemTime) -> String {
    DateTime::<Utc>::from(moment).format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Through which block the table is: `through block 120`.
pub(crate) fn block(status: &TableStatus) -> String {
    match &status.cursor {
        Some(cursor) => format!("through block {}", cursor.number),
        None => "before its first block".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1 000"), (12_345_678, "12 345 678")]
        {
            assert_eq!(Amount(number).to_string(), text);
        }
    }

    #[test]
    fn sizes_have_three_digits_at_most() {
        for (size, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (16_384, "16 KiB"),
            (1_572_864, "1.5 MiB"),
            (1 << 40, "1.0 TiB"),
            (u64::MAX, "16383 PiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn times_are_told_by_how_long_ago_they_were() {
        let start = SystemTime::UNIX_EPOCH;
        for (seconds, text) in [
            (0, "0 s ago"),
            (119, "119 s ago"),
            (120, "2 min ago"),
            (7_200, "2 h ago"),
            (259_200, "3 d ago"),
        ] {
            assert_eq!(ago(start, start + Duration::from_secs(seconds)), text);
        }
        assert_eq!(ago(start + Duration::from_secs(9), start), "0 s ago");
        assert_eq!(moment(start), "1970-01-01 00:00:00 UTC");
    }
}
