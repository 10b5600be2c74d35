//! Sealing an entry in two steps. All that needs no predecessor (the body's JSON and digest, most of the header's
//! text) is made first, by whoever brings the entry; the place in the chain is given last, by the one writer, who
//! then has little left to do. It must not know where entries are stored.
//!
//! The hash and the JSON are put together from pieces here; [`Entry::verify`] and serde, which know nothing of the
//! pieces, define what must come out, and the tests compare.

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::entry::{Actor, Body, Draft, Entry, Head, SCHEMA_VERSION, Salt, body_digest};
use crate::hash::{Digest, NotCanonical, canonical_json, push_hex};
use crate::ids::IncidentId;

/// An entry that lacks nothing but its place in the chain.
#[derive(Debug, Clone)]
pub struct Sealing {
    incident: IncidentId,
    happened_at: Timestamp,
    known_at: Timestamp,
    recorded_at: Timestamp,
    by: Actor,
    kind: String,
    body: Body,
    body_digest: Digest,
    /// Has taken in the header's canonical JSON up to the hash of the predecessor.
    hasher: Sha256,
    /// The header's canonical JSON between the hash of the predecessor and the sequence number.
    before_seq: String,
    /// The entry's JSON between the sequence number and the hash of the predecessor.
    json: String,
}

/// A place in a chain, and the hash that an entry has there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    seq: u64,
    prev: Digest,
    hash: Digest,
}

impl Place {
    /// The head of the chain once the entry stands here.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }
}

/// The header up to `prev`. Canonical JSON has its keys in this order, and text alone in it, which serde_json
/// writes in the canonical way.
#[derive(Serialize)]
struct HeaderBeforePrev<'a> {
    body_digest: Digest,
    by: &'a Actor,
    happened_at: Timestamp,
    incident: &'a IncidentId,
    kind: &'a str,
    known_at: Timestamp,
}

/// The fields of [`Entry`] between `seq` and `prev`, in its order.
#[derive(Serialize)]
struct EntryBeforePrev<'a> {
    incident: &'a IncidentId,
    happened_at: Timestamp,
    known_at: Timestamp,
    recorded_at: Timestamp,
    by: &'a Actor,
    kind: &'a str,
    body: &'a Body,
    body_digest: Digest,
}

impl Sealing {
    /// Does all of the work on `draft` that needs no predecessor.
    ///
    /// # Errors
    /// [`NotCanonical`] if the body has no JSON form, which no [`crate::Happening`] of this version is.
    pub fn prepare(draft: &Draft, incident: &IncidentId, salt: Salt) -> Result<Sealing, NotCanonical> {
        let (kind, json) = draft.what.to_kind_and_body()?;
        let mut digits = String::with_capacity(2 * salt.len());
        push_hex(&salt, &mut digits);
        let body_digest = body_digest(&digits, &json)?;
        let body = Body::Kept { salt: digits, json };
        let (happened_at, known_at, recorded_at) = (draft.happened_at, draft.known_at, draft.recorded_at);
        let by = &draft.by;
        let header = HeaderBeforePrev { body_digest, by, happened_at, incident, kind: &kind, known_at };
        let hasher = Sha256::new()
            .chain_update(without_end(serde_json::to_string(&header)?))
            .chain_update(r#","prev":""#);
        let entry = EntryBeforePrev {
            incident,
            happened_at,
            known_at,
            recorded_at,
            by,
            kind: &kind,
            body: &body,
            body_digest,
        };
        let before_seq = format!(
            r#"","recorded_at":{},"schema_version":{SCHEMA_VERSION},"seq":"#,
            serde_json::to_string(&recorded_at)?
        );
        let json = without_end(serde_json::to_string(&entry)?);
        let (incident, by) = (incident.clone(), by.clone());
        Ok(Sealing {
            incident,
            happened_at,
            known_at,
            recorded_at,
            by,
            kind,
            body,
            body_digest,
            hasher,
            before_seq,
            json,
        })
    }

    /// The incident.
    pub fn incident(&self) -> &IncidentId {
        &self.incident
    }

    /// The kind of happening.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What happened.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The place after `prev`.
    ///
    /// # Errors
    /// [`NotCanonical`] never happens for a number; it is passed on rather than hidden.
    pub fn place_after(&self, prev: Option<Head>) -> Result<Place, NotCanonical> {
        let seq = prev.map_or(1, |head| head.seq + 1);
        let prev = prev.map_or(Digest::NONE, |head| head.hash);
        let mut rest = String::with_capacity(160);
        prev.push_to(&mut rest);
        rest.push_str(&self.before_seq);
        rest.push_str(&canonical_json(&seq)?);
        rest.push('}');
        let hash = Digest::from_hasher(self.hasher.clone().chain_update(rest));
        Ok(Place { seq, prev, hash })
    }

    /// The entry's JSON at `place`, as serde writes it.
    pub fn json_at(&self, place: &Place) -> String {
        let mut json = String::with_capacity(self.json.len() + 220);
        json.push_str(&format!(r#"{{"schema_version":{SCHEMA_VERSION},"seq":{},"#, place.seq));
        json.push_str(self.json.strip_prefix('{').unwrap_or(&self.json));
        json.push_str(r#","prev":""#);
        place.prev.push_to(&mut json);
        json.push_str(r#"","hash":""#);
        place.hash.push_to(&mut json);
        json.push_str(r#""}"#);
        json
    }

    /// The entry at `place`.
    pub fn into_entry(self, place: Place) -> Entry {
        Entry {
            schema_version: SCHEMA_VERSION,
            seq: place.seq,
            incident: self.incident,
            happened_at: self.happened_at,
            known_at: self.known_at,
            recorded_at: self.recorded_at,
            by: self.by,
            kind: self.kind,
            body: self.body,
            body_digest: self.body_digest,
            prev: place.prev,
            hash: place.hash,
        }
    }
}

/// An object's JSON, open for more fields.
fn without_end(mut object: String) -> String {
    object.pop();
    object
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entry::verify_chain;
    use crate::happening::Happening;

    fn actor() -> impl Strategy<Value = Actor> {
        prop_oneof![
            any::<String>().prop_map(|name| Actor::Person(name.as_str().into())),
            any::<String>().prop_map(Actor::System)
        ]
    }

    fn time() -> impl Strategy<Value = Timestamp> {
        (-60_000_000_000i64..250_000_000_000, 0i32..1_000_000_000)
            .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond).unwrap())
    }

    proptest! {
        #[test]
        fn the_pieces_make_what_serde_and_verify_expect(
            by in actor(),
            times in [time(), time(), time()],
            channel in any::<String>(),
            text in any::<String>(),
            salt in any::<[u8; 16]>(),
            seq in prop_oneof![1u64..1000, 1u64..1 << 60],
        ) {
            let incident = IncidentId::numbered(7);
            let what = Happening::note(channel, text.as_str());
            let [happened_at, known_at, recorded_at] = times;
            let draft = Draft { happened_at, known_at, recorded_at, by, what };
            let prev = Head { seq, hash: Digest::of(text.as_bytes()) };
            for prev in [None, Some(prev)] {
                let sealing = Sealing::prepare(&draft, &incident, salt).unwrap();
                let place = sealing.place_after(prev).unwrap();
                let json = sealing.json_at(&place);
                let entry = sealing.into_entry(place);
                prop_assert_eq!(entry.verify(&incident, prev), Ok(()));
                prop_assert_eq!(&json, &serde_json::to_string(&entry).unwrap());
                prop_assert_eq!(place.head(), entry.head());
                prop_assert_eq!(entry.happening().unwrap(), draft.what.clone());
            }
        }
    }

    #[test]
    fn one_sealing_may_be_placed_again_elsewhere() {
        let at = Timestamp::UNIX_EPOCH;
        let what = Happening::Resolved { how: "rolled back".into() };
        let draft = Draft { happened_at: at, known_at: at, recorded_at: at, by: Actor::hearback(), what };
        let incident = IncidentId::numbered(1);
        let sealing = Sealing::prepare(&draft, &incident, [3; 16]).unwrap();
        let first = sealing.place_after(None).unwrap();
        let second = sealing.place_after(Some(first.head())).unwrap();
        let chain = [first, second].map(|place| sealing.clone().into_entry(place));
        assert_eq!(verify_chain(&incident, &chain, None), Ok(Some(second.head())));
    }
}
