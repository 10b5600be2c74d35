//! Answers kept between questions, bounded in bytes: asked again with their ETag they cost no call of the rate limit.
//! octocrab has a cache of its own, which keeps what was read of an answer that broke off and is not bounded. It must not
//! know what the answers hold.

use std::collections::HashMap;
use std::sync::Arc;

/// How long an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Until GitHub says otherwise: it is asked again with its ETag.
    WhileUnchanged,
    /// For ever: it is named by full commit ids alone.
    ForEver,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) body: Arc<Vec<u8>>,
    /// The next page, if the answer is a page of many.
    pub(crate) next: Option<String>,
    pub(crate) etag: Option<String>,
}

struct Kept {
    answer: Answer,
    holds: Holds,
    used: u64,
}

/// Answers by address. The one unused longest goes first.
pub(crate) struct AnswerCache {
    kept: HashMap<String, Kept>,
    bytes: usize,
    most_bytes: usize,
    clock: u64,
}

impl AnswerCache {
    pub(crate) fn new(most_bytes: usize) -> Self {
        AnswerCache { kept: HashMap::new(), bytes: 0, most_bytes, clock: 0 }
    }

    pub(crate) fn find(&mut self, address: &str) -> Option<(Answer, Holds)> {
        self.clock += 1;
        let kept = self.kept.get_mut(address)?;
        kept.used = self.clock;
        Some((kept.answer.clone(), kept.holds))
    }

    pub(crate) fn keep(&mut self, address: String, answer: Answer, holds: Holds) {
        self.forget(&address);
        let size = size(&address, &answer);
        if (answer.etag.is_none() && holds == Holds::WhileUnchanged) || size > self.most_bytes {
            return;
        }
        while self.bytes + size > self.most_bytes {
            let oldest =
                self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(address, _)| address.clone());
            let Some(oldest) = oldest else { break };
            self.forget(&oldest);
        }
        self.clock += 1;
        self.bytes += size;
        self.kept.insert(address, Kept { answer, holds, used: self.clock });
    }

    fn forget(&mut self, address: &str) {
        if let Some(kept) = self.kept.remove(address) {
            self.bytes -= size(address, &kept.answer);
        }
    }
}

fn size(address: &str, answer: &Answer) -> usize {
    let texts = [answer.next.as_ref(), answer.etag.as_ref()];
    address.len() + answer.body.len() + texts.iter().flatten().map(|text| text.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: usize, etag: Option<&str>) -> Answer {
        Answer { body: Arc::new(vec![0; bytes]), next: None, etag: etag.map(str::to_owned) }
    }

    #[test]
    fn the_cache_never_grows_beyond_its_bytes_and_drops_what_was_unused_longest() {
        let mut cache = AnswerCache::new(100);
        cache.keep("a".into(), answer(40, Some("x")), Holds::WhileUnchanged);
        cache.keep("b".into(), answer(40, Some("x")), Holds::WhileUnchanged);
        assert!(cache.find("a").is_some());
        cache.keep("c".into(), answer(40, Some("x")), Holds::WhileUnchanged);
        assert!(cache.find("b").is_none() && cache.find("a").is_some() && cache.find("c").is_some());
        cache.keep("d".into(), answer(200, Some("x")), Holds::WhileUnchanged);
        assert!(cache.find("d").is_none());
        assert_eq!(cache.bytes, 84);
        cache.keep("c".into(), answer(10, Some("y")), Holds::WhileUnchanged);
        assert_eq!(cache.bytes, 54);
    }

    #[test]
    fn what_can_not_be_asked_again_is_kept_only_if_it_never_changes() {
        let mut cache = AnswerCache::new(100);
        cache.keep("a".into(), answer(1, None), Holds::WhileUnchanged);
        cache.keep("b".into(), answer(1, None), Holds::ForEver);
        assert!(cache.find("a").is_none() && cache.find("b").is_some());
    }
}
