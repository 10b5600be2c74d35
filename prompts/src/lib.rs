//! What a model is told. Its text stands in `templates/`, one function for each with its values as typed arguments; text
//! from outside comes in through [`quote()`] alone. It must not know a model, a connector or the clock, and the same
//! values give the same bytes.

mod handle;
mod harmless;
mod investigation;
mod quote;
mod template;
mod tool_result;

pub use handle::Handle;
pub use investigation::{
    READS, Remarked, Told, brief, checked, failed, no_such_tool, offered_tool, remark, rules,
};
pub use quote::{Label, Quoted, quote, quote_in_line};
pub use template::{BadTemplate, Rendered};
pub use tool_result::{Piece, ToolResult, tool_result};
