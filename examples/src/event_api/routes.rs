//! The handlers.

use std::sync::Arc;

use futures::future::BoxFuture;
use http::header::LOCATION;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use super::faults::{FaultPlan, Faults, FaultsError, Form, Received, RouteName, act};
use crate::contract::{self, AddEvent, AddUser};
use crate::http::router::RouterError;
use crate::http::serve::Peer;
use crate::http::{Answer, Call, Problem, Router, json};
use crate::store::{Added, NewEvent, NewUser, Store, StoreError};

/// Tells a client that its request had been carried out before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What every handler gets.
#[derive(Clone, Debug)]
pub(super) struct Api {
    store: Arc<dyn Store>,
    faults: Arc<FaultPlan>,
}

pub(super) fn router(store: Arc<dyn Store>, faults: Arc<FaultPlan>) -> Result<Router<Api>, RouterError> {
    Router::builder(Api { store, faults })
        .get("/getUsers", faulty(RouteName::GetUsers, get_users))
        .get("/getEvents", faulty(RouteName::GetEvents, get_events))
        .get("/getUserById/{id}", faulty(RouteName::GetUserById, get_user_by_id))
        .get("/getEventById/{id}", faulty(RouteName::GetEventById, get_event_by_id))
        .get("/getEventsByUserId/{id}", faulty(RouteName::GetEventsByUserId, get_events_by_user_id))
        .post("/addUser", faulty(RouteName::AddUser, add_user))
        .post("/addEvent", faulty(RouteName::AddEvent, add_event))
        .get("/faults", get_faults)
        .put("/faults", put_faults)
        .build()
}

/// Puts the fault plan between a route and its handler.
fn faulty<F, R>(
    route: RouteName,
    handler: F,
) -> impl Fn(Api, Call) -> BoxFuture<'static, Answer> + Send + Sync + 'static
where
    F: Fn(Api, Call) -> R + Copy + Send + Sync + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    move |api, call| {
        let faults = Arc::clone(&api.faults);
        Box::pin(async move {
            let wire = call.head.extensions.get().cloned();
            act(&faults, route, wire, handler(api, call)).await
        })
    }
}

async fn get_users(api: Api, call: Call) -> Answer {
    let users = api.store.users(contract::page(&call)?).await.map_err(|error| refused(call.route, &error))?;
    json::response(StatusCode::OK, &users)
}

async fn get_events(api: Api, call: Call) -> Answer {
    let events = api.store.events(contract::page(&call)?).await.map_err(|error| refused(call.route, &error))?;
    json::response(StatusCode::OK, &events)
}

async fn get_user_by_id(api: Api, call: Call) -> Answer {
    let id = call.id("id")?;
    call.query(&[])?;
    let user = api.store.user(id).await.map_err(|error| refused(call.route, &error))?;
    json::response(StatusCode::OK, &user.ok_or_else(no_such_user)?)
}

async fn get_event_by_id(api: Api, call: Call) -> Answer {
    let id = call.id("id")?;
    call.query(&[])?;
    let event = api.store.event(id).await.map_err(|error| refused(call.route, &error))?;
    json::response(StatusCode::OK, &event.ok_or_else(|| Problem::not_found("There is no event with this id."))?)
}

async fn get_events_by_user_id(api: Api, call: Call) -> Answer {
    let id = call.id("id")?;
    let events = api.store.events_of(id, contract::page(&call)?).await.map_err(|error| refused(call.route, &error))?;
    json::response(StatusCode::OK, &events)
}

async fn add_user(api: Api, mut call: Call) -> Answer {
    call.query(&[])?;
    let user: NewUser = call.json::<AddUser>().await?.into();
    let user = api.store.add_user(user).await.map_err(|error| refused(call.route, &error))?;
    created(&user, &format!("/getUserById/{}", user.id))
}

async fn add_event(api: Api, mut call: Call) -> Answer {
    call.query(&[])?;
    let key = contract::idempotency_key(call.headers())?;
    let event: NewEvent = call.json::<AddEvent>().await?.into();
    let added = api.store.add_event(event, key).await.map_err(|error| refused(call.route, &error))?;
    let Added { event, replayed } = added;
    let mut answer = created(&event, &format!("/getEventById/{}", event.id))?;
    if replayed {
        answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(answer)
}

fn created(record: &impl Serialize, location: &str) -> Answer {
    let mut answer = json::response(StatusCode::CREATED, record)?;
    if let Ok(location) = HeaderValue::from_str(location) {
        answer.headers_mut().insert(LOCATION, location);
    }
    Ok(answer)
}

fn no_such_user() -> Problem {
    Problem::not_found("There is no user with this id.")
}

/// What a client is told about an error of the store, and what the log is.
fn refused(route: &str, error: &StoreError) -> Problem {
    match error {
        StoreError::Failed(_) | StoreError::Unavailable(_) | StoreError::Closed => {
            tracing::error!(route, %error, "an operation failed");
        }
        _ => tracing::info!(route, %error, "an operation was refused"),
    }
    match error {
        StoreError::UserNameTaken => Problem::taken("userName"),
        StoreError::EmailTaken => Problem::taken("email"),
        StoreError::NoSuchUser => no_such_user(),
        StoreError::KeyReused => Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
            .detail("The Idempotency-Key was used for another event.")
            .field("Idempotency-Key", "was used for another event"),
        StoreError::Closed => Problem::unavailable("The service is shutting down.", None),
        StoreError::Unavailable(_) => Problem::unavailable("The service cannot reach its data at the moment.", None),
        StoreError::Failed(_) => Problem::internal(),
    }
}

/// The answer of `/faults`.
#[derive(Serialize)]
struct FaultsView {
    /// The plan as one line, as `FAULTS` takes it.
    plan: String,
    #[serde(flatten)]
    faults: Faults,
    received: Received,
}

async fn get_faults(api: Api, call: Call) -> Answer {
    only_from_here(&call)?;
    call.query(&[])?;
    show(&api.faults)
}

async fn put_faults(api: Api, mut call: Call) -> Answer {
    only_from_here(&call)?;
    call.query(&[])?;
    let form: Form = call.json_unchecked().await?;
    let faults: Faults = form.try_into().map_err(|error: FaultsError| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY)
            .detail("The fault plan is not acceptable.")
            .field(error.field(), error.to_string())
    })?;
    tracing::info!(plan = %faults, "the fault plan was changed");
    api.faults.set(faults);
    show(&api.faults)
}

fn show(faults: &FaultPlan) -> Answer {
    let (current, received) = (faults.current(), faults.received());
    json::response(StatusCode::OK, &FaultsView { plan: current.to_string(), faults: current, received })
}

/// Whoever reaches the service from elsewhere has no business breaking it.
fn only_from_here(call: &Call) -> Result<(), Problem> {
    match call.head.extensions.get() {
        Some(Peer(peer)) if !peer.ip().to_canonical().is_loopback() => {
            Err(Problem::new(StatusCode::FORBIDDEN).detail("The fault plan is for callers on the same machine."))
        }
        _ => Ok(()),
    }
}
