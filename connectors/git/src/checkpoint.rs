//! Where a walk stood when everything newer than some moment was behind it: a question about last year need not walk
//! this year again. Pure; it must not know how the cache keeps it.
//!
//! A checkpoint belongs to one tip. A walk takes the newest waiting commit first, so when the newest one left is older
//! than the moment, no commit from before the moment has been taken, and all of them are still to be reached from the
//! commits that wait. Starting from those gives the same rest of the walk, in the same order.

use git2::Oid;

use crate::encoding::{Reader, Writer};

/// How many checkpoints are kept for one tip; the one made first goes first.
const KEPT: usize = 32;

/// Where a walk stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Everything taken so far was committed at or after this.
    pub(crate) at_s: i64,
    /// The next commit of the main line, one of those that waited; none if the main line had ended.
    pub(crate) main: Option<Oid>,
    /// The commits that waited, in the order the walk would take them.
    pub(crate) waiting: Vec<Oid>,
}

/// The checkpoint to start from for a question that looks at nothing from `until_s` on.
pub(crate) fn nearest(known: &[Checkpoint], until_s: i64) -> Option<&Checkpoint> {
    known.iter().filter(|checkpoint| checkpoint.at_s >= until_s).min_by_key(|checkpoint| checkpoint.at_s)
}

/// `known` with `new` in front.
pub(crate) fn with(mut known: Vec<Checkpoint>, new: Checkpoint) -> Vec<Checkpoint> {
    known.retain(|checkpoint| checkpoint.at_s != new.at_s);
    known.insert(0, new);
    known.truncate(KEPT);
    known
}

/// As the cache keeps them.
pub(crate) fn encode(checkpoints: &[Checkpoint]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.number(checkpoints.len() as u64);
    for Checkpoint { at_s, main, waiting } in checkpoints {
        writer.bytes(&at_s.to_be_bytes());
        writer.bytes(main.as_ref().map_or(&[], Oid::as_bytes));
        let all: Vec<u8> = waiting.iter().flat_map(|oid| oid.as_bytes().iter().copied()).collect();
        writer.bytes(&all);
    }
    writer.finish()
}

/// What [`encode`] wrote; none if it was anything else.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<Checkpoint>> {
    let mut reader = Reader::new(bytes);
    let mut checkpoints = Vec::new();
    for _ in 0..reader.number()?.min(KEPT as u64) {
        let at_s = i64::from_be_bytes(reader.bytes()?.try_into().ok()?);
        let main = match reader.bytes()? {
            [] => None,
            oid => Some(Oid::from_bytes(oid).ok()?),
        };
        let waiting: Vec<Oid> =
            reader.bytes()?.chunks(20).map(Oid::from_bytes).collect::<Result<_, _>>().ok()?;
        // Until 2026-11-26 a main line could be kept that nothing waiting leads to.
        if main.is_some_and(|main| !waiting.contains(&main)) {
            return None;
        }
        checkpoints.push(Checkpoint { at_s, main, waiting });
    }
    reader.is_at_end().then_some(checkpoints)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(at_s: i64) -> Checkpoint {
        let oid = |n: u8| Oid::from_bytes(&[n; 20]).unwrap();
        Checkpoint { at_s, main: (at_s % 2 == 0).then(|| oid(2)), waiting: vec![oid(2), oid(3)] }
    }

    #[test]
    fn checkpoints_survive_the_cache_and_damage_is_nothing() {
        let all = vec![checkpoint(-7), checkpoint(8)];
        let bytes = encode(&all);
        assert_eq!(decode(&bytes), Some(all));
        for cut in 0..bytes.len() {
            assert_eq!(decode(&bytes[..cut]), None, "cut at {cut}");
        }
        assert_eq!(decode(&[bytes, vec![0]].concat()), None);
    }

    #[test]
    fn a_main_line_that_nothing_waiting_leads_to_is_not_taken() {
        let oid = |n: u8| Oid::from_bytes(&[n; 20]).unwrap();
        let lost = Checkpoint { main: Some(oid(9)), ..checkpoint(7) };
        assert_eq!(decode(&encode(&[checkpoint(8), lost])), None);
    }

    #[test]
    fn the_nearest_is_the_earliest_that_hides_nothing() {
        let known = [checkpoint(10), checkpoint(30), checkpoint(20)];
        assert_eq!(nearest(&known, 15).map(|c| c.at_s), Some(20));
        assert_eq!(nearest(&known, 20).map(|c| c.at_s), Some(20));
        assert_eq!(nearest(&known, 31), None);
    }

    #[test]
    fn the_oldest_of_many_goes() {
        let known = (0..100).fold(Vec::new(), |known, at_s| with(known, checkpoint(at_s)));
        assert_eq!((known.len(), known[0].at_s), (KEPT, 99));
    }
}
