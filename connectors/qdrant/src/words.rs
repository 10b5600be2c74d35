//! Words of a text as a sparse vector: BM25, made on our side, so that both backends rank alike. What a rare word is
//! worth (the inverse document frequency) the store adds when it is asked. Knows nothing of passages or stores.

use qdrant_edge::TokenizerType;
use qdrant_edge::bm25_embed::{EdgeBm25, EdgeBm25Config};
use qdrant_edge::external::ordered_float::NotNan;

/// How many words a passage has on average, stop words left out and parts of identifiers counted. A constant, because an
/// average that moved with what is kept would make the weights of earlier passages wrong. Passages are cut to what a
/// small embedder reads (256 word pieces, some 160 words); a third of those are stop words, and the title, the headings
/// and the parts of identifiers add about as many again.
const AVERAGE_WORDS: f64 = 160.0;

/// The most bytes of one word. A longer run of letters is data (a key, an encoded file), and nobody types it whole.
const MOST_WORD_BYTES: usize = 256;

/// A sparse vector: the weight of each word, by the word's number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    /// Numbers of words, in rising order, each once.
    pub indices: Vec<u32>,
    /// Their weights.
    pub values: Vec<f32>,
}

impl Words {
    /// Whether there is no word in it: a text of stop words and punctuation.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }
}

/// Makes sparse vectors of texts.
pub struct WordWeights(EdgeBm25);

impl WordWeights {
    /// The one way all texts are read: English stop words and stems, over words that [`spread`] has taken apart.
    pub fn new() -> Result<Self, String> {
        let config = EdgeBm25Config {
            avg_len: NotNan::new(AVERAGE_WORDS).map_err(|error| error.to_string())?,
            tokenizer: TokenizerType::Whitespace,
            ..EdgeBm25Config::default()
        };
        Ok(WordWeights(EdgeBm25::new(config).map_err(|error| error.to_string())?))
    }

    /// The words of a text that is kept, weighted by how often they stand in it and by how long it is.
    pub fn of_passage(&self, text: &str) -> Words {
        let embedded = self.0.embed_document(&spread(text));
        Words { indices: embedded.indices, values: embedded.values }
    }

    /// The words of a query, each with the weight 1.
    pub fn of_query(&self, text: &str) -> Words {
        let embedded = self.0.embed_query(&spread(text));
        Words { indices: embedded.indices, values: embedded.values }
    }
}

/// What may stand inside a name: `http_502`, `wmf-config/db.php`, `10.0.0.7:8080`, `user@host`.
fn joins(c: char) -> bool {
    matches!(c, '_' | '-' | '.' | '/' | ':' | '@')
}

/// Scripts without spaces between words: each character counts as one.
fn stands_alone(c: char) -> bool {
    matches!(u32::from(c), 0x0e00..=0x0eff | 0x3040..=0x30ff | 0x3400..=0x9fff | 0xac00..=0xd7af | 0x20000..=0x3134f)
}

/// The words of `text`, separated by spaces, in lower case. A name made of several words stands there whole, with the
/// parts of its path, and with its words: people remember `InitialiseSettings`, `initialise settings` or the whole path.
///
/// Qdrant's own tokenizer keeps none of these names whole and does not part `wgMathDirectory`.
fn spread(text: &str) -> String {
    let mut words = String::with_capacity(text.len() * 2);
    for name in text.split(|c: char| !(c.is_alphanumeric() || joins(c) || is_mark(c))) {
        let name = name.trim_matches(joins);
        if !name.is_empty() {
            spread_name(name, &mut words);
        }
    }
    words
}

/// Marks that belong to the letter before them; parted from it, a word in Hindi would fall to pieces.
fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x0300..=0x036f | 0x0900..=0x0dff | 0x200c..=0x200d)
}

/// Adds all forms of one name to `words`, each once.
fn spread_name(name: &str, words: &mut String) {
    let mut forms: Vec<&str> = vec![name];
    for part in name.split('/').map(|part| part.trim_matches(joins)) {
        forms.push(part);
        for word in part.split(joins) {
            forms.push(word);
            spread_word(word, &mut forms);
        }
    }
    let mut seen: Vec<String> = Vec::with_capacity(forms.len());
    for form in forms.into_iter().filter(|form| !form.is_empty() && form.len() <= MOST_WORD_BYTES) {
        let form = form.to_lowercase();
        if !seen.contains(&form) {
            words.push_str(&form);
            words.push(' ');
            seen.push(form);
        }
    }
}

/// Adds the words that are written together in `word`: `wgMathDirectory` is `wg`, `Math`, `Directory`; `HTTPServer` is
/// `HTTP`, `Server`. Digits stay where they are: `5xx`, `db1234` and `ipv6` are words.
fn spread_word<'t>(word: &'t str, forms: &mut Vec<&'t str>) {
    let (mut began, mut before) = (0, None::<char>);
    let mut letters = word.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let after = letters.peek().map(|(_, after)| *after);
        let begins_here = before.is_some_and(|before| {
            let rises = !before.is_uppercase() && c.is_uppercase();
            let ends_capitals = c.is_uppercase() && after.is_some_and(char::is_lowercase);
            rises || ends_capitals || stands_alone(before) || stands_alone(c)
        });
        if begins_here {
            forms.extend(word.get(began..at));
            began = at;
        }
        before = Some(c);
    }
    if began > 0 {
        forms.extend(word.get(began..));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let words = spread(text);
        assert_eq!(
            words.split_whitespace().collect::<Vec<_>>(),
            expect.split_whitespace().collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_name_stands_there_whole_and_in_its_parts() {
        check("wgMathDirectory", "wgmathdirectory wg math directory");
        check(
            "wmf-config/InitialiseSettings.php",
            "wmf-config/initialisesettings.php wmf-config wmf config initialisesettings.php initialisesettings initialise \
             settings php",
        );
        check("5xx", "5xx");
        check("HTTP_502", "http_502 http 502");
        check("HTTPServer2Go", "httpserver2go http server2 go");
        check("(checkout-api:8080)…", "checkout-api:8080 checkout api 8080");
        check("--flag=/srv/x/", "flag srv/x srv x");
        check("mB", "mb m b");
        check("5XX", "5xx 5 xx");
        check("EOF", "eof");
    }

    #[test]
    fn a_text_without_spaces_is_parted_by_its_characters() {
        check("数据库宕机", "数据库宕机 数 据 库 宕 机");
        check("障害", "障害 障 害");
        check("déjà vu", "déjà vu");
    }

    #[test]
    fn what_is_no_word_is_left_out() {
        check("— … !!! /// ::", "");
        check(&"x".repeat(MOST_WORD_BYTES + 1), "");
    }

    #[test]
    fn a_passage_and_a_query_meet_in_the_same_words() {
        let weights = WordWeights::new().unwrap();
        let passage = weights.of_passage("The deploys of wmf-config/InitialiseSettings.php were failing");
        for query in ["InitialiseSettings", "initialise the settings", "deploy", "fails", "wmf-config"] {
            let words = weights.of_query(query);
            assert!(!words.is_empty(), "{query}");
            assert!(words.indices.iter().all(|index| passage.indices.contains(index)), "{query}");
        }
        assert!(weights.of_query("the and of").is_empty());
    }

    #[test]
    fn a_word_that_stands_there_more_often_weighs_more_and_in_a_longer_text_less() {
        let weights = WordWeights::new().unwrap();
        let weight = |text: &str| {
            let (words, of) = (weights.of_passage(text), weights.of_query("quota"));
            let at = words.indices.iter().position(|index| Some(index) == of.indices.first()).unwrap();
            words.values[at]
        };
        assert!(weight("quota quota disk") > weight("quota disk memory"));
        assert!(weight("quota disk") > weight(&format!("quota {}", "disk memory network ".repeat(50))));
    }
}
