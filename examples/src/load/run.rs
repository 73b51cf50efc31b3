//! One run of a scenario.

use super::LoadError;
use super::client::Client;
use super::config::Config;
use super::pace::{Pace, Sample, drive};
use super::progress::Progress;
use super::scenario::Phase;
use super::site::{Band, Site, asked};
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

/// What was seen in one run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Whether the breaker had an effect.
    pub layer: bool,
    /// Every request, in the order in which they were meant to be sent.
    pub samples: Vec<Sample>,
    /// What the breaker was like.
    pub bands: Vec<Band>,
    /// How many calls reached the upstream while it was sick.
    pub reached_while_sick: u64,
}

/// Runs the scenario once, and leaves the site as it was found.
pub(super) async fn run(config: &Config, layer: bool, phases: &[Phase], progress: &Progress) -> Result<Run, LoadError> {
    let site = Site::up(config).await?;
    let run = tokio::select! {
        run = on(&site, config, layer, phases, progress) => run,
        // Somebody's gateway must not be left sick.
        _ = tokio::signal::ctrl_c() => Err(LoadError::Interrupted),
    };
    let down = site.down().await;
    let run = run?;
    down?;
    Ok(run)
}

async fn on(
    site: &Site,
    config: &Config,
    layer: bool,
    phases: &[Phase],
    progress: &Progress,
) -> Result<Run, LoadError> {
    let client = site.client(config)?;
    if let Some(first) = phases.first() {
        site.behave(&first.faults).await?;
    }
    site.layer(layer).await?;
    let events: Arc<[Value]> = users(&client, config.users).await?.into();
    let pace = Pace {
        rate: config.rate,
        requests: config.requests(),
        concurrency: config.concurrency,
        // The last request may be waited for as long as any other.
        deadline: config.scenario.total().saturating_add(config.timeout).min(config.max_time),
    };
    let bar = progress.bar(layer, pace.requests);
    let told = {
        let bar = bar.clone();
        move |sample: &Sample| bar.tell(sample)
    };
    let mut bands = Vec::new();
    let start = Instant::now();
    let send = move |number: u64| {
        let (client, events) = (client.clone(), Arc::clone(&events));
        async move {
            let place = usize::try_from(number % events.len().max(1) as u64).unwrap_or_default();
            client.add_event(&events[place]).await
        }
    };
    let work = async { tokio::join!(drive(pace, start, send, told), conduct(site, phases, start)) };
    let (samples, reached) = tokio::select! {
        work = work => work,
        never = site.watch(start, &mut bands) => match never {},
    };
    bar.end();
    Ok(Run { layer, samples, bands, reached_while_sick: reached? })
}

/// Changes the upstream's behaviour when it is time, and counts what reaches it while it is sick.
async fn conduct(site: &Site, phases: &[Phase], start: Instant) -> Result<u64, LoadError> {
    let mut reached = 0;
    for (place, phase) in phases.iter().enumerate() {
        sleep_until(start + phase.from).await;
        // The first was set before the start.
        if place > 0 {
            site.behave(&phase.faults).await?;
        }
        if phase.sick {
            let before = site.reached().await?;
            sleep_until(start + phase.to).await;
            reached += site.reached().await?.saturating_sub(before);
        }
    }
    Ok(reached)
}

/// Adds users that nobody else has, and writes an event for each.
async fn users(client: &Client, count: u32) -> Result<Vec<Value>, LoadError> {
    let run = Uuid::now_v7().simple();
    let mut events = Vec::new();
    for number in 0..count {
        let name = format!("load-{run}-{number}");
        let user = json!({ "userName": name, "email": format!("{name}@example.org") });
        let user = asked(client, Method::POST, "/addUser", &user).await?;
        events.push(json!({ "name": "signed up", "userId": user["id"] }));
    }
    Ok(events)
}
