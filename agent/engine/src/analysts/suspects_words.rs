//! How much of a symptom's words a text holds: BM25 (Robertson and Zaragoza, "The Probabilistic Relevance
//! Framework", 2009), with only the symptom's words counted, so that a thousand changes cost milliseconds.

use std::collections::{BTreeMap, HashMap};

use crate::ranker::WordRule;
use crate::scope::SymptomWord;
use hearback_core::words::for_each_term;

/// As many words of a symptom are looked for: those that count most, words before numbers, the first before the last.
const MOST_TERMS: usize = 400;

/// A word of the symptom.
#[derive(Debug, Clone, Copy)]
pub struct Term<'q> {
    /// Folded.
    pub term: &'q str,
    /// As the symptom has it.
    pub surface: &'q str,
    /// What it counts; 1 for the asker's own words.
    pub weight: f64,
}

/// The symptom's words, each with a number.
#[derive(Debug)]
pub struct Query<'q> {
    terms: Vec<Term<'q>>,
    numbers: HashMap<&'q str, u16>,
}

impl<'q> Query<'q> {
    /// Numbers the words of a symptom.
    pub fn new(words: &'q BTreeMap<String, SymptomWord>) -> Self {
        let term = |(term, word): (&'q String, &'q SymptomWord)| Term {
            term,
            surface: &word.surface,
            weight: word.weight,
        };
        let mut told: Vec<(&String, &SymptomWord)> = words.iter().collect();
        let has_digit = |term: &str| term.bytes().any(|b| b.is_ascii_digit());
        told.sort_by(|(a, x), (b, y)| {
            let words_first = || has_digit(a).cmp(&has_digit(b));
            y.weight.total_cmp(&x.weight).then_with(words_first).then(x.place.cmp(&y.place))
        });
        told.truncate(MOST_TERMS);
        told.sort_unstable_by_key(|(term, _)| *term);
        let terms: Vec<Term<'q>> = told.into_iter().map(term).collect();
        let numbers = terms.iter().zip(0..).map(|(term, number)| (term.term, number)).collect();
        Query { terms, numbers }
    }

    /// The word of a number.
    pub fn term(&self, number: u16) -> Option<Term<'q>> {
        self.terms.get(usize::from(number)).copied()
    }
}

/// A text reduced to what the symptom asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counted {
    /// By number of the word, in order.
    counts: Vec<(u16, f64)>,
    /// How many words the whole text has.
    pub length: f64,
}

impl Counted {
    /// Counts the words of `texts`.
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>, query: &Query<'_>) -> Self {
        let mut counted = Counted::default();
        texts.into_iter().for_each(|text| counted.add(text, query));
        counted.settle();
        counted
    }

    /// Counts the words of `texts`, each once a text: a name that a path repeats says nothing more.
    pub fn of_each_once<'t>(texts: impl IntoIterator<Item = &'t str>, query: &Query<'_>) -> Self {
        let mut counted = Counted::default();
        let mut seen: Vec<String> = Vec::new();
        for text in texts {
            seen.clear();
            for_each_term(text, |term, _| {
                if !seen.iter().any(|other| other == term) {
                    seen.push(term.to_owned());
                }
            });
            counted.length += seen.len() as f64;
            let found = seen.iter().filter_map(|term| query.numbers.get(term.as_str()));
            counted.counts.extend(found.map(|number| (*number, 1.0)));
        }
        counted.settle();
        counted
    }

    fn add(&mut self, text: &str, query: &Query<'_>) {
        for_each_term(text, |term, _| {
            self.length += 1.0;
            if let Some(number) = query.numbers.get(term) {
                self.counts.push((*number, 1.0));
            }
        });
    }

    /// Several counts of one text, each occurrence in a part counting the part's weight.
    pub fn weighted<const N: usize>(parts: [(&Counted, f64); N]) -> Self {
        let mut sum = Counted::default();
        for (part, weight) in parts {
            sum.length += weight * part.length;
            sum.counts.extend(part.counts.iter().map(|(number, count)| (*number, weight * count)));
        }
        sum.settle();
        sum
    }

    fn settle(&mut self) {
        self.counts.sort_unstable_by_key(|(number, _)| *number);
        self.counts.dedup_by(|(other, more), (number, count)| {
            let same = other == number;
            if same {
                *count += *more;
            }
            same
        });
    }

    /// The numbers of the words it has.
    pub fn numbers(&self) -> impl Iterator<Item = u16> + '_ {
        self.counts.iter().map(|(number, _)| *number)
    }

    /// Whether it has a word.
    pub fn has(&self, number: u16) -> bool {
        self.counts.binary_search_by(|(other, _)| other.cmp(&number)).is_ok()
    }

    /// Without the words that `other` has too.
    pub fn without(&self, other: &Counted) -> Counted {
        let counts = self.counts.iter().filter(|(number, _)| !other.has(*number)).copied().collect();
        Counted { counts, length: self.length }
    }
}

/// How rare each word of the symptom is in a collection of texts.
#[derive(Debug, Clone, Default)]
pub struct Rarity {
    /// By number of the word: its rarity times its weight in the symptom.
    information: Vec<f64>,
}

impl Rarity {
    /// Learns it from texts, each given by the words it has.
    pub fn of<'t>(query: &Query<'_>, texts: impl IntoIterator<Item = &'t Counted>) -> Self {
        let mut holding: Vec<f64> = vec![0.0; query.terms.len()];
        let mut total = 0.0;
        for text in texts {
            total += 1.0;
            for number in text.numbers() {
                if let Some(count) = holding.get_mut(usize::from(number)) {
                    *count += 1.0;
                }
            }
        }
        let rarity = |held: &f64| (1.0 + (total - held + 0.5) / (held + 0.5)).ln();
        let information =
            holding.iter().zip(&query.terms).map(|(held, term)| rarity(held) * term.weight).collect();
        Rarity { information }
    }

    /// How informative it is to find a word: its rarity times its weight in the symptom.
    pub fn information(&self, number: u16) -> f64 {
        self.information.get(usize::from(number)).copied().unwrap_or_default()
    }

    /// The information of the whole symptom.
    pub fn whole(&self) -> f64 {
        self.information.iter().sum()
    }

    /// The information of the words of a text.
    pub fn information_of(&self, text: &Counted) -> f64 {
        text.numbers().map(|number| self.information(number)).sum()
    }

    /// The most informative word's information; 0 without any.
    pub fn rarest_of(&self, text: &Counted) -> f64 {
        text.numbers().map(|number| self.information(number)).fold(0.0, f64::max)
    }
}

/// BM25 over one field of many texts.
#[derive(Debug, Clone, Copy)]
pub struct Bm25 {
    mean_length: f64,
    k1: f64,
    b: f64,
}

impl Bm25 {
    /// Learns how long the texts are.
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t Counted>, rule: &WordRule) -> Self {
        let (mut total, mut length) = (0.0, 0.0);
        for text in texts {
            total += 1.0;
            length += text.length;
        }
        let mean_length = if total > 0.0 { f64::max(length / total, 1.0) } else { 1.0 };
        Bm25 { mean_length, k1: rule.k1, b: rule.b }
    }

    /// What each word of `text` counts, by number of the word.
    pub fn points<'t>(&self, text: &'t Counted, rarity: &'t Rarity) -> impl Iterator<Item = (u16, f64)> + 't {
        let norm = self.k1 * (1.0 - self.b + self.b * text.length / self.mean_length);
        let most = self.k1 + 1.0;
        text.counts.iter().map(move |(number, count)| {
            (*number, rarity.information(*number) * count * most / (count + norm))
        })
    }

    /// The sum over all words of `text`.
    pub fn score(&self, text: &Counted, rarity: &Rarity) -> f64 {
        self.points(text, rarity).map(|(_, points)| points).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> BTreeMap<String, SymptomWord> {
        let word = |(place, w): (usize, &&str)| {
            ((*w).to_owned(), SymptomWord { surface: (*w).to_owned(), weight: 1.0, place })
        };
        words.iter().enumerate().map(word).collect()
    }

    #[test]
    fn of_very_many_words_those_that_tell_stay() {
        let mut many = words(&["zebra", "upload"]);
        for number in 0..MOST_TERMS {
            let noise = |weight| SymptomWord { surface: String::new(), weight, place: 2 + number };
            many.insert(format!("{number}ms"), noise(1.0));
            many.insert(format!("chat{number}chat"), noise(0.1));
        }
        let query = Query::new(&many);
        assert_eq!(query.terms.len(), MOST_TERMS);
        assert!(query.numbers.contains_key("zebra") && query.numbers.contains_key("upload"));
        assert!(query.terms.iter().all(|term| term.weight == 1.0));
    }

    #[test]
    fn a_rare_word_outweighs_a_common_one() {
        let words = words(&["cart", "total"]);
        let query = Query::new(&words);
        let rule = WordRule { title: 1.0, path: 1.0, body: 1.0, k1: 1.2, b: 0.75 };
        let texts = ["cart", "cart", "cart extra", "total", "y"].map(|text| Counted::of([text], &query));
        let rarity = Rarity::of(&query, &texts);
        let bm25 = Bm25::of(&texts, &rule);
        let points = |at: usize| bm25.score(&texts[at], &rarity);
        assert!(points(3) > points(0), "total is in one text, cart in three");
        assert!(points(0) > points(2), "a longer text is held back");
        assert_eq!(points(4), 0.0);
    }

    #[test]
    fn a_path_counts_a_word_once() {
        let words = words(&["cart"]);
        let query = Query::new(&words);
        let counted = Counted::of_each_once(["cart/cart.go", "cart/x.go"], &query);
        assert_eq!(counted.counts, [(0, 2.0)]);
        assert_eq!(counted.length, 4.0, "cart and go in each; x is too short to be a word");
    }

    #[test]
    fn parts_add_up_by_their_weight() {
        let words = words(&["cart", "total"]);
        let query = Query::new(&words);
        let [title, body] = ["cart", "total cart"].map(|text| Counted::of([text], &query));
        let sum = Counted::weighted([(&title, 2.0), (&body, 1.0)]);
        assert_eq!((sum.counts.as_slice(), sum.length), (&[(0, 3.0), (1, 1.0)][..], 4.0));
        assert_eq!(body.without(&title).numbers().collect::<Vec<_>>(), [1]);
    }
}
