//! What a commit tells of its people: who wrote it, by which clock, who brought it in, what it says and which files it
//! touched. A fact of the commit's content, kept as such. Pure; it must not know what is concluded of people.

use hearback_core::change::Says;

use crate::encoding::{Reader, Writer};
use crate::memory::Weighed;
use crate::object::People;
use crate::revert_message::Mentions;

/// As many files are kept: a commit that touches more tells little of what its author knows.
pub(crate) const MOST_PATHS: usize = 40;

/// As much of a message is kept, in bytes: what a commit is about is said at its beginning.
const BODY_BYTES: usize = 800;

/// What a commit tells of its people.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Deed {
    pub(crate) people: People,
    pub(crate) title: String,
    /// At most [`BODY_BYTES`].
    pub(crate) body: String,
    pub(crate) mentions: Mentions,
    /// At most [`MOST_PATHS`].
    pub(crate) paths: Vec<Box<[u8]>>,
}

impl Weighed for Deed {
    fn bytes(&self) -> usize {
        let paths: usize = self.paths.iter().map(|path| size_of::<Box<[u8]>>() + path.len()).sum();
        size_of::<Deed>() + self.title.len() + self.body.len() + 80 + paths
    }
}

/// The beginning of a message's body, as it is kept.
pub(crate) fn beginning(mut body: String) -> String {
    body.truncate(body.floor_char_boundary(BODY_BYTES));
    body.shrink_to_fit();
    body
}

/// Half-hour zones exist, negative ones too: minutes are written with this added. None is 0.
const CLOCK_BIAS: i64 = 24 * 60 + 1;

pub(crate) fn encode(deed: &Deed) -> Vec<u8> {
    let mut out = Writer::default();
    let People { name, email, clock_minutes, committer_name, committer_email } = &deed.people;
    for text in [name, email, committer_name, committer_email, &deed.title, &deed.body] {
        out.bytes(text.as_bytes());
    }
    out.number(clock_minutes.map_or(0, |minutes| (i64::from(minutes) + CLOCK_BIAS).max(0).unsigned_abs()));
    let Mentions {
        says,
        reverts,
        reverts_change_ids,
        reverted_title,
        reverted_number,
        relands,
        relanded_title,
        change_id,
    } = &deed.mentions;
    out.number(match says {
        Says::Nothing => 0,
        Says::Reverts => 1,
        Says::Relands => 2,
    });
    for list in [reverts, reverts_change_ids, relands] {
        out.number(list.len() as u64);
        list.iter().for_each(|text| out.bytes(text.as_bytes()));
    }
    for text in [reverted_title, reverted_number, relanded_title, change_id] {
        out.number(u64::from(text.is_some()));
        text.iter().for_each(|text| out.bytes(text.as_bytes()));
    }
    out.number(deed.paths.len() as u64);
    deed.paths.iter().for_each(|path| out.bytes(path));
    out.finish()
}

/// None if it was not written by [`encode`], to the last byte.
pub(crate) fn decode(fact: &[u8]) -> Option<Deed> {
    let mut read = Reader::new(fact);
    let mut deed = Deed::default();
    let people = &mut deed.people;
    people.name = text(&mut read)?;
    people.email = text(&mut read)?;
    people.committer_name = text(&mut read)?;
    people.committer_email = text(&mut read)?;
    deed.title = text(&mut read)?;
    deed.body = text(&mut read)?;
    let clock = i64::from(read.small()?);
    people.clock_minutes =
        (clock > 0).then_some(clock - CLOCK_BIAS).and_then(|minutes| minutes.try_into().ok());
    deed.mentions.says = match read.number()? {
        0 => Says::Nothing,
        1 => Says::Reverts,
        2 => Says::Relands,
        _ => return None,
    };
    deed.mentions.reverts = list(&mut read)?;
    deed.mentions.reverts_change_ids = list(&mut read)?;
    deed.mentions.relands = list(&mut read)?;
    deed.mentions.reverted_title = maybe(&mut read)?;
    deed.mentions.reverted_number = maybe(&mut read)?;
    deed.mentions.relanded_title = maybe(&mut read)?;
    deed.mentions.change_id = maybe(&mut read)?;
    let paths = read.number()?;
    for _ in 0..paths {
        deed.paths.push(read.bytes()?.into());
    }
    read.is_at_end().then_some(deed)
}

fn text(read: &mut Reader<'_>) -> Option<String> {
    Some(std::str::from_utf8(read.bytes()?).ok()?.to_owned())
}

fn list(read: &mut Reader<'_>) -> Option<Vec<String>> {
    let count = read.number()?;
    (0..count).map(|_| text(read)).collect()
}

fn maybe(read: &mut Reader<'_>) -> Option<Option<String>> {
    match read.number()? {
        0 => Some(None),
        1 => text(read).map(Some),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed() -> Deed {
        Deed {
            people: People {
                name: "Ana".into(),
                email: "ana@shop.example".into(),
                clock_minutes: Some(-210),
                committer_name: "Ben".into(),
                committer_email: String::new(),
            },
            title: "Revert \"Cart holds lists\"".into(),
            body: "Totals were wrong.".into(),
            mentions: Mentions {
                says: Says::Reverts,
                reverts: vec!["3f2a91c".into()],
                reverted_title: Some("Cart holds lists".into()),
                ..Mentions::default()
            },
            paths: vec![b"web/cart.js".as_slice().into(), b"\xff".as_slice().into()],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for clock_minutes in [Some(-210), Some(0), Some(840), None] {
            let mut deed = deed();
            deed.people.clock_minutes = clock_minutes;
            assert_eq!(decode(&encode(&deed)), Some(deed));
        }
        assert_eq!(decode(&encode(&Deed::default())), Some(Deed::default()));
    }

    #[test]
    fn of_a_long_message_the_beginning_is_kept_to_a_whole_character() {
        assert_eq!(beginning("short".into()), "short");
        let kept = beginning("é".repeat(BODY_BYTES) + "x");
        assert_eq!(kept, "é".repeat(BODY_BYTES / 2));
    }

    #[test]
    fn a_fact_that_is_cut_or_longer_is_none() {
        let fact = encode(&deed());
        for end in 0..fact.len() {
            assert_eq!(decode(&fact[..end]), None, "{end}");
        }
        assert_eq!(decode(&[fact.as_slice(), b"x"].concat()), None);
    }
}
