//! The entry: one thing that happened, chained by hash to the one before.
//!
//! The hash covers an entry's header and the *digest* of its body, not the body. The body may therefore be
//! redacted (a tombstone stays) and the chain still verifies. The digest is salted, so that a redacted body
//! can't be guessed back from it; the salt goes with the body.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::happening::Happening;
use crate::hash::{Digest, NotCanonical, canonical_json};
use crate::ids::IncidentId;
use crate::sealing::Sealing;
use crate::text::ExternalText;

/// The version of the entry form that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

/// Who did or said something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "name")]
pub enum Actor {
    /// A person, by the name or handle they go by.
    Person(ExternalText),
    /// A program: `hearback`, `alertmanager`.
    System(String),
}

impl Actor {
    /// The copilot itself.
    pub fn hearback() -> Self {
        Actor::System("hearback".into())
    }

    /// The name, safe to print.
    pub fn for_people(&self) -> String {
        match self {
            Actor::Person(name) => name.for_people(40),
            Actor::System(name) => ExternalText::new(name.as_str()).for_people(40),
        }
    }
}

/// What is known of an entry before the store gives it its place in the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// When it happened in the world.
    pub happened_at: Timestamp,
    /// When the copilot could know it: now when live, the source's own time when imported.
    pub known_at: Timestamp,
    /// When it was written down.
    pub recorded_at: Timestamp,
    /// Who did or said it.
    pub by: Actor,
    /// What happened.
    pub what: Happening,
}

/// The random bytes that keep a redacted body from being guessed.
pub type Salt = [u8; 16];

/// What is left of, or in the place of, a body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The body as it was written.
    Kept {
        /// 32 hexadecimal digits.
        salt: String,
        /// The body's JSON, in the schema version of the entry.
        json: Value,
    },
    /// The body was removed.
    Redacted {
        /// When.
        at: Timestamp,
        /// Why; the record's `redacted` entry says by whom.
        why: ExternalText,
    },
}

/// One thing that happened in an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of this form.
    pub schema_version: u32,
    /// The place in the incident's chain, from 1, without holes.
    pub seq: u64,
    /// The incident.
    pub incident: IncidentId,
    /// When it happened in the world.
    pub happened_at: Timestamp,
    /// When the copilot could know it.
    pub known_at: Timestamp,
    /// When it was written down.
    pub recorded_at: Timestamp,
    /// Who did or said it.
    pub by: Actor,
    /// The kind of happening.
    pub kind: String,
    /// What happened, or a tombstone.
    pub body: Body,
    /// The salted digest of the body.
    pub body_digest: Digest,
    /// The hash of the entry before; [`Digest::NONE`] for the first.
    pub prev: Digest,
    /// The hash of everything above but the body.
    pub hash: Digest,
}

/// The last entry of a chain: what to compare with to notice that a record was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its sequence number.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl std::str::FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once(':').and_then(|(seq, hash)| Some((seq.parse().ok()?, hash.parse().ok()?)));
        let (seq, hash) = parts.ok_or("a head is written SEQ:HASH, as `hearback record verify` prints it")?;
        Ok(Head { seq, hash })
    }
}

/// Why an entry does not belong where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A sequence number is missing, repeated or out of order.
    #[error("entry {expected} is missing: entry {found} stands in its place")]
    Sequence {
        /// The number that should stand here.
        expected: u64,
        /// The number that does.
        found: u64,
    },
    /// The entry belongs to another incident.
    #[error("entry {seq} belongs to another incident")]
    Stranger {
        /// Its sequence number.
        seq: u64,
    },
    /// The entry does not follow the one before it.
    #[error("entry {seq} does not follow entry {}: one was replaced", seq - 1)]
    Link {
        /// Its sequence number.
        seq: u64,
    },
    /// The entry's header was changed.
    #[error("entry {seq} was changed: its hash does not match its header")]
    Header {
        /// Its sequence number.
        seq: u64,
    },
    /// The entry's body was changed.
    #[error("entry {seq} was changed: its body does not match its digest")]
    Body {
        /// Its sequence number.
        seq: u64,
    },
    /// A body is gone and no later entry says that it was redacted.
    #[error("entry {seq} was erased: its body is gone and no entry of the record says so")]
    Erased {
        /// Its sequence number.
        seq: u64,
    },
    /// The chain ends before, or differs at, an exported head.
    #[error(
        "the record was cut short or rewritten: it should hold entry {seq} with the exported head's hash"
    )]
    Truncated {
        /// The exported head's sequence number.
        seq: u64,
    },
}

/// A body could not be read as a happening.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It was redacted.
    #[error("entry {0} was redacted")]
    Redacted(u64),
    /// A newer program wrote it.
    #[error("entry {seq} was written by a newer version (schema {schema_version}); update hearback")]
    Newer {
        /// The entry.
        seq: u64,
        /// Its version.
        schema_version: u32,
    },
    /// The kind is not known, or its body has another form.
    #[error("entry {seq} has a body of kind \"{kind}\" that this version can't read")]
    Form {
        /// The entry.
        seq: u64,
        /// Its kind.
        kind: String,
    },
}

#[derive(Serialize)]
struct HashedHeader<'a> {
    schema_version: u32,
    seq: u64,
    incident: &'a IncidentId,
    happened_at: Timestamp,
    known_at: Timestamp,
    recorded_at: Timestamp,
    by: &'a Actor,
    kind: &'a str,
    body_digest: Digest,
    prev: Digest,
}

impl Entry {
    /// Gives `draft` its place after `prev` in the chain of `incident`. [`Sealing`] does the same in two steps.
    ///
    /// # Errors
    /// [`NotCanonical`] if the body has no JSON form, which no [`Happening`] of this version is.
    pub fn seal(
        draft: &Draft,
        incident: &IncidentId,
        prev: Option<Head>,
        salt: Salt,
    ) -> Result<Entry, NotCanonical> {
        let sealing = Sealing::prepare(draft, incident, salt)?;
        let place = sealing.place_after(prev)?;
        Ok(sealing.into_entry(place))
    }

    /// The place of this entry, for the next one.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// What happened.
    ///
    /// # Errors
    /// [`Unreadable`] if the body is gone or of a form this version does not know; a fold skips such an entry.
    pub fn happening(&self) -> Result<Happening, Unreadable> {
        let seq = self.seq;
        let Body::Kept { json, .. } = &self.body else { return Err(Unreadable::Redacted(seq)) };
        if self.schema_version > SCHEMA_VERSION {
            return Err(Unreadable::Newer { seq, schema_version: self.schema_version });
        }
        serde_json::from_value(serde_json::json!({"kind": self.kind, "body": json}))
            .map_err(|_| Unreadable::Form { seq, kind: self.kind.clone() })
    }

    /// Checks that this entry is what was sealed and stands right after `prev` in the chain of `incident`.
    ///
    /// # Errors
    /// [`Broken`] names what is wrong.
    pub fn verify(&self, incident: &IncidentId, prev: Option<Head>) -> Result<(), Broken> {
        let seq = self.seq;
        let expected = prev.map_or(1, |head| head.seq + 1);
        if seq != expected {
            return Err(Broken::Sequence { expected, found: seq });
        }
        if self.incident != *incident {
            return Err(Broken::Stranger { seq });
        }
        if self.header_hash().ok() != Some(self.hash) {
            return Err(Broken::Header { seq });
        }
        if self.prev != prev.map_or(Digest::NONE, |head| head.hash) {
            return Err(Broken::Link { seq });
        }
        match &self.body {
            Body::Kept { salt, json } if body_digest(salt, json).ok() != Some(self.body_digest) => {
                Err(Broken::Body { seq })
            }
            _ => Ok(()),
        }
    }

    fn header_hash(&self) -> Result<Digest, NotCanonical> {
        let header = HashedHeader {
            schema_version: self.schema_version,
            seq: self.seq,
            incident: &self.incident,
            happened_at: self.happened_at,
            known_at: self.known_at,
            recorded_at: self.recorded_at,
            by: &self.by,
            kind: &self.kind,
            body_digest: self.body_digest,
            prev: self.prev,
        };
        Ok(Digest::of(canonical_json(&header)?.as_bytes()))
    }
}

pub(crate) fn body_digest(salt: &str, json: &Value) -> Result<Digest, NotCanonical> {
    Ok(Digest::of_parts(&[salt.as_bytes(), canonical_json(json)?.as_bytes()]))
}

/// Walks a whole chain, and compares it with an exported `head` if there is one.
///
/// Returns the chain's own head, `None` for an empty chain.
///
/// # Errors
/// [`Broken`] names the first entry that is wrong.
pub fn verify_chain<'a>(
    incident: &IncidentId,
    entries: impl IntoIterator<Item = &'a Entry>,
    exported: Option<Head>,
) -> Result<Option<Head>, Broken> {
    let mut head = None;
    let mut matched = exported.is_none();
    let mut erased = BTreeSet::new();
    for entry in entries {
        entry.verify(incident, head)?;
        head = Some(entry.head());
        matched |= head == exported;
        if let Body::Redacted { .. } = entry.body {
            erased.insert(entry.seq);
        } else if let (true, Ok(Happening::Redacted { seq, .. })) =
            (entry.kind == "redacted", entry.happening())
        {
            erased.remove(&seq);
        }
    }
    match exported {
        Some(exported) if !matched => Err(Broken::Truncated { seq: exported.seq }),
        _ if !erased.is_empty() => Err(Broken::Erased { seq: erased.first().copied().unwrap_or_default() }),
        _ => Ok(head),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(texts: &[&str]) -> (IncidentId, Vec<Entry>) {
        let incident = IncidentId::numbered(1);
        let mut entries: Vec<Entry> = Vec::new();
        for text in texts {
            let at = Timestamp::from_second(1_700_000_000 + entries.len() as i64).unwrap();
            let what = Happening::note("cli", *text);
            let by = Actor::Person("ana".into());
            let draft = Draft { happened_at: at, known_at: at, recorded_at: at, by, what };
            let prev = entries.last().map(Entry::head);
            entries.push(Entry::seal(&draft, &incident, prev, [7; 16]).unwrap());
        }
        (incident, entries)
    }

    #[test]
    fn a_chain_verifies_and_survives_json() {
        let (incident, entries) = chain(&["a", "b", "c"]);
        let text = serde_json::to_string(&entries).unwrap();
        let again: Vec<Entry> = serde_json::from_str(&text).unwrap();
        assert_eq!(again, entries);
        assert_eq!(verify_chain(&incident, &again, None), Ok(Some(entries[2].head())));
        assert_eq!(verify_chain(&incident, &again, Some(entries[1].head())), Ok(Some(entries[2].head())));
    }

    #[test]
    fn every_kind_of_tampering_is_named() {
        let check = |tamper: fn(&mut Vec<Entry>), expect: Broken| {
            let (incident, mut entries) = chain(&["a", "b", "c"]);
            let head = entries[2].head();
            tamper(&mut entries);
            assert_eq!(verify_chain(&incident, &entries, Some(head)), Err(expect));
        };
        check(|e| e[1].by = Actor::Person("eve".into()), Broken::Header { seq: 2 });
        check(|e| e[1].happened_at = Timestamp::UNIX_EPOCH, Broken::Header { seq: 2 });
        check(
            |e| e[1].body = Body::Kept { salt: "07".repeat(16), json: serde_json::json!({"text": "x"}) },
            Broken::Body { seq: 2 },
        );
        check(|e| drop(e.remove(1)), Broken::Sequence { expected: 2, found: 3 });
        check(|e| drop(e.pop()), Broken::Truncated { seq: 3 });
        check(|e| e.swap(0, 1), Broken::Sequence { expected: 1, found: 2 });
        check(|e| *e = chain(&["a", "B", "c"]).1, Broken::Truncated { seq: 3 });
        check(|e| e[1] = chain(&["x", "B"]).1.remove(1), Broken::Link { seq: 2 });
        check(|e| e[0].incident = IncidentId::numbered(2), Broken::Stranger { seq: 1 });
    }

    #[test]
    fn a_redacted_body_leaves_the_chain_whole() {
        let (incident, mut entries) = chain(&["a", "secret", "c"]);
        entries[1].body = Body::Redacted { at: Timestamp::UNIX_EPOCH, why: "a key".into() };
        let unsaid = verify_chain(&incident, &entries, None);
        assert_eq!(unsaid, Err(Broken::Erased { seq: 2 }), "a tombstone nobody recorded is tampering");
        let at = Timestamp::UNIX_EPOCH;
        let what = Happening::Redacted { seq: 2, why: "a key".into() };
        let draft = Draft { happened_at: at, known_at: at, recorded_at: at, by: Actor::hearback(), what };
        entries.push(Entry::seal(&draft, &incident, Some(entries[2].head()), [7; 16]).unwrap());
        assert!(verify_chain(&incident, &entries, None).is_ok());
        assert!(matches!(entries[1].happening(), Err(Unreadable::Redacted(2))));
    }

    #[test]
    fn an_unknown_kind_is_unreadable_but_still_verifies() {
        let (incident, mut entries) = chain(&["a"]);
        entries[0].kind = "teleported".into();
        entries[0].hash = entries[0].header_hash().unwrap();
        assert!(verify_chain(&incident, &entries, None).is_ok());
        assert!(matches!(entries[0].happening(), Err(Unreadable::Form { .. })));
    }

    #[test]
    fn the_hash_of_a_known_entry_never_changes() {
        let (_, entries) = chain(&["a"]);
        assert_eq!(entries[0].hash.short(), "8e06fb77");
    }
}
