//! The status page in a real browser: a click trips the breaker, and it is seen to recover.
//!
//! Wants ChromeDriver and Chromium. Where they are missing these tests say that they were skipped, or fail if
//! `REQUIRE_BROWSER` is set. With `SCREENSHOTS=<directory>` they leave pictures of what they saw.
#![cfg(unix)]

use examples::gateway::{self, Config};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

/// However busy the machine is, a browser has come up, and a page has shown what it is to show, by then.
const LONGEST: Duration = Duration::from_secs(90);

/// A browser, the driver that it hangs on, and where it keeps its things.
struct Browser {
    page: Client,
    _driver: Child,
    _profile: TempDir,
}

impl Browser {
    /// `None` where there is none.
    async fn start(width: u32, height: u32) -> Option<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut driver = match command.spawn() {
            Ok(driver) => driver,
            Err(reason) => return skipped(&format!("chromedriver does not start: {reason}")),
        };
        let port = timeout(LONGEST, port(&mut driver)).await.expect("chromedriver says its port in time");
        let profile = tempfile::tempdir().unwrap();
        let profile_dir = format!("--user-data-dir={}", profile.path().display());
        let size = format!("--window-size={width},{height}");
        // Nothing but the page is asked for, from nobody.
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
        ];
        let quiet =
            ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"];
        let args: Vec<&str> = args.into_iter().chain(quiet).chain([&*profile_dir, &*size]).collect();
        let wanted = json!({ "goog:chromeOptions": { "args": args }, "goog:loggingPrefs": { "browser": "ALL" } });
        let Value::Object(wanted) = wanted else { unreachable!("it is one") };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let driver_url = format!("http://127.0.0.1:{port}");
        let connected = builder.capabilities(wanted).connect(&driver_url);
        let page = match timeout(LONGEST, connected).await.expect("the browser comes up in time, or not at all") {
            Ok(page) => page,
            Err(reason) => return skipped(&format!("chromedriver has no browser: {reason}")),
        };
        Some(Self { page, _driver: driver, _profile: profile })
    }

    async fn text(&self, id: &str) -> String {
        self.page.find(Locator::Id(id)).await.unwrap().text().await.unwrap()
    }

    async fn click(&self, selector: Locator<'_>) {
        self.page.find(selector).await.unwrap().click().await.unwrap();
    }

    /// Presses one of the buttons that say what the upstream does.
    async fn plan(&self, label: &str) {
        self.click(Locator::XPath(&format!("//*[@id='plans']//button[normalize-space()='{label}']"))).await;
    }

    async fn script(&self, script: &str) -> Value {
        self.page.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until this is true of the page.
    async fn until(&self, what: &str, condition: &str) {
        let start = Instant::now();
        while self.script(&format!("return !!({condition})")).await != json!(true) {
            assert!(start.elapsed() < LONGEST, "in vain: {what}; {}", self.page.source().await.unwrap_or_default());
        }
    }

    async fn until_state(&self, state: &str) {
        self.until(state, &format!("document.getElementById('page').dataset.state === '{state}'")).await;
    }

    async fn picture(&self, name: &str) {
        if let Some(directory) = std::env::var_os("SCREENSHOTS") {
            let picture = self.page.screenshot().await.unwrap();
            std::fs::write(Path::new(&directory).join(format!("{name}.png")), picture).unwrap();
        }
    }

    /// Ends it, after a look at what the page complained of.
    async fn close(self) {
        let complaints = self.script("return window.complaints || []").await;
        assert_eq!(complaints, json!([]));
        self.page.close().await.unwrap();
    }
}

fn skipped(reason: &str) -> Option<Browser> {
    assert!(std::env::var_os("REQUIRE_BROWSER").is_none(), "{reason}");
    eprintln!("skipped: {reason}");
    None
}

/// Where the driver listens: `… was started successfully on port 40123.`
async fn port(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let port = line.split_once("successfully on port ").map(|(_, rest)| rest.trim_end_matches('.').parse());
        if let Some(Ok(port)) = port {
            // Whoever reads no further lets it stand still at its next word.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return port;
        }
    }
    panic!("chromedriver ended before it said where it listens")
}

async fn start(change: impl FnOnce(&mut Config)) -> (gateway::Running, TempDir) {
    let data = tempfile::tempdir().unwrap();
    let mut config = Config {
        gateway_addr: ([127, 0, 0, 1], 0).into(),
        data_dir: data.path().to_owned(),
        faults: "healthy".parse().unwrap(),
        ..Config::default()
    };
    config.policy.set("JITTER", "0");
    change(&mut config);
    (gateway::start(config).await.unwrap(), data)
}

async fn open(browser: &Browser, gateway: &gateway::Running) {
    browser.page.goto(&format!("http://{}/", gateway.addr())).await.unwrap();
    browser
        .script(
            "window.complaints = [];
             const complain = (what) => window.complaints.push(String(what));
             addEventListener('error', (event) => complain(event.message));
             addEventListener('unhandledrejection', (event) => complain(event.reason));
             addEventListener('securitypolicyviolation', (event) => complain(event.violatedDirective));",
        )
        .await;
    browser.until_state("closed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_click_on_outage_trips_the_breaker_and_it_is_seen_to_recover() {
    let Some(browser) = Browser::start(1280, 1500).await else { return };
    let (gateway, _data) = start(|_| {}).await;
    open(&browser, &gateway).await;
    browser.picture("closed").await;

    browser.click(Locator::Id("steady")).await;
    browser.until("answered calls are counted", "Number(document.getElementById('good').textContent) >= 3").await;
    browser.plan("outage").await;
    browser.until_state("open").await;
    browser.until("refusals are counted", "Number(document.getElementById('refused').textContent) >= 1").await;
    assert!(gateway.breaker().snapshot().counts.trips >= 1);
    browser.until("a countdown", "/[0-9] s/.test(document.getElementById('countdown').textContent)").await;
    assert!(browser.text("log").await.contains("failures"), "the reason is told");
    // Longer than the first cool-down, so that a probe has failed.
    browser.until("a second trip", "Number(document.getElementById('level').textContent) >= 2").await;
    browser.picture("open").await;

    browser.plan("healthy").await;
    browser.until_state("closed").await;
    browser.until("answers again", "document.querySelector('#log li')").await;
    browser.picture("recovered").await;
    // Whoever opens the page now sees what was before.
    browser.close().await;
    let Some(browser) = Browser::start(1280, 1500).await else { return };
    open(&browser, &gateway).await;
    for kind in ["good", "failed", "refused"] {
        browser.until(kind, &format!("document.querySelector('#plot .bar.{kind}')")).await;
    }
    browser.picture("later").await;
    assert_eq!(gateway.breaker().state(), resilience::State::Closed);
    browser.close().await;
    gateway.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_s_clicks_are_seen_at_once_and_a_narrow_page_needs_no_scrolling_sideways() {
    let Some(browser) = Browser::start(500, 1600).await else { return };
    let (gateway, _data) = start(|_| {}).await;
    open(&browser, &gateway).await;
    for (action, state) in
        [("force-open", "open"), ("force-closed", "closed"), ("force-open", "open"), ("auto", "closed")]
    {
        browser.click(Locator::Css(&format!("[data-action='{action}']"))).await;
        browser.until_state(state).await;
        let pressed =
            format!("document.querySelector(\"[data-action='{action}']\").getAttribute('aria-pressed') === 'true'");
        browser.until("which one it is", &pressed).await;
    }
    browser.picture("narrow").await;
    let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.script(wide).await, json!(0));
    browser.close().await;
    gateway.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_gateway_went_away_says_so_and_comes_back_with_it() {
    let Some(browser) = Browser::start(1280, 1500).await else { return };
    let (first, _data) = start(|_| {}).await;
    let addr = first.addr();
    open(&browser, &first).await;
    browser.until("live", "document.getElementById('link').textContent.includes('live')").await;
    first.shutdown().await;
    browser.until("not live", "!document.getElementById('link').textContent.includes('live')").await;
    let (second, _data) = start(|config| config.gateway_addr = addr).await;
    browser.until("live again", "document.getElementById('link').textContent.includes('live')").await;
    second.breaker().force_open();
    browser.until_state("open").await;
    browser.close().await;
    second.shutdown().await;
}
