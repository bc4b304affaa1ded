//! Metrics about network interfaces and sockets, for Telegraf's `inputs.execd`.
//!
//! Data flows one way: a source reads from the system, its parser returns typed rows, the input turns them into metrics,
//! the filter drops or edits each metric, and the line protocol encoder writes it to stdout.

#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "the sources of Linux compile on every system")
)]

pub mod accumulator;
pub mod agent;
pub mod cli;
mod command;
pub mod config;
mod file;
pub mod filter;
pub mod host;
pub mod inputs;
pub mod line_protocol;
pub mod lines;
pub mod logger;
pub mod metric;
mod metric_writer;
pub mod netlink;
mod netstat;
mod number;
pub mod os_error;
pub mod output;
mod platform;
mod program;
pub mod quote;
pub mod shared;
pub mod trigger;

#[cfg(test)]
#[path = "../tests/support/skip.rs"]
mod skip;
