use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The number of a block, at most `i64::MAX`, so that it fits a PostgreSQL `BIGINT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockNum(u64);

/// A number above `i64::MAX` was given as a block number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("block number {0} is above 9223372036854775807")]
pub struct InvalidBlockNum(pub u64);

impl BlockNum {
    /// The first block of a chain.
    pub const ZERO: Self = Self(0);
    /// The highest number a block can have.
    pub const MAX: Self = Self(i64::MAX.unsigned_abs());

    /// The number as the wire writes it.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The number as SQL's `BIGINT`; the constructor proved that it fits.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        self.0.cast_signed()
    }

    /// The number above this one; [`BlockNum::MAX`] stays where it is.
    #[must_use]
    pub fn next(self) -> Self {
        Self((self.0 + 1).min(Self::MAX.0))
    }

    /// The number below this one, `None` below zero.
    #[must_use]
    pub fn prev(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// The number `blocks` below this one, or zero.
    #[must_use]
    pub fn saturating_sub(self, blocks: u64) -> Self {
        Self(self.0.saturating_sub(blocks))
    }
}

impl TryFrom<u64> for BlockNum {
    type Error = InvalidBlockNum;

    fn try_from(number: u64) -> Result<Self, InvalidBlockNum> {
        if number > Self::MAX.0 { Err(InvalidBlockNum(number)) } else { Ok(Self(number)) }
    }
}

impl From<u32> for BlockNum {
    fn from(number: u32) -> Self {
        Self(u64::from(number))
    }
}

impl fmt::Display for BlockNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The hash of a block: 32 bytes, written `0x` and 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockHash(pub [u8; 32]);

/// A text that is not `0x` and 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a block hash: expected 0x and 64 hex digits")]
pub struct InvalidBlockHash(pub String);

impl FromStr for BlockHash {
    type Err = InvalidBlockHash;

    fn from_str(text: &str) -> Result<Self, InvalidBlockHash> {
        let parse = || {
            let digits = text.strip_prefix("0x")?.as_bytes();
            if digits.len() != 64 {
                return None;
            }
            let mut bytes = [0; 32];
            for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
            }
            Some(Self(bytes))
        };
        // A hostile text may be long; the error keeps enough of it to be recognised.
        parse().ok_or_else(|| InvalidBlockHash(text.chars().take(80).collect()))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The name of a network, such as `mainnet`. Case matters. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(Arc<str>);

impl Network {
    /// The network called `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The network's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_as_written() {
        let text = format!("0x{}", "0a9F".repeat(16));
        let hash: BlockHash = text.parse().unwrap();
        assert_eq!(hash.to_string(), text.to_lowercase());
    }

    #[test]
    fn anything_else_is_not_a_hash() {
        let long = format!("0x{}", "a".repeat(66));
        let digits = "a".repeat(66);
        let letters = format!("0x{}", "g".repeat(64));
        let wide = format!("0x{}", "ä".repeat(32));
        for text in ["", "0x", "0xab", &long, &digits, &letters, &wide] {
            assert!(text.parse::<BlockHash>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_block_number_fits_a_bigint() {
        assert_eq!(BlockNum::try_from(BlockNum::MAX.get()).unwrap().as_i64(), i64::MAX);
        assert_eq!(BlockNum::try_from(1_u64 << 63), Err(InvalidBlockNum(1 << 63)));
        assert_eq!(BlockNum::MAX.next(), BlockNum::MAX);
        assert_eq!(BlockNum::ZERO.prev(), None);
    }
}
