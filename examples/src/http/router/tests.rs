use http_body_util::BodyExt;

use super::*;

async fn show(state: &'static str, call: Call) -> Answer {
    Ok(Response::new(Body::full(format!("{state} {} {}", call.route, call.param("id").unwrap_or("-")))))
}

async fn id(_: &'static str, call: Call) -> Answer {
    call.id("id").map(|id| Response::new(Body::full(id.to_string())))
}

fn router() -> Router<&'static str> {
    Router::builder("state")
        .get("/things", show)
        .post("/things", show)
        .get("/things/{id}", show)
        .get("/ids/{id}", id)
        .build()
        .unwrap()
}

async fn send(method: &str, target: &str) -> (u16, Response<Body>) {
    let request = Request::builder().method(method).uri(target).body(Body::empty()).unwrap();
    let response = router().answer(request).await;
    (response.status().as_u16(), response)
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_handler_gets_state_template_and_parameters() {
    let (status, response) = send("GET", "/things/7?x=y").await;
    assert_eq!(status, 200);
    assert_eq!(response.extensions().get(), Some(&Route("/things/{id}")));
    assert_eq!(text(response).await, "state /things/{id} 7");
}

#[tokio::test]
async fn no_other_spelling_of_a_path_leads_to_a_handler() {
    for target in
        ["/", "/nope", "/things/", "//things", "/%74hings", "/Things", "/things//7", "/things/7/", "/./things"]
    {
        let (status, response) = send("GET", target).await;
        assert_eq!(status, 404, "{target}");
        assert_eq!(response.extensions().get(), Some(&Route(NO_ROUTE)));
    }
    for target in ["/things/%", "/things/%f", "/things/%zz", "/things/%ff"] {
        assert_eq!(send("GET", target).await.0, 400, "{target}");
    }
}

#[tokio::test]
async fn another_method_is_405_with_the_methods_there_are() {
    for method in ["PUT", "DELETE", "PATCH", "TRACE"] {
        let (status, response) = send(method, "/things").await;
        assert_eq!((status, &response.headers()[ALLOW]), (405, &HeaderValue::from_static("GET, HEAD, OPTIONS, POST")));
    }
    let (_, response) = send("POST", "/things/7").await;
    assert_eq!(response.headers()[ALLOW], "GET, HEAD, OPTIONS");
    for method in ["FOO", "get"] {
        assert_eq!(send(method, "/things").await.0, 501);
    }
    assert_eq!(send("CONNECT", "example.org:443").await.0, 405);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let (status, response) = send("HEAD", "/things").await;
    assert_eq!(status, 200);
    assert_eq!(response.headers()[CONTENT_LENGTH], "state /things -".len().to_string());
    assert_eq!(text(response).await, "");
    assert_eq!(send("HEAD", "/nope").await.0, 404);
}

#[tokio::test]
async fn options_tell_the_methods() {
    let (status, response) = send("OPTIONS", "/things").await;
    assert_eq!((status, &response.headers()[ALLOW]), (204, &HeaderValue::from_static("GET, HEAD, OPTIONS, POST")));
    assert_eq!(send("OPTIONS", "*").await.0, 204);
    assert_eq!(send("OPTIONS", "/nope").await.0, 404);
}

#[tokio::test]
async fn an_id_has_one_spelling() {
    let id = "0192f0c1-2345-7abc-8def-0123456789ab";
    assert_eq!(send("GET", &format!("/ids/{id}")).await.0, 200);
    for bad in ["7", "..", "%2e%2e", &id.replace('-', ""), &format!("%7B{id}%7D"), &"a".repeat(10_000)] {
        assert_eq!(send("GET", &format!("/ids/{bad}")).await.0, 400, "{bad}");
    }
}

#[test]
fn a_table_that_contradicts_itself_is_refused() {
    let twice = Router::builder("").get("/a", show).get("/a", show).build();
    assert!(matches!(twice, Err(RouterError::Twice { template: "/a", .. })));
    let conflict = Router::builder("").get("/a/{b}", show).get("/a/{c}", show).build();
    assert!(matches!(conflict, Err(RouterError::Template { .. })));
}
