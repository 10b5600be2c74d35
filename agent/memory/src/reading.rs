//! From a text as it was found to a document with its passages: what it is, what it is about, when it could be known, and
//! pieces small enough to be found and shown. It must not know a store.

use hearback_core::memory::source::Writing;
use hearback_core::memory::store::{Embedded, Shelved};
use hearback_core::memory::{DocumentKind, Filed, Passage, Section};
use hearback_core::redaction::redact;
use hearback_core::{Digest, ExternalText, ServiceName};
use jiff::Timestamp;

use crate::front::{self, Front, kind_named, moment};
use crate::outline::{Block, BlockKind, Outline, Part, outline};
use crate::section::section_of;
use crate::telling::{broke, fixed, split_sentences};
use crate::writing::{Form, Unreadable, text_of};

/// The rules by which documents are read and cut. A new number makes every document be indexed again.
const RULES: u32 = 1;
/// A passage has about as many characters: what a small embedding model reads whole (256 word pieces).
const PASSAGE: usize = 1_000;
/// A document is cut into at most so many passages; the rest of it is left out, and that is said.
const MOST_PASSAGES: usize = 400;

/// A document that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The document.
    pub shelved: Shelved,
    /// What it links to.
    pub links: Vec<String>,
}

/// What is known when documents are read.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The services of the catalog, by every name they have, with the name that counts.
    pub services: &'a [(String, ServiceName)],
    /// Now.
    pub now: Timestamp,
}

/// The version of a writing: the same as long as neither it nor the rules change.
pub fn version(writing: &Writing) -> Digest {
    let kind = writing.kind.map_or("", DocumentKind::as_str);
    let merged = writing.merged_at.map(|at| at.to_string()).unwrap_or_default();
    let by = writing.merged_by.as_ref().map_or("", ExternalText::as_untrusted);
    let link = writing.link.as_deref().unwrap_or_default();
    let rules = format!("{RULES} {:?}", writing.origin);
    Digest::of_parts(&[
        rules.as_bytes(),
        kind.as_bytes(),
        merged.as_bytes(),
        by.as_bytes(),
        link.as_bytes(),
        &writing.bytes,
    ])
}

/// Reads a document and cuts it into passages, without vectors.
///
/// # Errors
/// [`Unreadable`] if it is no document at all.
pub fn read(writing: &Writing, reader: Reader<'_>) -> Result<Read, Unreadable> {
    let text = text_of(&writing.bytes)?;
    let (text, _) = redact(&text);
    let front::Split { front, body, lines_before, problem } = front::split(&text);
    let form = Form::of(&writing.name, body);
    let outline = outline(body, form, lines_before);
    let happened_at = front.happened_at.or_else(|| date_in(&writing.name)).or_else(|| date_line(body));
    let front = Front { happened_at, ..front };
    let problems = problem.into_iter().collect();
    let shelved = assemble(writing, &front, &outline, problems, reader);
    Ok(Read { shelved, links: outline.links })
}

/// Makes a document of what was read: what it is about, when it could be known, and its passages.
pub(crate) fn assemble(
    writing: &Writing,
    front: &Front,
    outline: &Outline,
    mut problems: Vec<String>,
    reader: Reader<'_>,
) -> Shelved {
    let title = title(writing, front, outline);
    let kind = kind(writing, front, outline, &title);
    let services = services(writing, front, &title, reader.services);
    let known_at = writing
        .merged_at
        .or(front.published_at)
        .or(front.happened_at)
        .or(writing.written_at)
        .unwrap_or(reader.now);
    let version = version(writing);
    let mut cut = Cut { writing, title: &title, services: &services, kind, version, passages: Vec::new() };
    cut.head(front, outline);
    for part in &outline.parts {
        cut.part(part);
    }
    if cut.passages.len() > MOST_PASSAGES {
        problems.push(format!("it is long: only its first {MOST_PASSAGES} passages are found"));
        cut.passages.truncate(MOST_PASSAGES);
    }
    let passages: Vec<Embedded> =
        cut.passages.into_iter().map(|passage| Embedded { passage, vector: None }).collect();
    let tells = kind.tells_of_an_incident();
    let filed = Filed {
        id: writing.id.clone(),
        version,
        kind,
        title: ExternalText::new(title),
        services,
        happened_at: front.happened_at,
        known_at,
        origin: writing.origin,
        source: writing.source.clone(),
        merged_by: writing.merged_by.clone(),
        owner: front.owner.as_deref().map(|owner| ExternalText::capped(owner, 200)),
        link: front.link.clone().or_else(|| writing.link.clone()),
        broke: tells.then(|| broke(outline, front.summary.as_deref())).flatten(),
        fixed: tells.then(|| fixed(outline)).flatten(),
        problems,
        parts: u32::try_from(passages.len()).unwrap_or(u32::MAX),
        indexed_at: reader.now,
    };
    Shelved { filed, passages }
}

/// What it says, else its first heading, else its name.
fn title(writing: &Writing, front: &Front, outline: &Outline) -> String {
    let said = front.title.clone().or_else(|| outline.title.clone());
    let title = said.unwrap_or_else(|| {
        let file = writing.name.rsplit('/').next().unwrap_or(&writing.name);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        stem.replace(['-', '_'], " ")
    });
    ExternalText::new(title).for_people(200)
}

/// Who adds it, what it says, its folder, its title, and at last what its parts are about.
fn kind(writing: &Writing, front: &Front, outline: &Outline, title: &str) -> DocumentKind {
    let of_folder = || {
        let lower = writing.name.to_lowercase();
        let mut folders = lower.split(['/', '.']).rev();
        folders.find_map(|folder| {
            kind_named(folder).filter(|kind| *kind != DocumentKind::Doc).or_else(|| named_in(folder))
        })
    };
    let of_parts = || {
        let has = |section: Section| outline.parts.iter().any(|part| part.section == Some(section));
        let tells = [Section::RootCause, Section::Timeline, Section::Impact, Section::Resolution];
        let told = tells.into_iter().filter(|section| has(*section)).count();
        let steps = || {
            let blocks = outline.parts.iter().flat_map(|part| &part.blocks);
            blocks.filter(|block| block.kind == BlockKind::Step).count()
        };
        match told {
            2.. => Some(DocumentKind::Postmortem),
            _ if steps() >= 2 && (has(Section::Steps) || section_of(title, None) == Some(Section::Steps)) => {
                Some(DocumentKind::Runbook)
            }
            _ => None,
        }
    };
    let said = writing.kind.or(front.kind);
    let guessed = said.or_else(of_folder).or_else(|| named_in(&title.to_lowercase())).or_else(of_parts);
    guessed.unwrap_or(DocumentKind::Doc)
}

fn named_in(lower: &str) -> Option<DocumentKind> {
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&[
        "postmortem",
        "post-mortem",
        "post mortem",
        "incident review",
        "incident-report",
        "retrospective",
    ]) {
        Some(DocumentKind::Postmortem)
    } else if has(&["runbook", "playbook"]) {
        Some(DocumentKind::Runbook)
    } else {
        None
    }
}

/// What it says, else the services of the catalog that its title or its folders name.
fn services(
    writing: &Writing,
    front: &Front,
    title: &str,
    known: &[(String, ServiceName)],
) -> Vec<ServiceName> {
    let named = |name: &str| {
        let find = |(other, _): &&(String, ServiceName)| other.eq_ignore_ascii_case(name);
        known.iter().find(find).map(|(_, service)| service.clone())
    };
    let mut services: Vec<ServiceName> = Vec::new();
    let mut add = |service: ServiceName| {
        if !services.contains(&service) {
            services.push(service);
        }
    };
    for service in &front.services {
        add(named(service.as_str()).unwrap_or_else(|| service.clone()));
    }
    if front.services.is_empty() {
        let text = format!("{title} {}", writing.name).to_lowercase();
        let is_part = |c: char| c.is_alphanumeric();
        for (name, service) in known {
            let name = name.to_lowercase();
            let stands_alone = text.match_indices(&name).any(|(at, _)| {
                let before = text.get(..at).and_then(|before| before.chars().next_back());
                let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
                !before.is_some_and(is_part) && !after.is_some_and(is_part)
            });
            if !name.is_empty() && stands_alone {
                add(service.clone());
            }
        }
    }
    services
}

/// `2024-03-02`, `2024_03_02` or `20240302` in a name.
fn date_in(name: &str) -> Option<Timestamp> {
    let digits = |text: &str, count: usize| {
        text.len() >= count && text.bytes().take(count).all(|b| b.is_ascii_digit())
    };
    for (at, _) in name.match_indices("20").chain(name.match_indices("19")) {
        let before = at.checked_sub(1).and_then(|before| name.as_bytes().get(before));
        if before.is_some_and(u8::is_ascii_digit) {
            continue;
        }
        let rest = name.get(at..)?;
        if digits(rest, 8) && !digits(rest, 9) {
            let (year, month, day) = (rest.get(..4)?, rest.get(4..6)?, rest.get(6..8)?);
            if let Some(date) = moment(&format!("{year}-{month}-{day}")) {
                return Some(date);
            }
        }
        let date = rest.get(..10).map(|date| date.replace(['_', '.', '/'], "-"));
        if let Some(date) = date.as_deref().and_then(moment) {
            return Some(date);
        }
    }
    None
}

/// A line such as `**Date**: 2024-03-02` near the top.
fn date_line(body: &str) -> Option<Timestamp> {
    const TOP: usize = 25;
    body.lines().take(TOP).find_map(|line| {
        let line: String = line
            .chars()
            .filter(|c| !matches!(c, '*' | '_' | '|' | '#' | '-') || c.is_ascii_digit())
            .collect();
        let (label, rest) = line.split_once(':').unwrap_or((line.as_str(), ""));
        let label = label.trim().to_lowercase();
        let is_date = ["date", "incident date", "start", "started", "start time", "occurred", "when"]
            .contains(&label.as_str());
        // The dashes of the date went with the marks.
        is_date.then(|| date_in(rest.trim())).flatten()
    })
}

/// Cuts parts into passages.
struct Cut<'a> {
    writing: &'a Writing,
    title: &'a str,
    services: &'a [ServiceName],
    kind: DocumentKind,
    version: Digest,
    passages: Vec<Passage>,
}

impl Cut<'_> {
    /// What it says in short: title, summary, keywords. A document without a summary and with one short part is that part.
    fn head(&mut self, front: &Front, outline: &Outline) {
        let summary = front.summary.as_deref().unwrap_or_default();
        if summary.is_empty() && front.keywords.is_empty() && !outline.parts.is_empty() {
            return;
        }
        let text = if summary.is_empty() { self.title.to_owned() } else { summary.to_owned() };
        let searched = format!("{summary}\n{}", front.keywords.join(", "));
        self.push(Section::Summary, "", 1, text, &searched);
    }

    fn part(&mut self, part: &Part) {
        let heading = part.headings.join(" › ");
        let section = part.section.unwrap_or(match self.kind {
            DocumentKind::Runbook if part.blocks.iter().any(|block| block.kind == BlockKind::Step) => {
                Section::Steps
            }
            _ => Section::Other,
        });
        let (mut text, mut line, mut step) = (String::new(), part.line, 0);
        for block in part.blocks.iter().flat_map(pieces) {
            if !text.is_empty() && text.len() + block.text.len() > PASSAGE {
                let full = std::mem::take(&mut text);
                self.push(section, &heading, line, full, "");
            }
            if text.is_empty() {
                line = block.line;
            } else {
                text.push('\n');
            }
            match block.kind {
                BlockKind::Step => {
                    step += 1;
                    text.push_str(&format!("{step}. "));
                }
                BlockKind::Item => text.push_str("- "),
                BlockKind::Text => step = 0,
                BlockKind::Code => {}
            }
            text.push_str(&block.text);
        }
        if !text.is_empty() {
            self.push(section, &heading, line, text, "");
        }
    }

    /// `searched` is what is searched in the place of `text`, unless it is empty.
    fn push(&mut self, section: Section, heading: &str, line: u32, text: String, searched: &str) {
        let services: Vec<&str> = self.services.iter().map(ServiceName::as_str).collect();
        let around = [self.title, heading, &services.join(" ")];
        let mut all: Vec<&str> = around.into_iter().filter(|one| !one.is_empty()).collect();
        all.push(if searched.is_empty() { &text } else { searched });
        let searched = ExternalText::new(all.join("\n"));
        self.passages.push(Passage {
            document: self.writing.id.clone(),
            version: self.version,
            part: u32::try_from(self.passages.len()).unwrap_or(u32::MAX),
            section,
            heading: ExternalText::capped(heading, 300),
            line,
            text: ExternalText::new(text),
            searched,
        });
    }
}

/// A block in pieces that fit into a passage: by sentences, then by words; code by lines.
fn pieces(block: &Block) -> Vec<Block> {
    if block.text.len() <= PASSAGE {
        return vec![block.clone()];
    }
    let (units, joint): (Vec<&str>, &str) = match block.kind {
        BlockKind::Code => (block.text.lines().collect(), "\n"),
        _ => (split_sentences(&block.text).collect(), " "),
    };
    let mut pieces: Vec<String> = Vec::new();
    for unit in units.into_iter().flat_map(chunks) {
        match pieces.last_mut() {
            Some(last) if last.len() + unit.len() < PASSAGE => {
                last.push_str(joint);
                last.push_str(unit);
            }
            _ => pieces.push(unit.to_owned()),
        }
    }
    pieces.into_iter().map(|text| Block { kind: block.kind, text, line: block.line }).collect()
}

/// A text in pieces of at most [`PASSAGE`] bytes, cut at white space where there is some.
fn chunks(text: &str) -> Vec<&str> {
    let (mut rest, mut chunks) = (text, Vec::new());
    while rest.len() > PASSAGE {
        let whole = ExternalText::capped(rest, PASSAGE).as_untrusted().len();
        let space = rest
            .get(..whole)
            .and_then(|start| start.rfind(char::is_whitespace))
            .filter(|at| *at > PASSAGE / 2);
        let Some((start, left)) = rest.split_at_checked(space.unwrap_or(whole)) else { break };
        chunks.push(start);
        rest = left.trim_start();
    }
    chunks.push(rest);
    chunks
}

#[cfg(test)]
mod tests {
    use hearback_core::Origin;
    use hearback_core::memory::DocumentId;
    use hearback_core::time::parse_time;

    use super::*;

    fn writing(name: &str, text: &str) -> Writing {
        Writing {
            id: DocumentId::new(format!("file:{name}")).unwrap(),
            source: "memory:docs".parse().unwrap(),
            name: name.into(),
            bytes: text.as_bytes().to_vec(),
            kind: None,
            origin: Origin::Member,
            merged_by: None,
            merged_at: None,
            written_at: None,
            link: None,
        }
    }

    fn read_as(name: &str, text: &str) -> Read {
        let services = [
            ("checkout".to_owned(), "checkout".parse().unwrap()),
            ("kasse".to_owned(), "checkout".parse().unwrap()),
        ];
        let now = parse_time("2026-03-01", Timestamp::UNIX_EPOCH).unwrap();
        read(&writing(name, text), Reader { services: &services, now }).unwrap()
    }

    fn told(read: &Read) -> String {
        let filed = &read.shelved.filed;
        let time = |at: Option<Timestamp>| at.map_or("-".into(), |at| at.to_string());
        let text =
            |text: &Option<ExternalText>| text.as_ref().map_or("-".into(), |t| t.as_untrusted().to_owned());
        let mut told = format!(
            "{} {:?} services {:?}\nhappened {} known {}\nbroke: {}\nfixed: {}\nproblems: {:?}\n",
            filed.kind,
            filed.title.as_untrusted(),
            filed.services,
            time(filed.happened_at),
            filed.known_at,
            text(&filed.broke),
            text(&filed.fixed),
            filed.problems,
        );
        for Embedded { passage, .. } in &read.shelved.passages {
            told += &format!(
                "{} line {} [{:?}] {}\n  shown: {:?}\n  searched: {:?}\n",
                passage.part,
                passage.line,
                passage.section,
                passage.heading.as_untrusted(),
                passage.text.as_untrusted(),
                passage.searched.as_untrusted(),
            );
        }
        told
    }

    #[test]
    fn a_postmortem_is_cut_by_its_headings_and_each_piece_knows_where_it_stood() {
        let text = "---\ntitle: Kasse answers 5xx\ndate: 2024-03-02T10:00Z\nsummary: The pool ran full.\ntags: [pool]\n---\n\
                    # Intro\nIt was down.\n\n## Root cause\nA deploy halved the pool.\n\n## Resolution\nRolled back.\n";
        insta::assert_snapshot!(told(&read_as("wiki/one.md", text)));
    }

    #[test]
    fn a_runbook_is_told_by_its_folder_and_keeps_its_steps() {
        let text = "# Checkout 5xx\n\n1. Look at the pool\n2. Roll back\n\n```sh\nkubectl rollout undo deploy/checkout\n```\n";
        insta::assert_snapshot!(told(&read_as("runbooks/checkout.md", text)));
    }

    #[test]
    fn what_it_is_about_is_found_without_front_matter() {
        let read = read_as("2024-03-02-checkout-outage.md", "**Date**: 2024-03-01\n\nIt broke.");
        assert_eq!(read.shelved.filed.happened_at.unwrap().to_string(), "2024-03-02T00:00:00Z");
        assert_eq!(read.shelved.filed.services.len(), 1);
        assert_eq!(read.shelved.filed.title.as_untrusted(), "2024 03 02 checkout outage");
        let read = read_as("x.md", "# The day\n\n- **Date:** 2024-03-01\n\nIt broke.");
        assert_eq!(read.shelved.filed.happened_at.unwrap().to_string(), "2024-03-01T00:00:00Z");
        assert!(
            read_as("checkouts.md", "x").shelved.filed.services.is_empty(),
            "a part of a word is no service"
        );
    }

    #[test]
    fn the_kind_is_said_or_told_by_its_parts() {
        let check = |name: &str, text: &str, kind: DocumentKind| {
            assert_eq!(read_as(name, text).shelved.filed.kind, kind, "{name}: {text}");
        };
        check("a.md", "# Impact\nx\n# Root cause\ny", DocumentKind::Postmortem);
        check("a.md", "# How to roll back\n1. a\n2. b", DocumentKind::Runbook);
        check("a.md", "# Design\nx", DocumentKind::Doc);
        check("post-mortems/a.md", "x", DocumentKind::Postmortem);
        check("a.md", "---\ntype: playbook\n---\nx", DocumentKind::Runbook);
    }

    #[test]
    fn a_merge_counts_as_the_time_it_could_be_known() {
        let mut writing = writing("a.md", "---\ndate: 2024-01-01\n---\nx");
        writing.merged_at = Some(parse_time("2024-02-01", Timestamp::UNIX_EPOCH).unwrap());
        let now = parse_time("2026-03-01", Timestamp::UNIX_EPOCH).unwrap();
        let read = read(&writing, Reader { services: &[], now }).unwrap();
        assert_eq!(read.shelved.filed.known_at.to_string(), "2024-02-01T00:00:00Z");
    }

    #[test]
    fn long_texts_are_cut_where_sentences_end_and_nothing_is_lost() {
        let sentence = "The pool of the database was full and nobody could tell why it was. ";
        let read = read_as("a.md", &format!("{}\n\n{}", sentence.repeat(60), "x".repeat(5_000)));
        let passages = &read.shelved.passages;
        assert!(passages.iter().all(|one| one.passage.text.as_untrusted().len() <= PASSAGE + 3));
        let all: String = passages.iter().map(|one| one.passage.text.as_untrusted()).collect();
        assert_eq!(all.matches("nobody could tell").count(), 60);
        assert_eq!(all.matches('x').count(), 5_000);
    }

    #[test]
    fn secrets_are_taken_out_before_anything_is_kept() {
        let read = read_as("a.md", "# x\nThe key was AKIAIOSFODNN7EXAMPLE then.");
        assert!(!told(&read).contains("AKIAIOSFODNN7EXAMPLE"));
    }

    #[test]
    fn the_version_changes_with_the_content_alone() {
        let one = writing("a.md", "x");
        assert_eq!(version(&one), version(&writing("b.md", "x")));
        assert_ne!(version(&one), version(&writing("a.md", "y")));
    }
}
