//! Positions in the write-ahead log.

use std::fmt;
use std::str::FromStr;

/// A position in the write-ahead log of one server.
///
/// Written as two halves in hexadecimal (<https://www.postgresql.org/docs/current/datatype-pg-lsn.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lsn(pub u64);

/// A text that is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no WAL position")]
pub struct LsnError(String);

impl Lsn {
    /// How far this position is ahead of another one, in bytes.
    pub fn ahead_of(self, other: Self) -> u64 {
        self.0.saturating_sub(other.0)
    }

    /// The same position without the header of a page that nothing stands on yet, in pages of so many bytes.
    ///
    /// The place where the next record will go lies behind that header; a server that has replayed everything stands before it.
    /// A header has 24 bytes, or 40 at the start of a segment (`SizeOfXLogShortPHD`, `SizeOfXLogLongPHD`), and no record ends within one.
    pub(crate) fn before_header(self, page: u64) -> Self {
        match self.0.checked_rem(page) {
            Some(within @ (24 | 40)) => Self(self.0 - within),
            Some(_) | None => self,
        }
    }
}

impl FromStr for Lsn {
    type Err = LsnError;
    fn from_str(text: &str) -> Result<Self, LsnError> {
        let wrong = || LsnError(text.escape_debug().to_string());
        let (high, low) = text.split_once('/').ok_or_else(wrong)?;
        let half = |half| u32::from_str_radix(half, 16).map_err(|_| wrong());
        Ok(Self(u64::from(half(high)?) << 32 | u64::from(half(low)?)))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_they_are_written() {
        for text in ["0/0", "0/3000148", "16/B374D848"] {
            assert_eq!(text.parse::<Lsn>().unwrap().to_string(), text);
        }
        for text in ["", "1", "1/", "x/1", "1/1/1", "1/100000000"] {
            assert!(text.parse::<Lsn>().is_err(), "{text}");
        }
        let before = |text: &str| text.parse::<Lsn>().unwrap().before_header(8192).to_string();
        assert_eq!(
            ["0/3000028", "0/3002018", "0/3002148"].map(before),
            ["0/3000000", "0/3002000", "0/3002148"]
        );
        assert!("1/0".parse::<Lsn>().unwrap() > "0/FFFFFFFF".parse().unwrap());
    }
}
