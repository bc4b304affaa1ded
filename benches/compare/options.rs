//! The command line.

use lexopt::prelude::*;

use crate::Result;

/// The role of this process.
pub enum Role {
    /// Measure.
    Measure(Options),
    /// Hold so many connected TCP sockets until stdin ends.
    Hold {
        /// How many.
        sockets: usize,
        /// How many connections others hold already.
        first: usize,
    },
    /// Dump the kernel's table of TCP sockets at each newline on stdin.
    Dump {
        /// With what TCP knows of each.
        tcp_info: bool,
    },
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
    /// Sockets for the whole Telegraf; 0: not measured.
    pub telegraf_sockets: usize,
    /// Whether this is a quick run, with results that mean little.
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
            Long("quick") => {
                options = Options { sizes: vec![200], interfaces: vec![10], rounds: 1, ..options };
                options = Options { groups: vec![10, 100], grouped_sockets: 200, ..options };
                options.telegraf_sockets = 0;
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
