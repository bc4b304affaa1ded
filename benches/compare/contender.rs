//! The programs that are measured.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::measure::{Sample, Turns};
use crate::mode::Mode;
use crate::{Result, load, setup};

/// A program that lists sockets or interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contender {
    /// `ss -in --tcp` with discarded output: the minimum cost of the source `ss`.
    Ss,
    /// The kernel's dump with discarded output: the minimum cost of the source `netlink`.
    KernelDump,
    /// The same without `tcp_info`: the minimum cost of groups without totals.
    ShortDump,
    /// Telegraf's `inputs.socketstat` in Telegraf's Go shim.
    PeerSockets,
    /// This plugin with the source `ss`.
    OursSs,
    /// This plugin with the source `netlink`.
    OursNetlink,
    /// Source `netlink`, a group per direction and service.
    OursServices,
    /// The same, without sockets that are closed between two gathers.
    OursSampled,
    /// [`OursNetlink`] with the static binary of a release.
    StaticNetlink,
    /// [`OursServices`] with the static binary of a release.
    StaticServices,
    /// Source `netlink`, a group per owner and direction.
    OursOwners,
    /// Source `netlink`, a group per direction.
    OursDirections,
    /// Source `netlink`, a group per state.
    OursStates,
    /// Source `netlink`, a group per remote network. Its size is the number of groups.
    OursNetworks,
    /// Telegraf's `inputs.net` in Telegraf's Go shim.
    PeerNet(Mode),
    /// `inputs.net` of this plugin.
    OursNet(Mode),
}

use Contender::{
    KernelDump, OursDirections, OursNet, OursNetlink, OursNetworks, OursOwners, OursSampled, OursServices,
    OursSs, OursStates, PeerNet, PeerSockets, ShortDump, Ss, StaticNetlink, StaticServices,
};

/// Contenders that list TCP sockets.
pub const SOCKETS: [Contender; 12] = [
    Ss,
    KernelDump,
    ShortDump,
    PeerSockets,
    OursSs,
    OursNetlink,
    StaticNetlink,
    OursServices,
    StaticServices,
    OursSampled,
    OursOwners,
    OursStates,
];
/// Contenders that are measured with different numbers of groups.
pub const GROUPS: [Contender; 1] = [OursNetworks];
/// Contenders that list interfaces.
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
    /// The name in tables and plots.
    pub const fn name(self) -> &'static str {
        match self {
            Ss => "bare `ss -in --tcp`",
            KernelDump => "bare kernel dump",
            ShortDump => "bare kernel dump without `tcp_info`",
            PeerSockets => "inputs.socketstat in Telegraf's Go shim",
            OursSs => "socketstat, source ss",
            OursNetlink => "socketstat, source netlink",
            StaticNetlink => "socketstat, source netlink, static binary",
            OursServices => "socketstat, groups by direction and service",
            StaticServices => "socketstat, groups by direction and service, static binary",
            OursSampled => "socketstat, groups by direction and service, closed_sockets = false",
            OursOwners => "socketstat, groups by user, unit and direction",
            OursDirections => "socketstat, groups by direction",
            OursStates => "socketstat, groups by state",
            OursNetworks => "socketstat, groups by remote network",
            PeerNet(Mode::Busy) => "inputs.net in Telegraf's Go shim",
            PeerNet(Mode::Paused) => "inputs.net in Telegraf's Go shim, after 1 s",
            PeerNet(Mode::Changed) => "inputs.net in Telegraf's Go shim, after 1 s and a change",
            PeerNet(Mode::Fresh) => "inputs.net in Telegraf's Go shim, a new process",
            OursNet(Mode::Busy) => "net",
            OursNet(Mode::Paused) => "net, after 1 s",
            OursNet(Mode::Changed) => "net, after 1 s and a change",
            OursNet(Mode::Fresh) => "net, a new process",
        }
    }

    /// The colour in plots.
    pub const fn colour(self) -> &'static str {
        match self {
            Ss => "#999999",
            KernelDump => "#333333",
            ShortDump => "#e69f00",
            PeerSockets | PeerNet(_) => "#d55e00",
            OursSs => "#56b4e9",
            OursNetlink | StaticNetlink | OursNet(_) | OursNetworks => "#0072b2",
            OursServices | StaticServices | OursSampled | OursDirections => "#009e73",
            OursOwners => "#f0e442",
            OursStates => "#cc79a7",
        }
    }

    /// The configuration of the contender. Empty if it is not a plugin.
    fn configuration(self, stage: &Stage) -> String {
        let own = match self {
            Ss | KernelDump | ShortDump => return String::new(),
            PeerNet(_) | OursNet(_) => return String::from("[[inputs.net]]\n"),
            PeerSockets => String::new(),
            OursSs => String::from("source = \"ss\"\n"),
            OursNetlink | StaticNetlink => String::from("source = \"netlink\"\n"),
            OursServices | StaticServices => {
                String::from("source = \"netlink\"\ngroup_by = [\"direction\", \"service\"]\n")
            }
            OursSampled => String::from(
                "source = \"netlink\"\ngroup_by = [\"direction\", \"service\"]\nclosed_sockets = false\n",
            ),
            OursOwners => {
                String::from("source = \"netlink\"\ngroup_by = [\"user\", \"unit\", \"direction\"]\n")
            }
            OursDirections => String::from("source = \"netlink\"\ngroup_by = [\"direction\"]\n"),
            OursStates => String::from("source = \"netlink\"\ngroup_by = [\"state\"]\n"),
            OursNetworks => format!(
                "source = \"netlink\"\ngroup_by = [\"remote_addr\"]\nipv4_prefix = {}\nmax_series = 0\n",
                load::prefix(stage.sockets, stage.size)
            ),
        };
        format!("[[inputs.socketstat]]\nprotocols = [\"tcp\"]\ntimeout = \"60s\"\n{own}")
    }

    /// The number of lines per gather.
    pub const fn lines(self, stage: &Stage) -> usize {
        match self {
            Ss | KernelDump | ShortDump => 1,
            PeerSockets | OursSs | OursNetlink | StaticNetlink | PeerNet(_) => stage.size,
            // One more line: the protocol statistics, which Telegraf no longer has, or `internal_socketstat`.
            OursNet(_) | OursNetworks => stage.size + 1,
            // Both directions of each service, and `internal_socketstat`.
            OursServices | StaticServices | OursSampled => 2 * stage.services + 1,
            OursOwners | OursDirections => 3,
            OursStates => 2,
        }
    }
}

/// What a contender has to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stage {
    /// The number of sockets, interfaces, or groups: the size that is varied.
    pub size: usize,
    /// TCP sockets.
    pub sockets: usize,
    /// The number of services that these are connected to.
    pub services: usize,
}

/// The available contenders, with their configurations in a directory.
pub struct Contenders {
    directory: tempfile::TempDir,
    peer: Option<PathBuf>,
    static_binary: Option<PathBuf>,
}

impl Contenders {
    /// Creates the directory and finds the available contenders.
    pub fn new() -> Result<Self> {
        Ok(Self {
            directory: tempfile::tempdir()?,
            peer: setup::peer(),
            static_binary: setup::static_binary(),
        })
    }

    /// Whether a contender is available.
    fn has(&self, contender: Contender) -> bool {
        match contender {
            PeerSockets | PeerNet(_) => self.peer.is_some(),
            StaticNetlink | StaticServices => self.static_binary.is_some(),
            _ => true,
        }
    }

    /// Writes the configuration of a contender. Returns its path.
    pub fn configuration(&self, contender: Contender, stage: &Stage) -> Result<PathBuf> {
        let path = self.directory.path().join(format!("{contender:?}-{}.conf", stage.size));
        std::fs::write(&path, contender.configuration(stage))?;
        Ok(path)
    }

    /// The plugin `contender`, ready to start.
    pub fn plugin(&self, contender: Contender, stage: &Stage) -> Result<Command> {
        let program = match contender {
            PeerSockets | PeerNet(_) => self.peer.clone().ok_or("Telegraf's plugins were not built")?,
            StaticNetlink | StaticServices => self.static_binary.clone().ok_or("BENCH_STATIC is not set")?,
            _ => setup::ours(),
        };
        let mut command = Command::new(program);
        command.arg("-config").arg(self.configuration(contender, stage)?);
        Ok(command)
    }

    /// Runs one round of the contenders in `who` that are available.
    pub fn round(&self, who: &[Contender], mode: Mode, stage: &Stage) -> Result<Vec<(Contender, Sample)>> {
        let mut present = Vec::new();
        for &contender in who.iter().filter(|contender| self.has(**contender)) {
            present.push((contender, self.turns(contender, stage)?));
        }
        // More turns if a gather is short, so that the total can be measured.
        let busy = u32::try_from((50_000 / stage.size.max(stage.sockets).max(1)).clamp(4, 50))?;
        let turns = mode.turns(busy);
        for number in 0..turns {
            mode.prepare(number, stage.size)?;
            // What runs before a contender leaves more or less in the processor's caches.
            present.reverse();
            for (contender, turn) in &mut present {
                turn.take().map_err(|error| format!("{} at {stage:?}: {error}", contender.name()))?;
            }
        }
        let finish = |(contender, turn): (Contender, Turns)| {
            let mut sample = turn.finish(turns)?;
            // The dump runs in this benchmark's own binary.
            sample.memory = sample.memory.filter(|_| !matches!(contender, KernelDump | ShortDump));
            Ok((contender, sample))
        };
        present.into_iter().map(finish).collect()
    }

    fn turns(&self, contender: Contender, stage: &Stage) -> Result<Turns> {
        match contender {
            Ss => {
                let mut command = Command::new("ss");
                command.args(["-in", "--tcp"]);
                Ok(Turns::of_program(command))
            }
            KernelDump | ShortDump => {
                let mut command = Command::new(env::current_exe()?);
                command.arg(if contender == KernelDump { "dump" } else { "short-dump" });
                Turns::of_plugin(command, contender.lines(stage))
            }
            PeerNet(Mode::Fresh) | OursNet(Mode::Fresh) => {
                Ok(Turns::of_starts(self.plugin(contender, stage)?, contender.lines(stage)))
            }
            _ => Turns::of_plugin(self.plugin(contender, stage)?, contender.lines(stage)),
        }
    }
}
