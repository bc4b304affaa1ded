//! `inputs.net`: one metric an interface.

pub mod counters;
pub mod netstat;
