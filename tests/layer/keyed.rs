//! A breaker for each key, as a layer.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use resilience::classify::HttpStatus;
use resilience::classify::error::find;
use resilience::clock::Manual;
use resilience::keyed::Keyed;
use resilience::layer::KeyedLayer;
use resilience::respond::Error;
use resilience::{Breaker, Reason, State};
use std::cell::Cell;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use support::fixture::secs;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

fn keyed<K: resilience::keyed::Key>() -> (Keyed<K>, Manual) {
    let clock = Manual::new();
    let each = Breaker::builder().jitter(0.0).stages(1);
    (Keyed::builder().each(each).name("tenants").clock(clock.clone()).build().unwrap(), clock)
}

fn tenant<B>(request: &Request<B>) -> Option<Arc<str>> {
    request.headers().get("x-tenant")?.to_str().ok().map(Arc::from)
}

fn request(tenant: &str) -> Request<()> {
    Request::builder().header("x-tenant", tenant).body(()).unwrap()
}

async fn down_for_a(request: Request<()>) -> Result<Response<Full<Bytes>>, Infallible> {
    let status = if request.headers().get("x-tenant").is_some_and(|tenant| tenant == "a") { 500 } else { 200 };
    Ok(Response::builder().status(status).body(Full::new(Bytes::from_static(b"body"))).unwrap())
}

#[tokio::test]
async fn one_tenant_is_refused_and_the_others_are_not() {
    let (keyed, clock) = keyed::<Arc<str>>();
    let mut service = KeyedLayer::for_http(keyed.clone(), tenant).layer(service_fn(down_for_a));
    let mut status = async |tenant: &str| {
        let answer = service.ready().await.unwrap().call(request(tenant)).await.unwrap();
        let said =
            (answer.status(), answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned()));
        // Judged at the head, so that the body may be dropped.
        drop(answer);
        said
    };
    for _ in 0..3 {
        assert_eq!(status("a").await, (StatusCode::INTERNAL_SERVER_ERROR, None));
        assert_eq!(status("b").await, (StatusCode::OK, None));
    }
    assert_eq!(status("a").await, (StatusCode::SERVICE_UNAVAILABLE, Some("1".to_owned())));
    assert_eq!(status("b").await, (StatusCode::OK, None));
    assert_eq!((keyed.kept(), keyed.state(&"a".into())), (1, State::Open));
    clock.advance(secs(1));
    assert_eq!(status("a").await.0, StatusCode::INTERNAL_SERVER_ERROR, "the probe");
    assert_eq!(status("a").await, (StatusCode::SERVICE_UNAVAILABLE, Some("2".to_owned())));
}

#[tokio::test]
async fn an_axum_router_takes_it_and_a_request_without_a_key_is_guarded_by_none() {
    use axum::Router;
    use axum::routing::get;
    let (keyed, _) = keyed::<Arc<str>>();
    let app: Router = Router::new()
        .route("/", get(|| async { StatusCode::BAD_GATEWAY }))
        .layer(KeyedLayer::for_http(keyed.clone(), tenant));
    let status = async |tenant: Option<&str>| {
        let mut request = Request::builder();
        if let Some(tenant) = tenant {
            request = request.header("x-tenant", tenant);
        }
        app.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap().status()
    };
    for _ in 0..4 {
        assert_eq!(status(None).await, StatusCode::BAD_GATEWAY);
    }
    for _ in 0..3 {
        assert_eq!(status(Some("a")).await, StatusCode::BAD_GATEWAY);
    }
    assert_eq!(status(Some("a")).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(keyed.kept(), 1);
}

#[test]
fn a_call_that_is_dropped_is_judged_by_its_age_and_by_its_key() {
    let (keyed, clock) = keyed::<u64>();
    let hang = service_fn(|_: u64| std::future::pending::<Result<(), ()>>());
    let mut service = KeyedLayer::new(keyed.clone(), |key: &u64| Some(*key)).layer(hang);
    for (key, age) in [(1, secs(1)), (2, secs(0)), (1, secs(1)), (1, secs(1))] {
        let mut call = tokio_test::task::spawn(service.call(key));
        assert!(call.poll().is_pending());
        clock.advance(age);
        drop(call);
    }
    assert_eq!((keyed.kept(), keyed.state(&1), keyed.state(&2)), (1, State::Open, State::Closed));
}

#[test]
fn a_panic_of_a_call_is_a_failure_of_its_key() {
    let (keyed, _) = keyed::<u64>();
    let panics = service_fn(|key: u64| async move {
        assert!(key != 1, "told to");
        Ok::<_, ()>(())
    });
    let mut service = KeyedLayer::new(keyed.clone(), |key: &u64| Some(*key)).layer(panics);
    for _ in 0..3 {
        let call = service.call(1);
        let unwound = catch_unwind(AssertUnwindSafe(|| tokio_test::task::spawn(call).poll()));
        assert!(unwound.is_err());
    }
    assert_eq!((keyed.state(&1), keyed.kept()), (State::Open, 1));
}

/// Ends when it is told to.
struct Told(Rc<Cell<Option<Result<(), ()>>>>);

impl Body for Told {
    type Data = Bytes;
    type Error = ();

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ()>>> {
        match self.0.get() {
            None => Poll::Pending,
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(())) => Poll::Ready(Some(Err(()))),
        }
    }
}

#[test]
fn an_answer_that_is_judged_at_its_end_is_its_key_s_until_then() {
    let (keyed, clock) = keyed::<u64>();
    let tell = Rc::new(Cell::new(None));
    let inside = Rc::clone(&tell);
    let inner = service_fn(move |_: u64| {
        let body = Told(Rc::clone(&inside));
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    let layer = KeyedLayer::for_http(keyed.clone(), |key: &u64| Some(*key));
    let mut service = layer.classify(HttpStatus::new().judged_at_end()).layer(inner);
    let mut answer = |key| {
        let mut call = tokio_test::task::spawn(service.call(key));
        let Poll::Ready(Ok(answer)) = call.poll() else { panic!("the head is there") };
        answer.into_body()
    };
    let mut cx = Context::from_waker(Waker::noop());
    let (mut cut, mut whole, stalled) = (answer(1), answer(2), answer(3));
    let mut stalled = Box::pin(stalled);
    assert!(stalled.as_mut().poll_frame(&mut cx).is_pending());
    assert!(Pin::new(&mut cut).poll_frame(&mut cx).is_pending());
    assert_eq!(keyed.kept(), 0, "nothing is known yet");
    tell.set(Some(Ok(())));
    assert!(matches!(Pin::new(&mut whole).poll_frame(&mut cx), Poll::Ready(None)));
    tell.set(Some(Err(())));
    assert!(matches!(Pin::new(&mut cut).poll_frame(&mut cx), Poll::Ready(Some(Err(())))));
    assert_eq!(keyed.snapshot_of(&1).unwrap().failures.len(), 1, "cut short");
    assert_eq!(keyed.snapshot_of(&2), None);
    clock.advance(secs(5));
    drop(stalled);
    assert_eq!(keyed.snapshot_of(&3).unwrap().failures.len(), 1, "given up after nothing had come for long");
}

#[tokio::test]
async fn trailers_of_a_grpc_answer_are_judged_for_the_key_of_the_call() {
    let (keyed, _) = keyed::<u64>();
    let inner = service_fn(|key: u64| async move {
        let status = if key == 1 { "14" } else { "0" };
        let trailers = async move {
            Some(Ok(http::HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())])))
        };
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"message")).with_trailers(trailers)))
    });
    let mut service = KeyedLayer::for_grpc(keyed.clone(), |key: &u64| Some(*key)).layer(inner);
    for key in [1, 2, 1, 2, 1, 2] {
        let answer = service.ready().await.unwrap().call(key).await.unwrap();
        let _ = answer.into_body().collect().await.unwrap();
    }
    assert_eq!((keyed.state(&1), keyed.state(&2), keyed.kept()), (State::Open, State::Closed, 1));
    let refused = service.ready().await.unwrap().call(1).await.unwrap();
    assert_eq!(refused.headers().get("grpc-status").unwrap(), "14");
}

#[test]
fn while_all_keys_are_refused_the_inner_service_is_left_alone_and_waiting_for_it_ends() {
    /// Never ready.
    #[derive(Clone)]
    struct Stuck;
    impl Service<u64> for Stuck {
        type Response = ();
        type Error = ();
        type Future = std::future::Ready<Result<(), ()>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Pending
        }
        fn call(&mut self, _: u64) -> Self::Future {
            unreachable!("it is never ready")
        }
    }
    let clock = Manual::new();
    let parent = Breaker::builder().jitter(0.0).clock(clock.clone()).build().unwrap();
    let keyed = Keyed::builder().each(Breaker::builder().jitter(0.0)).clock(clock.clone()).parent(parent.clone());
    let keyed: Keyed<u64> = keyed.build().unwrap();
    let mut service = tokio_test::task::spawn(KeyedLayer::new(keyed.clone(), |key: &u64| Some(*key)).layer(Stuck));
    assert!(service.enter(|cx, mut service| service.poll_ready(cx)).is_pending());
    (0..3).for_each(|_| parent.try_acquire().unwrap().failure());
    assert!(service.is_woken(), "all keys are refused now");
    assert!(service.enter(|cx, mut service| service.poll_ready(cx)).is_ready());
    let refused = tokio_test::task::spawn(service.call(7)).poll();
    assert!(matches!(refused, Poll::Ready(Err(Error::Rejected(_)))), "{refused:?}");
    parent.reset();
    assert!(service.enter(|cx, mut service| service.poll_ready(cx)).is_pending());
    keyed.force_all_open();
    assert!(service.is_woken());
    assert!(service.enter(|cx, mut service| service.poll_ready(cx)).is_ready());
    let refused = tokio_test::task::spawn(service.call(7)).poll();
    let by_all = |error: &Error<()>| error.rejected().is_some_and(|rejected| rejected.reason() == Reason::ForcedOpen);
    assert!(matches!(&refused, Poll::Ready(Err(error)) if by_all(error)), "{refused:?}");
    // Nor does it take a parent.
    let keyed: Keyed<u64> = Keyed::new();
    let mut service = tokio_test::task::spawn(KeyedLayer::new(keyed.clone(), |key: &u64| Some(*key)).layer(Stuck));
    assert!(service.enter(|cx, mut service| service.poll_ready(cx)).is_pending());
    keyed.force_all_open();
    assert!(service.is_woken());
    assert!(service.enter(|cx, mut service| service.poll_ready(cx)).is_ready());
}

#[test]
fn an_inner_service_that_cannot_become_ready_passes_its_error_on_and_no_key_is_to_blame() {
    #[derive(Clone, Debug, PartialEq)]
    struct Broken(u32);
    impl Service<u64> for Broken {
        type Response = ();
        type Error = &'static str;
        type Future = std::future::Ready<Result<(), &'static str>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            self.0 += 1;
            Poll::Ready(Err("broken"))
        }
        fn call(&mut self, _: u64) -> Self::Future {
            unreachable!("it is never ready")
        }
    }
    let (keyed, _clock) = keyed::<u64>();
    let layer = KeyedLayer::new(keyed.clone(), |key: &u64| Some(*key));
    assert_eq!(layer.keyed().kept(), 0);
    let mut service = layer.layer(Broken(0));
    let cx = &mut Context::from_waker(Waker::noop());
    for _ in 0..3 {
        assert!(matches!(service.poll_ready(cx), Poll::Ready(Err(Error::Inner("broken")))));
    }
    assert_eq!((service.keyed().kept(), service.get_ref()), (0, &Broken(3)));
    // What a clone finds is its own: a refusal that was found is not handed on.
    keyed.force_all_open();
    assert!(matches!(service.poll_ready(cx), Poll::Ready(Ok(()))));
    keyed.auto_all();
    let mut clone = service.clone();
    *clone.get_mut() = Broken(7);
    assert!(matches!(clone.poll_ready(cx), Poll::Ready(Err(Error::Inner("broken")))));
    assert_eq!((clone.into_inner(), service.into_inner()), (Broken(8), Broken(3)));
}

#[tokio::test]
async fn only_requests_that_may_probe_try_a_key_that_was_down() {
    let (keyed, clock) = keyed::<u64>();
    let layer = KeyedLayer::new(keyed.clone(), |request: &(u64, bool)| Some(request.0));
    let inner = service_fn(|_: (u64, bool)| async { Ok::<_, ()>("well") });
    let mut service = layer.probe_if(|request: &(u64, bool)| request.1).layer(inner);
    (0..3).for_each(|_| keyed.try_acquire(&1).unwrap().failure());
    clock.advance(secs(1));
    assert!(matches!(service.ready().await.unwrap().call((1, false)).await, Err(Error::Rejected(_))));
    assert_eq!(service.ready().await.unwrap().call((2, false)).await, Ok("well"));
    assert_eq!(service.ready().await.unwrap().call((1, true)).await, Ok("well"));
    assert_eq!(keyed.state(&1), State::Closed);
}

#[tokio::test]
async fn it_composes_with_timeouts_limits_buffers_and_boxes() {
    let (keyed, _) = keyed::<u64>();
    let mut service = ServiceBuilder::new()
        .boxed_clone()
        .buffer(4)
        .layer(KeyedLayer::new(keyed.clone(), |key: &u64| Some(*key)).respond(resilience::respond::Boxed))
        .concurrency_limit(2)
        .timeout(secs(1))
        .service(service_fn(|key: u64| async move { if key == 1 { Err("down") } else { Ok(key) } }));
    for _ in 0..3 {
        assert!(service.ready().await.unwrap().call(1).await.is_err());
        assert_eq!(service.ready().await.unwrap().call(2).await.unwrap(), 2);
    }
    let refused = service.ready().await.unwrap().call(1).await.unwrap_err();
    assert!(find::<resilience::Rejected>(&*refused).is_some(), "{refused}");
    assert_eq!(service.ready().await.unwrap().call(2).await.unwrap(), 2);
    assert_eq!(keyed.kept(), 1);
}
