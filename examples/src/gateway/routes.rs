//! Which route is answered by what, and what each asks of its caller.

use super::add_event::created;
use super::app::App;
use super::auth::Scope;
use super::{openapi, page, status};
use crate::contract::{self, AddUser};
use crate::http::router::RouterError;
use crate::http::serve::RequestId;
use crate::http::{Answer, Call, Problem, Router, json};
use crate::store::{Cursor, Page};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use http::StatusCode;
use serde_json::json;
use std::future::ready;
use std::sync::Arc;

/// All routes of the gateway.
///
/// # Errors
///
/// If two of them contradict each other.
pub(crate) fn routes(app: App) -> Result<Router<App>, RouterError> {
    // The same for as long as the gateway runs.
    let interface = Arc::new(openapi::document(app.auth.asks()));
    Router::builder(app)
        .post("/addEvent", asking(Scope::Write, |app, call| async move { app.guarded.answer(call).await }))
        .post("/addUser", asking(Scope::Write, add_user))
        .get("/getUsers", asking(Scope::Read, users))
        .get("/getEvents", asking(Scope::Read, events))
        .get("/getUserById/{id}", asking(Scope::Read, user))
        .get("/getEventById/{id}", asking(Scope::Read, event))
        .get("/getEventsByUserId/{id}", asking(Scope::Read, events_of))
        .get("/", |_, _| ready(page::PAGE.answer()))
        .get("/status/page.css", |_, _| ready(page::STYLE.answer()))
        .get("/status/page.js", |_, _| ready(page::SCRIPT.answer()))
        .get("/status/icon.svg", |_, _| ready(page::ICON.answer()))
        .get("/status", asking(Scope::Read, status::now))
        .get("/status/stream", asking(Scope::Read, status::stream))
        .post("/status/force-open", asking(Scope::Admin, status::force_open))
        .post("/status/force-closed", asking(Scope::Admin, status::force_closed))
        .post("/status/auto", asking(Scope::Admin, status::auto))
        .post("/status/reset", asking(Scope::Admin, status::reset))
        .post("/status/faults", asking(Scope::Admin, status::faults))
        .get("/metrics", asking(Scope::Read, |app, _| async move { app.metrics.answer() }))
        .get("/openapi.json", move |_, _| ready(json::response(StatusCode::OK, &*interface)))
        // Alive is who answers. That an upstream is sick is no reason to restart the gateway.
        .get("/health", |_, _| ready(json::response(StatusCode::OK, &json!({ "status": "ok" }))))
        .get("/ready", |app: App, _| ready(is_ready(&app)))
        .build()
}

/// The handler, behind the question whether its caller may.
fn asking<F, R>(
    scope: Scope,
    handler: F,
) -> impl Fn(App, Call) -> BoxFuture<'static, Answer> + Clone + Send + Sync + 'static
where
    F: Fn(App, Call) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    move |app, mut call| {
        let handler = handler.clone();
        async move {
            let caller = app.auth.authorize(&mut call.head, scope).await?;
            call.head.extensions.insert(caller);
            handler(app, call).await
        }
        .boxed()
    }
}

async fn add_user(app: App, mut call: Call) -> Answer {
    call.query(&[])?;
    let user: AddUser = call.json().await?;
    let trace = call.head.extensions.get().map(|id: &RequestId| id.header().clone());
    let user = app.upstream.add_user(&user, trace).await?;
    app.lookups.learn_user(&user).await;
    created(&format!("/getUserById/{}", user.id), &user)
}

async fn users(app: App, call: Call) -> Answer {
    let page = contract::page(&call)?;
    json::response(StatusCode::OK, &app.upstream.users(page).await?)
}

async fn events(app: App, call: Call) -> Answer {
    let page = contract::page(&call)?;
    json::response(StatusCode::OK, &app.upstream.events(page).await?)
}

async fn user(app: App, call: Call) -> Answer {
    call.query(&[])?;
    json::response(StatusCode::OK, &*app.lookups.user(call.id("id")?).await?)
}

async fn event(app: App, call: Call) -> Answer {
    call.query(&[])?;
    json::response(StatusCode::OK, &*app.lookups.event(call.id("id")?).await?)
}

/// The events of a user, each looked up by itself: a bounded number at a time, in the order of the list. The first that
/// cannot be had ends it, and what is still under way with it.
async fn events_of(app: App, call: Call) -> Answer {
    let page = contract::page(&call)?;
    let user = app.lookups.user(call.id("id")?).await?;
    // Ids grow, so the list is sorted.
    let start = page.after.map_or(0, |cursor| user.events.partition_point(|id| *id <= cursor.id()));
    let rest = &user.events[start..];
    let wanted = rest[..page.limit.min(rest.len())].to_vec();
    let next = if rest.len() > wanted.len() { wanted.last().copied().map(Cursor::after) } else { None };
    let items: Vec<_> = stream::iter(wanted)
        .map(|id| {
            let lookups = app.lookups.clone();
            async move { lookups.event(id).await }
        })
        .buffered(app.fan_out)
        .map_ok(|event| (*event).clone())
        .try_collect()
        .await?;
    json::response(StatusCode::OK, &Page { items, next })
}

fn is_ready(app: &App) -> Answer {
    if app.is_ending() {
        return Err(Problem::unavailable("The gateway is shutting down.", None));
    }
    if !app.auth.is_ready() {
        return Err(Problem::unavailable("Tokens cannot be checked yet.", None));
    }
    json::response(StatusCode::OK, &json!({ "status": "ready" }))
}
