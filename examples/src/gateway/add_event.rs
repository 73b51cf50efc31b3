//! `POST /addEvent`: the guarded path.
//!
//! Authentication, the limits of the body and its validation come first, so that no nonsense takes a probe's slot; then
//! the breaker; then, inside it, everything that the upstream is asked:
//!
//! ```text
//! validated request ─▶ BreakerLayer ─▶ does the user exist? (remembered) ─▶ POST (one try, one deadline) ─▶ 201
//!                          │                      │                              │
//!                          ▼                      ▼                              ▼
//!                 503 + Retry-After        404, nothing posted        502, 503, 504: failures
//! ```
//!
//! The look-up stands inside the layer: a refusal then sends not one byte, and a look-up that fails for the upstream's
//! reasons is a failure like any other. An unknown user proves that the upstream answers, so it is none.

use super::auth::Caller;
use super::lookups::Lookups;
use super::metrics::Calls;
use super::upstream::{REPLAYED, Trouble, Upstream};
use crate::contract::{self, AddEvent};
use crate::http::serve::RequestId;
use crate::http::{Answer, Body, Call, Problem, json};
use crate::store::Added;
use http::header::LOCATION;
use http::{HeaderValue, Request, Response, StatusCode};
use resilience::classify::HttpStatus;
use resilience::{Breaker, BreakerLayer};
use serde::Serialize;
use std::convert::Infallible;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// What a request asks for, once it is known to make sense.
#[derive(Clone, Debug)]
struct Command {
    event: AddEvent,
    key: Option<String>,
    trace: Option<HeaderValue>,
}

/// The statuses that count as failures of the upstream. 500 is not among them: it says that this one request upset the
/// upstream, not that others would. A `429` with a hint counts all the same, because hints are obeyed.
const FAILURES: [u16; 3] = [502, 503, 504];

/// In the extensions of an answer that did not come from the breaker.
#[derive(Clone, Copy)]
struct Admitted;

/// The guarded path, ready to be called; clones share one breaker.
#[derive(Clone)]
pub(crate) struct Guarded {
    service: BoxCloneSyncService<Request<Command>, Response<Body>, Infallible>,
    calls: Calls,
}

impl Guarded {
    pub(crate) fn new(breaker: Breaker, upstream: Upstream, lookups: Lookups, calls: Calls) -> Self {
        let admitted = calls.admitted.clone();
        let post = service_fn(move |request: Request<Command>| {
            // Counted on the way in: a client may go away before there is an answer.
            admitted.inc();
            let (upstream, lookups) = (upstream.clone(), lookups.clone());
            async move {
                let answer = add(&upstream, &lookups, request.into_body()).await;
                let mut response = answer.unwrap_or_else(Problem::into_response);
                response.extensions_mut().insert(Admitted);
                Ok::<_, Infallible>(response)
            }
        });
        let layer = BreakerLayer::for_http(breaker).classify(HttpStatus::failures(FAILURES));
        let service = ServiceBuilder::new()
            .map_response(|response: Response<_>| response.map(Body::stream))
            .layer(layer)
            .service(post);
        Self { service: BoxCloneSyncService::new(service), calls }
    }

    /// Answers `POST /addEvent`.
    ///
    /// # Errors
    ///
    /// What is wrong with the request, before the breaker is asked.
    pub(crate) async fn answer(&self, mut call: Call) -> Answer {
        call.query(&[])?;
        let event = call.json().await?;
        let caller = call.head.extensions.remove::<Caller>().unwrap_or(Caller::Anybody);
        let key = contract::idempotency_key(call.headers())?.map(|key| caller.own_key(key));
        let trace = call.head.extensions.get().map(|id: &RequestId| id.header().clone());
        let request = Request::new(Command { event, key, trace });
        let mut response = self.service.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        if response.extensions_mut().remove::<Admitted>().is_none() {
            self.calls.refused.inc();
        } else if FAILURES.contains(&response.status().as_u16()) {
            self.calls.failed.inc();
        }
        Ok(response)
    }
}

async fn add(upstream: &Upstream, lookups: &Lookups, command: Command) -> Answer {
    let Command { event, key, trace } = command;
    let user = event.user_id;
    lookups.exists(user).await.map_err(|trouble| no_user_or(&trouble))?;
    let changes = lookups.changes(user);
    let added = upstream.add_event(&event, key.as_deref(), trace).await;
    drop(changes);
    if matches!(&added, Err(trouble) if trouble.is_not_found()) {
        // The upstream lost the user that it had: the next request asks again.
        lookups.forget_user(user).await;
    }
    let Added { event, replayed } = added.map_err(|trouble| no_user_or(&trouble))?;
    lookups.learn_event(&event).await;
    let mut response = created(&format!("/getEventById/{}", event.id), &event)?;
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// An event belongs to a user and to nothing else, so what was not found is the user.
fn no_user_or(trouble: &Trouble) -> Problem {
    if trouble.is_not_found() {
        Problem::not_found("There is no such user.").field("userId", "is the id of no user")
    } else {
        trouble.problem()
    }
}

/// 201 with the place where the new item is to be found.
///
/// # Errors
///
/// 500 if it cannot be written.
pub(crate) fn created(place: &str, item: &impl Serialize) -> Answer {
    let mut response = json::response(StatusCode::CREATED, item)?;
    // A route and a UUID, so it always is a valid value.
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response)
}
