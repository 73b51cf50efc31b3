//! The configuration of the event API: flags and environment.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use super::faults::Faults;
use crate::config::{DatabaseUrl, LimitOptions, positive_duration};

/// An event API: users and events behind HTTP, with faults on purpose.
#[derive(Clone, Debug, Parser)]
#[command(name = "event_api")]
pub struct Config {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long = "addr", env = "EVENT_API_ADDR", default_value = "127.0.0.1:3001")]
    pub addr: SocketAddr,
    /// Where users and events are kept.
    #[arg(long, env = "STORE", value_enum, default_value_t = StoreKind::Durable)]
    pub store: StoreKind,
    /// The directory of the durable store; made if there is none.
    #[arg(long, env = "DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
    /// A PostgreSQL database for users and events, instead of the store: like `postgres://name:password@host/database`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<DatabaseUrl>,
    /// What goes wrong on purpose: `default`, `healthy`, or like `addEvent=cycle(5,10,100ms); getUsers=close(5%)`.
    #[arg(long, env = "FAULTS", default_value = "default")]
    pub faults: Faults,
    /// How long an Idempotency-Key is remembered.
    #[arg(long, env = "IDEMPOTENCY_RETENTION", value_parser = positive_duration, default_value = "24h")]
    pub idempotency_retention: Duration,
    /// What clients may do.
    #[command(flatten)]
    pub limits: LimitOptions,
}

/// The forms of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// On disk: what was acknowledged survives a crash.
    Durable,
    /// In memory: gone with the process.
    Memory,
}

impl Config {
    /// A healthy event API on a free loopback port that leaves nothing behind; for tests and for a start.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            addr: (Ipv4Addr::LOCALHOST, 0).into(),
            store: StoreKind::Memory,
            data_dir: PathBuf::new(),
            database_url: None,
            faults: Faults::healthy(),
            idempotency_retention: Duration::from_secs(24 * 60 * 60),
            limits: LimitOptions::default(),
        }
    }

    /// An event API on a free loopback port with a durable store and the default faults.
    #[must_use]
    pub fn durable(data_dir: impl Into<PathBuf>) -> Self {
        Self { store: StoreKind::Durable, data_dir: data_dir.into(), faults: Faults::default(), ..Self::in_memory() }
    }
}
