//! A gateway, its event API and their clients, and what happens to them.

use crate::seen::{Answer, Seen};
use crate::socket::{Drip, Listener, connector};
use bytes::Bytes;
use examples::event_api::{self, faults::FaultPlan};
use examples::gateway;
use examples::store::{Memory, NewUser, Store, StoreOptions};
use futures::FutureExt;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use resilience::machine::EventKind;
use serde_json::json;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::fixture::{ms, secs};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use turmoil::net::TcpStream;
use turmoil::{Builder, Sim};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A client asks so often.
pub(crate) const EVERY: Duration = ms(100);
/// The gateway waits for the upstream for so long.
pub(crate) const TIMEOUT: Duration = secs(2);
/// The longest cool-down.
pub(crate) const LONGEST: Duration = secs(5);
/// More than a request takes on a network that is well.
pub(crate) const ROUND_TRIP: Duration = ms(100);
/// Clients give up after this.
const PATIENCE: Duration = secs(30);
/// Clients that insist on being acknowledged.
const WRITERS: u32 = 2;

/// What the hosts share; clones share it, too.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) seen: Arc<Mutex<Seen>>,
    /// What the event API keeps: it survives a crash.
    pub(crate) store: Arc<dyn Store>,
    user: String,
    /// The plan of the event API, also of one that will be started.
    plan: Arc<Mutex<String>>,
    faults: Arc<Mutex<Option<Arc<FaultPlan>>>>,
    pub(crate) drip: Drip,
}

pub(crate) fn now() -> Duration {
    turmoil::sim_elapsed().unwrap()
}

impl World {
    fn new() -> Self {
        let store = Memory::new(StoreOptions::default());
        let user = NewUser { user_name: "ada".to_owned(), email: "ada@example.org".to_owned() };
        let user = store.add_user(user).now_or_never().unwrap().unwrap().id.to_string();
        Self {
            seen: Arc::default(),
            store: Arc::new(store),
            user,
            plan: Arc::new(Mutex::new("healthy".to_owned())),
            faults: Arc::default(),
            drip: Drip::default(),
        }
    }

    /// From now on the event API misbehaves like this. A plan with times of its own would begin at the real time.
    pub(crate) fn plan(&self, plan: &str) {
        plan.clone_into(&mut self.plan.lock().unwrap());
        if let Some(faults) = &*self.faults.lock().unwrap() {
            faults.set(plan.parse().unwrap());
        }
    }

    async fn upstream(self) -> turmoil::Result {
        let faults = self.plan.lock().unwrap().parse()?;
        let config = event_api::Config { faults, ..event_api::Config::in_memory() };
        let listener = Listener::bind(self.drip.clone()).await?;
        let api = event_api::start_on(config, listener, Arc::clone(&self.store))?;
        *self.faults.lock().unwrap() = Some(Arc::clone(api.faults()));
        pending().await
    }

    async fn gateway(self) -> turmoil::Result {
        let mut config = gateway::Config { upstream_url: Some("http://upstream".to_owned()), ..Default::default() };
        config.bounds.upstream_timeout = TIMEOUT;
        config.policy.set("JITTER", "0");
        config.policy.set("MAX_DELAY", "5s");
        let gateway = gateway::start_on(config, Listener::bind(Drip::default()).await?, connector()).await?;
        let mut events = gateway.breaker().subscribe();
        while let Some(event) = events.next().await {
            let state = match event.kind {
                EventKind::Tripped(_) => "open",
                EventKind::HalfOpened => "half-open",
                EventKind::Closed => "closed",
                _ => continue,
            };
            self.seen.lock().unwrap().changes.push((now(), state));
        }
        Ok(())
    }

    /// Asks for an event of this name at a constant rate, whether earlier requests have been answered or not.
    async fn load(self, lasts: Duration) -> turmoil::Result {
        let (start, mut out) = (Instant::now(), JoinSet::new());
        let (mut due, mut number) = (Duration::ZERO, 0);
        while due < lasts {
            sleep_until(start + due).await;
            let world = self.clone();
            out.spawn(async move { world.post(&format!("event {number}")).await });
            (due, number) = (due + EVERY, number + 1);
        }
        while out.join_next().await.is_some() {}
        Ok(())
    }

    /// Asks for one event after the other, each until it is acknowledged.
    async fn insist(self, lasts: Duration) -> turmoil::Result {
        let start = Instant::now();
        let writers = (0..WRITERS).map(|writer| {
            let world = self.clone();
            async move {
                let mut number = 0;
                while start.elapsed() < lasts {
                    let name = format!("event {writer}-{number}");
                    while world.post(&name).await != 201 {
                        sleep(EVERY).await;
                    }
                    sleep(EVERY).await;
                    number += 1;
                }
            }
        });
        futures::future::join_all(writers).await;
        Ok(())
    }

    /// Asks for an event with its name as its key, and remembers the answer.
    async fn post(&self, name: &str) -> u16 {
        let sent = now();
        let body = json!({ "name": name, "userId": self.user }).to_string();
        let request = Request::post("/addEvent")
            .header("content-type", "application/json")
            .header("idempotency-key", name.replace(' ', "-"))
            .body(Full::new(Bytes::from(body)));
        let answer = timeout(PATIENCE, exchange(request.unwrap())).await;
        let (status, refused) = match &answer {
            Ok(Ok(answer)) => {
                let by = answer.headers().get("proxy-status").map_or(&[][..], |by| by.as_bytes());
                (answer.status().as_u16(), by.windows(11).any(|word| word == b"destination"))
            }
            _ => (0, false),
        };
        let id = answer.ok().and_then(Result::ok).filter(|answer| answer.status() == 201).map(|answer| {
            // Nobody gets half an answer for a whole one.
            let event: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
            assert_eq!(event["name"], name);
            event["id"].as_str().unwrap().to_owned()
        });
        let answer = Answer { name: name.to_owned(), sent, answered: now(), status, refused, id };
        self.seen.lock().unwrap().answers.push(answer);
        status
    }
}

/// One request to the gateway on a connection of its own, its whole answer.
async fn exchange(mut request: Request<Full<Bytes>>) -> Result<Response<Bytes>, BoxError> {
    let stream = TcpStream::connect(("gateway", 80)).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driven = tokio::spawn(connection);
    request.headers_mut().insert("host", http::HeaderValue::from_static("gateway"));
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    driven.abort();
    Ok(Response::from_parts(head, body))
}

/// What happens, and when.
pub(crate) type Incident<'a> = (Duration, Box<dyn Fn(&mut Sim<'_>, &World) + 'a>);

pub(crate) fn at<'a>(time: Duration, act: impl Fn(&mut Sim<'_>, &World) + 'a) -> Incident<'a> {
    (time, Box::new(act))
}

/// The event API is given another plan of faults.
pub(crate) fn becomes(plan: &str) -> impl Fn(&mut Sim<'_>, &World) + '_ {
    move |_, world| world.plan(plan)
}

/// Who asks the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clients {
    /// They ask at a constant rate, each once.
    Once,
    /// They repeat each request until it is acknowledged.
    Insisting,
}

/// A run of so long, in which this happens.
pub(crate) fn run(seed: u64, clients: Clients, lasts: Duration, mut incidents: Vec<Incident<'_>>) -> (Seen, World) {
    let world = World::new();
    let mut sim = Builder::new()
        .rng_seed(seed)
        .tick_duration(ms(5))
        .min_message_latency(ms(1))
        .max_message_latency(ms(5))
        .simulation_duration(lasts + secs(60))
        .build();
    let there = world.clone();
    sim.host("upstream", move || there.clone().upstream());
    let there = world.clone();
    sim.host("gateway", move || there.clone().gateway());
    match clients {
        Clients::Once => sim.client("clients", world.clone().load(lasts)),
        Clients::Insisting => sim.client("clients", world.clone().insist(lasts)),
    }
    incidents.sort_by_key(|(time, _)| *time);
    let mut incidents = incidents.into_iter().peekable();
    while !sim.step().unwrap() {
        while let Some((_, act)) = incidents.next_if(|(time, _)| *time <= sim.elapsed()) {
            act(&mut sim, &world);
        }
    }
    drop(sim);
    let seen = std::mem::take(&mut *world.seen.lock().unwrap());
    (seen, world)
}
