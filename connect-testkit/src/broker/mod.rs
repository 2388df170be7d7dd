//! The conformance suite of brokers: every sentence of the contract of
//! [`connect_broker`](connect_broker#the-data-contract), as tests that any implementation can run.
//!
//! ```
//! use std::sync::Arc;
//!
//! use connect_broker::Broker;
//! use connect_log::LocalBroker;
//!
//! async fn open() -> Arc<dyn Broker> {
//!     Arc::new(LocalBroker::memory())
//! }
//!
//! connect_testkit::broker_conformance!(open);
//! # fn main() {}
//! ```
//!
//! Each case is a separate test. It opens its broker, uses unique names, creates its topics, and
//! waits with a deadline for what a broker does asynchronously. So the suite also runs against a
//! broker that other tests use, and across a network.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "these are tests: a surprise is a failure of the broker under test"
)]

mod admin;
mod consume;
mod fixture;
mod group;
mod produce;
mod reader;
mod transaction;

pub use admin::*;
pub use consume::*;
pub use fixture::Fixture;
pub use group::*;
pub use produce::*;
pub use transaction::*;

/// Generates one `#[tokio::test]` for each case of the suite.
///
/// Takes the path of an `async fn() -> Arc<dyn Broker>`, optionally preceded by attributes for all
/// tests, such as `#[ignore = "needs a broker"]`.
#[macro_export]
macro_rules! broker_conformance {
    ($(#[$attribute:meta])* $open:path) => {
        $crate::broker_conformance! { @cases [$(#[$attribute])*] $open;
            a_bad_topic_is_refused
            a_committed_transaction_becomes_visible_with_its_offsets
            a_consumer_does_not_create_topics
            a_deleted_topic_is_gone_with_its_records
            a_dropped_member_gives_its_partitions_back
            a_dropped_poll_loses_nothing
            a_dropped_send_still_gives_receipts
            a_failed_record_fails_the_commit
            a_given_partition_is_used
            a_group_continues_at_its_committed_offsets
            a_large_record_comes_alone
            a_member_answers_before_it_reads
            a_newer_producer_fences_the_older
            a_newer_producer_aborts_what_the_older_left_open
            a_partition_that_does_not_exist_is_an_error_of_its_record
            a_pattern_finds_topics_that_come_later
            a_pause_at_the_end_skips_nothing
            a_poll_keeps_its_bounds
            a_poll_without_news_is_idle
            a_silent_member_loses_its_partitions
            a_topic_can_let_the_log_set_the_time
            a_topic_is_described_as_it_was_created
            a_transaction_that_takes_too_long_is_aborted
            a_waiting_poll_is_woken
            aborted_records_and_offsets_stay_invisible
            accepted_records_become_durable_in_order
            an_open_transaction_holds_committed_readers_back
            back_pressure_lets_everything_through
            bytes_headers_and_nulls_come_back_unchanged
            calls_at_the_wrong_moment_are_refused
            commits_are_for_owners_of_a_group
            every_record_gets_exactly_one_receipt
            fencing_by_the_admin_stops_a_producer
            flush_waits_for_all_receipts
            keys_choose_the_partitions_of_the_java_client
            many_records_come_in_order
            offsets_of_an_idle_group_can_be_altered
            paused_partitions_wait
            position_follows_poll_and_seek
            readers_start_where_they_are_told
            receipts_end_with_the_producer
            records_without_keys_reach_all_partitions
            start_and_end_offsets_are_known
            the_cluster_id_is_stable
            timestamps_are_kept_or_filled_in
            too_large_a_record_fails_alone
            transactions_follow_each_other
            two_groups_both_get_everything
            two_members_share_and_hand_over
            unassigned_partitions_are_refused
        }
    };
    (@cases $attributes:tt $open:path; $($case:ident)*) => {
        $($crate::broker_conformance! { @case $attributes $open; $case })*
    };
    (@case [$(#[$attribute:meta])*] $open:path; $case:ident) => {
        $(#[$attribute])*
        #[tokio::test]
        async fn $case() {
            let fixture = $crate::broker::Fixture::new(stringify!($case), $open().await).await;
            $crate::broker::$case(fixture).await;
        }
    };
}
