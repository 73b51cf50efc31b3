//! The event API's routes as typed calls.

use super::client::HttpClient;
use super::trouble::Trouble;
use crate::contract::{AddEvent, AddUser, IDEMPOTENCY_KEY};
use crate::gateway::metrics::Metrics;
use crate::store::{Added, Event, Page, PageRequest, User};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use uuid::Uuid;

/// Ties the log lines of both programs together.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Says that an earlier request with the same key had added the event.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The event API.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    client: HttpClient,
    metrics: Arc<Metrics>,
}

impl Upstream {
    pub(crate) fn new(client: HttpClient, metrics: Arc<Metrics>) -> Self {
        Self { client, metrics }
    }

    pub(crate) async fn user(&self, id: Uuid) -> Result<User, Trouble> {
        let user: User = self.get(&format!("/getUserById/{id}")).await?;
        if user.id == id { Ok(user) } else { Err(Trouble::Broken("another user")) }
    }

    pub(crate) async fn event(&self, id: Uuid) -> Result<Event, Trouble> {
        let event: Event = self.get(&format!("/getEventById/{id}")).await?;
        if event.id == id { Ok(event) } else { Err(Trouble::Broken("another event")) }
    }

    pub(crate) async fn users(&self, page: PageRequest) -> Result<Page<User>, Trouble> {
        self.get(&listing("/getUsers", page)).await
    }

    pub(crate) async fn events(&self, page: PageRequest) -> Result<Page<Event>, Trouble> {
        self.get(&listing("/getEvents", page)).await
    }

    pub(crate) async fn add_user(&self, user: &AddUser, trace: Option<HeaderValue>) -> Result<User, Trouble> {
        let headers: Vec<_> = trace.map(|id| (REQUEST_ID, id)).into_iter().collect();
        Ok(self.post("/addUser", user, &headers).await?.1)
    }

    /// Sent once. What comes back as [`Trouble`] may have been carried out all the same, unless it is
    /// [`Trouble::Unreachable`]; a client that repeats it with the same key gets one event.
    pub(crate) async fn add_event(
        &self,
        event: &AddEvent,
        key: Option<&str>,
        trace: Option<HeaderValue>,
    ) -> Result<Added, Trouble> {
        let mut headers: Vec<_> = trace.map(|id| (REQUEST_ID, id)).into_iter().collect();
        if let Some(key) = key {
            // As a structured field is written. It was checked to be visible ASCII without quotes.
            let value =
                HeaderValue::try_from(format!("\"{key}\"")).map_err(|_| Trouble::Broken("no use for the key"))?;
            headers.push((HeaderName::from_static(IDEMPOTENCY_KEY), value));
        }
        let (headers, event) = self.post("/addEvent", event, &headers).await?;
        Ok(Added { event, replayed: headers.contains_key(REPLAYED) })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        self.told(self.client.get(path).await)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<(HeaderMap, T), Trouble> {
        // Strings and ids: there is nothing in them that could not be written.
        let body = serde_json::to_vec(body).map_err(|_| Trouble::Broken("no use for the document"))?;
        self.told(self.client.post(path, Bytes::from(body), headers).await)
    }

    fn told<T>(&self, outcome: Result<T, Trouble>) -> Result<T, Trouble> {
        self.metrics.asked(outcome.as_ref().map_or_else(Trouble::label, |_| "answered"));
        outcome
    }
}

/// The page was read from the client's query and is written anew: what reaches the upstream is what was understood.
fn listing(path: &str, page: PageRequest) -> String {
    match page.after {
        None => format!("{path}?limit={}", page.limit),
        Some(cursor) => format!("{path}?limit={}&cursor={cursor}", page.limit),
    }
}
