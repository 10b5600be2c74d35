//! Authors through `.mailmap`, and whether they are programs. The `.mailmap` is the one of the main line's newest
//! visible commit: a later one would tell the future, and a bare repository has no other.

use std::collections::HashMap;

use git2::{Mailmap, ObjectType, Oid, Signature, Time};
use hearback_core::ExternalText;
use hearback_core::change::Author;

use crate::bots;
use crate::object::Words;
use crate::objects::Objects;
use crate::tree;

/// Resolves names.
pub(crate) struct Authors {
    mailmap: Option<Mailmap>,
    known: HashMap<(String, String), Author>,
}

impl Authors {
    /// Reads the `.mailmap` of a tree, if it has one.
    pub(crate) fn of_tree(objects: &Objects<'_>, tree: Option<Oid>) -> Self {
        let mailmap = tree
            .and_then(|tree| tree::root_file(objects, tree, b".mailmap"))
            .and_then(|blob| objects.content(blob, ObjectType::Blob).ok())
            .and_then(|raw| Mailmap::from_buffer(&String::from_utf8_lossy(&raw).replace('\0', " ")).ok());
        Authors { mailmap, known: HashMap::new() }
    }

    /// The author as people know them.
    pub(crate) fn resolve(&mut self, words: &Words) -> Author {
        let key = (words.name.clone(), words.email.clone());
        if let Some(author) = self.known.get(&key) {
            return author.clone();
        }
        let (name, email) = self.mapped(words).unwrap_or_else(|| key.clone());
        let author = Author {
            nature: bots::nature(&name, &email),
            name: ExternalText::new(name),
            email: if email.is_empty() { None } else { Some(ExternalText::new(email)) },
        };
        self.known.insert(key, author.clone());
        author
    }

    /// Libgit2 makes no signature of an empty name or address; such authors stay as they are.
    fn mapped(&self, words: &Words) -> Option<(String, String)> {
        let raw = Signature::new(&words.name, &words.email, &Time::new(0, 0)).ok()?;
        let real = self.mailmap.as_ref()?.resolve_signature(&raw).ok()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some((text(real.name_bytes()), text(real.email_bytes())))
    }
}
