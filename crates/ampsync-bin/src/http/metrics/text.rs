//! Prometheus' text format.

use std::fmt::{self, Write as _};

use sync_core::Histogram;

use super::catalogue::{Kind, Metric};

/// The media type of the format.
pub(in super::super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text in the making.
#[derive(Debug, Default)]
pub(super) struct Text {
    text: String,
}

/// The samples of one metric, of which each has a value for each of its labels.
pub(super) struct Samples<'a> {
    metric: &'static Metric,
    text: &'a mut String,
}

/// A number as the format writes it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Whole(u64),
    Float(f64),
}

impl Text {
    /// Writes a metric: what it is, also where there is nothing to tell of it, then its samples.
    pub(super) fn metric(&mut self, metric: &'static Metric, write: impl FnOnce(&mut Samples<'_>)) {
        let Metric { name, kind, help, unit, .. } = metric;
        let (kind, help) = (kind.as_str(), Escaped { text: help, quotes: false });
        line(&mut self.text, format_args!("# HELP {name} {help} ({unit})\n# TYPE {name} {kind}"));
        write(&mut Samples { metric, text: &mut self.text });
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

impl Samples<'_> {
    /// Writes one value, with a value for each label, in their order.
    pub(super) fn value(&mut self, labels: &[&str], number: impl Into<Number>) {
        assert_ne!(self.metric.kind, Kind::Histogram, "{}", self.metric.name);
        self.sample("", labels, None, number.into());
    }

    /// Writes a value if there is one.
    pub(super) fn known(&mut self, labels: &[&str], number: Option<impl Into<Number>>) {
        if let Some(number) = number {
            self.value(labels, number);
        }
    }

    pub(super) fn histogram(&mut self, labels: &[&str], histogram: &Histogram) {
        assert_eq!(self.metric.kind, Kind::Histogram, "{}", self.metric.name);
        for (bound, count) in histogram.buckets() {
            self.sample("_bucket", labels, Some(bound), count.into());
        }
        self.sample("_bucket", labels, Some(f64::INFINITY), histogram.count().into());
        self.sample("_sum", labels, None, histogram.sum().into());
        self.sample("_count", labels, None, histogram.count().into());
    }

    fn sample(&mut self, suffix: &str, values: &[&str], bound: Option<f64>, number: Number) {
        let Metric { name, labels, .. } = self.metric;
        assert_eq!(labels.len(), values.len(), "{name} has other labels");
        let labels = Labels { names: labels, values, bound };
        line(self.text, format_args!("{name}{suffix}{labels} {number}"));
    }
}

#[expect(clippy::expect_used, reason = "a string takes everything that is written to it")]
fn line(text: &mut String, arguments: fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("a string takes everything");
}

struct Labels<'a> {
    names: &'a [&'a str],
    values: &'a [&'a str],
    /// The upper bound of a bucket, which is a label of its own.
    bound: Option<f64>,
}

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "{";
        for (name, value) in self.names.iter().zip(self.values) {
            write!(f, "{before}{name}=\"{}\"", Escaped { text: value, quotes: true })?;
            before = ",";
        }
        if let Some(bound) = self.bound {
            write!(f, "{before}le=\"{}\"", Number::Float(bound))?;
            before = ",";
        }
        f.write_str(if before == "," { "}" } else { "" })
    }
}

/// A text with the characters escaped that end a line or, where it is in quotes, the text.
struct Escaped<'a> {
    text: &'a str,
    quotes: bool,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '\n' => f.write_str("\\n"),
            '"' if self.quotes => f.write_str("\\\""),
            _ => f.write_char(c),
        })
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        // No machine counts further.
        Self::Whole(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl From<bool> for Number {
    fn from(yes: bool) -> Self {
        Self::Whole(yes.into())
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => write!(f, "{number}"),
            Self::Float(number) if number.is_infinite() && *number > 0.0 => f.write_str("+Inf"),
            Self::Float(number) => write!(f, "{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::catalogue::{CURSOR_BLOCK, REORG_DEPTH, START_TIME};
    use super::*;

    #[test]
    fn whatever_a_label_is_called_it_stays_one_label() {
        let mut text = Text::default();
        text.metric(&CURSOR_BLOCK, |samples| {
            samples.value(&["a\"} 1\nb\\", "main{net}"], 7_u64);
            samples.known(&["none", ""], None::<u64>);
        });
        let expected = expect![[r#"
            # HELP ampsync_cursor_block The last block that is completely in the table (block number)
            # TYPE ampsync_cursor_block gauge
            ampsync_cursor_block{table="a\"} 1\nb\\",network="main{net}"} 7
        "#]];
        expected.assert_eq(&text.finish());
    }

    #[test]
    fn numbers_are_written_in_full() {
        let mut text = Text::default();
        text.metric(&START_TIME, |samples| {
            samples.value(&[], 1_772_000_000.25);
            samples.value(&[], u64::MAX);
            samples.value(&[], 1e-9);
        });
        let text = text.finish();
        let numbers: Vec<_> =
            text.lines().skip(2).filter_map(|line| line.split(' ').nth(1)).collect();
        assert_eq!(numbers, ["1772000000.25", "18446744073709551615", "0.000000001"]);
    }

    #[test]
    fn buckets_of_a_histogram_add_up() {
        let mut blocks = Histogram::blocks();
        [1.0, 4.0, 20_000.0].into_iter().for_each(|depth| blocks.observe(depth));
        let mut text = Text::default();
        text.metric(&REORG_DEPTH, |samples| samples.histogram(&["t"], &blocks));
        let text = text.finish();
        for line in [
            "ampsync_reorg_depth_blocks_bucket{table=\"t\",le=\"1\"} 1",
            "ampsync_reorg_depth_blocks_bucket{table=\"t\",le=\"5\"} 2",
            "ampsync_reorg_depth_blocks_bucket{table=\"t\",le=\"10000\"} 2",
            "ampsync_reorg_depth_blocks_bucket{table=\"t\",le=\"+Inf\"} 3",
            "ampsync_reorg_depth_blocks_sum{table=\"t\"} 20005",
            "ampsync_reorg_depth_blocks_count{table=\"t\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
