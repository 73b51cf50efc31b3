//! tower's own middleware, inside and outside.

use resilience::clock::Tokio;
use resilience::respond::{Boxed, Error, IntoInner};
use resilience::{Breaker, BreakerLayer, Rejected, State};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use support::fixture::{Answer, Down, Upstream, classic, manual, ms, secs, trip};
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PendingRequests};
use tower::retry::{Policy, Retry};
use tower::util::{BoxCloneSyncService, BoxService};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt};

async fn call<S: Service<(), Response = &'static str>>(service: &mut S) -> Result<&'static str, S::Error> {
    service.ready().await?.call(()).await
}

fn refused(error: &BoxError) -> Option<&Rejected> {
    error.downcast_ref::<Error<Down>>().and_then(Error::rejected)
}

#[tokio::test]
async fn a_buffer_passes_refusals_on_and_lives() {
    let (breaker, clock) = classic(|builder| builder);
    let upstream = Upstream::new(Answer::Fail);
    let mut service =
        ServiceBuilder::new().buffer(8).layer(BreakerLayer::new(breaker.clone())).service(upstream.clone());
    for _ in 0..3 {
        assert!(refused(&call(&mut service).await.unwrap_err()).is_none());
    }
    for _ in 0..10 {
        assert!(refused(&call(&mut service).await.unwrap_err()).is_some());
    }
    upstream.answers(Answer::Pong);
    clock.advance(secs(1));
    assert_eq!(call(&mut service.clone()).await.unwrap(), "pong");
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test]
async fn a_breaker_around_a_buffer_works_as_well() {
    let (breaker, _) = classic(|builder| builder);
    let mut service =
        ServiceBuilder::new().layer(BreakerLayer::new(breaker.clone())).buffer(8).service(Upstream::new(Answer::Fail));
    for _ in 0..3 {
        assert!(call(&mut service).await.unwrap_err().into_inner().is_some());
    }
    assert!(call(&mut service).await.unwrap_err().rejected().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_timeout_inside_is_an_answer_and_one_outside_is_a_call_given_up() {
    for inside in [true, false] {
        let breaker = Breaker::builder().delay(secs(60)).jitter(0.0).clock(Tokio::new()).build().unwrap();
        let layer = BreakerLayer::new(breaker.clone()).respond(Boxed);
        let upstream = Upstream::new(Answer::Hang);
        let mut service = if inside {
            BoxCloneSyncService::new(ServiceBuilder::new().layer(layer).timeout(secs(2)).service(upstream))
        } else {
            BoxCloneSyncService::new(ServiceBuilder::new().timeout(secs(2)).layer(layer).service(upstream))
        };
        for _ in 0..3 {
            assert!(call(&mut service).await.unwrap_err().is::<tower::timeout::error::Elapsed>());
        }
        assert_eq!(breaker.state(), State::Open);
        assert!(call(&mut service).await.unwrap_err().is::<Rejected>(), "at once, and no timeout");
    }
}

/// Tries again, but waits as long as a refusal says.
#[derive(Clone, Debug)]
struct Patient {
    tries: usize,
}

impl<Res> Policy<(), Res, Error<Down>> for Patient {
    type Future = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn retry(&mut self, _: &mut (), answer: &mut Result<Res, Error<Down>>) -> Option<Self::Future> {
        let error = answer.as_ref().err()?;
        self.tries = self.tries.checked_sub(1)?;
        let wait = error.rejected().map_or(ms(10), Rejected::retry_after);
        Some(Box::pin(tokio::time::sleep(wait)))
    }

    fn clone_request(&mut self, (): &()) -> Option<()> {
        Some(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_outside_comes_back_when_the_refusal_says() {
    let breaker = Breaker::builder().stages(1).jitter(0.0).clock(Tokio::new()).build().unwrap();
    let upstream = Upstream::new(Answer::Fail);
    let service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
    let mut retrying = Retry::new(Patient { tries: 10 }, service);
    let began = tokio::time::Instant::now();
    let healing = upstream.clone();
    tokio::spawn(async move {
        tokio::time::sleep(ms(1500)).await;
        healing.answers(Answer::Pong);
    });
    assert_eq!(call(&mut retrying).await, Ok("pong"));
    // Three tries trip it; a second later the probe fails; a second and a half later the next one does not.
    assert_eq!(upstream.calls(), 5);
    assert_eq!(began.elapsed().as_millis() / 10, 252);
}

#[tokio::test]
async fn load_shed_and_a_limit_of_concurrency_keep_to_their_jobs() {
    let (breaker, _) = manual(|builder| builder);
    let upstream = Upstream::new(Answer::Held);
    let stack = || {
        ServiceBuilder::new()
            .load_shed()
            .layer(BreakerLayer::new(breaker.clone()))
            .concurrency_limit(1)
            .service(upstream.clone())
    };
    let service = stack();
    let busy = tokio::spawn(ServiceExt::<()>::oneshot(service.clone(), ()));
    while upstream.calls() == 0 {
        tokio::task::yield_now().await;
    }
    // The one slot is taken: shed, and that is no failure of the upstream.
    let mut clone = service.clone();
    let shed = std::future::poll_fn(|cx| Service::<()>::poll_ready(&mut clone, cx)).await;
    assert!(shed.is_ok());
    let error = Service::<()>::call(&mut clone, ()).await.unwrap_err();
    assert!(error.is::<tower::load_shed::error::Overloaded>());
    assert_eq!(breaker.snapshot().counts.failures, 0);
    // Refusing, it is ready whatever the slots: refused, not shed.
    trip(&breaker);
    let error = ServiceExt::<()>::oneshot(service, ()).await.unwrap_err();
    assert!(refused(&error).is_some());
    upstream.release(Ok("pong"));
    assert_eq!(busy.await.unwrap().unwrap(), "pong");
}

#[tokio::test]
async fn a_refused_call_takes_no_slot_of_an_inner_limit() {
    let (breaker, _) = manual(|builder| builder);
    let limit = tower::limit::ConcurrencyLimit::new(Upstream::default(), 1);
    let mut services: Vec<_> = (0..3).map(|_| BreakerLayer::new(breaker.clone()).layer(limit.clone())).collect();
    trip(&breaker);
    for service in &mut services {
        assert!(ServiceExt::<()>::ready(service).await.is_ok());
    }
    // None of the three that are ready holds the slot.
    assert_eq!(ServiceExt::<()>::oneshot(limit, ()).await, Ok("pong"));
}

#[tokio::test]
async fn a_balancer_takes_guarded_services() {
    let upstreams = [Upstream::default(), Upstream::default(), Upstream::default()];
    let breakers: Vec<_> = (0..3).map(|_| manual(|builder| builder).0).collect();
    let guarded = upstreams.iter().zip(&breakers).map(|(upstream, breaker)| {
        let service = BreakerLayer::new(breaker.clone()).layer(upstream.clone());
        PendingRequests::new(service, CompleteOnResponse::default())
    });
    let mut balance = Balance::new(ServiceList::new::<()>(guarded.collect::<Vec<_>>()));
    for _ in 0..60 {
        assert_eq!(call(&mut balance).await.unwrap(), "pong");
    }
    assert_eq!(upstreams.iter().map(Upstream::calls).sum::<usize>(), 60);
    breakers.iter().for_each(trip);
    let error = call(&mut balance).await.unwrap_err();
    assert!(refused(&error).is_some());
    assert_eq!(upstreams.iter().map(Upstream::calls).sum::<usize>(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_balancer_passes_over_what_waits_for_its_cool_down_and_comes_back_to_it() {
    let upstreams = [Upstream::new(Answer::Fail), Upstream::new(Answer::Fail), Upstream::default()];
    let breaker = || Breaker::builder().stages(1).jitter(0.0).clock(Tokio::new()).build().unwrap();
    let breakers = [breaker(), breaker(), breaker()];
    let guarded = upstreams.iter().zip(&breakers).map(|(upstream, breaker)| {
        let service = BreakerLayer::new(breaker.clone()).back_pressure().layer(upstream.clone());
        PendingRequests::new(service, CompleteOnResponse::default())
    });
    let mut balance = Balance::new(ServiceList::new::<()>(guarded.collect::<Vec<_>>()));
    while breakers[..2].iter().any(|breaker| breaker.state() != State::Open) {
        let _ = call(&mut balance).await;
    }
    // The two that are open are not ready, so the third one has all the calls, and nobody is refused.
    let before = upstreams[2].calls();
    for _ in 0..20 {
        assert_eq!(call(&mut balance).await.unwrap(), "pong");
    }
    assert_eq!((upstreams[0].calls(), upstreams[1].calls(), upstreams[2].calls()), (3, 3, before + 20));
    upstreams[..2].iter().for_each(|upstream| upstream.answers(Answer::Pong));
    tokio::time::advance(secs(2)).await;
    while breakers.iter().any(|breaker| breaker.state() != State::Closed) {
        assert_eq!(call(&mut balance).await.unwrap(), "pong");
    }
}

#[tokio::test(start_paused = true)]
async fn load_shed_turns_the_waiting_of_back_pressure_into_an_answer_at_once() {
    let breaker = Breaker::builder().stages(1).jitter(0.0).clock(Tokio::new()).build().unwrap();
    let mut service = ServiceBuilder::new()
        .load_shed()
        .layer(BreakerLayer::new(breaker.clone()).back_pressure())
        .service(Upstream::default());
    assert_eq!(call(&mut service).await.unwrap(), "pong");
    trip(&breaker);
    let error = call(&mut service).await.unwrap_err();
    assert!(error.is::<tower::load_shed::error::Overloaded>());
    tokio::time::advance(secs(1)).await;
    assert_eq!(call(&mut service).await.unwrap(), "pong");
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test]
async fn boxed_services_of_every_kind_take_it() {
    let (breaker, _) = manual(|builder| builder);
    let layer = BreakerLayer::new(breaker.clone());
    let mut boxed = BoxService::new(layer.layer(Upstream::default()));
    assert_eq!(call(&mut boxed).await, Ok("pong"));
    let mut cloned = BoxCloneSyncService::new(layer.layer(Upstream::default())).clone();
    assert_eq!(call(&mut cloned).await, Ok("pong"));
    // This one asks for futures that can be shared, so the inner one's has to be.
    let pong = tower::service_fn(|()| std::future::ready(Ok::<_, Down>("pong")));
    let mut built = ServiceBuilder::new().boxed_clone_sync().layer(layer.clone()).service(pong);
    assert_eq!(call(&mut built).await, Ok("pong"));
    // And a box inside.
    let mut around = layer.layer(BoxCloneSyncService::new(Upstream::default()));
    assert_eq!(call(&mut around).await, Ok("pong"));
    trip(&breaker);
    assert!(call(&mut boxed).await.unwrap_err().rejected().is_some());
    assert!(call(&mut cloned).await.unwrap_err().rejected().is_some());
}

#[tokio::test]
async fn where_errors_are_boxed_already_the_stack_keeps_its_types() {
    let (breaker, _) = manual(|builder| builder);
    let boxed = ServiceExt::<()>::map_err(Upstream::default(), BoxError::from);
    let both = tower::util::option_layer(Some(BreakerLayer::new(breaker.clone()).respond(IntoInner)));
    let mut service = both.layer(boxed);
    assert_eq!(call(&mut service).await.unwrap(), "pong");
    trip(&breaker);
    assert!(call(&mut service).await.unwrap_err().is::<Rejected>());
}

#[test]
fn a_stack_of_it_all_compiles_and_is_polled_without_a_runtime() {
    let breaker = Breaker::new();
    let mut service = ServiceBuilder::new()
        .map_request(|(): ()| ())
        .layer(BreakerLayer::new(breaker))
        .map_err(|error: Down| std::io::Error::other(error))
        .service(Upstream::default());
    let cx = &mut Context::from_waker(std::task::Waker::noop());
    assert!(matches!(Service::<()>::poll_ready(&mut service, cx), Poll::Ready(Ok(()))));
    let answer = futures::FutureExt::now_or_never(Service::<()>::call(&mut service, ()));
    assert_eq!(answer.unwrap().unwrap(), "pong");
}
