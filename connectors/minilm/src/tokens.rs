//! From a text to the numbers of its tokens: the model's own WordPiece, as the package `tokenizers` does it. That package
//! comes with candle already; our own would be a second one to keep right.

use hearback_core::memory::store::MemoryError;
use tokenizers::{Tokenizer, TruncationParams};

/// What the model reads of a text: its first 254 tokens, between the two that mark begin and end. It was trained on no
/// more (`sentence_bert_config.json` of the model).
pub(crate) const MOST_TOKENS: usize = 256;

/// Of a text, no more than this is looked at: 254 tokens of 250 characters each would fit, and a text of many megabytes
/// must not cost the time that its end takes to be thrown away.
const MOST_BYTES: usize = 64 << 10;

/// Makes tokens of texts.
pub(crate) struct Tokens {
    tokenizer: Tokenizer,
}

impl Tokens {
    /// From the bytes of `tokenizer.json`.
    ///
    /// # Errors
    /// [`MemoryError::NotUsable`] if they are no tokenizer.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, MemoryError> {
        let not_usable = |error| {
            MemoryError::NotUsable(format!("the sentence model's tokenizer.json can't be used: {error}"))
        };
        let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(not_usable)?;
        // The file says 128 tokens, padded to 128; sentence-transformers overrides both, and so do we.
        tokenizer.with_padding(None);
        let cut = TruncationParams { max_length: MOST_TOKENS, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(cut)).map_err(not_usable)?;
        Ok(Tokens { tokenizer })
    }

    /// The tokens of `text`, with the marks of its begin and end: 2 to 256.
    ///
    /// # Errors
    /// [`MemoryError::Failed`] if the tokenizer fails, which it has no reason to.
    pub(crate) fn of(&self, text: &str) -> Result<Vec<u32>, MemoryError> {
        let head = text.get(..text.floor_char_boundary(MOST_BYTES)).unwrap_or(text);
        let encoded = self.tokenizer.encode_fast(head, true);
        let encoded = encoded
            .map_err(|error| MemoryError::Failed(format!("a text could not be cut into tokens: {error}")))?;
        Ok(encoded.get_ids().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_tokenizer_is_said() {
        let told = Tokens::parse(b"{}").err().unwrap();
        assert!(matches!(&told, MemoryError::NotUsable(text) if text.contains("tokenizer.json")), "{told:?}");
    }
}
