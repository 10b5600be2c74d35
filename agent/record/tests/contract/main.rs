//! What every record store must do, asked of both.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test program; the lint's own exception covers test functions alone"
)]

#[path = "../place/mod.rs"]
mod place;

mod beside;
mod chain;
mod desk;
mod removal;
mod tampering;

/// Runs each rule against SQLite and against a real PostgreSQL.
macro_rules! contract {
    ($($group:ident :: $rule:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                super::$group::$rule(super::place::Place::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                super::$group::$rule(super::place::Place::postgres()).await;
            })*
        }
    };
}

contract![
    chain::what_is_appended_is_read_back_in_pages,
    chain::an_append_of_several_is_one_unit,
    chain::a_head_that_moved_is_a_conflict_and_nothing_is_written,
    chain::of_many_that_expect_one_head_exactly_one_wins,
    chain::two_openings_of_one_record_never_fork_a_chain,
    chain::one_bad_request_does_not_fail_the_others_of_its_batch,
    chain::secrets_are_taken_out_before_an_entry_is_sealed,
    chain::a_name_that_looks_like_a_secret_is_refused,
    chain::incidents_are_listed_oldest_first_with_their_heads,
    chain::every_number_survives_the_store,
    chain::any_sequence_of_drafts_verifies_and_reads_back_equal,
    chain::dropping_the_last_handle_writes_what_waits,
    chain::two_openings_at_once_make_one_record,
    chain::a_record_of_a_newer_version_is_refused,
    removal::a_redacted_body_is_gone_and_the_chain_verifies,
    removal::what_can_not_be_redacted_is_said,
    removal::a_snapshot_goes_with_the_last_entry_that_names_it,
    removal::an_export_is_imported_equal,
    removal::what_is_no_whole_record_is_not_imported,
    tampering::every_edit_in_the_database_is_noticed,
    tampering::a_record_cut_short_is_noticed_with_the_exported_head,
    tampering::a_changed_snapshot_is_noticed,
    beside::a_change_is_logged_once,
    beside::changes_are_found_by_their_time_of_effect,
    beside::an_alert_waits_until_exactly_one_incident_takes_it,
    beside::an_alert_that_comes_back_after_it_was_over_is_new,
    beside::secrets_in_changes_and_alerts_are_taken_out,
    desk::a_token_is_kept_until_it_is_revoked,
    desk::a_delivery_is_marked_once_and_forgotten_in_time,
    desk::a_notice_is_told_once,
    desk::what_was_found_out_waits_for_the_incident,
    desk::a_target_is_leased_to_exactly_one,
];
