//! Figures: medians, spreads, and what they are wanted to be.

use std::fs;
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::machine;
use super::world::World;
use crate::cargo;

/// What a figure is wanted to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// One figure, taken several times.
#[derive(Clone, Debug)]
struct Figure {
    name: String,
    unit: &'static str,
    taken: Vec<f64>,
    target: Option<Target>,
}

/// Figures in the order in which they first came.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures(Vec<Figure>);

impl Figures {
    /// Takes a figure once more.
    pub(super) fn take(&mut self, name: &str, unit: &'static str, value: f64) {
        match self.0.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => figure.taken.push(value),
            None => self.0.push(Figure {
                name: name.to_owned(),
                unit,
                taken: vec![value],
                target: None,
            }),
        }
    }

    /// Says what a figure is wanted to be.
    pub(super) fn want(&mut self, name: &str, target: Target) {
        for figure in self.0.iter_mut().filter(|figure| figure.name == name) {
            figure.target = Some(target);
        }
    }

    /// The median of what was taken.
    pub(super) fn median(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|figure| figure.name == name).map(Figure::median)
    }
}

impl Figure {
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.taken.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    fn median(&self) -> f64 {
        let sorted = self.sorted();
        match (sorted.get((sorted.len().max(1) - 1) / 2), sorted.get(sorted.len() / 2)) {
            (Some(low), Some(high)) => f64::midpoint(*low, *high),
            _ => f64::NAN,
        }
    }

    fn bounds(&self) -> (f64, f64) {
        let sorted = self.sorted();
        let first = sorted.first().copied().unwrap_or(f64::NAN);
        (first, sorted.last().copied().unwrap_or(f64::NAN))
    }

    fn is_met(&self) -> Option<bool> {
        self.target.map(|target| match target {
            Target::AtLeast(least) => self.median() >= least,
            Target::AtMost(most) => self.median() <= most,
        })
    }

    fn line(&self) -> String {
        let (low, high) = self.bounds();
        let target = match self.target {
            Some(Target::AtLeast(least)) => format!("wanted ≥ {}", short(least)),
            Some(Target::AtMost(most)) => format!("wanted ≤ {}", short(most)),
            None => String::new(),
        };
        let met = match self.is_met() {
            Some(true) => ", met",
            Some(false) => ", NOT MET",
            None => "",
        };
        let (name, unit, middle) = (&self.name, self.unit, short(self.median()));
        let spread = format!("{} to {}", short(low), short(high));
        format!("  {name:<44}{middle:>10} {unit:<8}{spread:<22}{target}{met}")
    }

    fn json(&self) -> Value {
        let (low, high) = self.bounds();
        let target = match self.target {
            Some(Target::AtLeast(least)) => json!({ "at_least": least }),
            Some(Target::AtMost(most)) => json!({ "at_most": most }),
            None => Value::Null,
        };
        json!({
            "name": self.name, "unit": self.unit, "median": self.median(), "min": low, "max": high,
            "rounds": self.taken, "target": target, "met": self.is_met(),
        })
    }
}

/// Three significant digits or so.
fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// The figures of one part, with where they were taken.
#[derive(Debug)]
pub(super) struct Report {
    part: String,
    figures: Figures,
    json: Value,
}

impl Report {
    pub(super) fn new(part: String, world: &World, figures: Figures) -> Result<Self> {
        let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        let json = json!({
            "part": part, "unix_seconds": seconds, "optimised": !cfg!(debug_assertions),
            "rounds": world.rounds, "scale": world.scale, "machine": machine::describe(world),
            "figures": figures.0.iter().map(Figure::json).collect::<Vec<_>>(),
        });
        Ok(Self { part, figures, json })
    }

    /// Prints it, and writes `target/bench/PART.json`.
    pub(super) fn publish(&self) -> Result<()> {
        println!("\n{}", self.part);
        for figure in &self.figures.0 {
            println!("{}", figure.line());
        }
        let folder = cargo::root().join("target").join("bench");
        fs::create_dir_all(&folder).context("could not make target/bench")?;
        let path = folder.join(format!("{}.json", self.part));
        let text = format!("{:#}\n", self.json);
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        let mut figures = Figures::default();
        for value in [4.0, 1.0, 2.0, 100.0] {
            figures.take("a", "ms", value);
        }
        assert_eq!(figures.median("a"), Some(3.0));
        assert_eq!(figures.median("b"), None);
    }

    #[test]
    fn a_target_is_met_or_not() {
        let mut figures = Figures::default();
        figures.take("a", "ms", 5.0);
        figures.want("a", Target::AtMost(5.0));
        assert_eq!(figures.0[0].is_met(), Some(true));
        figures.want("a", Target::AtLeast(5.1));
        assert!(figures.0[0].line().ends_with("wanted ≥ 5.100, NOT MET"));
    }
}
