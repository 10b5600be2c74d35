//! Reads raw objects of one repository on one thread and keeps the ones a neighbouring commit will want again.
//! It must not know what the objects mean.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use git2::{ErrorCode, ObjectType, Odb, OdbLookupFlags, Oid, Repository};

/// Bytes of objects kept by a reader, at most twice this for a moment.
const KEPT_BYTES: usize = 6 << 20;
/// Objects larger than this are not kept.
const LARGEST_KEPT_BYTES: usize = 512 << 10;

/// Why an object can't be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is not here: a partial clone.
    Absent,
    /// It is here but damaged, or not of the kind it should be.
    Damaged,
}

/// Reads objects of a repository.
pub(crate) struct Objects<'r> {
    odb: Odb<'r>,
    kept: RefCell<Kept>,
    /// Whether some object was absent already. Libgit2 looks through all packs anew before it reports an absent
    /// object, which is ruinous in a partial clone; from the first one on, we ask without that.
    lacks_some: Cell<bool>,
}

impl<'r> Objects<'r> {
    pub(crate) fn new(repository: &'r Repository) -> Result<Self, git2::Error> {
        Ok(Objects { odb: repository.odb()?, kept: RefCell::default(), lacks_some: Cell::new(false) })
    }

    /// The content of an object, kept for the next who asks.
    pub(crate) fn content(&self, oid: Oid, kind: ObjectType) -> Result<Rc<[u8]>, Unreadable> {
        if let Some(content) = self.kept.borrow_mut().get(oid) {
            return Ok(content);
        }
        let content = self.with(oid, kind, |raw| Rc::from(raw))?;
        self.kept.borrow_mut().put(oid, &content);
        Ok(content)
    }

    /// The content of an object that has at most `largest` bytes; none if it has more.
    pub(crate) fn content_up_to(
        &self,
        oid: Oid,
        kind: ObjectType,
        largest: usize,
    ) -> Result<Option<Rc<[u8]>>, Unreadable> {
        // What is kept tells its size for nothing; in a pack it stands behind a chain of differences.
        let kept = self.kept.borrow_mut().get(oid);
        let size = kept.as_ref().map_or_else(|| self.size(oid), |kept| Ok(kept.len()))?;
        if size > largest {
            return Ok(None);
        }
        kept.map_or_else(|| self.content(oid, kind), Ok).map(Some)
    }

    /// Looks at the content of an object once.
    pub(crate) fn with<T>(
        &self,
        oid: Oid,
        kind: ObjectType,
        look: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, Unreadable> {
        if self.lacks_some.get() && !self.odb.exists_ext(oid, OdbLookupFlags::NO_REFRESH) {
            return Err(Unreadable::Absent);
        }
        match self.odb.read(oid) {
            Ok(object) if object.kind() == kind => Ok(look(object.data())),
            Ok(_) => Err(Unreadable::Damaged),
            Err(error) if error.code() == ErrorCode::NotFound => {
                self.lacks_some.set(true);
                Err(Unreadable::Absent)
            }
            Err(_) => Err(Unreadable::Damaged),
        }
    }

    /// The size of an object in bytes, without its content.
    fn size(&self, oid: Oid) -> Result<usize, Unreadable> {
        if self.lacks_some.get() && !self.odb.exists_ext(oid, OdbLookupFlags::NO_REFRESH) {
            return Err(Unreadable::Absent);
        }
        match self.odb.read_header(oid) {
            Ok((size, _)) => Ok(size),
            Err(error) if error.code() == ErrorCode::NotFound => {
                self.lacks_some.set(true);
                Err(Unreadable::Absent)
            }
            Err(_) => Err(Unreadable::Damaged),
        }
    }

    /// The kind of an object.
    pub(crate) fn kind(&self, oid: Oid) -> Option<ObjectType> {
        self.odb.read_header(oid).ok().map(|(_, kind)| kind)
    }

    /// The only object whose name begins with these hexadecimal digits.
    pub(crate) fn with_prefix(&self, hex: &str) -> Option<Oid> {
        let padded = format!("{hex:0<40}");
        let short = Oid::from_str(&padded).ok()?;
        self.odb.exists_prefix(short, hex.len()).ok()
    }
}

/// Two generations: what was not asked for during a whole generation goes. Cheaper than an exact order of use, and
/// commits ask for what their neighbours asked for.
#[derive(Default)]
struct Kept {
    young: HashMap<Oid, Rc<[u8]>>,
    old: HashMap<Oid, Rc<[u8]>>,
    young_bytes: usize,
}

impl Kept {
    fn get(&mut self, oid: Oid) -> Option<Rc<[u8]>> {
        if let Some(content) = self.young.get(&oid) {
            return Some(Rc::clone(content));
        }
        let content = self.old.remove(&oid)?;
        self.put(oid, &content);
        Some(content)
    }

    fn put(&mut self, oid: Oid, content: &Rc<[u8]>) {
        if content.len() > LARGEST_KEPT_BYTES {
            return;
        }
        if self.young_bytes + content.len() > KEPT_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += content.len();
        self.young.insert(oid, Rc::clone(content));
    }
}
