//! The spans of an investigation: one around all of it, one around each look-up, under the names of `gen_ai`. They hold
//! names, counts and how something ended; they must not know what was said or found.

use hearback_core::investigation::{Ending, Investigated};
use hearback_core::model::ToolCall;
use hearback_core::{Evidence, Incident, gen_ai};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::known::Shown;
use super::others;

/// What the agent is called.
const AGENT: &str = "investigation";

/// A span that is open. Who drops it in the middle has broken off what it stands for, and the span says so.
struct Open {
    span: Span,
    is_over: bool,
}

impl Open {
    fn end(mut self, error: Option<&'static str>) {
        self.is_over = true;
        if let Some(error) = error {
            self.span.record(gen_ai::ERROR_TYPE, error);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.is_over {
            self.span.record(gen_ai::ERROR_TYPE, "cancelled");
        }
    }
}

/// An investigation in `incident`; `of` is what came of it in what `run` gives.
pub(crate) async fn agent<T>(
    incident: Option<&Incident>,
    run: impl Future<Output = T>,
    of: impl FnOnce(&T) -> &Investigated,
) -> T {
    let span = tracing::info_span!(
        "invoke_agent",
        { gen_ai::OPERATION_NAME } = gen_ai::INVOKE_AGENT,
        { gen_ai::PROVIDER_NAME } = gen_ai::OWN,
        { gen_ai::AGENT_NAME } = AGENT,
        { gen_ai::CONVERSATION_ID } = incident.map(|incident| incident.id.as_str()),
        { gen_ai::TURNS } = Empty,
        { gen_ai::ENDING } = Empty,
        { gen_ai::STATEMENTS_KEPT } = Empty,
        { gen_ai::STATEMENTS_DROPPED } = Empty,
        { gen_ai::ERROR_TYPE } = Empty,
    );
    let open = Open { span: span.clone(), is_over: false };
    let came = run.instrument(span.clone()).await;
    let Investigated { claims, hypotheses, dropped, ending, turns, .. } = of(&came);
    span.record(gen_ai::TURNS, turns);
    span.record(gen_ai::ENDING, ended(*ending));
    span.record(gen_ai::STATEMENTS_KEPT, claims.len() + hypotheses.len());
    span.record(gen_ai::STATEMENTS_DROPPED, dropped.count());
    // At a limit it ends as it should, with what it found.
    open.end(matches!(ending, Ending::Missing | Ending::Unreadable).then(|| ended(*ending)));
    came
}

/// A look-up for `call`. What is called was offered: no name is of the model's making.
pub(crate) async fn tool(
    call: &ToolCall,
    run: impl Future<Output = (Result<Shown, String>, Vec<Evidence>)>,
) -> (Result<Shown, String>, Vec<Evidence>) {
    let span = tracing::info_span!(
        "execute_tool",
        { gen_ai::OPERATION_NAME } = gen_ai::EXECUTE_TOOL,
        { gen_ai::TOOL_NAME } = call.name.as_str(),
        { gen_ai::TOOL_CALL_ID } = call.id.as_str(),
        { gen_ai::TOOL_TYPE } =
            if others::is_others(&call.name) { gen_ai::EXTENSION } else { gen_ai::FUNCTION },
        { gen_ai::ERROR_TYPE } = Empty,
    );
    let open = Open { span: span.clone(), is_over: false };
    let looked = run.instrument(span).await;
    open.end(looked.0.is_err().then_some("failed"));
    looked
}

fn ended(ending: Ending) -> &'static str {
    match ending {
        Ending::Finished => "finished",
        Ending::OutOfTurns => "out_of_turns",
        Ending::OutOfTokens => "out_of_tokens",
        Ending::OutOfTime => "out_of_time",
        Ending::OutOfMoney => "out_of_money",
        Ending::Looped => "looped",
        Ending::Unreadable => "unreadable",
        Ending::Refused => "refused",
        Ending::Missing => "missing",
    }
}
