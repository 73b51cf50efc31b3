use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use uuid::Uuid;

use super::faults::{Faults, RouteName};
use super::*;
use crate::store::{Added, Event, NewEvent, NewUser, Page, PageRequest, StoreError, User};

/// An event API and a client of it.
struct Subject {
    api: Running,
    client: Client<HttpConnector, Full<Bytes>>,
}

type Failure = hyper_util::client::legacy::Error;

impl Subject {
    async fn healthy() -> Self {
        Self::with(Config::in_memory()).await
    }

    async fn with(config: Config) -> Self {
        let client = Client::builder(TokioExecutor::new()).retry_canceled_requests(false).build_http();
        Self { api: start(config).await.unwrap(), client }
    }

    fn faults(self, plan: &str) -> Self {
        self.api.faults().set(plan.parse().unwrap());
        self
    }

    async fn send(&self, method: Method, path: &str, key: Option<&str>, body: &str) -> Result<Response<Value>, Error> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.api.addr()));
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let (head, body) = self.client.request(request).await.map_err(Error::Head)?.into_parts();
        let bytes = body.collect().await.map_err(Error::Body)?.to_bytes();
        Ok(Response::from_parts(head, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    async fn get(&self, path: &str) -> Response<Value> {
        self.send(Method::GET, path, None, "").await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Response<Value> {
        self.send(Method::POST, path, None, &body.to_string()).await.unwrap()
    }

    async fn user(&self, name: &str) -> Value {
        let body = json!({ "userName": name, "email": format!("{name}@example.org") });
        self.post("/addUser", &body).await.into_body()
    }
}

#[derive(Debug)]
#[allow(dead_code, reason = "shown where a test fails")]
enum Error {
    Head(Failure),
    Body(hyper::Error),
}

fn field(response: &Response<Value>) -> (u16, &str) {
    (response.status().as_u16(), response.body()["errors"][0]["field"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn users_are_added_and_found() {
    let subject = Subject::healthy().await;
    let added = subject.post("/addUser", &json!({ "userName": "Ann", "email": "Ann@example.org" })).await;
    assert_eq!(added.status(), StatusCode::CREATED);
    let location = added.headers()["location"].to_str().unwrap();
    assert_eq!(location, format!("/getUserById/{}", added.body()["id"].as_str().unwrap()));
    assert_eq!(subject.get(location).await.body(), added.body());
    assert_eq!(subject.get("/getUsers").await.into_body(), json!({ "items": [added.body()], "next": null }));
}

#[tokio::test]
async fn events_are_added_and_found() {
    let subject = Subject::healthy().await;
    let user = subject.user("ann").await;
    let added = subject.post("/addEvent", &json!({ "name": "paid", "userId": user["id"], "details": "42" })).await;
    assert_eq!(added.status(), StatusCode::CREATED);
    let location = added.headers()["location"].to_str().unwrap();
    assert_eq!(subject.get(location).await.body(), added.body());
    let page = json!({ "items": [added.body()], "next": null });
    assert_eq!(subject.get("/getEvents").await.into_body(), page);
    let of_user = format!("/getEventsByUserId/{}", user["id"].as_str().unwrap());
    assert_eq!(subject.get(&of_user).await.into_body(), page);
    let user = subject.get(&of_user.replace("Events", "User").replace("ByUserId", "ById")).await;
    assert_eq!(user.body()["events"], json!([added.body()["id"]]));
}

#[tokio::test]
async fn conflicts_and_unknown_users_are_named() {
    let subject = Subject::healthy().await;
    subject.user("ann").await;
    let same_name = subject.post("/addUser", &json!({ "userName": "ann", "email": "b@example.org" })).await;
    assert_eq!(field(&same_name), (409, "userName"));
    let same_email = subject.post("/addUser", &json!({ "userName": "bob", "email": "ANN@example.org" })).await;
    assert_eq!(field(&same_email), (409, "email"));
    let nobody = subject.post("/addEvent", &json!({ "name": "paid", "userId": Uuid::nil() })).await;
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
    assert_eq!(nobody.headers()["content-type"], "application/problem+json");
    for unknown in ["/getUserById/", "/getEventById/", "/getEventsByUserId/"] {
        assert_eq!(subject.get(&format!("{unknown}{}", Uuid::nil())).await.status(), 404, "{unknown}");
        assert_eq!(field(&subject.get(&format!("{unknown}7")).await), (400, "id"), "{unknown}");
    }
    assert_eq!(subject.get("/nope").await.status(), 404);
    assert_eq!(subject.get("/addEvent").await.headers()["allow"], "OPTIONS, POST");
}

#[tokio::test]
async fn bad_input_is_named() {
    let subject = Subject::healthy().await;
    assert_eq!(field(&subject.post("/addUser", &json!({ "userName": "ann", "email": "x" })).await), (422, "email"));
    assert_eq!(field(&subject.post("/addUser", &json!({ "userName": "ann" })).await), (400, "email"));
    assert_eq!(field(&subject.post("/addEvent", &json!({ "name": "n", "userId": 7 })).await), (400, "userId"));
    assert_eq!(field(&subject.get("/getUsers?limit=0").await), (400, "limit"));
    assert_eq!(field(&subject.get("/getEvents?cursor=7").await), (400, "cursor"));
    assert_eq!(subject.get("/getUsers?offset=7").await.status(), 400);
    let empty = subject.send(Method::POST, "/addUser", None, "").await.unwrap();
    assert_eq!(empty.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

/// A store that fails whatever it is asked.
#[derive(Debug)]
struct Broken;

impl Broken {
    fn fail<T: Send + 'static>(&self) -> BoxFuture<'_, Result<T, StoreError>> {
        ready(Err(StoreError::Failed("disk /dev/secret is on fire".to_owned()))).boxed()
    }
}

impl Store for Broken {
    fn add_user(&self, _: NewUser) -> BoxFuture<'_, Result<User, StoreError>> {
        self.fail()
    }
    fn add_event(&self, _: NewEvent, _: Option<String>) -> BoxFuture<'_, Result<Added, StoreError>> {
        self.fail()
    }
    fn user(&self, _: Uuid) -> BoxFuture<'_, Result<Option<User>, StoreError>> {
        self.fail()
    }
    fn event(&self, _: Uuid) -> BoxFuture<'_, Result<Option<Event>, StoreError>> {
        self.fail()
    }
    fn users(&self, _: PageRequest) -> BoxFuture<'_, Result<Page<User>, StoreError>> {
        self.fail()
    }
    fn events(&self, _: PageRequest) -> BoxFuture<'_, Result<Page<Event>, StoreError>> {
        self.fail()
    }
    fn events_of(&self, _: Uuid, _: PageRequest) -> BoxFuture<'_, Result<Page<Event>, StoreError>> {
        self.fail()
    }
}

#[tokio::test]
async fn a_store_that_fails_is_500_without_a_word_about_why() {
    let faults = Arc::new(FaultPlan::new(Faults::healthy()));
    let router = routes::router(Arc::new(Broken), faults).unwrap();
    let id = Uuid::nil();
    let paths = ["/getUsers", "/getEvents", &format!("/getUserById/{id}"), &format!("/getEventsByUserId/{id}")];
    for path in paths {
        let request = Request::get(path).body(crate::http::Body::empty()).unwrap();
        let response = router.answer(request).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(!String::from_utf8_lossy(&body).contains("secret"), "{path}");
    }
}

#[tokio::test]
async fn a_walk_shows_everything_once() {
    let subject = Subject::healthy().await;
    for n in 0..7 {
        subject.user(&format!("user{n}")).await;
    }
    let (mut path, mut names) = ("/getUsers?limit=3".to_owned(), Vec::new());
    loop {
        let page = subject.get(&path).await.into_body();
        names
            .extend(page["items"].as_array().unwrap().iter().map(|user| user["userName"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/getUsers?limit=3&cursor={next}");
    }
    assert_eq!(names, (0..7).map(|n| format!("user{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_key_makes_one_event() {
    let subject = Subject::healthy().await;
    let user = subject.user("ann").await;
    let send = async |name: &str, key: &'static str| {
        let body = json!({ "name": name, "userId": user["id"] }).to_string();
        subject.send(Method::POST, "/addEvent", Some(key), &body).await.unwrap()
    };
    let (first, second) = (send("paid", "k").await, send("paid", "\"k\"").await);
    assert_eq!((first.status(), second.status()), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(first.body(), second.body());
    assert!(!first.headers().contains_key("idempotent-replayed"));
    assert_eq!(second.headers()["idempotent-replayed"], "true");
    assert_eq!(field(&send("left", "k").await), (422, "Idempotency-Key"));
    assert_eq!(field(&send("paid", "a b").await), (400, "Idempotency-Key"));
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config { faults: Faults::healthy(), ..Config::durable(directory.path()) };
    let subject = Subject::with(config.clone()).await;
    let user = subject.user("ann").await;
    subject.api.shutdown().await;
    let subject = Subject::with(config).await;
    assert_eq!(subject.get("/getUsers").await.body()["items"], json!([user]));
}

#[tokio::test]
async fn what_cannot_start_says_which_variable_is_to_blame() {
    let first = Subject::healthy().await;
    let taken = Config { addr: first.api.addr(), ..Config::in_memory() };
    assert!(start(taken).await.unwrap_err().to_string().starts_with("EVENT_API_ADDR: "));
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = start(Config::durable(file.path())).await.unwrap_err();
    assert!(error.to_string().starts_with("DATA_DIR: "), "{error}");
}

#[tokio::test]
async fn the_plan_is_shown_and_changed_while_it_runs() {
    let subject = Subject::with(Config { faults: Faults::default(), ..Config::in_memory() }).await;
    let user = subject.user("ann").await;
    let event = json!({ "name": "n", "userId": user["id"] });
    let mut statuses = Vec::new();
    for _ in 0..7 {
        statuses.push(subject.post("/addEvent", &event).await.status().as_u16());
    }
    assert_eq!(statuses, [201, 201, 201, 201, 201, 503, 503]);
    let shown = subject.get("/faults").await.into_body();
    assert_eq!(shown["plan"], Faults::default().to_string());
    assert_eq!((&shown["received"]["addEvent"], &shown["received"]["addUser"]), (&json!(7), &json!(1)));
    assert_eq!(shown["routes"]["getEventById"], json!([{ "kind": "slow", "by": "500ms" }]));

    let put = async |body: &Value| subject.send(Method::PUT, "/faults", None, &body.to_string()).await.unwrap();
    assert_eq!(put(&json!({ "plan": "addEvent=outage(1h,500)" })).await.status(), 200);
    assert_eq!(subject.post("/addEvent", &event).await.status(), 500);
    assert_eq!(put(&json!({ "routes": {} })).await.body()["plan"], "healthy");
    assert_eq!(subject.post("/addEvent", &event).await.status(), 201);
    assert_eq!(field(&put(&json!({ "plan": "addEvent=hang(7)" })).await), (422, "addEvent.share"));
    assert_eq!(put(&json!({ "routes": { "nope": [] } })).await.status(), 400);
    assert_eq!(subject.api.faults().current(), Faults::healthy(), "what was refused changed nothing");
}

#[tokio::test]
async fn a_limited_route_says_when_to_come_back() {
    let subject = Subject::healthy().await.faults("outage(1h,429,1m 30s)");
    let refused = subject.get("/getUsers").await;
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "90"));
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn connections_are_broken_as_planned() {
    for plan in ["close", "reset", "garbage"] {
        let subject = Subject::healthy().await.faults(plan);
        let result = subject.send(Method::GET, "/getUsers", None, "").await;
        assert!(matches!(result, Err(Error::Head(_))), "{plan}: {result:?}");
        assert_eq!(subject.api.faults().received_by(RouteName::GetUsers), 1, "{plan}");
    }
}

#[tokio::test]
async fn a_cut_answer_was_carried_out() {
    let subject = Subject::healthy().await.faults("addUser=cut-body");
    let body = json!({ "userName": "ann", "email": "ann@example.org" }).to_string();
    let result = subject.send(Method::POST, "/addUser", None, &body).await;
    assert!(matches!(result, Err(Error::Body(_))), "{result:?}");
    assert_eq!(subject.get("/getUsers").await.body()["items"][0]["userName"], "ann");
}

#[tokio::test]
async fn what_hangs_hangs_until_the_end_and_does_not_hold_it_up() {
    let subject = Subject::healthy().await.faults("getUsers=hang");
    let Subject { api, client } = subject;
    let request = Request::get(format!("http://{}/getUsers", api.addr())).body(Full::default()).unwrap();
    let hung = tokio::spawn(client.request(request));
    while api.faults().received_by(RouteName::GetUsers) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!hung.is_finished());
    assert_eq!(api.shutdown().await, Drained { cut: 0 });
    assert!(hung.await.unwrap().is_err());
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::*;
    use crate::store::postgres::server::{Server, empty_place, or_skip};

    async fn subject(address: &str) -> Subject {
        let database_url = Some(address.parse().unwrap());
        Subject::with(Config { database_url, ..Config::in_memory() }).await
    }

    #[tokio::test]
    async fn what_one_event_api_wrote_another_one_knows() {
        let Some(address) = empty_place().await else { return };
        let (one, other) = (subject(&address).await, subject(&address).await);
        let user = one.user("ann").await;
        let event = json!({ "name": "paid", "userId": user["id"] });
        let added = one.send(Method::POST, "/addEvent", Some("key"), &event.to_string()).await.unwrap();
        let again = other.send(Method::POST, "/addEvent", Some("key"), &event.to_string()).await.unwrap();
        assert_eq!((added.body(), &again.headers()["idempotent-replayed"]), (again.body(), &"true".parse().unwrap()));
        for (name, email, taken) in [("ann", "b@example.org", "userName"), ("bob", "ANN@example.org", "email")] {
            let refused = other.post("/addUser", &json!({ "userName": name, "email": email })).await;
            assert_eq!(field(&refused), (409, taken));
        }
        let unknown = json!({ "name": "paid", "userId": Uuid::nil() });
        assert_eq!(other.post("/addEvent", &unknown).await.status(), 404);
    }

    #[tokio::test]
    async fn a_database_that_is_away_is_a_503_that_names_nothing() {
        let Some(mut server) = or_skip(Server::start().await) else { return };
        let subject = subject(&server.address()).await;
        let user = subject.user("ann").await;
        server.stop();
        for _ in 0..2 {
            let away = subject.post("/addEvent", &json!({ "name": "paid", "userId": user["id"] })).await;
            assert_eq!(away.status(), StatusCode::SERVICE_UNAVAILABLE);
            let said = away.body().to_string().to_lowercase();
            for word in ["postgres", "pg", "sql", "socket", "connect", "host"] {
                assert!(!said.contains(word), "{said}");
            }
        }
        server.run().await.unwrap();
        let back = subject.post("/addEvent", &json!({ "name": "paid", "userId": user["id"] })).await;
        assert_eq!(back.status(), StatusCode::CREATED);
    }
}

#[cfg(not(feature = "postgres"))]
#[tokio::test]
async fn a_database_that_the_program_cannot_use_ends_the_start() {
    let database_url = Some("postgres://ann:sesame@localhost/x".parse().unwrap());
    let config = Config { database_url, ..Config::in_memory() };
    assert!(!format!("{config:?}").contains("sesame"));
    let error = start(config).await.unwrap_err().to_string();
    assert!(error.starts_with("DATABASE_URL: ") && !error.contains("sesame"), "{error}");
}
