//! Telegraf's metric filter.

pub mod glob;
