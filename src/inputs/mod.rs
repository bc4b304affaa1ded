//! The inputs: what each gathers, and from which sources.

pub mod net;
pub mod socketstat;
