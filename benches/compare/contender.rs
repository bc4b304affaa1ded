//! The programs that are measured.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::{Sample, Turns};
use crate::{Result, setup};

/// The binary under test.
pub const OURS: &str = env!("CARGO_BIN_EXE_telegraf-execd-network");

/// A program that lists sockets or interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contender {
    /// `ss -in --tcp` with discarded output: the minimum cost of the source `ss`.
    Ss,
    /// The kernel's dump, discarded: the minimum cost of the source `netlink`.
    KernelDump,
    /// Telegraf's `inputs.socketstat`.
    PeerSockets,
    /// This plugin with the source `ss`.
    OursSs,
    /// This plugin with the source `netlink`.
    OursNetlink,
    /// Telegraf's `inputs.net`.
    PeerNet,
    /// `inputs.net` of this plugin.
    OursNet,
}

use Contender::{KernelDump, OursNet, OursNetlink, OursSs, PeerNet, PeerSockets, Ss};

/// The contenders that list TCP sockets.
pub const SOCKETS: [Contender; 5] = [Ss, KernelDump, PeerSockets, OursSs, OursNetlink];
/// The contenders that list interfaces.
pub const INTERFACES: [Contender; 2] = [PeerNet, OursNet];

impl Contender {
    /// The name in tables and plots.
    pub const fn name(self) -> &'static str {
        match self {
            Ss => "bare `ss -in --tcp`",
            KernelDump => "bare kernel dump",
            PeerSockets => "Telegraf's inputs.socketstat",
            OursSs => "socketstat, source ss",
            OursNetlink => "socketstat, source netlink",
            PeerNet => "Telegraf's inputs.net",
            OursNet => "net",
        }
    }

    /// The colour in plots.
    pub const fn colour(self) -> &'static str {
        match self {
            Ss => "#999999",
            KernelDump => "#333333",
            PeerSockets | PeerNet => "#d55e00",
            OursSs => "#56b4e9",
            OursNetlink | OursNet => "#0072b2",
        }
    }

    /// The configuration, for a plugin.
    const fn configuration(self) -> &'static str {
        match self {
            Ss | KernelDump => "",
            PeerSockets => "[[inputs.socketstat]]\n  protocols = [\"tcp\"]\n  timeout = \"60s\"\n",
            OursSs => {
                "[[inputs.socketstat]]\n  protocols = [\"tcp\"]\n  timeout = \"60s\"\n  source = \"ss\"\n"
            }
            OursNetlink => {
                "[[inputs.socketstat]]\n  protocols = [\"tcp\"]\n  timeout = \"60s\"\n  source = \"netlink\"\n"
            }
            PeerNet | OursNet => "[[inputs.net]]\n",
        }
    }
}

/// The available contenders, with their configurations in a directory.
pub struct Contenders {
    directory: tempfile::TempDir,
    peer: Option<PathBuf>,
}

impl Contenders {
    /// Writes the configurations.
    pub fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        for contender in SOCKETS.into_iter().chain(INTERFACES) {
            std::fs::write(path(directory.path(), contender), contender.configuration())?;
        }
        Ok(Self { directory, peer: setup::peer() })
    }

    /// Whether a contender is available.
    fn has(&self, contender: Contender) -> bool {
        self.peer.is_some() || !matches!(contender, PeerSockets | PeerNet)
    }

    /// The path of a contender's configuration.
    pub fn configuration(&self, contender: Contender) -> PathBuf {
        path(self.directory.path(), contender)
    }

    /// The command for a plugin.
    pub fn plugin(&self, contender: Contender) -> Result<Command> {
        let program = match contender {
            PeerSockets | PeerNet => self.peer.clone().ok_or("Telegraf's plugins were not built")?,
            _ => PathBuf::from(OURS),
        };
        let mut command = Command::new(program);
        command.arg("-config").arg(self.configuration(contender));
        Ok(command)
    }

    /// Runs one round of the available contenders of `who`, with `size` sockets or interfaces.
    pub fn round(&self, who: &[Contender], size: usize) -> Result<Vec<(Contender, Sample)>> {
        let mut present = Vec::new();
        for &contender in who.iter().filter(|contender| self.has(**contender)) {
            present.push((contender, self.turns(contender, size)?));
        }
        // Enough turns to measure short gathers.
        let turns = u32::try_from((50_000 / size.max(1)).clamp(4, 50))?;
        for _ in 0..turns {
            for (contender, turn) in &mut present {
                turn.take().map_err(|error| format!("{} at {size}: {error}", contender.name()))?;
            }
        }
        let finish = |(contender, turn): (Contender, Turns)| {
            let mut sample = turn.finish(turns)?;
            // The dump runs in this benchmark's own binary.
            sample.memory = sample.memory.filter(|_| contender != KernelDump);
            Ok((contender, sample))
        };
        present.into_iter().map(finish).collect()
    }

    fn turns(&self, contender: Contender, size: usize) -> Result<Turns> {
        match contender {
            Ss => {
                let mut command = Command::new("ss");
                command.args(["-in", "--tcp"]);
                Ok(Turns::of_program(command))
            }
            KernelDump => {
                let mut command = Command::new(env::current_exe()?);
                command.arg("dump");
                Turns::of_plugin(command, 1)
            }
            PeerSockets | OursSs | OursNetlink | PeerNet => Turns::of_plugin(self.plugin(contender)?, size),
            // Plus the line with the protocol statistics, which Telegraf no longer has.
            OursNet => Turns::of_plugin(self.plugin(contender)?, size + 1),
        }
    }
}

fn path(directory: &Path, contender: Contender) -> PathBuf {
    directory.join(format!("{contender:?}.conf"))
}
