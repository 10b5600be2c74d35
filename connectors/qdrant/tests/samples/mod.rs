//! Documents to put into a store, made from few words; shared by the tests and the benchmark.
#![allow(dead_code, reason = "each test program uses some of it")]

use hearback_core::evidence::Origin;
use hearback_core::hash::Digest;
use hearback_core::ids::{ServiceName, SourceName};
use hearback_core::memory::store::{Embedded, PassageFilter, PassageQuery, Retrieval, Shelved, VectorSpace};
use hearback_core::memory::{DocumentId, DocumentKind, Filed, Passage, Section};
use hearback_core::text::ExternalText;
use jiff::{SignedDuration, Timestamp};

/// A space of four numbers: small enough to place things by hand.
pub fn space() -> VectorSpace {
    VectorSpace { model: "by-hand".into(), dimension: 4 }
}

pub fn id(name: &str) -> DocumentId {
    DocumentId::new(format!("file:{name}")).unwrap()
}

pub fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + second).unwrap()
}

/// A document with these texts as passages, of version `version`.
pub fn document(name: &str, version: &str, texts: &[&str]) -> Shelved {
    let (id, version) = (id(name), Digest::of(version.as_bytes()));
    let passages = texts.iter().enumerate().map(|(part, text)| Embedded {
        passage: Passage {
            document: id.clone(),
            version,
            part: part as u32,
            section: if part == 0 { Section::Summary } else { Section::Other },
            heading: ExternalText::from("Checkout › Outage"),
            line: 1 + 10 * part as u32,
            text: ExternalText::from(*text),
            searched: ExternalText::from(*text),
        },
        vector: None,
    });
    let filed = Filed {
        id: id.clone(),
        version,
        kind: DocumentKind::Postmortem,
        title: ExternalText::from(name),
        services: Vec::new(),
        happened_at: None,
        known_at: second(0),
        origin: Origin::Member,
        source: SourceName::new("file:docs").unwrap(),
        merged_by: Some(ExternalText::from("ana")),
        owner: None,
        link: Some("https://wiki.example/outage".into()),
        broke: None,
        fixed: Some(ExternalText::from("rolled back")),
        parts: texts.len() as u32,
        problems: Vec::new(),
        indexed_at: second(5),
    };
    Shelved { filed, passages: passages.collect() }
}

/// Gives each passage a vector.
pub fn with_vectors(mut shelved: Shelved, vectors: &[[f32; 4]]) -> Shelved {
    for (embedded, vector) in shelved.passages.iter_mut().zip(vectors) {
        embedded.vector = Some(vector.to_vec());
    }
    shelved
}

/// Changes what is filed.
pub fn filed(mut shelved: Shelved, change: impl FnOnce(&mut Filed)) -> Shelved {
    change(&mut shelved.filed);
    shelved
}

pub fn service(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

/// A question by words; change what it is by.
pub fn asked(text: &str) -> PassageQuery {
    PassageQuery {
        text: text.into(),
        vector: None,
        by: Retrieval::Words,
        filter: PassageFilter::default(),
        limit: 10,
        budget: SignedDuration::from_secs(30),
    }
}
