//! The gateway and the event API on a simulated network, in virtual time: partitions, crashes, slow and broken answers.
//!
//! It is the programs' own code that runs: the server's connections, the routes, the pooled client, the breaker's layer,
//! the event API and its faults. The network and the time are turmoil's, and both programs take them from outside
//! (`start_on`). How long it takes to notice and to come back is asserted, in a time that nobody has to wait for. The same
//! seed gives the same run, to the tick.
//!
//! What is real is not here, but tested over real sockets: the store in a file and its thread (here it is in memory, and
//! outlives the host as a disk does), the keys of an issuer, TLS and the resolver, resets on demand, and the time after
//! which what was looked up is forgotten, which goes by a clock of its own.

mod answers;
mod chaos;
mod outages;
mod restarts;
mod seen;
mod socket;
mod world;
