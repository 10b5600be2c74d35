//! A library that is asked all the time, while another one takes its place: a change of model is carried over beside the
//! questions, and none of them waits.

use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;
use hearback_core::memory::recall::{Memory, Remembered, RunbookQuery, SimilarQuery};
use hearback_core::memory::store::MemoryError;
use hearback_core::{Fetched, SourceName};

use crate::library::Library;

/// The library of a running service.
pub struct LivingLibrary {
    name: SourceName,
    now: RwLock<Library>,
}

impl LivingLibrary {
    /// Begins with `library`.
    pub fn new(library: Library) -> Self {
        LivingLibrary { name: library.source().clone(), now: RwLock::new(library) }
    }

    /// The library as it is now. What is asked of it goes on when another takes its place.
    pub fn now(&self) -> Library {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts `next` in its place, and gives back the former one. Letting that go may take a moment.
    #[must_use]
    pub fn become_next(&self, next: Library) -> Library {
        std::mem::replace(&mut *self.now.write().unwrap_or_else(PoisonError::into_inner), next)
    }
}

#[async_trait]
impl Memory for LivingLibrary {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn similar(&self, query: &SimilarQuery) -> Result<Fetched<Remembered>, MemoryError> {
        self.now().similar(query).await
    }

    async fn runbooks(&self, query: &RunbookQuery) -> Result<Fetched<Remembered>, MemoryError> {
        self.now().runbooks(query).await
    }
}
