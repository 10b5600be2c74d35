//! The people and programs of a story. All invented.

use hearback_core::change::{Author, Nature};
use hearback_core::entry::Actor;
use hearback_core::text::ExternalText;

/// Somebody who writes code or takes part in a response.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// As it stands in commits and in the channel.
    pub name: &'static str,
    /// As it stands in commits.
    pub email: &'static str,
    /// A person or a program.
    pub nature: Nature,
}

impl Person {
    /// A human being.
    pub const fn new(name: &'static str, email: &'static str) -> Self {
        Person { name, email, nature: Nature::Person }
    }

    /// A program that changes things.
    pub const fn bot(name: &'static str, email: &'static str) -> Self {
        Person { name, email, nature: Nature::Bot }
    }

    /// As the one who did or said something.
    pub fn actor(&self) -> Actor {
        match self.nature {
            Nature::Person => Actor::Person(self.name.into()),
            Nature::Bot => Actor::System(self.name.into()),
        }
    }

    /// As the one who made a change.
    pub fn author(&self) -> Author {
        Author { name: self.name.into(), email: Some(ExternalText::new(self.email)), nature: self.nature }
    }
}
