//! What everything is called instead: each word of a name becomes one invented word, wherever it stands, so that
//! `quotes-api`, `services/quotes/` and `quotes_requests_total` still belong together. It must not know dates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::content::Place;
use super::found::Found;
use super::words::{humps, is_measured, is_network, is_ordinary, is_role, parts, singular, written_like};
use crate::frozen::Folder;
use crate::frozen::sha::SHORTEST;
use crate::resample::Dice;

/// Words that belong to no service, though one may be called so.
const PHRASES: [&str; 8] = [
    "bad gateway",
    "gateway timeout",
    "gateway time-out",
    "order by",
    "user agent",
    "user-agent",
    "cache-control",
    "content-type",
];
/// What can be a sha, whole or cut.
static HEX: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b[0-9a-f]{7,40}\b").ok());

/// How a name is replaced.
#[derive(Debug, Clone)]
struct Entry {
    new: Vec<String>,
    reach: Reach,
}

/// Where a name is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// Where names stand.
    Names,
    /// Everywhere.
    All,
    /// Everywhere, and a blank or a dot may stand between its words: a person's.
    Spaced,
}

/// Old names and new ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Vocabulary {
    /// By the words of the name in one, in small letters.
    entries: BTreeMap<String, Entry>,
    /// The most parts a name has.
    longest: usize,
    shas: BTreeMap<String, String>,
    words: BTreeMap<String, String>,
}

impl Vocabulary {
    pub(super) fn invent(found: &Found, folder: &Folder, dice: &mut Dice) -> Vocabulary {
        let mut taken: String = folder.files.values().map(|text| text.to_ascii_lowercase() + "\n").collect();
        let mut vocabulary = Vocabulary::default();
        for sha in &found.shas {
            let new: String = (0..3).map(|_| format!("{:016x}", dice.bits())).collect();
            vocabulary.shas.insert(sha.clone(), new.chars().take(sha.len()).collect());
        }
        let old = old_words(found);
        let mut invent = |word: &str, words: &mut BTreeMap<String, String>| {
            let one = singular(word);
            let new = words.entry(one.to_owned()).or_insert_with(|| invented(&mut taken, &old, dice)).clone();
            if one.len() < word.len() { new + "s" } else { new }
        };
        for name in &found.services {
            vocabulary.learn_service(name, &mut invent);
        }
        for person in &found.people {
            let old: Vec<String> = lower_humps(person);
            let new = old.iter().map(|word| match is_number(word) {
                true => word.clone(),
                false => invent(word, &mut vocabulary.words),
            });
            let new: Vec<String> = new.collect();
            vocabulary.insert(&old.concat(), new, Reach::Spaced);
        }
        for host in &found.hosts {
            vocabulary.learn_host(host, &mut invent);
        }
        let first = |metric: &str| metric.split_once('_').map(|(first, _)| first.to_owned());
        let firsts: Vec<String> = found.metrics.iter().filter_map(|metric| first(metric)).collect();
        let shared: BTreeSet<&String> = firsts
            .iter()
            .filter(|one| !is_measured(one) && firsts.iter().filter(|other| other == one).count() > 1)
            .collect();
        for metric in &found.metrics {
            let told = vocabulary.tell(metric, Place::Name);
            let told = match first(metric) {
                Some(old) if shared.contains(&old) && told.starts_with(&format!("{old}_")) => {
                    let rest = told.get(old.len()..).unwrap_or_default();
                    format!("{}{rest}", invent(&old.to_ascii_lowercase(), &mut vocabulary.words))
                }
                _ => told,
            };
            vocabulary.learn_whole(metric, &told);
        }
        for flag in &found.flags {
            let told = vocabulary.tell(flag, Place::Name);
            vocabulary.learn_whole(flag, &told);
        }
        vocabulary
    }

    fn learn_service(
        &mut self,
        name: &str,
        invent: &mut impl FnMut(&str, &mut BTreeMap<String, String>) -> String,
    ) {
        let old = parts(name);
        // What says only what it is would stay as it is.
        let says_which = old.iter().any(|word| !is_role(word) && !is_number(word));
        let stays = |word: &str| (says_which && is_role(word)) || is_number(word);
        let new: Vec<String> = old
            .iter()
            .map(|word| if stays(word) { word.clone() } else { invent(word, &mut self.words) })
            .collect();
        let whole = if name.contains('.') { Reach::Spaced } else { Reach::All };
        self.insert(&old.concat(), new.clone(), whole);
        // `payments` of `payments-service` names it too, in paths and scopes at least.
        let kept = |(old, new): (&String, String)| (!stays(old)).then_some((old.clone(), new));
        let (stem, new_stem): (Vec<String>, Vec<String>) = old.iter().zip(new).filter_map(kept).unzip();
        let is_common = stem.len() == 1 && stem.iter().all(|word| is_ordinary(word));
        let reach = if is_common { Reach::Names } else { Reach::All };
        let stem = stem.concat();
        if stem.len() < 3 || !says_which {
            return;
        }
        let with = |last: &dyn Fn(&str) -> String| -> Vec<String> {
            let at = |(index, word): (usize, &String)| {
                if index + 1 == new_stem.len() { last(word) } else { word.clone() }
            };
            new_stem.iter().enumerate().map(at).collect()
        };
        let one = singular(&stem).to_owned();
        if one.len() < stem.len() {
            self.insert(&one, with(&|word| word.strip_suffix('s').unwrap_or(word).to_owned()), reach);
        } else if !stem.ends_with('s') {
            self.insert(&format!("{stem}s"), with(&|word| format!("{word}s")), reach);
        }
        self.insert(&stem, new_stem.clone(), reach);
    }

    fn learn_host(
        &mut self,
        host: &str,
        invent: &mut impl FnMut(&str, &mut BTreeMap<String, String>) -> String,
    ) {
        for part in host.split(['.', '-', '_']) {
            let word = part.to_ascii_lowercase();
            // A part may be a service's name already.
            if is_network(&word) || humps(&word).len() != 1 || self.entries.contains_key(&word) {
                continue;
            }
            let reach = if is_ordinary(&word) { Reach::Names } else { Reach::All };
            let old = parts(&word);
            let stays = |word: &str| old.len() > 1 && is_role(word);
            let new: Vec<String> = old
                .iter()
                .map(|word| if stays(word) { word.clone() } else { invent(word, &mut self.words) })
                .collect();
            self.insert(&word, new, reach);
        }
    }

    /// A name whose new form is known already.
    fn learn_whole(&mut self, old: &str, new: &str) {
        if old != new {
            self.insert(&lower_humps(old).concat(), lower_humps(new), Reach::All);
        }
    }

    fn insert(&mut self, key: &str, new: Vec<String>, reach: Reach) {
        // Each letter may be a part of its own.
        self.longest = self.longest.max(key.len().min(16));
        let entry = self.entries.entry(key.to_owned()).or_insert_with(|| Entry { new, reach });
        entry.reach = entry.reach.max(reach);
    }

    /// The new names of services, shas and flags.
    pub(super) fn names(&self, found: &Found) -> BTreeMap<String, String> {
        let told = |name: &String| (name.clone(), self.tell(name, Place::Name));
        let services = found.services.iter().map(told);
        let flag = |name: &String| (format!("flag:{name}"), format!("flag:{}", self.tell(name, Place::Name)));
        let shas = self.shas.iter().map(|(old, new)| (old.clone(), new.clone()));
        services.chain(found.flags.iter().map(flag)).chain(shas).collect()
    }

    /// `text` with the new names.
    pub(super) fn tell(&self, text: &str, place: Place) -> String {
        if place == Place::Key {
            // `user.id` is a field, whatever a service is called; a key that is a name as a whole is one.
            let key = lower_humps(text).concat();
            let is_name = self.entries.get(&key).is_some_and(|entry| entry.reach > Reach::Names);
            return if is_name || self.shas.contains_key(text) {
                self.tell(text, Place::Name)
            } else {
                text.to_owned()
            };
        }
        let text = match HEX.as_ref() {
            Some(hex) => {
                hex.replace_all(text, |found: &regex::Captures<'_>| self.sha(&found[0])).into_owned()
            }
            None => text.to_owned(),
        };
        let humps = humps(&text);
        let mut told = String::with_capacity(text.len());
        let (mut at, mut copied) = (0, 0);
        while let Some((from, _)) = humps.get(at) {
            match self.longest_name(&text, &humps, at, place) {
                Some((parts, to, new)) => {
                    told.push_str(text.get(copied..*from).unwrap_or_default());
                    told.push_str(&new);
                    (at, copied) = (at + parts, to);
                }
                None => at += 1,
            }
        }
        told.push_str(text.get(copied..).unwrap_or_default());
        told
    }

    /// A sha, whole or cut, by its new one.
    fn sha(&self, old: &str) -> String {
        if old.len() < SHORTEST {
            return old.to_owned();
        }
        let found = self.shas.range(old.to_owned()..).next().filter(|(sha, _)| sha.starts_with(old));
        found.and_then(|(_, new)| new.get(..old.len())).map_or_else(|| old.to_owned(), str::to_owned)
    }

    /// The longest name that begins at a part: how many parts it has, where it ends, what it is called now.
    fn longest_name(
        &self,
        text: &str,
        humps: &[(usize, usize)],
        at: usize,
        place: Place,
    ) -> Option<(usize, usize, String)> {
        let (from, mut end) = *humps.get(at)?;
        let (mut key, mut spaced, mut best) = (String::new(), false, None);
        for (count, (begin, to)) in humps.iter().skip(at).take(self.longest).enumerate() {
            if count > 0 {
                match text.get(end..*begin)? {
                    "" | "-" | "_" => {}
                    " " | "." => spaced = true,
                    _ => break,
                }
            }
            end = *to;
            key.push_str(&text.get(*begin..*to)?.to_lowercase());
            let Some(entry) = self.entries.get(&key) else { continue };
            let may = match entry.reach {
                Reach::Names => !spaced && (place == Place::Name || is_name_place(text, from, end)),
                Reach::All => !spaced,
                Reach::Spaced => true,
            };
            if may && !is_of_phrase(text, from, end) && !is_of_hex(text, from, end) {
                best = Some((count + 1, end, written_like(text.get(from..end)?, &entry.new)));
            }
        }
        best
    }
}

fn lower_humps(name: &str) -> Vec<String> {
    humps(name).into_iter().filter_map(|(from, to)| Some(name.get(from..to)?.to_lowercase())).collect()
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a word in a text stands where names do: in a path or a URL, or as the scope of a commit.
fn is_name_place(text: &str, from: usize, to: usize) -> bool {
    let ends = |c: char| c.is_whitespace() || "\"'`()[]{}<>,;=".contains(c);
    let (before, after) = (text.get(..from).unwrap_or_default(), text.get(to..).unwrap_or_default());
    let start = before.rfind(ends).map_or(0, |at| at + 1);
    let stop = after.find(ends).map_or(text.len(), |at| to + at);
    let is_path = text.get(start..stop).is_some_and(|chunk| chunk.contains('/'));
    let scope = before.strip_suffix('(').is_some_and(|word| word.chars().all(char::is_alphanumeric));
    is_path || (scope && after.starts_with(')')) || (from == 0 && after.starts_with(':'))
}

/// Whether a word is part of an idiom: `504 Gateway Timeout`.
fn is_of_phrase(text: &str, from: usize, to: usize) -> bool {
    PHRASES.iter().any(|phrase| {
        let Some(at) = text.get(from..to).and_then(|word| phrase.find(&word.to_lowercase())) else {
            return false;
        };
        let whole = from.checked_sub(at).and_then(|start| text.get(start..start + phrase.len()));
        whole.is_some_and(|whole| whole.eq_ignore_ascii_case(phrase))
    })
}

/// Whether a word is part of a long hexadecimal number, as `feed` may be.
fn is_of_hex(text: &str, from: usize, to: usize) -> bool {
    let is_hex = |c: &char| c.is_ascii_hexdigit();
    if !text.get(from..to).is_some_and(|word| word.chars().all(|c| is_hex(&c))) {
        return false;
    }
    let before = text.get(..from).unwrap_or_default().chars().rev().take_while(is_hex).count();
    let after = text.get(to..).unwrap_or_default().chars().take_while(is_hex).count();
    before + (to - from) + after >= 16
}

/// The words of all names, but the shortest.
fn old_words(found: &Found) -> BTreeSet<String> {
    let names = [&found.services, &found.people, &found.hosts, &found.flags];
    let words = names.into_iter().flatten().flat_map(|name| parts(name));
    words.filter(|word| word.len() > 2).collect()
}

/// A word that nobody uses, that stands nowhere in the incident, and in which no word of an old name stands.
fn invented(taken: &mut String, old: &BTreeSet<String>, dice: &mut Dice) -> String {
    const HEADS: [&str; 16] =
        ["b", "br", "d", "dr", "f", "g", "k", "kl", "m", "n", "p", "r", "t", "tr", "v", "z"];
    const VOWELS: [&str; 6] = ["a", "e", "i", "o", "u", "ou"];
    const TAILS: [&str; 8] = ["l", "n", "r", "m", "k", "x", "th", "nd"];
    loop {
        let mut draw = |from: &[&'static str]| from.get(dice.below(from.len())).copied().unwrap_or_default();
        let syllables: String = (0..2).map(|_| format!("{}{}", draw(&HEADS), draw(&VOWELS))).collect();
        let word = format!("{syllables}{}{}{}", draw(&HEADS), draw(&VOWELS), draw(&TAILS));
        if !taken.contains(&word) && !old.iter().any(|old| word.contains(old.as_str())) {
            taken.push_str(&word);
            taken.push('\n');
            return word;
        }
    }
}
