//! How the facts of a commit are written into the cache: numbers of seven bits a byte, paths as their bytes. Pure.
//! A reader takes only what a writer wrote, to the last byte; anything else counts as not there.

use hearback_core::change::Lines;

use crate::files::Row;

/// Writes values one after the other.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push((n & 0x7f) as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads them back.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader(bytes)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut n = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(n);
            }
        }
        None
    }

    pub(crate) fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

const COUNTED: u64 = 0;
const BINARY: u64 = 1;
const MOVED: u64 = 2;

/// Writes counted files. Rows with unknown lines are not facts and never come here.
pub(crate) fn encode_rows(rows: &[Row]) -> Vec<u8> {
    let mut out = Writer::default();
    out.number(rows.len() as u64);
    for row in rows {
        let moved = if row.moved_from.is_some() { MOVED } else { 0 };
        match row.lines {
            Lines::Counted { added, deleted } => {
                out.number(COUNTED | moved);
                out.number(added.into());
                out.number(deleted.into());
            }
            Lines::Binary | Lines::Unknown => out.number(BINARY | moved),
        }
        out.bytes(&row.path);
        if let Some(from) = &row.moved_from {
            out.bytes(from);
        }
    }
    out.finish()
}

/// Reads what [`encode_rows`] wrote.
pub(crate) fn decode_rows(bytes: &[u8]) -> Option<Vec<Row>> {
    let mut input = Reader::new(bytes);
    let mut rows = Vec::new();
    for _ in 0..input.number()? {
        let kind = input.number()?;
        let lines = match kind & !MOVED {
            COUNTED => Lines::Counted { added: input.small()?, deleted: input.small()? },
            BINARY => Lines::Binary,
            _ => return None,
        };
        let path = input.bytes()?.into();
        let moved_from = if kind & MOVED == 0 { None } else { Some(input.bytes()?.into()) };
        rows.push(Row { path, lines, moved_from });
    }
    input.is_at_end().then_some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive_and_damage_is_noticed() {
        let row = |path: &[u8], lines, from: Option<&[u8]>| Row {
            path: path.into(),
            lines,
            moved_from: from.map(Into::into),
        };
        let rows = vec![
            row(b"a/\xff", Lines::Counted { added: 300, deleted: u32::MAX }, None),
            row(b"b", Lines::Binary, Some(b"c")),
        ];
        let bytes = encode_rows(&rows);
        assert_eq!(decode_rows(&bytes), Some(rows));
        for end in 0..bytes.len() {
            assert_eq!(decode_rows(&bytes[..end]), None, "{end}");
        }
        assert_eq!(decode_rows(&[&bytes[..], b"x"].concat()), None);
        assert_eq!(decode_rows(&[0xff; 40]), None);
    }
}
