//! Why Slack did not do it, sorted by what to do next (docs.slack.dev, the errors of each method). The codes are
//! Slack's; the sentences say what helps. It must not know what was asked.

use hearback_core::ExternalText;
use hearback_core::chat::ChatError;
use hearback_http::HttpError;
use jiff::SignedDuration;

/// How long to wait if Slack does not say: its limits are counted by the minute.
const USUAL_PAUSE: SignedDuration = SignedDuration::from_secs(30);

/// What a call does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only asks.
    Reads,
    /// It posts or changes a message.
    Writes,
}

/// A call that got no answer, or none that could be read.
pub(crate) fn of_transport(error: HttpError, effect: Effect) -> ChatError {
    let told = error.to_string();
    match error {
        HttpError::Busy { status: 429, retry_after, .. } => {
            ChatError::Busy(retry_after.unwrap_or(USUAL_PAUSE).max(SignedDuration::from_secs(1)))
        }
        HttpError::Busy { .. } | HttpError::Unreachable { .. } | HttpError::TimedOut { .. } => {
            ChatError::Away(told)
        }
        HttpError::OutcomeUnknown { why, .. } => ChatError::Unclear(why),
        // A page where Slack's answer should be: the address may be wrong, or something before Slack has trouble.
        HttpError::NotExpected { .. } => match effect {
            Effect::Writes => ChatError::Unclear(told),
            Effect::Reads => ChatError::Away(told),
        },
        // Slack has seen nothing, or has said no.
        HttpError::NotUsable(_)
        | HttpError::Denied { .. }
        | HttpError::Refused { .. }
        | HttpError::Redirected { .. }
        | HttpError::TooLarge { .. } => ChatError::Refused(told),
    }
}

/// An answer with `ok: false`. `needed` is the scope it asks for, if it does.
pub(crate) fn of_code(code: &str, needed: Option<&str>, effect: Effect) -> ChatError {
    let refused = |why: String| ChatError::Refused(why);
    match code {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => ChatError::Busy(USUAL_PAUSE),
        // "It's possible some aspect of the operation succeeded before the error was raised."
        "fatal_error" | "internal_error" if effect == Effect::Writes => {
            ChatError::Unclear(format!("Slack answers {code}"))
        }
        "fatal_error" | "internal_error" | "service_unavailable" | "request_timeout" | "team_added_to_org"
        | "org_login_required" => ChatError::Away(format!("Slack answers {code}; ask again later")),
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => refused(format!(
            "the token is not accepted ({code}); set the one that stands on the app's page"
        )),
        "not_allowed_token_type" => refused(
            "the token is of the wrong kind; messages need the bot token (xoxb-), Socket Mode the app token (xapp-)"
                .to_owned(),
        ),
        "missing_scope" | "no_permission" => {
            let scope = needed.map_or_else(|| "a scope".to_owned(), |scope| format!("the scope {}", name(scope)));
            refused(format!(
                "the app lacks {scope}; update it from connectors/slack/manifest.json and install it again"
            ))
        }
        "not_in_channel" => {
            refused("the copilot is not in the channel; invite it there with /invite @hearback".to_owned())
        }
        "channel_not_found" => refused(
            "there is no such channel, or it is private and the copilot is not in it; invite it or bind another"
                .to_owned(),
        ),
        "user_not_in_channel" => refused(
            "the person is not in the channel, where only they would see the answer; they have to join it and ask again"
                .to_owned(),
        ),
        "messages_tab_disabled" => refused(
            "the app takes no direct messages; switch on the Messages tab on the app's page (App Home)".to_owned(),
        ),
        "cannot_reply_to_message" => refused(
            "Slack lets nobody answer that message in a thread; ask again with a message of your own".to_owned(),
        ),
        "is_archived" => refused("the channel is archived; unarchive it or bind another".to_owned()),
        "msg_too_long" | "msg_blocks_too_long" | "invalid_blocks" | "invalid_blocks_format" | "no_text"
        | "metadata_too_large" | "invalid_metadata_format" | "invalid_metadata_schema" => refused(format!(
            "the message is not of a form that Slack takes ({code}); report it as a fault of Hearback"
        )),
        "restricted_action"
        | "restricted_action_read_only_channel"
        | "restricted_action_thread_only_channel"
        | "restricted_action_non_threadable_channel"
        | "restricted_action_thread_locked" => refused(format!(
            "the workspace does not let the copilot post there ({code}); ask an admin to allow it"
        )),
        "message_not_found" | "thread_not_found" => {
            refused("the message is gone; somebody has deleted it".to_owned())
        }
        "cant_update_message" => refused("the message is not the copilot's; it can't be changed".to_owned()),
        "edit_window_closed" => {
            refused("the workspace no longer lets the message be changed; post a new one".to_owned())
        }
        "accesslimited"
        | "access_denied"
        | "ekm_access_denied"
        | "team_access_not_granted"
        | "enterprise_is_restricted"
        | "two_factor_setup_required" => {
            refused(format!("the workspace does not let the app in ({code}); ask an admin to allow it"))
        }
        other => refused(format!("Slack answers {}; look it up in Slack's documentation of the method", name(other))),
    }
}

/// A code as it can be told.
fn name(code: &str) -> String {
    ExternalText::new(code).for_people(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_by_what_to_do_next() {
        let kind = |code: &str, effect| match of_code(code, None, effect) {
            ChatError::Busy(_) => "busy",
            ChatError::Away(_) => "away",
            ChatError::Unclear(_) => "unclear",
            ChatError::Refused(_) => "refused",
        };
        for (code, write, read) in [
            ("ratelimited", "busy", "busy"),
            ("rate_limited", "busy", "busy"),
            ("internal_error", "unclear", "away"),
            ("fatal_error", "unclear", "away"),
            ("service_unavailable", "away", "away"),
            ("invalid_auth", "refused", "refused"),
            ("something_new", "refused", "refused"),
        ] {
            assert_eq!((kind(code, Effect::Writes), kind(code, Effect::Reads)), (write, read), "{code}");
        }
    }

    #[test]
    fn every_refusal_is_a_sentence_that_says_what_helps() {
        let codes = [
            "invalid_auth",
            "not_allowed_token_type",
            "missing_scope",
            "not_in_channel",
            "channel_not_found",
            "user_not_in_channel",
            "messages_tab_disabled",
            "cannot_reply_to_message",
            "is_archived",
            "msg_too_long",
            "restricted_action",
            "message_not_found",
            "cant_update_message",
            "edit_window_closed",
            "access_denied",
            "brand_new\u{1b}[2J",
        ];
        let told: Vec<String> =
            codes.iter().map(|code| of_code(code, Some("chat:write"), Effect::Writes).to_string()).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
