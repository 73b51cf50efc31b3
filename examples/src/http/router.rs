//! Which handler gets a request.
//!
//! - A path is matched as it stands: no decoding, no dot segments, no slash added or dropped. `/%61ddEvent`, `//addEvent`
//!   and `/addEvent/` are three ways of asking for nothing, so no two paths lead to one handler.
//! - An unknown path is 404, a known path with another method 405 with `Allow`, a method HTTP does not define 501.
//! - `HEAD` is `GET` without the body. `OPTIONS` answers 204 with `Allow`, `OPTIONS *` for the whole server.
//! - The *template* that matched (`/getUserById/{id}`) is in [`Call::route`] and in the extensions of the response
//!   ([`Route`]), for logs and as a metric's label: a client cannot make up labels.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{ALLOW, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, request};
use http_body::Body as _;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::query::{Query, well_formed};
use super::{Body, Problem, json};

/// What a handler returns.
pub type Answer = Result<Response<Body>, Problem>;

/// The template of the route that answered, in the extensions of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route(pub &'static str);

/// Where the template is written as soon as it is known, for a request that gets no answer. In the extensions of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct RouteSlot(pub(super) Arc<OnceLock<&'static str>>);

/// The label of a request that no route was found for.
pub const NO_ROUTE: &str = "(none)";

/// A request that has found its handler.
#[derive(Debug)]
pub struct Call {
    /// The template that matched.
    pub route: &'static str,
    /// Method, target, headers, extensions.
    pub head: request::Parts,
    /// The body, not yet read.
    pub body: Body,
    params: Vec<(String, String)>,
}

impl Call {
    /// A call that did not come through a router, for tests and for calls within the program.
    #[must_use]
    pub fn new(request: Request<Body>) -> Self {
        let (head, body) = request.into_parts();
        Self { route: NO_ROUTE, head, body, params: Vec::new() }
    }

    /// The segment that a `{name}` of the template stands for, as it stands in the path.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The segment as an id.
    ///
    /// # Errors
    ///
    /// 400 that names the segment, unless it is a UUID in its usual form.
    pub fn id(&self, name: &str) -> Result<Uuid, Problem> {
        let text = self.param(name).unwrap_or_default();
        // The other notations that the parser takes (braces, URNs, no hyphens) would give one thing several addresses.
        let id = if text.len() == 36 { Uuid::try_parse(text).ok() } else { None };
        id.ok_or_else(|| Problem::bad_field(name, "is not a UUID"))
    }

    /// The query, of which only the `known` parameters may stand there.
    ///
    /// # Errors
    ///
    /// As [`Query::parse`].
    pub fn query(&self, known: &[&str]) -> Result<Query, Problem> {
        Query::parse(self.head.uri.query(), known)
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Reads and checks the body, as [`json::read`] does.
    ///
    /// # Errors
    ///
    /// As [`json::read`].
    pub async fn json<T>(&mut self) -> Result<T, Problem>
    where
        T: DeserializeOwned + garde::Validate<Context = ()>,
    {
        json::read(&self.head, std::mem::take(&mut self.body)).await
    }

    /// Reads a body whose type checks its own values, as [`json::read_unchecked`] does.
    ///
    /// # Errors
    ///
    /// As [`json::read_unchecked`].
    pub async fn json_unchecked<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        json::read_unchecked(&self.head, std::mem::take(&mut self.body)).await
    }
}

type Handler<S> = Arc<dyn Fn(S, Call) -> BoxFuture<'static, Answer> + Send + Sync>;

struct Entry<S> {
    template: &'static str,
    handlers: Vec<(Method, Handler<S>)>,
    allow: HeaderValue,
}

/// A table of routes over some state. It is a tower service; clones share the table.
pub struct Router<S> {
    table: Arc<matchit::Router<Entry<S>>>,
    routes: Arc<[(Method, &'static str)]>,
    state: S,
}

/// A table of routes in the making.
pub struct Builder<S> {
    state: S,
    routes: BTreeMap<&'static str, Vec<(Method, Handler<S>)>>,
}

/// A table of routes that contradicts itself.
#[derive(Debug, thiserror::Error)]
pub enum RouterError {
    /// A template is malformed or conflicts with another one.
    #[error("the route {template} cannot be added: {reason}")]
    Template {
        /// The template.
        template: &'static str,
        /// Why it cannot be added.
        reason: matchit::InsertError,
    },
    /// One method of one template has two handlers.
    #[error("the route {template} has two handlers for {method}")]
    Twice {
        /// The template.
        template: &'static str,
        /// The method.
        method: Method,
    },
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// An empty table.
    #[must_use]
    pub fn builder(state: S) -> Builder<S> {
        Builder { state, routes: BTreeMap::new() }
    }

    /// Every method and template that has a handler of its own.
    #[must_use]
    pub fn routes(&self) -> Arc<[(Method, &'static str)]> {
        Arc::clone(&self.routes)
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let (route, answer) = self.dispatch(head, body).await;
        let mut response = answer.unwrap_or_else(Problem::into_response);
        response.extensions_mut().insert(Route(route));
        response
    }

    async fn dispatch(&self, head: request::Parts, body: Body) -> (&'static str, Answer) {
        if !is_known(&head.method) {
            return (NO_ROUTE, Err(Problem::new(StatusCode::NOT_IMPLEMENTED)));
        }
        if head.method == Method::CONNECT {
            return (NO_ROUTE, Err(Problem::method_not_allowed(EVERYTHING).close()));
        }
        let path = head.uri.path();
        if path == "*" && head.method == Method::OPTIONS {
            return (NO_ROUTE, Ok(options(HeaderValue::from_static(EVERYTHING))));
        }
        if !well_formed(path) {
            return (NO_ROUTE, Err(Problem::bad_request("The path holds broken percent-encoding.")));
        }
        let Ok(found) = self.table.at(path) else {
            return (NO_ROUTE, Err(Problem::not_found("There is nothing at this path.")));
        };
        let entry = found.value;
        if let Some(RouteSlot(slot)) = head.extensions.get() {
            // A request goes through one router; should there be another inside, the outer template stands.
            slot.get_or_init(|| entry.template);
        }
        let params = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let wanted = if head.method == Method::HEAD { &Method::GET } else { &head.method };
        let Some((_, handler)) = entry.handlers.iter().find(|(method, _)| method == wanted) else {
            let answer = if head.method == Method::OPTIONS {
                Ok(options(entry.allow.clone()))
            } else {
                Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED).header(ALLOW, entry.allow.clone()))
            };
            return (entry.template, answer);
        };
        let is_head = head.method == Method::HEAD;
        let answer = handler(self.state.clone(), Call { route: entry.template, head, body, params }).await;
        (entry.template, if is_head { answer.map(without_body) } else { answer })
    }
}

impl<S> Builder<S> {
    /// Adds a handler for `GET`, and with it for `HEAD`.
    #[must_use]
    pub fn get<F, R>(self, template: &'static str, handler: F) -> Self
    where
        F: Fn(S, Call) -> R + Send + Sync + 'static,
        R: Future<Output = Answer> + Send + 'static,
    {
        self.on(Method::GET, template, handler)
    }

    /// Adds a handler for `POST`.
    #[must_use]
    pub fn post<F, R>(self, template: &'static str, handler: F) -> Self
    where
        F: Fn(S, Call) -> R + Send + Sync + 'static,
        R: Future<Output = Answer> + Send + 'static,
    {
        self.on(Method::POST, template, handler)
    }

    /// Adds a handler for `PUT`.
    #[must_use]
    pub fn put<F, R>(self, template: &'static str, handler: F) -> Self
    where
        F: Fn(S, Call) -> R + Send + Sync + 'static,
        R: Future<Output = Answer> + Send + 'static,
    {
        self.on(Method::PUT, template, handler)
    }

    /// Adds a handler for any method.
    #[must_use]
    pub fn on<F, R>(mut self, method: Method, template: &'static str, handler: F) -> Self
    where
        F: Fn(S, Call) -> R + Send + Sync + 'static,
        R: Future<Output = Answer> + Send + 'static,
    {
        let handler: Handler<S> = Arc::new(move |state, call| handler(state, call).boxed());
        self.routes.entry(template).or_default().push((method, handler));
        self
    }

    /// The table.
    ///
    /// # Errors
    ///
    /// [`RouterError`] if a template is malformed, conflicts with another, or has two handlers for a method.
    pub fn build(self) -> Result<Router<S>, RouterError> {
        let mut table = matchit::Router::new();
        let mut routes = Vec::new();
        for (template, handlers) in self.routes {
            let allow = allow(template, &handlers)?;
            routes.extend(handlers.iter().map(|(method, _)| (method.clone(), template)));
            table
                .insert(template, Entry { template, handlers, allow })
                .map_err(|reason| RouterError::Template { template, reason })?;
        }
        Ok(Router { table: Arc::new(table), routes: routes.into(), state: self.state })
    }
}

const EVERYTHING: &str = "GET, HEAD, OPTIONS, POST, PUT";

fn allow<H>(template: &'static str, handlers: &[(Method, H)]) -> Result<HeaderValue, RouterError> {
    let mut methods = vec!["OPTIONS"];
    for (method, _) in handlers {
        if methods.contains(&method.as_str()) {
            return Err(RouterError::Twice { template, method: method.clone() });
        }
        methods.push(method.as_str());
        if method == Method::GET {
            methods.push("HEAD");
        }
    }
    methods.sort_unstable();
    // Methods are tokens, and tokens are valid in a header's value.
    Ok(HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static(EVERYTHING)))
}

fn is_known(method: &Method) -> bool {
    [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ]
    .contains(method)
}

fn options(allow: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, allow);
    response
}

fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    *response.body_mut() = Body::empty();
    response
}

impl<S: Clone> Clone for Router<S> {
    fn clone(&self) -> Self {
        Self { table: Arc::clone(&self.table), routes: Arc::clone(&self.routes), state: self.state.clone() }
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("routes", &self.routes.keys()).finish_non_exhaustive()
    }
}

impl<S: Clone + Send + Sync + 'static> tower::Service<Request<Body>> for Router<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let router = self.clone();
        async move { Ok(router.answer(request).await) }.boxed()
    }
}

#[cfg(test)]
mod tests;
