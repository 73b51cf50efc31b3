//! Clients that close their side of the connection: some wait for their answer, some have gone.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_client_that_has_closed_its_side_gets_its_answer() {
    let server = start(ServerLimits { half_close_timeout: Duration::from_secs(2000), ..ServerLimits::default() }).await;
    let post = |more: &str, body: &str| format!("POST /echo HTTP/1.1\r\nhost: a\r\n{more}\r\n\r\n{body}");
    for (request, end) in [
        ("GET /hello HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), r#"{"uri":"/hello"}"#),
        ("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), "late"),
        (post("content-length: 5", "hello"), "hello"),
        (post("transfer-encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"), "hello"),
        ("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n".to_owned() + &post("content-length: 5", "hello"), "hello"),
    ] {
        let started = Instant::now();
        let mut stream = connect(&server, &request).await;
        stream.shutdown().await.unwrap();
        let answer = rest(stream).await;
        assert!(answer.contains(" 200 ") && answer.ends_with(end), "{request}: {answer}");
        let took = if request.contains("slow") { 1000 } else { 0 };
        assert_eq!(started.elapsed().as_secs(), took, "the connection ends with the answer");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_too_early_is_no_complete_request() {
    let server = start(ServerLimits::default()).await;
    for (framing, body) in [("content-length: 9", "hello"), ("transfer-encoding: chunked", "5\r\nhello\r\n")] {
        let started = Instant::now();
        let mut stream = connect(&server, &format!("POST /echo HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n{body}")).await;
        stream.shutdown().await.unwrap();
        let answer = rest(stream).await;
        assert!(!answer.contains(" 200 "), "{framing}: {answer}");
        assert_eq!(started.elapsed().as_secs(), 0, "{framing}: it is not waited for");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_may_have_gone_is_not_waited_for_for_ever() {
    for (patience, waits) in [(5, 5), (0, 0)] {
        let half_close_timeout = Duration::from_secs(patience);
        let server = start(ServerLimits { half_close_timeout, ..ServerLimits::default() }).await;
        let mut stream = connect(&server, "GET /hang HTTP/1.1\r\nhost: a\r\n\r\n").await;
        stream.shutdown().await.unwrap();
        let started = Instant::now();
        assert_eq!(rest(stream).await, "");
        assert_eq!(started.elapsed().as_secs(), waits);
    }
}
