//! Our names against the published ones. The crate that has them as code follows a newer version of the conventions than the
//! one that is pinned; the names that we use are the same in both, and a version that renames one is noticed here.
#![allow(deprecated, reason = "the names have moved to a repository of their own, and are the same there")]

use hearback_core::gen_ai;
use opentelemetry_semantic_conventions::attribute as published;

#[test]
fn every_name_is_a_published_one() {
    for (ours, theirs) in [
        (gen_ai::OPERATION_NAME, published::GEN_AI_OPERATION_NAME),
        (gen_ai::PROVIDER_NAME, published::GEN_AI_PROVIDER_NAME),
        (gen_ai::AGENT_NAME, published::GEN_AI_AGENT_NAME),
        (gen_ai::CONVERSATION_ID, published::GEN_AI_CONVERSATION_ID),
        (gen_ai::REQUEST_MODEL, published::GEN_AI_REQUEST_MODEL),
        (gen_ai::REQUEST_MAX_TOKENS, published::GEN_AI_REQUEST_MAX_TOKENS),
        (gen_ai::RESPONSE_MODEL, published::GEN_AI_RESPONSE_MODEL),
        (gen_ai::RESPONSE_FINISH_REASONS, published::GEN_AI_RESPONSE_FINISH_REASONS),
        (gen_ai::USAGE_INPUT_TOKENS, published::GEN_AI_USAGE_INPUT_TOKENS),
        (gen_ai::USAGE_OUTPUT_TOKENS, published::GEN_AI_USAGE_OUTPUT_TOKENS),
        (gen_ai::TOOL_NAME, published::GEN_AI_TOOL_NAME),
        (gen_ai::TOOL_CALL_ID, published::GEN_AI_TOOL_CALL_ID),
        (gen_ai::TOOL_TYPE, published::GEN_AI_TOOL_TYPE),
        (gen_ai::SERVER_ADDRESS, published::SERVER_ADDRESS),
        (gen_ai::SERVER_PORT, published::SERVER_PORT),
        (gen_ai::ERROR_TYPE, published::ERROR_TYPE),
    ] {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn names_of_our_own_stand_apart() {
    for ours in [
        gen_ai::INCIDENT,
        gen_ai::SOURCE,
        gen_ai::VERB,
        gen_ai::TURNS,
        gen_ai::ENDING,
        gen_ai::STATEMENTS_KEPT,
        gen_ai::STATEMENTS_DROPPED,
    ] {
        assert!(ours.starts_with("hearback."), "{ours}");
    }
}

#[test]
fn the_version_of_the_names_is_pinned() {
    assert_eq!(gen_ai::SCHEMA_URL, "https://opentelemetry.io/schemas/1.37.0");
}
