//! What the tests on real sockets share: a network namespace of their own, sockets of every kind in it, and a
//! reader of ss's output that knows nothing of the library.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod namespace;
pub mod reference;
pub mod zoo;
