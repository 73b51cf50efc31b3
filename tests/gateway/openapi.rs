//! The document of the interface, compared with what the gateway does.

use super::Rig;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The operations of a document: method, path, and what is said of it.
fn operations(document: &Value) -> Vec<(Method, &str, &Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((method.to_uppercase().parse().unwrap(), path.as_str(), operation));
        }
    }
    operations
}

/// Follows a reference within the document, if it is one.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            let found = document.pointer(reference.strip_prefix('#').unwrap());
            found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
        }
        None => value,
    }
}

/// What of a value does not have the shape that a schema asks for, as far as types and names go.
fn misfits(document: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    let schema = resolved(document, schema);
    if let Some(choices) = schema["anyOf"].as_array() {
        let tried: Vec<_> = choices.iter().map(|choice| misfits(document, choice, value, place)).collect();
        return if tried.iter().any(Vec::is_empty) { Vec::new() } else { tried.concat() };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() || number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = match &schema["type"] {
        Value::String(name) => name == kind,
        Value::Array(names) => names.iter().any(|name| name == kind),
        _ => true,
    };
    if !fits {
        return vec![format!("{place} is {kind}, but {}", schema["type"])];
    }
    let mut wrong = Vec::new();
    if let Some(members) = value.as_object() {
        let known = schema["properties"].as_object();
        for name in schema["required"].as_array().into_iter().flatten() {
            if !members.contains_key(name.as_str().unwrap()) {
                wrong.push(format!("{place} lacks {name}"));
            }
        }
        for (name, member) in members {
            match known.and_then(|known| known.get(name)) {
                Some(schema) => wrong.extend(misfits(document, schema, member, &format!("{place}.{name}"))),
                None if known.is_some() => wrong.push(format!("{place}.{name} is not documented")),
                None => {}
            }
        }
    }
    for item in value.as_array().into_iter().flatten() {
        wrong.extend(misfits(document, &schema["items"], item, &format!("{place}[]")));
    }
    wrong
}

#[tokio::test]
async fn the_document_has_every_route_and_no_other() {
    let rig = Rig::start("healthy", |_| {}).await;
    let answer = rig.client.get("/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    let documented: BTreeSet<_> =
        operations(&document).iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    let routed: BTreeSet<_> = rig.gateway.routes().iter().map(|(method, path)| format!("{method} {path}")).collect();
    assert_eq!(documented, routed);
    assert!(document["components"].get("securitySchemes").is_none(), "nobody is asked for a token");
}

#[tokio::test]
async fn what_the_document_refers_to_is_there() {
    fn visit(document: &Value, value: &Value) {
        resolved(document, value);
        match value {
            Value::Object(members) => members.values().for_each(|member| visit(document, member)),
            Value::Array(items) => items.iter().for_each(|item| visit(document, item)),
            _ => {}
        }
    }
    let rig = Rig::start("healthy", |_| {}).await;
    let document = rig.client.get("/openapi.json").await.json();
    visit(&document, &document);
    for (method, path, operation) in operations(&document) {
        assert!(operation["summary"].is_string(), "{method} {path}");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let named = |name| parameters.iter().any(|parameter| resolved(&document, parameter)["name"] == name);
        assert_eq!(path.contains("{id}"), named("id"), "{method} {path}");
    }
    let user = &document["components"]["schemas"]["AddUser"];
    assert_eq!(user["properties"]["userName"]["maxLength"], 64);
    assert_eq!(user["additionalProperties"], false);
}

#[tokio::test]
async fn examples_are_accepted_and_answers_have_the_documented_shape() {
    let rig = Rig::start("healthy", |_| {}).await;
    let document = rig.client.get("/openapi.json").await.json();
    let event = rig.add_event().await.id();
    let mut problems = 0;
    for (method, path, operation) in operations(&document) {
        if path == "/status/stream" {
            // It does not end.
            continue;
        }
        let id = if path.contains("Event") && !path.contains("User") { &event } else { &rig.user };
        let target = path.replace("{id}", id);
        let answer = if method == Method::POST {
            let body = &operation["requestBody"]["content"]["application/json"];
            let mut example = body["example"].clone();
            assert_eq!(misfits(&document, &body["schema"], &example, path), [""; 0]);
            if path == "/addEvent" {
                example["userId"] = json!(rig.user);
            } else if path == "/addUser" {
                // The name of the example belongs to the user of this test: it is taken, and well formed.
                let taken = rig.client.post(path, &example).await;
                assert_eq!(taken.status, 409);
                let problem = resolved(&document, &operation["responses"]["409"]);
                let schema = &problem["content"]["application/problem+json"]["schema"];
                assert_eq!(misfits(&document, schema, &taken.json(), path), [""; 0]);
                problems += 1;
                example = json!({ "userName": "bob", "email": "bob@example.org" });
            }
            rig.client.post(&target, &example).await
        } else {
            rig.client.get(&target).await
        };
        let documented = &operation["responses"][answer.status.to_string()];
        assert!((200..300).contains(&answer.status) && documented.is_object(), "{method} {path}: {answer:?}");
        let (media_type, content) = documented["content"].as_object().unwrap().iter().next().unwrap();
        assert!(answer.header("content-type").starts_with(media_type), "{path}: {answer:?}");
        if media_type == "application/json" {
            assert_eq!(misfits(&document, &content["schema"], &answer.json(), path), [""; 0]);
        }
        // What is forced open or closed stays so for a while; the next operation should not find it so.
        rig.gateway.breaker().auto();
    }
    assert_eq!(problems, 1);
}
