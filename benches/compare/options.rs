//! The command line.

use lexopt::prelude::*;

use crate::Result;

/// The role of this process.
pub enum Role {
    /// Measure.
    Measure(Options),
    /// Hold connected TCP sockets until stdin ends.
    Hold {
        /// How many.
        sockets: usize,
        /// The number of connections that other processes already hold.
        first: usize,
    },
    /// Dump the kernel's table of TCP sockets at each newline on stdin.
    Dump {
        /// Whether to request `tcp_info`.
        tcp_info: bool,
    },
    /// Open connections, move 100 bytes and close them.
    Churn {
        /// How many per second.
        per_second: u32,
        /// How many.
        connections: u32,
    },
    /// Receive and discard the kernel's events about closed TCP sockets.
    Receive,
}

/// What to measure.
pub struct Options {
    /// The numbers of TCP sockets, ascending.
    pub sizes: Vec<usize>,
    /// The numbers of interfaces, ascending.
    pub interfaces: Vec<usize>,
    /// The number of rounds.
    pub rounds: usize,
    /// Numbers of groups, ascending.
    pub groups: Vec<usize>,
    /// How many TCP sockets are grouped.
    pub grouped_sockets: usize,
    /// The number of sockets when the whole Telegraf is measured; 0: not measured.
    pub telegraf_sockets: usize,
    /// Connections per second that are opened and closed; 0: not measured.
    pub churn: u32,
    /// For how many seconds connections are opened and closed.
    pub churn_seconds: u32,
    /// Whether this is a quick run, with imprecise results.
    pub quick: bool,
    /// Whether to write the report into the repository.
    pub save: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sizes: vec![1_000, 10_000, 50_000],
            interfaces: vec![10, 1_000],
            groups: vec![10, 100, 1_000, 10_000],
            grouped_sockets: 20_000,
            rounds: 7,
            telegraf_sockets: 20_000,
            churn: 10_000,
            churn_seconds: 10,
            quick: false,
            save: false,
        }
    }
}

/// Parses the command line.
pub fn parse(mut parser: lexopt::Parser) -> Result<Role> {
    let mut options = Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("sizes") => options.sizes = list(&parser.value()?.string()?)?,
            Long("interfaces") => options.interfaces = list(&parser.value()?.string()?)?,
            Long("groups") => options.groups = list(&parser.value()?.string()?)?,
            Long("grouped-sockets") => options.grouped_sockets = parser.value()?.parse()?,
            Long("rounds") => options.rounds = parser.value()?.parse()?,
            Long("telegraf-sockets") => options.telegraf_sockets = parser.value()?.parse()?,
            Long("churn") => options.churn = parser.value()?.parse()?,
            Long("quick") => {
                options = Options { sizes: vec![200], interfaces: vec![10], rounds: 1, ..options };
                options = Options { groups: vec![10, 100], grouped_sockets: 200, ..options };
                options.telegraf_sockets = 0;
                (options.churn, options.churn_seconds) = (200, 1);
                options.quick = true;
            }
            Long("save") => options.save = true,
            // `cargo bench` passes it to every benchmark.
            Long("bench") => {}
            Value(role) if role == "hold" => {
                return Ok(Role::Hold { sockets: parser.value()?.parse()?, first: parser.value()?.parse()? });
            }
            Value(role) if role == "dump" => return Ok(Role::Dump { tcp_info: true }),
            Value(role) if role == "short-dump" => return Ok(Role::Dump { tcp_info: false }),
            Value(role) if role == "churn" => {
                let (per_second, connections) = (parser.value()?.parse()?, parser.value()?.parse()?);
                return Ok(Role::Churn { per_second, connections });
            }
            Value(role) if role == "receive" => return Ok(Role::Receive),
            other => return Err(other.unexpected().into()),
        }
    }
    if options.rounds == 0 {
        return Err("--rounds must be at least 1".into());
    }
    Ok(Role::Measure(options))
}

fn list(text: &str) -> Result<Vec<usize>> {
    let mut numbers = Vec::new();
    for word in text.split(',') {
        numbers.push(word.parse().map_err(|error| format!("{word:?} in a list of sizes: {error}"))?);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}
