//! Changes that are sent to us: CDEvents 0.5 and one plain JSON form.
