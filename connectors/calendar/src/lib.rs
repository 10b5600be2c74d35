//! Change freezes from iCalendar files.
