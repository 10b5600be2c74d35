//! Changes that are sent to us: CDEvents 0.5 (and the versions before it), and one plain JSON form for everybody who
//! has `curl`. It reads bytes and must not know who sent them, where a change is kept, or what time it is.
//!
//! The id of a change is made of what the sender gives, so that sending twice is sending once:
//!
//! | what is sent                       | id of the change                                              |
//! |------------------------------------|---------------------------------------------------------------|
//! | a CDEvent                          | `cdevents:{context.source}:{context.id}`                      |
//! | the CDEvent "change merged" of a full sha in a repository | `git:{repository}:{sha}`: what the git source calls it |
//! | the plain form                     | `{kind}:{source}:{id}`                                        |
//!
//! A colon or percent sign in a source is written `%3A` or `%25`, so that no two pairs share an id; an id that would be
//! longer than 300 bytes ends in a digest instead.

mod envelope;
mod event;
mod fields;
mod plain;
mod purl;
mod wire;

pub use envelope::{ChangeFormError, MAX_BODY_BYTES, MAX_CHANGES, parse_changes};
pub use plain::{PlainAuthor, PlainBody, PlainChange, PlainPerson};
