use std::collections::BTreeMap;
use std::fmt;

/// How many rows and blocks a difference shows.
const SHOWN: usize = 5;

/// How a table differs from what it should be. [`Display`](fmt::Display) shows the first of the
/// differing blocks and rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How many rows the table should have.
    pub expected: u64,
    /// How many rows it has.
    pub found: u64,
    /// What differs in each block that differs; `None` is for rows without a block number.
    pub blocks: BTreeMap<Option<i64>, BlockDifference>,
    columns: Vec<String>,
    block_column: Option<usize>,
}

/// How the rows of one block differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockDifference {
    /// Rows that should be there and are not.
    pub missing: u64,
    /// Rows that should not be there at all.
    pub unexpected: u64,
    /// Rows that are there more often than they should be.
    pub doubled: u64,
    samples: Vec<String>,
}

impl Difference {
    pub(super) fn new(
        columns: Vec<String>,
        block_column: Option<usize>,
        expected: u64,
        found: u64,
    ) -> Self {
        Self { expected, found, blocks: BTreeMap::new(), columns, block_column }
    }

    /// Notes how often a row should be there and how often it is.
    pub(super) fn add(&mut self, row: &[Option<String>], expected: u64, found: u64) {
        if expected == found {
            return;
        }
        let number = self.block_column.and_then(|index| row.get(index)?.as_ref()?.parse().ok());
        let block = self.blocks.entry(number).or_default();
        let (count, what) = match (expected, found) {
            (1.., found) if found < expected => (&mut block.missing, "missing"),
            (0, _) => (&mut block.unexpected, "unexpected"),
            _ => (&mut block.doubled, "doubled"),
        };
        *count += expected.abs_diff(found);
        if block.samples.len() < SHOWN {
            let values = self.columns.iter().zip(row).map(|(column, value)| match value {
                Some(value) => format!("{column}={value}"),
                None => format!("{column} is null"),
            });
            block.samples.push(format!("{what}: {}", values.collect::<Vec<_>>().join(", ")));
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (expected, found, blocks) = (self.expected, self.found, self.blocks.len());
        write!(f, "{expected} rows expected, {found} found, differences in {blocks} blocks")?;
        for (number, block) in self.blocks.iter().take(SHOWN) {
            match number {
                Some(number) => write!(f, "\nblock {number}: ")?,
                None => f.write_str("\nwithout a block: ")?,
            }
            let BlockDifference { missing, unexpected, doubled, samples } = block;
            write!(f, "{missing} missing, {unexpected} unexpected, {doubled} doubled")?;
            samples.iter().try_for_each(|sample| write!(f, "\n  {sample}"))?;
        }
        if blocks > SHOWN {
            write!(f, "\nand {} more blocks", blocks - SHOWN)?;
        }
        Ok(())
    }
}
