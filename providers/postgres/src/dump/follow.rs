//! Reads a table's file of a dump while `pg_dump` writes it.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use flate2::{Decompress, FlushDecompress, Status};

/// How much is read at a time, once unpacked: little enough that the allocator has the room at hand.
const CHUNK: usize = 64 * 1024;
/// How much is read of a packed file at a time.
const PACKED: usize = 64 * 1024;
/// What `pg_dump` writes after a table's rows. No row can look like that: a backslash in one is doubled.
const END: &[u8] = b"\\.\n\n\n";

/// A table's file that may still grow.
#[derive(Debug)]
pub(super) struct Follower {
    file: File,
    packing: Packing,
    /// Bytes that may be the beginning of the end.
    held: Vec<u8>,
    ended: bool,
}

#[derive(Debug)]
enum Packing {
    Plain,
    Gzip { inflate: Box<Decompress>, input: Vec<u8>, from: usize },
}

/// What came of reading on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Rows, or parts of them, in the text format of `COPY`.
    Rows(Vec<u8>),
    /// Nothing more is there yet.
    Wait,
    /// All rows were read.
    End,
}

impl Follower {
    /// Opens the file of an entry; `None` if `pg_dump` has not begun with it.
    pub(super) fn open(dump: &Path, entry: u32) -> io::Result<Option<Self>> {
        let plain = path(dump, entry, "dat");
        if let Some(file) = there(&plain)? {
            return Ok(Some(Self::of(file, Packing::Plain)));
        }
        let inflate = Box::new(Decompress::new_gzip(15));
        let gzip = Packing::Gzip { inflate, input: Vec::with_capacity(PACKED), from: 0 };
        Ok(there(&path(dump, entry, "dat.gz"))?.map(|file| Self::of(file, gzip)))
    }

    fn of(file: File, packing: Packing) -> Self {
        Self { file, packing, held: Vec::new(), ended: false }
    }

    /// Reads on.
    pub(super) fn step(&mut self) -> io::Result<Next> {
        if self.ended {
            return Ok(Next::End);
        }
        let mut rows = std::mem::take(&mut self.held);
        rows.reserve(CHUNK);
        self.packing.read(&mut self.file, &mut rows)?;
        self.ended = ends(&rows);
        if self.ended {
            rows.truncate(rows.len() - END.len());
        } else {
            // A newline belongs to it: the end stands at the beginning of a line.
            self.held = rows.split_off(rows.len().saturating_sub(END.len() + 1));
        }
        Ok(match (rows.is_empty(), self.ended) {
            (false, _) => Next::Rows(rows),
            (true, true) => Next::End,
            (true, false) => Next::Wait,
        })
    }
}

/// Whether the end is there: at the beginning of a line, or of the file, whose first bytes are held back until there are more.
fn ends(rows: &[u8]) -> bool {
    rows.strip_suffix(END).is_some_and(|before| before.is_empty() || before.ends_with(b"\n"))
}

impl Packing {
    /// Adds what can be read now to `rows`, up to its capacity.
    fn read(&mut self, file: &mut File, rows: &mut Vec<u8>) -> io::Result<()> {
        let room = CHUNK.saturating_sub(rows.len()) as u64;
        match self {
            Self::Plain => file.take(room).read_to_end(rows).map(drop),
            Self::Gzip { inflate, input, from } => loop {
                if *from == input.len() {
                    input.clear();
                    *from = 0;
                    file.take(PACKED as u64).read_to_end(input)?;
                }
                let (read, written) = (inflate.total_in(), rows.len());
                let done = inflate
                    .decompress_vec(&input[*from..], rows, FlushDecompress::None)
                    .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
                *from += usize::try_from(inflate.total_in() - read).unwrap_or(0);
                let full = rows.len() == rows.capacity();
                let dry = *from == input.len() && input.len() < PACKED;
                if full || dry || done == Status::StreamEnd || (rows.len() == written && *from < input.len())
                {
                    return Ok(());
                }
            },
        }
    }
}

fn path(dump: &Path, entry: u32, ending: &str) -> PathBuf {
    dump.join(format!("{entry}.{ending}"))
}

fn there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// Reads until there is nothing more; what was read, and what came then.
    fn drain(follower: &mut Follower) -> (Vec<u8>, Next) {
        let mut all = Vec::new();
        loop {
            match follower.step().unwrap() {
                Next::Rows(rows) => all.extend(rows),
                end @ (Next::Wait | Next::End) => return (all, end),
            }
        }
    }

    fn rows() -> Vec<u8> {
        (0..60_000).flat_map(|n| format!("{n}\t\\\\.\tö{}\n", n * 7).into_bytes()).collect()
    }

    #[test]
    fn a_file_is_read_to_its_end_wherever_it_was_cut_while_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let whole = [rows().as_slice(), END].concat();
        for (entry, cut) in
            (1..).zip([0, 1, 5, 6, 7, 300_000, whole.len() - 6, whole.len() - 5, whole.len() - 1])
        {
            let mut file = File::create(dir.path().join(format!("{entry}.dat"))).unwrap();
            file.write_all(&whole[..cut]).unwrap();
            let mut follower = Follower::open(dir.path(), entry).unwrap().unwrap();
            let (mut read, end) = drain(&mut follower);
            assert_eq!(end, Next::Wait, "cut at {cut}");
            file.write_all(&whole[cut..]).unwrap();
            let (more, end) = drain(&mut follower);
            read.extend(more);
            assert!(read == rows(), "cut at {cut}");
            assert_eq!(end, Next::End);
            assert_eq!(follower.step().unwrap(), Next::End);
        }
    }

    #[test]
    fn a_packed_file_is_read_while_it_grows() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Follower::open(dir.path(), 7).unwrap().is_none());
        let file = File::create(dir.path().join("7.dat.gz")).unwrap();
        let mut follower = Follower::open(dir.path(), 7).unwrap().unwrap();
        let mut packer = GzEncoder::new(file, Compression::fast());
        let mut read = Vec::new();
        for part in rows().chunks(50_001) {
            packer.write_all(part).unwrap();
            let (more, end) = drain(&mut follower);
            assert_eq!(end, Next::Wait);
            read.extend(more);
        }
        packer.write_all(END).unwrap();
        packer.finish().unwrap();
        let (more, end) = drain(&mut follower);
        read.extend(more);
        assert!(read == rows());
        assert_eq!(end, Next::End);
    }

    #[test]
    fn a_table_without_rows_has_none_and_a_damaged_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("1.dat"), END).unwrap();
        let mut follower = Follower::open(dir.path(), 1).unwrap().unwrap();
        assert_eq!(drain(&mut follower), (vec![], Next::End));
        std::fs::write(dir.path().join("2.dat.gz"), "no gzip at all").unwrap();
        assert!(Follower::open(dir.path(), 2).unwrap().unwrap().step().is_err());
    }
}
