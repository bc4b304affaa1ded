//! Flags, configuration, run, exit code.

use std::error::Error;
use std::io::{ErrorKind, IsTerminal, Result as IoResult, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use telegraf_execd_network::agent::{self, Agent, Plugin};
use telegraf_execd_network::cli::{self, Action, Run};
use telegraf_execd_network::inputs::{self, Environment};
use telegraf_execd_network::logger::{Level, Logger};
use telegraf_execd_network::output::Output;
use telegraf_execd_network::trigger::{self, Signals, Timer, Triggers};
use telegraf_execd_network::{config, os_error};

const NAME: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n");
/// How long the process outlives its last message. Telegraf may lose the output of a process that ends at once.
const LINGER: Duration = Duration::from_millis(100);

type Outcome = Result<ExitCode, Box<dyn Error>>;

fn main() -> ExitCode {
    // This comes first, since a signal without a handler ends the process.
    let signals = Signals::install();
    let action = cli::parse(std::env::args_os().skip(1), config::SAMPLE, VERSION);
    let by_hand = matches!(action, Ok(Action::Check(_) | Action::Run(Run { once: true, .. })));
    action.map_err(Into::into).and_then(|action| start(action, signals)).unwrap_or_else(|error| {
        let text = error.downcast_ref().map_or_else(|| error.to_string(), os_error::text);
        Logger::new(NAME, Level::Info).say(Level::Error, &text);
        if !by_hand && !std::io::stderr().is_terminal() {
            sleep(LINGER);
        }
        ExitCode::from(2)
    })
}

fn start(action: Action, signals: IoResult<Signals>) -> Outcome {
    let environment = Environment::of_process();
    let triggers = Arc::new(Triggers::default());
    let children = environment.children.clone();
    let end = move || {
        children.close();
        std::process::exit(0)
    };
    trigger::spawn_signals(&triggers, signals?, end.clone())?;
    let run = match action {
        Action::Print(text) => return print(text),
        Action::Sources => return print(&(inputs::sources(&environment).join("\n") + "\n")),
        Action::Check(run) => return print(&agent::describe(&plugins(&run, &environment)?)),
        Action::Run(run) => run,
    };
    let plugins = plugins(&run, &environment)?;
    let output = Output::new(std::io::stdout().as_fd().try_clone_to_owned()?);
    let mut agent = Agent { plugins, output, unsigned: run.unsigned };
    if run.once {
        // A closed stdout is not an error.
        return Ok(ExitCode::from(u8::from(agent.gather().unwrap_or(false))));
    }
    trigger::spawn_stdin(&triggers, end)?;
    agent.run(&triggers, run.poll_interval.map(|interval| Timer::new(interval, Instant::now())));
    Ok(ExitCode::SUCCESS)
}

/// It is not an error if the reader, for instance `head`, ends early.
fn print(text: &str) -> Outcome {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn plugins(run: &Run, environment: &Environment) -> Result<Vec<Plugin>, Box<dyn Error>> {
    let threshold = if run.debug { Level::Debug } else { Level::Info };
    let environment = &Environment { once: run.once, ..environment.clone() };
    Ok(Plugin::load(run.config.as_deref(), environment, threshold)?)
}
