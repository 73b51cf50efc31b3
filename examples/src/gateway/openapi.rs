//! `GET /openapi.json`: the gateway's interface as an `OpenAPI` 3.1 document.
//!
//! The schemas are worked out from the types that are read and written; what stands here is what types do not say. A test
//! compares its paths with the table of routes, and its schemas with answers.

use super::auth::Scope;
use super::status::{ForSoLong, NewPlan, Nothing, Report};
use crate::contract::{AddEvent, AddUser};
use crate::http::problem::Details;
use crate::store::{Event, MOST_ITEMS, Page, PageRequest, User};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

/// One operation, as far as it differs from the others.
struct Operation {
    summary: &'static str,
    /// What it asks of its caller.
    scope: Option<Scope>,
    /// Names of parameters.
    parameters: &'static [&'static str],
    /// The schema of the body and an example, if it takes one.
    request: Option<(Schema, Value)>,
    /// The status of success, its media type and its schema.
    success: (u16, &'static str, Schema),
    /// What it answers where something is wrong, besides 401 and 403.
    problems: &'static [u16],
}

const JSON: &str = "application/json";
/// A change by an operator.
const CONTROL: &[u16] = &[400, 403, 408, 413, 415];
/// An upstream in trouble.
const UPSTREAM: &[u16] = &[400, 429, 500, 502, 503, 504];
const LOOK_UP: &[u16] = &[400, 404, 429, 500, 502, 503, 504];

/// The document. `asks` says whether the gateway asks for tokens.
pub(crate) fn document(asks: bool) -> Value {
    let settings =
        || SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut reads = settings().for_deserialize().into_generator();
    let mut writes = settings().for_serialize().into_generator();
    let paths = paths(asks, &mut reads, &mut writes);
    let problem = writes.subschema_for::<Details>();
    let mut schemas = reads.take_definitions(true);
    schemas.append(&mut writes.take_definitions(true));
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Users and events, with a circuit breaker in front of POST /addEvent.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": parameters(),
            "responses": { "Problem": {
                "description": "What is wrong. With 503, and sometimes with 429, Retry-After says when to come back.",
                "headers": { "Retry-After": { "description": "Seconds", "schema": { "type": "integer", "minimum": 1 } } },
                "content": { "application/problem+json": { "schema": problem } },
            } },
        },
    });
    if asks {
        document["components"]["securitySchemes"] =
            json!({ "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } });
    }
    document
}

fn paths(asks: bool, reads: &mut SchemaGenerator, writes: &mut SchemaGenerator) -> Value {
    let mut paths = Map::new();
    let mut add = |path: &str, method: &str, operation: Operation| {
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method] = described(operation, asks);
    };
    let id = "01900000-0000-7000-8000-000000000000";
    let text = |media_type| (200, media_type, json_schema!({ "type": "string" }));
    let get = |summary, scope, parameters, success, problems| Operation {
        summary,
        scope,
        parameters,
        request: None,
        success,
        problems,
    };

    let read = Some(Scope::Read);
    let users = (200, JSON, writes.subschema_for::<Page<User>>());
    let events = (200, JSON, writes.subschema_for::<Page<Event>>());
    let page: &[&str] = &["limit", "cursor"];
    add("/getUsers", "get", get("All users, a page at a time", read, page, users, UPSTREAM));
    add("/getEvents", "get", get("All events, a page at a time", read, page, events.clone(), UPSTREAM));
    let user = (200, JSON, writes.subschema_for::<User>());
    let event = (200, JSON, writes.subschema_for::<Event>());
    add("/getUserById/{id}", "get", get("A user", read, &["id"], user, LOOK_UP));
    add("/getEventById/{id}", "get", get("An event", read, &["id"], event, LOOK_UP));
    let of_user: &[&str] = &["id", "limit", "cursor"];
    add("/getEventsByUserId/{id}", "get", get("The events of a user", read, of_user, events, LOOK_UP));
    add(
        "/addUser",
        "post",
        Operation {
            summary: "Adds a user. The name and the email must not be taken",
            scope: Some(Scope::Write),
            parameters: &[],
            request: Some((reads.subschema_for::<AddUser>(), json!({ "userName": "ada", "email": "ada@example.org" }))),
            success: (201, JSON, writes.subschema_for::<User>()),
            problems: &[400, 408, 409, 413, 415, 422, 429, 500, 502, 503, 504],
        },
    );
    add(
        "/addEvent",
        "post",
        Operation {
            summary: "Adds an event to a user. Refused at once while the breaker is open",
            scope: Some(Scope::Write),
            parameters: &["Idempotency-Key"],
            request: Some((
                reads.subschema_for::<AddEvent>(),
                json!({ "name": "signed up", "userId": id, "details": "by mail" }),
            )),
            success: (201, JSON, writes.subschema_for::<Event>()),
            problems: &[400, 404, 408, 409, 413, 415, 422, 429, 500, 502, 503, 504],
        },
    );

    let status = writes.subschema_for::<Report>();
    add("/status", "get", get("Where the breaker stands", read, &[], (200, JSON, status.clone()), &[400]));
    let stream = text("text/event-stream");
    add(
        "/status/stream",
        "get",
        get("The last minutes, then the same as it changes, one document an event", read, &[], stream, &[503]),
    );
    for (path, summary, request, problems) in [
        (
            "/status/force-open",
            "Refuses everything",
            (reads.subschema_for::<ForSoLong>(), json!({ "for": "30s" })),
            CONTROL,
        ),
        (
            "/status/force-closed",
            "Lets everything through",
            (reads.subschema_for::<ForSoLong>(), json!({ "for": "30s" })),
            CONTROL,
        ),
        ("/status/auto", "Lets the breaker decide again", (reads.subschema_for::<Nothing>(), json!({})), CONTROL),
        ("/status/reset", "Back to closed at level zero", (reads.subschema_for::<Nothing>(), json!({})), CONTROL),
        (
            "/status/faults",
            "Another fault plan for the built-in upstream",
            (reads.subschema_for::<NewPlan>(), json!({ "plan": "healthy" })),
            &[400, 403, 408, 409, 413, 415, 422],
        ),
    ] {
        let (scope, request, success) = (Some(Scope::Admin), Some(request), (200, JSON, status.clone()));
        add(path, "post", Operation { summary, scope, parameters: &[], request, success, problems });
    }
    add("/metrics", "get", get("Numbers for Prometheus", read, &[], text("application/openmetrics-text"), &[500]));

    let answer = || (200, JSON, json_schema!({ "type": "object" }));
    add("/health", "get", get("Whether it runs", None, &[], answer(), &[]));
    add("/ready", "get", get("Whether to send it requests", None, &[], answer(), &[503]));
    add("/openapi.json", "get", get("This document", None, &[], answer(), &[]));
    add("/", "get", get("The status page", None, &[], text("text/html"), &[]));
    add("/status/page.css", "get", get("Its style", None, &[], text("text/css"), &[]));
    add("/status/page.js", "get", get("Its program", None, &[], text("text/javascript"), &[]));
    add("/status/icon.svg", "get", get("Its icon", None, &[], text("image/svg+xml"), &[]));
    Value::Object(paths)
}

fn described(operation: Operation, asks: bool) -> Value {
    let Operation { summary, scope, parameters, request, success: (status, media_type, schema), problems } = operation;
    let mut responses = Map::new();
    let mut success = json!({ "description": summary, "content": { media_type: { "schema": schema } } });
    if status == 201 {
        success["headers"] =
            json!({ "Location": { "description": "Where it is to be found", "schema": { "type": "string" } } });
    }
    responses.insert(status.to_string(), success);
    let scope = scope.filter(|_| asks);
    let denied: &[u16] = if scope.is_some() { &[400, 401, 403, 503] } else { &[] };
    for problem in problems.iter().chain(denied) {
        responses.insert(problem.to_string(), json!({ "$ref": "#/components/responses/Problem" }));
    }
    let mut described = json!({ "summary": summary, "responses": responses });
    if !parameters.is_empty() {
        let references = parameters.iter().map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }));
        described["parameters"] = references.collect();
    }
    if let Some((schema, example)) = request {
        described["requestBody"] =
            json!({ "required": true, "content": { JSON: { "schema": schema, "example": example } } });
    }
    if let Some(scope) = scope {
        described["security"] = json!([{ "token": [scope.name()] }]);
    }
    described
}

fn parameters() -> Value {
    json!({
        "id": {
            "name": "id", "in": "path", "required": true,
            "schema": { "type": "string", "format": "uuid" },
        },
        "limit": {
            "name": "limit", "in": "query", "description": "The most items of a page.",
            "schema": { "type": "integer", "minimum": 1, "maximum": MOST_ITEMS, "default": PageRequest::DEFAULT_LIMIT },
        },
        "cursor": {
            "name": "cursor", "in": "query", "description": "The `next` of the page before.",
            "schema": { "type": "string" },
        },
        "Idempotency-Key": {
            "name": "Idempotency-Key", "in": "header",
            "description": "A text that is new for each event, and the same for each repetition of a request.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
        },
    })
}
