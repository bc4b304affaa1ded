//! Who is measured.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, thread};

use crate::measure::{Sample, Turns};
use crate::{Result, load, setup};

/// The binary under test.
pub const OURS: &str = env!("CARGO_BIN_EXE_telegraf-execd-network");

/// Someone who lists sockets or interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contender {
    /// `ss -in --tcp`, its output thrown away: the least that a source `ss` can cost.
    Ss,
    /// The kernel's dump, thrown away: the least that a source `netlink` can cost.
    KernelDump,
    /// Telegraf's `inputs.socketstat`.
    PeerSockets,
    /// Ours, from ss.
    OursSs,
    /// Ours, from the kernel.
    OursNetlink,
    /// Telegraf's `inputs.net`.
    PeerNet(Mode),
    /// Ours.
    OursNet(Mode),
}

use Contender::{KernelDump, OursNet, OursNetlink, OursSs, PeerNet, PeerSockets, Ss};

/// How the gathers of interfaces follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// One after the other.
    Busy,
    /// A second after the last one: what is in no cache any more costs again.
    Paused,
    /// A second after the last one, in which one interface has changed.
    Changed,
    /// Each by a new process, whose start counts.
    Fresh,
}

impl Mode {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Busy, Self::Paused, Self::Changed, Self::Fresh];

    /// What comes before a gather. Changes another interface each time, if that is asked for.
    fn prepare(self, turn: u32, size: usize) -> Result<()> {
        if matches!(self, Self::Paused | Self::Changed) {
            thread::sleep(Duration::from_secs(1));
        }
        if self == Self::Changed {
            load::change(usize::try_from(turn)? % size, turn)?;
        }
        Ok(())
    }

    /// How often each contender gathers in a round: often enough to measure where one gather is short.
    fn turns(self, size: usize) -> u32 {
        match self {
            Self::Busy => u32::try_from((50_000 / size.max(1)).clamp(4, 50)).unwrap_or(4),
            Self::Paused | Self::Changed => 4,
            Self::Fresh => 10,
        }
    }
}

/// Those who list TCP sockets.
pub const SOCKETS: [Contender; 5] = [Ss, KernelDump, PeerSockets, OursSs, OursNetlink];
/// Those who list interfaces.
pub const INTERFACES: [Contender; 8] = [
    PeerNet(Mode::Busy),
    OursNet(Mode::Busy),
    PeerNet(Mode::Paused),
    OursNet(Mode::Paused),
    PeerNet(Mode::Changed),
    OursNet(Mode::Changed),
    PeerNet(Mode::Fresh),
    OursNet(Mode::Fresh),
];

impl Contender {
    /// Its name in tables and plots.
    pub const fn name(self) -> &'static str {
        match self {
            Ss => "bare `ss -in --tcp`",
            KernelDump => "bare kernel dump",
            PeerSockets => "Telegraf's inputs.socketstat",
            OursSs => "socketstat, source ss",
            OursNetlink => "socketstat, source netlink",
            PeerNet(Mode::Busy) => "inputs.net in the Go shim",
            PeerNet(Mode::Paused) => "inputs.net in the Go shim, after 1 s",
            PeerNet(Mode::Changed) => "inputs.net in the Go shim, after 1 s and a change",
            PeerNet(Mode::Fresh) => "inputs.net in the Go shim, a new process",
            OursNet(Mode::Busy) => "net",
            OursNet(Mode::Paused) => "net, after 1 s",
            OursNet(Mode::Changed) => "net, after 1 s and a change",
            OursNet(Mode::Fresh) => "net, a new process",
        }
    }

    /// Its colour in plots.
    pub const fn colour(self) -> &'static str {
        match self {
            Ss => "#999999",
            KernelDump => "#333333",
            PeerSockets | PeerNet(_) => "#d55e00",
            OursSs => "#56b4e9",
            OursNetlink | OursNet(_) => "#0072b2",
        }
    }

    /// Its configuration, where it is a plugin.
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
            PeerNet(_) | OursNet(_) => "[[inputs.net]]\n",
        }
    }
}

/// The contenders that are there, with their configurations in a directory.
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

    /// Whether it takes part.
    fn has(&self, contender: Contender) -> bool {
        self.peer.is_some() || !matches!(contender, PeerSockets | PeerNet(_))
    }

    /// The path of its configuration.
    pub fn configuration(&self, contender: Contender) -> PathBuf {
        path(self.directory.path(), contender)
    }

    /// The plugin `contender`, ready to start.
    pub fn plugin(&self, contender: Contender) -> Result<Command> {
        let program = match contender {
            PeerSockets | PeerNet(_) => self.peer.clone().ok_or("Telegraf's plugins were not built")?,
            _ => PathBuf::from(OURS),
        };
        let mut command = Command::new(program);
        command.arg("-config").arg(self.configuration(contender));
        Ok(command)
    }

    /// One round of those of `who` that are there, among `size` sockets or interfaces.
    pub fn round(&self, who: &[Contender], mode: Mode, size: usize) -> Result<Vec<(Contender, Sample)>> {
        let mut present = Vec::new();
        for &contender in who.iter().filter(|contender| self.has(**contender)) {
            present.push((contender, self.turns(contender, size)?));
        }
        let turns = mode.turns(size);
        for turn in 0..turns {
            mode.prepare(turn, size)?;
            for (contender, contenders_turn) in &mut present {
                contenders_turn.take().map_err(|error| format!("{} at {size}: {error}", contender.name()))?;
            }
        }
        let finish = |(contender, turn): (Contender, Turns)| {
            let mut sample = turn.finish(turns)?;
            // The dump is this benchmark's own process.
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
            PeerNet(Mode::Fresh) => Ok(Turns::of_starts(self.plugin(contender)?, size)),
            PeerSockets | OursSs | OursNetlink | PeerNet(_) => {
                Turns::of_plugin(self.plugin(contender)?, size)
            }
            // And the line with the protocol statistics, which Telegraf has dropped.
            OursNet(Mode::Fresh) => Ok(Turns::of_starts(self.plugin(contender)?, size + 1)),
            OursNet(_) => Turns::of_plugin(self.plugin(contender)?, size + 1),
        }
    }
}

fn path(directory: &Path, contender: Contender) -> PathBuf {
    directory.join(format!("{contender:?}.conf"))
}
