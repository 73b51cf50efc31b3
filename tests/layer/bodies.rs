//! Answers whose end decides.

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use resilience::classify::{GrpcStatus, HttpStatus};
use resilience::clock::Manual;
use resilience::layer::ResponseBody;
use resilience::machine::Rule;
use resilience::{Breaker, BreakerLayer, Reason, State};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use support::fixture::{Down, classic, half_open, manual, ms, now, refusal, rule, secs, wait};
use tower::{Layer, ServiceBuilder, service_fn};

/// What a body does next.
#[derive(Clone, Debug)]
enum Step {
    Data(&'static str),
    Trailers(&'static [(&'static str, &'static str)]),
    /// Nothing for now.
    Wait,
    Cut,
    Panic,
}

/// A body that does as it is told, and says that it is over when nothing is left if it `knows`.
#[derive(Clone, Debug, Default)]
struct Script {
    steps: VecDeque<Step>,
    knows: bool,
}

impl Body for Script {
    type Data = Bytes;
    type Error = Down;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Down>>> {
        Poll::Ready(match self.steps.pop_front() {
            Some(Step::Data(data)) => Some(Ok(Frame::data(Bytes::from_static(data.as_bytes())))),
            Some(Step::Trailers(fields)) => Some(Ok(Frame::trailers(trailers(fields)))),
            Some(Step::Wait) => return Poll::Pending,
            Some(Step::Cut) => Some(Err(Down)),
            Some(Step::Panic) => panic!("told to"),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.knows && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let data = |step: &Step| if let Step::Data(data) = step { data.len() as u64 } else { 0 };
        SizeHint::with_exact(self.steps.iter().map(data).sum())
    }
}

fn trailers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    fields.iter().map(|&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

const OK: Step = Step::Trailers(&[("grpc-status", "0")]);
const UNAVAILABLE: Step = Step::Trailers(&[("grpc-status", "14"), ("grpc-retry-pushback-ms", "7000")]);

/// The answer to a gRPC call, head and body.
fn grpc(breaker: &Breaker, steps: &[Step]) -> ResponseBody<Script> {
    answer(BreakerLayer::for_grpc(breaker.clone()), steps, false)
}

/// The answer to an HTTP call whose end decides.
fn http(breaker: &Breaker, steps: &[Step], knows: bool) -> ResponseBody<Script> {
    answer(BreakerLayer::for_http(breaker.clone()).classify(HttpStatus::new().judged_at_end()), steps, knows)
}

fn answer<C, R>(layer: BreakerLayer<C, R>, steps: &[Step], knows: bool) -> ResponseBody<Script>
where
    C: resilience::classify::Classify<Response<Script>, Infallible> + Clone,
    R: resilience::respond::Respond<
            Response<Script>,
            Infallible,
            Response = Response<ResponseBody<Script>>,
            Error = Infallible,
        > + Clone,
{
    let script = Script { steps: steps.iter().cloned().collect(), knows };
    let service = service_fn(move |_: Request<()>| {
        let body = script.clone();
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    let response = now(&mut ServiceBuilder::new().layer(layer).service(service), Request::new(())).unwrap();
    assert!(!response.body().is_refusal(), "refused");
    response.into_body()
}

fn poll(body: &mut ResponseBody<Script>) -> Poll<Option<Result<Frame<Bytes>, Down>>> {
    Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
}

fn read(body: ResponseBody<Script>) -> Result<Option<HeaderMap>, Down> {
    body.collect().now_or_never().expect("it is all there").map(|collected| collected.trailers().cloned())
}

fn failures(breaker: &Breaker) -> u64 {
    breaker.snapshot().counts.failures
}

#[test]
fn trailers_decide_how_a_grpc_call_went() {
    let (breaker, _) = manual(|builder| builder);
    for _ in 0..3 {
        assert_eq!(breaker.state(), State::Closed);
        assert!(read(grpc(&breaker, &[Step::Data("half an answer"), UNAVAILABLE])).unwrap().is_some());
    }
    assert_eq!((breaker.state(), wait(&breaker)), (State::Open, secs(7)), "and they bring the pushback");
}

#[test]
fn good_trailers_clear_what_was_before() {
    let (breaker, _) = manual(|builder| builder);
    read(grpc(&breaker, &[UNAVAILABLE])).unwrap();
    read(grpc(&breaker, &[UNAVAILABLE])).unwrap();
    let mut body = grpc(&breaker, &[Step::Data("answer"), OK]);
    assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(_)))));
    assert_eq!(breaker.snapshot().failures.len(), 2, "not before the end");
    assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(_)))));
    assert_eq!(breaker.snapshot().failures.len(), 0);
}

#[test]
fn a_body_that_is_cut_or_ends_without_a_status_is_a_failure() {
    for (steps, cut) in [(vec![Step::Data("half"), Step::Cut], true), (vec![Step::Data("all, but no status")], false)] {
        let (breaker, _) = manual(|builder| builder);
        assert_eq!(read(grpc(&breaker, &steps)).is_err(), cut);
        assert_eq!(failures(&breaker), 1, "{steps:?}");
    }
    let (breaker, _) = manual(|builder| builder);
    assert_eq!(read(http(&breaker, &[Step::Data("half"), Step::Cut], false)), Err(Down));
    assert_eq!(failures(&breaker), 1);
}

#[test]
fn bytes_trailers_and_size_hints_pass_unchanged() {
    let (breaker, _) = manual(|builder| builder);
    for watched in [true, false] {
        let steps = [Step::Data("one"), Step::Wait, Step::Data("three"), OK];
        let mut body = match watched {
            true => grpc(&breaker, &steps),
            false => answer(BreakerLayer::for_http(breaker.clone()), &steps, false),
        };
        assert_eq!(body.size_hint().exact(), Some(8));
        let Poll::Ready(Some(Ok(frame))) = poll(&mut body) else { panic!("a frame") };
        assert_eq!(frame.into_data().unwrap(), "one");
        assert_eq!(body.size_hint().exact(), Some(5));
        assert!(poll(&mut body).is_pending());
        let Poll::Ready(Some(Ok(frame))) = poll(&mut body) else { panic!("a frame") };
        assert_eq!(frame.into_data().unwrap(), "three");
        assert!(!body.is_end_stream());
        let Poll::Ready(Some(Ok(frame))) = poll(&mut body) else { panic!("a frame") };
        assert_eq!(frame.into_trailers().unwrap(), trailers(&[("grpc-status", "0")]));
        assert!(matches!(poll(&mut body), Poll::Ready(None)));
    }
}

#[test]
fn a_body_that_knows_that_it_is_over_need_not_be_read_past_its_end() {
    let (breaker, _) = manual(|builder| builder);
    read(http(&breaker, &[Step::Cut], false)).unwrap_err();
    let mut body = http(&breaker, &[Step::Data("all of it")], true);
    assert!(!body.is_end_stream());
    assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(_)))));
    assert!(body.is_end_stream());
    assert_eq!(breaker.snapshot().failures.len(), 0, "the success has been recorded");
    drop(body);
    assert_eq!(failures(&breaker), 1);
}

#[test]
fn an_empty_body_decides_at_the_head() {
    let (breaker, _) = manual(|builder| builder);
    read(http(&breaker, &[Step::Cut], false)).unwrap_err();
    let body = http(&breaker, &[], true);
    assert!(body.is_end_stream());
    assert_eq!(breaker.snapshot().failures.len(), 0, "though nobody has read it");
    // For gRPC an empty body without a status is none of its answers.
    let (breaker, _) = manual(|builder| builder);
    drop(answer(BreakerLayer::for_grpc(breaker.clone()), &[], true));
    assert_eq!(failures(&breaker), 1);
}

#[test]
fn a_body_that_is_dropped_unread_says_nothing() {
    let (breaker, clock) = manual(|builder| builder.failures(1).within(secs(30)));
    let body = grpc(&breaker, &[Step::Data("answer"), UNAVAILABLE]);
    // It was the reader who took their time.
    clock.advance(secs(3600));
    drop(body);
    assert_eq!((breaker.state(), failures(&breaker)), (State::Closed, 0));
}

#[test]
fn a_body_that_is_dropped_while_it_flows_says_nothing_and_one_that_hangs_is_a_failure() {
    let (breaker, clock) = manual(|builder| builder);
    let flow = [Step::Wait, Step::Data("on"), Step::Wait, Step::Data("and on"), Step::Wait, Step::Wait];
    let mut body = grpc(&breaker, &flow);
    for _ in 0..2 {
        assert!(poll(&mut body).is_pending());
        clock.advance(secs(50));
        assert!(poll(&mut body).is_ready());
    }
    assert!(poll(&mut body).is_pending());
    clock.advance(ms(999));
    drop(body);
    assert_eq!(failures(&breaker), 0, "old, but something came just now");

    let mut body = grpc(&breaker, &flow);
    assert!(poll(&mut body).is_pending());
    clock.advance(secs(1));
    drop(body);
    assert_eq!(failures(&breaker), 1);
}

/// An answer whose head takes its time, and then its body.
fn slow(breaker: &Breaker, clock: &Manual, head: std::time::Duration) -> ResponseBody<Script> {
    let (send, receive) = tokio::sync::oneshot::channel::<()>();
    let mut receive = Some(receive);
    let service = service_fn(move |_: Request<()>| {
        let receive = receive.take().expect("called once");
        async move {
            receive.await.unwrap();
            let steps = [Step::Data("answer"), Step::Wait, OK].into();
            Ok::<_, Infallible>(Response::new(Script { steps, knows: false }))
        }
    });
    let mut service = BreakerLayer::for_grpc(breaker.clone()).layer(service);
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(tower::Service::<Request<()>>::poll_ready(&mut service, cx).is_ready());
    let mut call = Box::pin(tower::Service::call(&mut service, Request::new(())));
    assert!(call.as_mut().poll(cx).is_pending());
    clock.advance(head);
    send.send(()).unwrap();
    call.now_or_never().expect("answered").unwrap().into_body()
}

#[test]
fn after_a_slow_head_a_body_that_is_given_up_at_once_says_nothing() {
    let (breaker, clock) = manual(|builder| builder);
    drop(slow(&breaker, &clock, secs(20)));
    assert_eq!(failures(&breaker), 0, "nothing hung when it was given up");
}

#[test]
fn a_call_whose_end_decides_is_as_slow_as_the_whole_of_it() {
    for (head, body, trips) in [(secs(3), secs(0), true), (secs(1), secs(2), true), (secs(1), secs(1), false)] {
        let (breaker, clock) = manual(|builder| {
            builder.without_failure_window().slow_calls(1.0).slower_than(secs(2)).over(secs(60)).min_calls(1)
        });
        let mut answer = slow(&breaker, &clock, head);
        assert!(poll(&mut answer).is_ready());
        assert!(poll(&mut answer).is_pending());
        clock.advance(body);
        assert!(poll(&mut answer).is_ready());
        assert_eq!(breaker.state() == State::Open, trips, "{head:?} and {body:?}");
        if trips {
            assert_eq!(rule(&breaker), Rule::SlowCalls);
        }
    }
}

#[test]
fn a_probe_takes_up_its_slot_until_the_end_of_the_body() {
    let (breaker, clock) = classic(|builder| builder);
    half_open(&breaker, &clock);
    let body = grpc(&breaker, &[Step::Data("answer"), OK]);
    assert_eq!(refusal(&breaker).reason(), Reason::ProbesOut);
    read(body).unwrap();
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_panic_in_the_body_is_a_failure_and_goes_on_unwinding() {
    let (breaker, clock) = classic(|builder| builder);
    half_open(&breaker, &clock);
    let mut body = grpc(&breaker, &[Step::Data("answer"), Step::Panic]);
    assert!(poll(&mut body).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut body).is_ready())).is_err());
    drop(body);
    assert_eq!((breaker.state(), breaker.snapshot().counts.failures), (State::Open, 4));
}

#[test]
fn where_the_head_decides_the_body_says_nothing() {
    let (breaker, clock) = manual(|builder| builder.failures(1).within(secs(30)));
    let plain = |steps: &[Step]| answer(BreakerLayer::for_http(breaker.clone()), steps, false);
    assert!(read(plain(&[Step::Data("half"), Step::Cut])).is_err());
    let mut hung = plain(&[Step::Wait]);
    assert!(poll(&mut hung).is_pending());
    clock.advance(secs(60));
    drop(hung);
    assert_eq!(failures(&breaker), 0);
}

#[test]
fn under_a_form_that_leaves_the_response_as_it_is_the_head_decides() {
    let (breaker, _) = manual(|builder| builder.failures(1).within(secs(30)));
    let failing = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Script { steps: [UNAVAILABLE].into(), knows: false }))
    });
    let mut service = BreakerLayer::new(breaker.clone()).classify(GrpcStatus::new()).layer(failing);
    let body = now(&mut service, Request::new(())).unwrap().into_body();
    let trailers = body.collect().now_or_never().unwrap().unwrap().trailers().cloned();
    assert_eq!(trailers.unwrap()["grpc-status"], "14");
    assert_eq!(failures(&breaker), 0);
    breaker.try_acquire().unwrap().success();
}

#[test]
fn a_failing_head_is_not_waited_for() {
    let (breaker, _) = manual(|builder| builder.failures(1).within(secs(30)));
    let failing = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::builder().status(503).body(Script::default()).unwrap())
    });
    let layer = BreakerLayer::for_http(breaker.clone()).classify(HttpStatus::new().judged_at_end());
    let _unread = now(&mut layer.layer(failing), Request::new(())).unwrap();
    assert_eq!(breaker.state(), State::Open);
}
