//! A gateway on a simulated network, in virtual time: partitions, crashes, slow and broken answers.
//!
//! The gateway is this crate's layer around hyper's client, behind hyper's server; the network and the time are turmoil's.
//! How long it takes to notice and to come back is asserted to the tick. The same seed gives the same run.

use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper_util::rt::TokioIo;
use resilience::classify::HttpStatus;
use resilience::clock;
use resilience::machine::{Event, EventKind};
use resilience::{Breaker, BreakerLayer};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::fixture::{ms, secs};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A client asks so often.
const EVERY: Duration = ms(100);
/// The gateway waits for the upstream for so long.
const TIMEOUT: Duration = secs(2);
/// More than a request takes on a network that is well.
const ROUND_TRIP: Duration = ms(50);

/// What the upstream does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Well,
    Fails,
    /// Answers after this time.
    Slow(Duration),
    /// The head comes and half of the body, and then the connection is closed.
    DiesInMidAnswer,
    /// The head comes, and each part of the body after a while.
    Drips(Duration),
}

/// What was seen, and when: of the whole simulation.
#[derive(Debug, Default)]
struct Seen {
    /// By the clients: when a request was sent, when it was answered, and how; 0 where there was no answer.
    answers: Vec<(Duration, Duration, u16)>,
    /// By the upstream.
    arrivals: Vec<Duration>,
    /// By an observer of the breaker.
    changes: Vec<(Duration, &'static str)>,
}

#[derive(Clone)]
struct World {
    mode: Arc<Mutex<Mode>>,
    seen: Arc<Mutex<Seen>>,
}

fn now() -> Duration {
    turmoil::sim_elapsed().unwrap()
}

async fn upstream(world: World) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", 80)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let world = world.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |_: Request<hyper::body::Incoming>| answer(world.clone()));
            // A connection that breaks is what this is about.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(world: World) -> Result<Response<Body>, BoxError> {
    world.seen.lock().unwrap().arrivals.push(now());
    let mode = *world.mode.lock().unwrap();
    let whole = |text: &'static str| Full::new(Bytes::from_static(text.as_bytes())).map_err(Into::into).boxed_unsync();
    let part = |text: &'static str| Ok(Frame::data(Bytes::from_static(text.as_bytes())));
    Ok(match mode {
        Mode::Well => Response::new(whole("well")),
        Mode::Fails => Response::builder().status(500).body(whole("sick"))?,
        Mode::Slow(time) => {
            sleep(time).await;
            Response::new(whole("well"))
        }
        Mode::DiesInMidAnswer => {
            let parts = [part("half of "), Err(BoxError::from("it died"))];
            Response::new(BodyExt::boxed_unsync(StreamBody::new(futures::stream::iter(parts))))
        }
        Mode::Drips(time) => {
            let parts = futures::stream::iter(0..8).then(move |_| async move {
                sleep(time).await;
                part("drop ")
            });
            Response::new(BodyExt::boxed_unsync(StreamBody::new(parts.boxed())))
        }
    })
}

/// One request on a connection of its own, its whole answer.
async fn exchange(host: &str) -> Result<Response<Bytes>, BoxError> {
    let stream = TcpStream::connect((host, 80)).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driven = tokio::spawn(connection);
    let request = Request::builder().header("host", host).body(Full::new(Bytes::new()))?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    driven.abort();
    Ok(Response::from_parts(head, body))
}

async fn gateway(world: World) -> turmoil::Result {
    let seen = Arc::clone(&world.seen);
    let observer = move |_: &str, event: &Event| {
        let kind = match event.kind {
            EventKind::Tripped(_) => "open",
            EventKind::HalfOpened => "half-open",
            EventKind::Closed => "closed",
            _ => return,
        };
        seen.lock().unwrap().changes.push((now(), kind));
    };
    let breaker =
        Breaker::builder().jitter(0.0).max_delay(secs(5)).clock(clock::Tokio::new()).observer(observer).build()?;
    // The timeout is inside, so that silence is a failure like any other.
    let guarded = ServiceBuilder::new()
        .layer(BreakerLayer::for_http(breaker).classify(HttpStatus::new()))
        .timeout(TIMEOUT)
        .service(service_fn(|_: Request<hyper::body::Incoming>| async {
            let (head, body) = exchange("upstream").await?.into_parts();
            Ok::<_, BoxError>(Response::from_parts(head, Full::new(body)))
        }));
    let guarded = guarded.boxed_clone();
    let listener = TcpListener::bind(("0.0.0.0", 80)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let guarded = guarded.clone();
        let service = hyper::service::service_fn(move |request| {
            let answer = guarded.clone().oneshot(request);
            async {
                Ok::<Response<Body>, http::Error>(match answer.await {
                    Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
                    Err(_) => Response::builder().status(StatusCode::BAD_GATEWAY).body(empty())?,
                })
            }
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn empty() -> Body {
    http_body_util::Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// Asks the gateway at a constant rate, whether earlier requests have been answered or not, and remembers the answers.
async fn load(world: World, lasts: Duration) -> turmoil::Result {
    let (start, mut out) = (Instant::now(), JoinSet::new());
    let mut due = Duration::ZERO;
    while due < lasts {
        sleep_until(start + due).await;
        let seen = Arc::clone(&world.seen);
        out.spawn(async move {
            let sent = now();
            let status = match timeout(secs(30), exchange("gateway")).await {
                Ok(Ok(answer)) => answer.status().as_u16(),
                _ => 0,
            };
            seen.lock().unwrap().answers.push((sent, now(), status));
        });
        due += EVERY;
    }
    while out.join_next().await.is_some() {}
    Ok(())
}

/// What happens, and when.
type Incident<'a> = (Duration, Box<dyn Fn(&mut Sim<'_>, &World) + 'a>);

fn at<'a>(time: Duration, act: impl Fn(&mut Sim<'_>, &World) + 'a) -> Incident<'a> {
    (time, Box::new(act))
}

fn becomes(mode: Mode) -> impl Fn(&mut Sim<'_>, &World) {
    move |_, world| *world.mode.lock().unwrap() = mode
}

fn run(seed: u64, lasts: Duration, mut incidents: Vec<Incident<'_>>) -> Seen {
    let world = World { mode: Arc::new(Mutex::new(Mode::Well)), seen: Arc::default() };
    let mut sim = Builder::new()
        .rng_seed(seed)
        .tick_duration(ms(4))
        .min_message_latency(ms(1))
        .max_message_latency(ms(5))
        .simulation_duration(lasts + secs(60))
        .build();
    let there = world.clone();
    sim.host("upstream", move || upstream(there.clone()));
    let there = world.clone();
    sim.host("gateway", move || gateway(there.clone()));
    sim.client("load", load(world.clone(), lasts));
    incidents.sort_by_key(|(time, _)| *time);
    let mut incidents = incidents.into_iter().peekable();
    while !sim.step().unwrap() {
        while let Some((_, act)) = incidents.next_if(|(time, _)| *time <= sim.elapsed()) {
            act(&mut sim, &world);
        }
    }
    drop(sim);
    std::mem::take(&mut *world.seen.lock().unwrap())
}

impl Seen {
    /// When the breaker first changed to this after that time.
    fn changed(&self, to: &str, after: Duration) -> Duration {
        let change = self.changes.iter().find(|(at, kind)| *kind == to && *at >= after);
        change.unwrap_or_else(|| panic!("never {to} after {after:?}: {:?}", self.changes)).0
    }

    /// The answers to requests that were sent in this time.
    fn sent(&self, from: Duration, to: Duration) -> impl Iterator<Item = &(Duration, Duration, u16)> {
        self.answers.iter().filter(move |(sent, ..)| (from..to).contains(sent))
    }

    fn arrivals(&self, from: Duration, to: Duration) -> usize {
        self.arrivals.iter().filter(|at| (from..to).contains(*at)).count()
    }

    /// From the first trip until half-open every request was refused at once; from the end on all is well again.
    fn refuses_at_once_and_recovers(&self, tripped: Duration, closed: Duration, end: Duration) {
        let half_open = self.changed("half-open", tripped);
        let refused = self.sent(tripped + ROUND_TRIP, half_open - ROUND_TRIP);
        assert!(refused.count_all(|(sent, answered, status)| *status == 503 && *answered - *sent < ROUND_TRIP) > 5);
        let after: Vec<u16> = self.sent(closed + ROUND_TRIP, end).map(|answer| answer.2).collect();
        assert!(!after.is_empty() && after.iter().all(|status| *status == 200), "{after:?}");
    }
}

trait CountAll: Iterator + Sized {
    /// How many there are, all of which have to be so.
    fn count_all(self, so: impl Fn(&Self::Item) -> bool) -> usize
    where
        Self::Item: std::fmt::Debug,
    {
        self.inspect(|item| assert!(so(item), "{item:?}")).count()
    }
}

impl<I: Iterator> CountAll for I {}

#[test]
fn a_network_that_is_well_is_left_alone() {
    let seen = run(1, secs(10), Vec::new());
    assert_eq!((seen.changes.len(), seen.answers.len(), seen.arrivals.len()), (0, 100, 100));
    assert!(seen.answers.iter().all(|(sent, answered, status)| *status == 200 && *answered - *sent < ROUND_TRIP));
}

#[test]
fn a_partition_that_refuses_connections_is_noticed_by_the_third_call() {
    let (broken, mended, end) = (secs(5), secs(20), secs(35));
    let seen = run(
        2,
        end,
        vec![
            at(broken, |sim, _| sim.partition("gateway", "upstream")),
            at(mended, |sim, _| sim.repair("gateway", "upstream")),
        ],
    );
    let tripped = seen.changed("open", broken);
    assert!(tripped < broken + 3 * EVERY + ROUND_TRIP, "{tripped:?}");
    assert_eq!(seen.arrivals(broken + ROUND_TRIP, mended), 0);
    let failed = seen.sent(broken, mended).filter(|answer| answer.2 == 502).count();
    assert!(failed <= 3 + 6, "three and a probe for each cool-down, of 150: {failed}");
    let closed = seen.changed("closed", mended);
    assert!(closed < mended + secs(5) + secs(1), "{closed:?}");
    seen.refuses_at_once_and_recovers(tripped, closed, end);
}

#[test]
fn a_crash_that_leaves_silence_is_noticed_when_three_calls_have_timed_out_and_only_probes_go_into_it() {
    let (broken, mended, end) = (secs(5), secs(20), secs(40));
    let seen =
        run(3, end, vec![at(broken, |sim, _| sim.crash("upstream")), at(mended, |sim, _| sim.bounce("upstream"))]);
    let tripped = seen.changed("open", broken);
    // The third call that was sent into it was sent 200 ms after the first.
    assert!((broken + TIMEOUT..broken + TIMEOUT + ms(400)).contains(&tripped), "{tripped:?}");
    let lost = seen.sent(broken, mended).filter(|answer| answer.2 == 502).count();
    // Two seconds' worth before it was noticed, and a probe or two for each cool-down; of 150 that were asked for.
    assert!((20..40).contains(&lost), "{lost}");
    let closed = seen.changed("closed", mended);
    // A probe that was sent into the silence has to time out, and then the longest cool-down to pass.
    assert!(closed < mended + TIMEOUT + secs(5) + secs(1), "{closed:?}");
    seen.refuses_at_once_and_recovers(tripped, closed, end);
}

#[test]
fn an_upstream_that_dies_in_mid_answer_is_a_failure_and_nobody_gets_half_an_answer() {
    let (broken, mended, end) = (secs(5), secs(12), secs(25));
    let seen = run(4, end, vec![at(broken, becomes(Mode::DiesInMidAnswer)), at(mended, becomes(Mode::Well))]);
    let tripped = seen.changed("open", broken);
    assert!(tripped < broken + 3 * EVERY + ROUND_TRIP, "{tripped:?}");
    let statuses = seen.sent(broken, mended).count_all(|answer| matches!(answer.2, 502 | 503));
    assert_eq!(statuses, 70);
    let closed = seen.changed("closed", mended);
    seen.refuses_at_once_and_recovers(tripped, closed, end);
}

#[test]
fn a_slow_answer_is_an_answer_and_one_that_never_ends_is_a_failure() {
    let (slow, drips, mended, end) = (secs(5), secs(10), secs(20), secs(40));
    let seen = run(
        5,
        end,
        vec![
            at(slow, becomes(Mode::Slow(secs(1)))),
            at(drips, becomes(Mode::Drips(ms(500)))),
            at(mended, becomes(Mode::Well)),
        ],
    );
    assert_eq!(seen.sent(slow, drips).count_all(|(.., status)| *status == 200), 50);
    let tripped = seen.changed("open", slow);
    assert!((drips + TIMEOUT..drips + TIMEOUT + ms(400)).contains(&tripped), "{tripped:?}");
    let closed = seen.changed("closed", mended);
    seen.refuses_at_once_and_recovers(tripped, closed, end);
}

#[test]
fn the_same_seed_gives_the_same_run_to_the_tick() {
    let crash = || vec![at(secs(2), |sim: &mut Sim<'_>, _: &World| sim.crash("upstream"))];
    let [one, other] = [run(6, secs(5), crash()), run(6, secs(5), crash())];
    assert_eq!((one.answers, one.arrivals, one.changes), (other.answers, other.arrivals, other.changes));
}

#[test]
fn whatever_happens_to_the_network_it_is_closed_again_soon_after_everything_is_well() {
    for seed in 0..8_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut draw = |end: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % end
        };
        let (mended, end) = (secs(25), secs(45));
        let mut incidents = vec![at(mended, |sim, world| {
            becomes(Mode::Well)(sim, world);
            sim.repair("gateway", "upstream");
            sim.release("gateway", "upstream");
            sim.bounce("upstream");
        })];
        for _ in 0..12 {
            let time = ms(1000 + draw(23_000));
            incidents.push(match draw(8) {
                0 => at(time, |sim, _| sim.partition("gateway", "upstream")),
                1 => at(time, |sim, _| sim.repair("gateway", "upstream")),
                2 => at(time, |sim, _| sim.crash("upstream")),
                3 => at(time, |sim, _| sim.bounce("upstream")),
                4 => at(time, becomes(Mode::Fails)),
                5 => at(time, becomes(Mode::DiesInMidAnswer)),
                6 => at(time, becomes(Mode::Slow(secs(3)))),
                _ => at(time, becomes(Mode::Well)),
            });
        }
        let seen = run(seed, end, incidents);
        assert!(seen.answers.iter().all(|answer| answer.2 != 0), "seed {seed}: a request without an answer");
        // A probe times out, the longest cool-down passes, three stages of probes.
        let late: Vec<u16> = seen.sent(mended + TIMEOUT + secs(5) + secs(2), end).map(|answer| answer.2).collect();
        assert!(late.len() > 100 && late.iter().all(|status| *status == 200), "seed {seed}: {late:?}");
    }
}
