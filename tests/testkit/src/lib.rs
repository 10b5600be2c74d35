//! What tests share. Only tests and the tools of this repository depend on it; it must not know how anything is
//! decided or stored.

pub mod long_history;
pub mod memory;
pub mod postgres;
pub mod prometheus;
pub mod scenario;
pub mod series;
