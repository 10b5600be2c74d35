//! What is read of every line of a log. It goes by many names, and a line may use several of them: the first that says
//! something is taken, and a number only where no text does. It must not know what the words mean.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The names of what is read, those that are meant first in front.
const NAMES: [&[&str]; 4] = [
    &["timestamp", "time", "ts", "@timestamp"],
    &["service", "service.name", "app", "component"],
    &["severity_text", "severity", "level", "lvl"],
    &["msg", "message", "body", "log", "event"],
];

/// Whether a key has a place of its own in a [`Line`].
pub(super) fn is_own(key: &str) -> bool {
    NAMES.iter().any(|names| names.contains(&key))
}

/// What every record has; a blank where it says nothing.
#[derive(Default)]
pub(super) struct Line<'a>([Option<Found<'a>>; NAMES.len()]);

struct Found<'a> {
    rank: usize,
    text: Cow<'a, str>,
}

impl Line<'_> {
    pub(super) fn timestamp(&self) -> &str {
        self.text(0)
    }

    pub(super) fn service(&self) -> &str {
        self.text(1)
    }

    pub(super) fn severity(&self) -> &str {
        self.text(2)
    }

    pub(super) fn message(&self) -> &str {
        self.text(3)
    }

    fn text(&self, place: usize) -> &str {
        self.0.get(place).and_then(Option::as_ref).map_or("", |found| &found.text)
    }
}

impl<'de> Deserialize<'de> for Line<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_map(LineVisitor)
    }
}

struct LineVisitor;

impl<'de> Visitor<'de> for LineVisitor {
    type Value = Line<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line<'de>, A::Error> {
        let mut line = Line::default();
        while let Some(Name(name)) = map.next_key()? {
            let Some((place, rank)) = name else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let (text, rank) = match map.next_value()? {
                Word::Text(text) if !text.trim().is_empty() => (text, rank),
                Word::Number(number) => (Cow::Owned(number), rank + AFTER_TEXTS),
                Word::Text(_) | Word::Other => continue,
            };
            if let Some(known) = line.0.get_mut(place)
                && known.as_ref().is_none_or(|known| rank <= known.rank)
            {
                *known = Some(Found { rank, text });
            }
        }
        Ok(line)
    }
}

/// A number comes after every text.
const AFTER_TEXTS: usize = 100;

/// Which of [`NAMES`] a key is, and which of its list.
struct Name(Option<(usize, usize)>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Name, E> {
        let found = NAMES.iter().enumerate();
        let mut found =
            found.filter_map(|(place, names)| Some((place, names.iter().position(|name| *name == key)?)));
        Ok(Name(found.next()))
    }
}

/// A value, as far as it can be a word.
enum Word<'a> {
    Text(Cow<'a, str>),
    Number(String),
    Other,
}

impl<'de> Deserialize<'de> for Word<'de> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(WordVisitor)
    }
}

struct WordVisitor;

impl<'de> Visitor<'de> for WordVisitor {
    type Value = Word<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Word<'de>, E> {
        Ok(Word::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Word<'de>, E> {
        Ok(Word::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Word<'de>, E> {
        Ok(Word::Number(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Word<'de>, E> {
        Ok(Word::Number(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Word<'de>, E> {
        Ok(Word::Number(number.to_string()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Word<'de>, E> {
        Ok(Word::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Word<'de>, E> {
        Ok(Word::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Word<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Word::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Word<'de>, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Word::Other)
    }
}
