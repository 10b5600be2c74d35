//! Change freezes, and who is on call: from iCalendar files (RFC 5545) and from the configuration, weekly or dated. It must
//! not know what they are good for, nor what time it is: every question names its window.

mod configured;
mod entry;
mod ics;
mod moment;
mod on_call;
mod recurrence;
mod source;
mod zone;

pub use configured::{ConfiguredFreezes, Dated, Weekly};
pub use entry::{BadFreeze, FreezeEntry, WeeklyEntry, sources};
pub use ics::{CalendarOptions, Found, NotACalendar, parse_freezes};
pub use on_call::{BadOnCall, OnCallEntry, on_call_sources};
pub use source::{CalendarFreezeSource, MAX_FILE_BYTES};
