//! The gateway end to end: over real sockets, its event API in the same process.
//!
//! What a hostile or unlucky world does to the services, what they make of it, and the tests that show it, here and
//! elsewhere. `hostile.rs` makes sure that each of them is there.
//!
//! # What clients send
//!
//! | case | what happens | shown by |
//! |---|---|---|
//! | JSON that is broken, cut, followed by more, with a byte order mark, `NaN`, `1e999`, half a surrogate or bytes that are no UTF-8 | 400, and the upstream hears nothing of it | `examples/src/http/json/tests.rs::what_is_not_json_is_400`, `tests/gateway/requests.rs::what_is_wrong_with_a_body_is_said_before_anything_is_sent` |
//! | the same key twice in an object | 400: readers differ in which one counts | `examples/src/http/json/tests.rs::a_problem_with_a_field_names_the_field`, `tests/gateway/requests.rs::what_is_wrong_with_a_body_is_said_before_anything_is_sent` |
//! | brackets nested 100,000 deep | 400, and no stack is used up | `examples/src/http/json/tests.rs::what_is_not_json_is_400` |
//! | fields that nobody knows | 400: a name that is misspelt should not be passed over | `tests/gateway/requests.rs::what_is_wrong_with_a_body_is_said_before_anything_is_sent` |
//! | no media type, or another one | 415, before the body is read | `examples/src/http/json/tests.rs::other_media_types_are_415_before_reading` |
//! | a compressed body | 415: nothing is unpacked, so nothing can explode | `tests/gateway/requests.rs::what_is_wrong_with_a_body_is_said_before_anything_is_sent` |
//! | a body that is announced too long, or grows too long | 413 before the first byte, or at the limit; then the connection ends | `examples/src/http/json/tests.rs::a_body_over_the_limit_is_413_and_ends_the_connection`, `examples/src/http/serve/tests.rs::bodies_that_break_the_rules_are_refused` |
//! | a name that is empty, blank, too long, or with control or bidirectional characters | 422 with the name of the field | `examples/src/contract/tests.rs::bad_names_are_refused_by_name` |
//! | an email with no `@` or two, blanks, line ends, quotes, other alphabets, or that is too long | 422 with the name of the field | `examples/src/contract/tests.rs::bad_emails_are_refused_by_name` |
//! | an email or a name that is taken, in whatever case; many who want one at once | 409, and 201 for exactly one | `tests/gateway/requests.rs::of_many_who_want_one_email_at_once_one_gets_it` |
//! | a refused name with a free email | the email is still free | `tests/gateway/requests.rs::a_name_or_an_email_that_is_taken_is_409_and_reserves_nothing` |
//! | an id that is none: another spelling, `..%2f`, a NUL, 10 KB of it | 400, or 414 and 431 if it fits nowhere; the upstream hears nothing of it | `tests/gateway/requests.rs::a_wrong_path_id_page_or_method_is_said_before_anything_is_sent`, `tests/gateway/hostile.rs::an_id_of_any_length_is_none_and_gets_nowhere` |
//! | the id of nobody, again and again | 404, and nothing is kept of it | `tests/gateway/requests.rs::an_unknown_user_is_404_before_anything_is_posted_and_no_failure`, `tests/gateway/hostile.rs::the_id_of_nobody_is_asked_for_each_time_and_never_kept` |
//! | a page of -1, 0, 201, 2^64 or `abc` items, or after a cursor that is none | 400 | `tests/gateway/requests.rs::a_wrong_path_id_page_or_method_is_said_before_anything_is_sent`, `examples/src/contract/tests.rs::a_page_is_asked_for_within_bounds` |
//!
//! # What HTTP lets them do
//!
//! | case | what happens | shown by |
//! |---|---|---|
//! | another method | 405 with `Allow`; 501 for one that HTTP does not know | `examples/src/http/router/tests.rs::another_method_is_405_with_the_methods_there_are`, `tests/gateway/requests.rs::a_wrong_path_id_page_or_method_is_said_before_anything_is_sent`, `examples/src/http/serve/tests.rs::targets_and_methods_that_are_not_ours_are_refused` |
//! | `HEAD`, `OPTIONS`, `TRACE`, `CONNECT` | the head of `GET`; 204 with `Allow`; 405; 405 | `examples/src/http/router/tests.rs::head_is_get_without_the_body`, `examples/src/http/router/tests.rs::options_tell_the_methods`, `examples/src/http/serve/tests.rs::targets_and_methods_that_are_not_ours_are_refused` |
//! | another spelling of a path: `//`, `/%61ddEvent`, a slash at the end, `/a/..` | 404: no way around what guards a route | `examples/src/http/router/tests.rs::no_other_spelling_of_a_path_leads_to_a_handler`, `tests/gateway/requests.rs::what_http_forbids_is_refused_and_nothing_is_connected_to_on_a_clients_word` |
//! | a target or a `Host` that names somebody else | the answer for the path; nobody is connected to on a client's word | `tests/gateway/requests.rs::what_http_forbids_is_refused_and_nothing_is_connected_to_on_a_clients_word`, `examples/src/http/serve/tests.rs::the_absolute_form_is_answered_and_its_host_forgotten` |
//! | no `Host`, two, or `user@host` | 400, and the connection ends | `examples/src/http/serve/tests.rs::a_request_needs_exactly_one_valid_host` |
//! | two lengths, a length beside chunks, an encoding that nobody knows, folded lines: what two servers may read in two ways | 400, and what is behind it is not read as a request | `tests/gateway/hostile.rs::what_could_be_read_in_two_ways_is_read_in_none_or_ends_the_connection` |
//! | hop-by-hop headers, those that `Connection` names, credentials, cookies | they end here; the key and the request's id alone go on | `tests/gateway/requests.rs::no_header_of_a_client_gets_to_the_upstream_but_its_key_and_its_request_id` |
//! | HTTP/2, begun or asked for | 400, or the answer in HTTP/1.1; so no resets, no continuations and no empty frames | `tests/gateway/requests.rs::http_2_is_refused_whether_it_is_begun_or_asked_for` |
//! | several requests at once on one connection | answers in their order | `examples/src/http/serve/tests.rs::pipelined_requests_are_answered_in_order` |
//! | the end of its own side after a request, and waits | its answer, while it may be there; a body cut by it is 400 and is not sent on | `tests/gateway/hostile.rs::a_client_that_closes_its_side_gets_its_answer`, `examples/src/http/serve/tests/half_closed.rs::a_client_that_has_closed_its_side_gets_its_answer`, `examples/src/http/serve/tests/half_closed.rs::a_client_that_may_have_gone_is_not_waited_for_for_ever` |
//! | two tokens, or one in the query | 400; 401, as if there were none | `tests/oauth.rs::a_token_that_does_not_hold_is_refused_as_invalid`, `tests/oauth.rs::whoever_shows_nothing_is_told_how_to_ask_and_nothing_else` |
//!
//! # How slow and how many they are
//!
//! | case | what happens | shown by |
//! |---|---|---|
//! | a head or a body that dribbles, a connection that says nothing or is idle | the end of the connection in time, 408 for a body; the others are served | `examples/src/http/serve/tests.rs::slow_heads_and_silent_connections_are_closed_in_time`, `examples/src/http/json/tests.rs::a_body_that_does_not_arrive_is_408`, `examples/src/http/serve/tests.rs::an_idle_connection_is_closed_after_the_idle_time` |
//! | nobody who reads the answer | the end of the connection in time | `examples/src/http/serve/tests.rs::a_client_that_does_not_read_is_cut_off` |
//! | 1200 connections with the beginnings of requests, garbage and floods of brackets | others are served meanwhile; descriptors and memory come back | `tests/floods.rs::a_flood_of_connections_leaves_no_descriptor_and_no_memory_behind` |
//! | more connections than there are descriptors | a wait; it serves again when there are some | `tests/gateway_process.rs::out_of_descriptors_it_waits_and_then_serves_again`, `examples/src/http/serve/tests.rs::running_out_of_file_descriptors_does_not_end_the_server` |
//! | a handler that panics | 500 without a word about why, for one request | `examples/src/http/serve/tests.rs::a_panic_is_a_500_and_nothing_more` |
//!
//! # What the upstream does
//!
//! | case | what happens | shown by |
//! |---|---|---|
//! | nobody there, a name that does not resolve | 502 at once | `tests/gateway/breaker.rs::an_upstream_that_is_not_there_is_502`, `examples/src/gateway/upstream/tests.rs::nobody_listening_is_unreachable`, `examples/src/gateway/upstream/tests.rs::a_name_that_does_not_resolve_is_unreachable` |
//! | silence: no connection, no head, half a head, half a body, a body that drips | 504 when the time is over, whichever timer sees it first | `examples/src/gateway/upstream/tests.rs::silence_ends_at_the_timeout_wherever_it_begins`, `examples/src/gateway/upstream/tests.rs::a_connection_that_is_not_made_in_time_is_silence_whoever_sees_it_first`, `tests/gateway/breaker.rs::silence_is_504_and_a_failure`, `tests/network/answers.rs::a_slow_answer_is_an_answer_and_one_that_drips_is_silence` |
//! | garbage, a cut body, what is no JSON, a reset | 502, and never half an answer | `examples/src/gateway/upstream/tests.rs::what_is_no_answer_is_broken`, `tests/gateway/breaker.rs::whatever_is_wrong_with_the_upstream_has_a_status_and_is_tried_once` |
//! | a partition, a crash, what is held on the way: on a simulated network, in virtual time | it is noticed after three calls, refused at once from then on, and closed again soon after it is over | `tests/network/outages.rs::a_partition_that_refuses_connections_is_noticed_within_a_few_calls`, `tests/network/outages.rs::a_crash_that_leaves_silence_is_noticed_when_three_calls_have_timed_out_and_only_probes_go_into_it`, `tests/network/outages.rs::what_is_held_on_the_way_is_silence_and_what_comes_late_is_done_once` |
//! | a death in the middle of an answer | 502, or 504 where nobody says so, and nobody gets half of it | `tests/network/answers.rs::an_upstream_that_dies_in_the_middle_of_an_answer_leaves_no_half_of_it` |
//! | any of it, in any order, while clients repeat what was not acknowledged | one event for each key | `tests/network/chaos.rs::whatever_happens_a_client_that_repeats_its_request_gets_one_event`, `tests/network/chaos.rs::whatever_happens_to_the_network_it_is_closed_again_soon_after_everything_is_well` |
//! | a body that is announced too long, or does not end | 502 at the limit | `examples/src/gateway/upstream/tests.rs::a_body_is_read_up_to_its_bound` |
//! | a redirect | 502: nobody is followed to another address | `examples/src/gateway/upstream/tests.rs::what_is_no_answer_is_broken` |
//! | an end of the connection with a POST on it | 502 or 504, and no second try: it may have been carried out | `examples/src/gateway/upstream/tests.rs::a_post_is_sent_once_even_if_the_connection_goes_away`, `examples/src/gateway/upstream/tests.rs::a_connection_that_ended_in_the_pool_makes_no_request_twice` |
//! | a limit with its time, or several of them | it is obeyed, and passed on; of several the longest counts | `tests/gateway/breaker.rs::a_limit_that_names_its_time_is_obeyed_at_once`, `tests/bad_input.rs::hints_that_are_good_are_followed`, `resilience/src/hint/tests/pushback.rs::of_several_values_the_longest_counts_and_one_that_forbids_is_enough` |
//! | one failure in the middle of something else: a failed look-up, an insert that was refused | nothing is remembered of it | `tests/gateway/reads.rs::a_failed_look_up_is_not_remembered` |
//! | a key that is sent again: with its event, with another one, or while the first is under way | the first one's event, marked as replayed; 422; its event, when it is there | `tests/gateway/repeats.rs::a_repetition_with_its_key_makes_one_event`, `tests/gateway/repeats.rs::of_many_at_once_with_one_key_one_makes_the_event_and_all_are_told_of_it` |
//! | no key where there may be one | 201: a key is an offer, not a duty | `tests/gateway/reads.rs::own_writes_are_seen_at_once` |
//! | a read after a write of its own | what was written | `tests/gateway/reads.rs::own_writes_are_seen_at_once`, `examples/src/gateway/cache/tests.rs::a_look_up_from_before_a_write_is_not_shown_after_it` |
//! | ids without end, for the memory of look-ups | a bound | `examples/src/gateway/cache/tests.rs::there_is_a_bound` |
//!
//! # Who they say they are
//!
//! | case | what happens | shown by |
//! |---|---|---|
//! | no credentials | 401 and how to ask, without a word about an error | `tests/oauth.rs::whoever_shows_nothing_is_told_how_to_ask_and_nothing_else` |
//! | a token that is expired, forged, or nonsense | 401, `invalid_token` | `tests/oauth.rs::a_token_that_does_not_hold_is_refused_as_invalid` |
//! | a token that allows something else | 403, `insufficient_scope`, and which one is needed | `tests/oauth.rs::every_route_asks_for_what_the_document_says_and_for_no_less` |
//! | no algorithm, a secret that is the public key, a type or an extension that nobody knows | 401 | `examples/src/gateway/auth/token/tests.rs::no_algorithm_at_all_is_refused`, `examples/src/gateway/auth/token/tests.rs::a_secret_that_is_the_public_key_is_refused`, `examples/src/gateway/auth/token/tests.rs::an_extension_that_must_be_understood_is_refused`, `examples/src/gateway/auth/token/tests.rs::a_token_of_another_type_is_refused_and_a_plain_one_only_on_demand` |
//! | an issuer or an audience that is absent or another | 401 | `examples/src/gateway/auth/token/tests.rs::an_issuer_that_is_absent_or_another_is_refused`, `examples/src/gateway/auth/token/tests.rs::an_audience_that_is_absent_or_another_is_refused` |
//! | a clock that differs | a minute is tolerated, and no more | `examples/src/gateway/auth/token/tests.rs::a_minute_of_skew_is_tolerated_and_no_more` |
//! | a key that is new, and a flood of keys that nobody knows | one fetch; one fetch in each cool-down, and the known keys stay | `tests/oauth.rs::a_new_key_is_fetched_once_and_forged_ones_fetch_nothing_more`, `examples/src/gateway/auth/jwks/tests.rs::a_flood_of_unknown_keys_is_one_fetch_in_each_cooldown_and_the_known_ones_stay` |
//!
//! # What is told of it
//!
//! | case | what happens | shown by |
//! |---|---|---|
//! | line ends and escapes in what is logged | one line a request, escaped | `examples/src/http/serve/tests.rs::every_request_is_one_line_in_the_log` |
//! | tokens, names, emails and bodies | none of them in the log, at whatever level | `tests/gateway_process.rs::a_token_is_never_logged`, `tests/gateway_process.rs::what_clients_write_is_never_logged` |
//! | an error from within | no host, no library, no reason | `tests/gateway/breaker.rs::whatever_is_wrong_with_the_upstream_has_a_status_and_is_tried_once`, `examples/src/event_api/tests.rs::a_store_that_fails_is_500_without_a_word_about_why` |
//!
//! # What happens to the process
//!
//! | case | what happens | shown by |
//! |---|---|---|
//! | a variable that makes no sense | the end, with one line that names it | `tests/gateway_process.rs::a_bad_value_ends_it_with_one_line_that_names_the_variable` |
//! | SIGTERM while something is in flight; a second one | it is finished, nothing new is taken, and the code is 0; the end at once, and the code is 130 | `tests/gateway_process.rs::what_is_in_flight_is_finished_when_it_is_told_to_end`, `tests/gateway_process.rs::a_second_signal_ends_it_at_once` |
//! | SIGHUP, with a good policy or a bad one | the policy is read again and what is open stays open; all stays as it was | `tests/gateway_process.rs::a_hangup_has_the_policy_read_again_and_leaves_the_state_alone` |
//! | a kill in the middle of writing | what was acknowledged is there, and nothing twice | `tests/gateway_process.rs::a_kill_loses_nothing_that_was_acknowledged`, `tests/crashes.rs::fifty_kills_lose_nothing_that_was_acknowledged_and_one_key_makes_one_event`, `examples/src/store/durable/crash_tests.rs::what_was_acknowledged_survives_a_kill` |

mod alerts;
mod breaker;
mod control;
mod dashboard;
mod hostile;
mod openapi;
mod reads;
mod repeats;
mod requests;

use examples::event_api::faults::RouteName;
use examples::gateway::{self, Config, Running};
use serde_json::json;
use std::time::Duration;
use support::client::{Answer, Client};
use tempfile::TempDir;

/// The id of nobody.
const UNKNOWN: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// A gateway, somebody to talk to it, and a user to post for.
struct Rig {
    gateway: Running,
    client: Client,
    user: String,
    _data: TempDir,
}

impl Rig {
    /// With a fault plan, and whatever else is different from the defaults.
    ///
    /// The delay is longer than any test, so that what is open stays open unless a test says otherwise; what is silent
    /// is silent for long.
    async fn start(faults: &str, change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config {
            gateway_addr: ([127, 0, 0, 1], 0).into(),
            data_dir: data.path().to_owned(),
            faults: faults.parse().unwrap(),
            ..Config::default()
        };
        for (name, value) in [("DELAY", "10m"), ("MAX_DELAY", "10m"), ("JITTER", "0"), ("WINDOW", "10m")] {
            config.policy.set(name, value);
        }
        config.bounds.upstream_timeout = Duration::from_secs(30);
        change(&mut config);
        let gateway = gateway::start(config).await.unwrap();
        let client = Client::new(gateway.addr());
        let added = client.post("/addUser", &json!({ "userName": "ada", "email": "ada@example.org" })).await;
        assert_eq!(added.status, 201, "{added:?}");
        let user = added.id();
        Self { gateway, client, user, _data: data }
    }

    async fn add_event(&self) -> Answer {
        self.client.post("/addEvent", &json!({ "name": "signed up", "userId": self.user })).await
    }

    /// Requests that the upstream has received, on all routes.
    fn received(&self) -> u64 {
        self.gateway.upstream().unwrap().faults().received().values().sum()
    }

    /// Events that were posted to the upstream.
    fn posted(&self) -> u64 {
        self.gateway.upstream().unwrap().faults().received_by(RouteName::AddEvent)
    }

    fn set_faults(&self, plan: &str) {
        self.gateway.upstream().unwrap().faults().set(plan.parse().unwrap());
    }
}

/// Whether it was the breaker that said no, and not the upstream.
fn is_refusal(answer: &Answer) -> bool {
    answer.status == 503 && answer.header("proxy-status").contains("error=destination_unavailable")
}
