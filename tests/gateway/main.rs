//! The gateway end to end: over real sockets, its event API in the same process.

mod breaker;
mod control;
mod dashboard;
mod openapi;
mod reads;
mod repeats;
mod requests;

use examples::event_api::faults::RouteName;
use examples::gateway::{self, Config, Running};
use serde_json::json;
use std::time::Duration;
use support::client::{Answer, Client};
use tempfile::TempDir;

/// A gateway, somebody to talk to it, and a user to post for.
struct Rig {
    gateway: Running,
    client: Client,
    user: String,
    _data: TempDir,
}

impl Rig {
    /// With a fault plan, and whatever else is different from the defaults.
    ///
    /// The delay is longer than any test, so that what is open stays open unless a test says otherwise; what is silent
    /// is silent for long.
    async fn start(faults: &str, change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config {
            gateway_addr: ([127, 0, 0, 1], 0).into(),
            data_dir: data.path().to_owned(),
            faults: faults.parse().unwrap(),
            ..Config::default()
        };
        for (name, value) in [("DELAY", "10m"), ("MAX_DELAY", "10m"), ("JITTER", "0"), ("WINDOW", "10m")] {
            config.policy.set(name, value);
        }
        config.bounds.upstream_timeout = Duration::from_secs(30);
        change(&mut config);
        let gateway = gateway::start(config).await.unwrap();
        let client = Client::new(gateway.addr());
        let added = client.post("/addUser", &json!({ "userName": "ada", "email": "ada@example.org" })).await;
        assert_eq!(added.status, 201, "{added:?}");
        let user = added.id();
        Self { gateway, client, user, _data: data }
    }

    async fn add_event(&self) -> Answer {
        self.client.post("/addEvent", &json!({ "name": "signed up", "userId": self.user })).await
    }

    /// Requests that the upstream has received, on all routes.
    fn received(&self) -> u64 {
        self.gateway.upstream().unwrap().faults().received().values().sum()
    }

    /// Events that were posted to the upstream.
    fn posted(&self) -> u64 {
        self.gateway.upstream().unwrap().faults().received_by(RouteName::AddEvent)
    }

    fn set_faults(&self, plan: &str) {
        self.gateway.upstream().unwrap().faults().set(plan.parse().unwrap());
    }
}

/// Whether it was the breaker that said no, and not the upstream.
fn is_refusal(answer: &Answer) -> bool {
    answer.status == 503 && answer.header("proxy-status").contains("error=destination_unavailable")
}
