//! Change freezes: from iCalendar files (RFC 5545) and from the configuration, weekly or dated. It must not know what a
//! freeze is good for, nor what time it is: every question names its window.

mod configured;
mod entry;
mod ics;
mod moment;
mod recurrence;
mod source;
mod zone;

pub use configured::{ConfiguredFreezes, Dated, Weekly};
pub use entry::{BadFreeze, FreezeEntry, WeeklyEntry, sources};
pub use ics::{CalendarOptions, Found, NotACalendar, parse_freezes};
pub use source::{CalendarFreezeSource, MAX_FILE_BYTES};
