//! Flags, configuration, run, exit code; nothing else.

use std::io::Write;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use telegraf_execd_network::agent::{Agent, Plugin};
use telegraf_execd_network::cli::{self, Action, Run};
use telegraf_execd_network::config;
use telegraf_execd_network::inputs::{self, Environment};
use telegraf_execd_network::logger::{Level, Logger};
use telegraf_execd_network::os_error;
use telegraf_execd_network::output::Output;
use telegraf_execd_network::trigger::{self, Signals, Timer, Triggers};

const NAME: &str = env!("CARGO_PKG_NAME");
const VERSION: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n");

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    // Before anything else: without a handler, a trigger that comes early would kill the process.
    let signals = Signals::install();
    start(signals).unwrap_or_else(|error| {
        let text = error.downcast_ref().map_or_else(|| error.to_string(), os_error::text);
        Logger::new(NAME, Level::Info).say(Level::Error, &text);
        ExitCode::from(2)
    })
}

fn start(signals: std::io::Result<Signals>) -> Result<ExitCode, Failure> {
    let environment = Environment::of_process();
    match cli::parse(std::env::args_os().skip(1), config::SAMPLE, VERSION)? {
        Action::Print(text) => print(text),
        Action::Sources => print(&(inputs::sources(&environment).join("\n") + "\n")),
        Action::Run(run) => gather(&run, &environment, signals?),
    }
}

/// Prints for a person or a script; a reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> Result<ExitCode, Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn gather(run: &Run, environment: &Environment, signals: Signals) -> Result<ExitCode, Failure> {
    let triggers = Arc::new(Triggers::default());
    let end = {
        let children = environment.children.clone();
        move || {
            children.close();
            std::process::exit(0)
        }
    };
    trigger::spawn_signals(&triggers, signals, end.clone())?;
    let plugins = plugins(run, environment)?;
    let output = Output::new(std::io::stdout().as_fd().try_clone_to_owned()?);
    let mut agent = Agent { plugins, output, unsigned: run.unsigned };
    if run.once {
        // A reader that is gone has seen enough.
        return Ok(ExitCode::from(u8::from(agent.gather().unwrap_or(false))));
    }
    trigger::spawn_stdin(&triggers, end)?;
    agent.run(&triggers, run.poll_interval.map(|interval| Timer::new(interval, Instant::now())));
    Ok(ExitCode::SUCCESS)
}

fn plugins(run: &Run, environment: &Environment) -> Result<Vec<Plugin>, Failure> {
    let (file, text) = match &run.config {
        None => (config::BUILT_IN.to_owned(), config::SAMPLE.to_owned()),
        Some(path) => (path.display().to_string(), config::read_file(path)?),
    };
    let lookup = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let threshold = if run.debug { Level::Debug } else { Level::Info };
    let sections = config::parse(&file, &text, &inputs::known(), &lookup)?;
    let plugin = |section| Plugin::new(section, environment, threshold).map_err(Failure::from);
    sections.into_iter().map(plugin).collect()
}
