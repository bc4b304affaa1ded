//! Network interfaces and sockets as Telegraf metrics, for Telegraf's `inputs.execd`.
//!
//! Data flows one way: a source reads the system, its parser makes typed rows, the input makes metrics of
//! them, the filter judges each metric, the line protocol encoder writes it to stdout.

pub mod config;
pub mod filter;
pub mod inputs;
pub mod metric;
mod quote;
