//! The gateway as a program.

use super::{Config, Running, start};
use crate::process;
use std::fmt::Write;
use std::process::ExitCode;

/// Runs a gateway until the process is told to end. Says on standard output where it listens and what to try.
///
/// On Unix SIGHUP has the policy of the breaker read again, from the moment on that it says where it listens. What is open
/// stays open, and a policy that makes no sense changes nothing but the log.
pub async fn run(mut config: Config) -> ExitCode {
    // What is not text is none of ours.
    let vars =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    config.policy.know_misspelt(vars);
    let policy = config.policy.clone();
    let upstream = config.upstream_url.clone();
    let data = config.data_dir.display().to_string();
    let issuer = config.oauth.oauth_issuer.clone();
    // Before anybody can know of this process: until then a SIGHUP would end it.
    let hangups = process::Hangups::listen();
    let gateway = match start(config).await {
        Ok(gateway) => gateway,
        Err(error) => return process::failed(&error),
    };
    println!("{}", welcome(&gateway, upstream.as_deref(), issuer.as_deref(), &data));
    let breaker = gateway.breaker().clone();
    let stopped = process::until_stopped(|| gateway.shutdown());
    tokio::select! {
        code = stopped => code.unwrap_or_else(|error| process::failed(&error)),
        never = hangups.each(|| policy.reload(&breaker)) => match never {},
    }
}

/// The first line names the address that was bound; the rest is for people.
fn welcome(gateway: &Running, upstream: Option<&str>, issuer: Option<&str>, data: &str) -> String {
    let url = format!("http://{}", gateway.addr());
    let mut text = format!("gateway listening on {url}\n");
    // Writing to a string does not fail.
    let mut line = |arguments: std::fmt::Arguments<'_>| writeln!(text, "{arguments}").ok();
    match (gateway.upstream(), upstream) {
        (Some(own), _) => {
            line(format_args!("  event API    http://{} (built in, data in {data})", own.addr()));
            line(format_args!("  fault plan   {}", own.faults().current()));
        }
        (None, url) => {
            line(format_args!("  event API    {}", url.unwrap_or_default()));
        }
    }
    line(format_args!("  status page  {url}/"));
    line(format_args!("  metrics      {url}/metrics"));
    if let Some(issuer) = issuer {
        line(format_args!("  tokens       of {issuer}"));
    }
    let token = if issuer.is_some() { " -H \"authorization: Bearer $TOKEN\"" } else { "" };
    line(format_args!("\nTry:"));
    line(format_args!("  curl -s {url}/addUser{token} -H 'content-type: application/json' \\"));
    line(format_args!("    -d '{{\"userName\": \"ada\", \"email\": \"ada@example.org\"}}'"));
    line(format_args!(
        "  for i in $(seq 20); do curl -si {url}/addEvent{token} -H 'content-type: application/json' \\"
    ));
    line(format_args!("    -d '{{\"name\": \"signed up\", \"userId\": \"<the id of the user>\"}}' | head -1; done"));
    text
}
